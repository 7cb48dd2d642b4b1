"""``%name``: what the environment, the evaluation and ``defineVariable`` know.

Spec: http://hl7.org/fhirpath/N1/#environment-variables and
https://hl7.org/fhir/R4/fhirpath.html#variables
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from fhir_server.fhirpath.compiled import Collection, Compiled, from_constant, from_many
from fhir_server.fhirpath.environment import Scope
from fhir_server.fhirpath.errors import Fault
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.type_model import TypeModel

_CONSTANTS: Mapping[str, str] = MappingProxyType(
    {
        "ucum": "http://unitsofmeasure.org",
        "sct": "http://snomed.info/sct",
        "loinc": "http://loinc.org",
        "us-zip": "[0-9]{5}(-[0-9]{4}){0,1}",
    }
)
_URL_PREFIXES: Mapping[str, str] = MappingProxyType(
    {
        "vs-": "http://hl7.org/fhir/ValueSet/",
        "ext-": "http://hl7.org/fhir/StructureDefinition/",
    }
)


def compile_variable(name: str, model: TypeModel, offset: int) -> Compiled:
    """Compile ``%name``; a name that nobody knows is found out when it is read."""
    if name in _CONSTANTS:
        return from_constant([Node(_CONSTANTS[name], "System.String")], offset)
    for prefix, url in _URL_PREFIXES.items():
        if name.startswith(prefix):
            return from_constant([Node(url + name[len(prefix) :], "System.String")], offset)
    read = _reader(name, model)

    def many(_focus: Collection, scope: Scope) -> Collection:
        found = read(scope)
        if found is None:
            raise Fault("fhirpath-unknown-variable", offset, found=name)
        return found

    return from_many(many, offset)


def _reader(name: str, model: TypeModel) -> Callable[[Scope], Collection | None]:
    if name == "context":
        return _context
    if name in {"resource", "rootResource"}:
        nearest = name == "resource"
        return lambda scope: _resource(scope, model, is_nearest=nearest)

    def defined(scope: Scope) -> Collection | None:
        if name in scope.variables:
            return scope.variables[name]
        given = scope.run.env.variables.get(name)
        return None if given is None else list(given)

    return defined


def _context(scope: Scope) -> Collection:
    given = scope.run.env.context
    return scope.run.focus if given is None else [given]


def _resource(scope: Scope, model: TypeModel, *, is_nearest: bool) -> Collection:
    env = scope.run.env
    given = env.resource if is_nearest else env.root_resource or env.resource
    if given is not None:
        return [given]
    around = [
        node
        for item in _context(scope)[:1]
        for node in item.ancestors()
        if model.is_resource(node.fhir_type)
    ]
    if not is_nearest:
        return _root(around)
    return around[:1]


def _root(around: Collection) -> Collection:
    """A contained resource lies in its container; an entry of a Bundle is a root of its own."""
    for index, resource in enumerate(around):
        if resource.key != "contained":
            return around[index : index + 1]
    return around[-1:]
