"""Systems that codes have without saying so: those of the value set an element is bound to.

``Patient.gender`` is a ``code`` and is indexed without system; a search may still name it, as in
``gender=http://hl7.org/fhir/administrative-gender|male``.

Spec: https://hl7.org/fhir/R4/search.html#token
"""

from collections.abc import Iterator

from fhir_server.definitions import Element, Registry
from fhir_server.fhirpath import compile_expression
from fhir_server.search.paths import Field, Step, as_path, union_parts

BOOLEANS = "http://terminology.hl7.org/CodeSystem/special-values"


class ImplicitSystems:
    """Answers by parameter, and remembers.

    Args:
        registry: The definitions.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[tuple[str, str], frozenset[str]] = {}

    def of(self, resource_type: str, code: str) -> frozenset[str]:
        """Return the systems that the codes a parameter finds belong to without saying so."""
        key = (resource_type, code)
        if key not in self._known:
            self._known[key] = frozenset(self._systems(resource_type, code))
        return self._known[key]

    def _systems(self, resource_type: str, code: str) -> Iterator[str]:
        definition = self._registry.search_parameters(resource_type).get(code)
        if definition is None or definition.expression is None or definition.type != "token":
            return
        types = self._registry.types
        for part in union_parts(compile_expression(definition.expression, types).tree):
            path = as_path(part)
            if path is not None and types.is_subtype(resource_type, path.root or resource_type):
                yield from self._at_end(path.steps, resource_type)

    def _at_end(self, steps: tuple[Step, ...], fhir_type: str) -> Iterator[str]:
        """Follow the fields of a path; what stands between them does not change their types."""
        fields = [step.name for step in steps if isinstance(step, Field)]
        if not fields:
            return
        for name in fields[:-1]:
            element = self._registry.types.element(fhir_type, name)
            if element is None or element.is_choice:
                return
            fhir_type = element.types[0]
        last = self._registry.types.element(fhir_type, fields[-1])
        if last is not None and "boolean" in last.types:
            yield BOOLEANS
        if last is not None and "code" in last.types:
            yield from self._bound(fhir_type, fields[-1])

    def _bound(self, fhir_type: str, name: str) -> Iterator[str]:
        element = self._element(fhir_type, name)
        binding = None if element is None else element.binding
        if binding is None or binding.value_set is None:
            return
        value_set = self._registry.value_set(binding.value_set) or {}
        for include in value_set.get("compose", {}).get("include", ()):
            if "system" in include:
                yield include["system"]

    def _element(self, fhir_type: str, name: str) -> Element | None:
        """Find the definition of an element of a type or path."""
        root, *inner = fhir_type.split(".")
        structure = self._registry.type_structure(root)
        found = None if structure is None else structure.root
        for step in (*inner, name):
            children = () if found is None else found.children
            found = next((child for child in children if child.name == step), None)
        return found
