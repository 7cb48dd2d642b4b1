"""``$fhirpath``: what an expression gives on a resource, each value with its type.

Input and answer have the shape that fhirpath-lab.com uses: ``expression``, ``resource``,
``context``, ``variables``; one ``result`` a context with one part a value, named by its type.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from fhir_server.definitions import TypeTable
from fhir_server.fhirpath import Env, Expression, Node, compile_expression, root_node, to_json
from fhir_server.interaction import Knowledge, Operation, Request, Response, Services, Target
from fhir_server.model import InvalidRequest, JsonObject, encode
from fhir_server.operation.parameters import OperationParameters, answer

_JSON_VALUE = "http://fhir.forms-lab.com/StructureDefinition/json-value"
_SYSTEM = "System."
_NAMES = {"expression": "string", "context": "string"}


async def fhirpath(services: Services, target: Target, request: Request) -> Response:
    """Evaluate an expression; without a resource it has no focus.

    Raises:
        InvalidRequest: The expression is missing, or the resource is of no known type.
        FhirPathError: The expression is refused, or its evaluation must stop.
    """
    given = OperationParameters(_parameters(request))
    given.require("expression")
    expression, context = given.text("expression") or "", given.text("context")
    resource = next((e["resource"] for e in given.entries("resource") if "resource" in e), None)
    knowledge = services.knowledge.current
    variables = {
        part["name"]: next((v for k, v in part.items() if k.startswith("value")), None)
        for entry in given.entries("variables")
        for part in entry.get("part", ())
    }
    body = await asyncio.to_thread(_evaluated, knowledge, expression, context, resource, variables)
    return Response(status=200, body=body)


def _parameters(request: Request) -> JsonObject:
    body = request.resource
    if body is not None and body.get("resourceType") != "Parameters":
        raise InvalidRequest.of("operation-needs-parameters", found=body.get("resourceType"))
    asked = [
        {"name": name, "valueString": value} for name, value in request.parameters if name in _NAMES
    ]
    return {"resourceType": "Parameters", "parameter": [*asked, *(body or {}).get("parameter", ())]}


def _evaluated(
    knowledge: Knowledge,
    text: str,
    context: str | None,
    resource: JsonObject | None,
    variables: dict[str, Any],
) -> JsonObject:
    types = knowledge.registry.types
    focus: list[Node] = []
    if resource is not None:
        try:
            focus = [root_node(resource, types)]
        except ValueError as error:
            raise InvalidRequest.of("fhirpath-resource", found=str(error)) from error
    traced: list[JsonObject] = []

    def trace(name: str, nodes: Sequence[Node]) -> None:
        traced.append(
            {"name": "trace", "valueString": name, "part": [_part(node) for node in nodes]}
        )

    env = Env(
        variables={name: [_variable(value)] for name, value in variables.items()},
        host=_Host(knowledge),
        trace=trace,
    )
    contexts: Iterable[tuple[JsonObject, Sequence[Node]]] = [({}, focus)]
    if context is not None:
        found = _compiled(types, context, focus).evaluate(focus, env)
        contexts = [({"valueString": node.path}, [node]) for node in found]
    expression = _compiled(types, text, [node for _, nodes in contexts for node in nodes])
    results = [
        {"name": "result", **label, "part": [_part(node) for node in expression.evaluate(at, env)]}
        for label, at in contexts
    ]
    return answer(
        {key: value for key, value in result.items() if value != []}
        for result in (*results, *traced)
    )


def _compiled(types: TypeTable, text: str, focus: Sequence[Node]) -> Expression:
    """Compile an expression; where its focus is of one type, it must make sense on that type."""
    found = {node.fhir_type for node in focus}
    context_type = next(iter(found)) if len(found) == 1 else None
    return compile_expression(text, types, is_strict=True, context_type=context_type)


def _variable(value: Any) -> Node:
    kinds = {bool: "Boolean", int: "Integer", str: "String"}
    return Node(value, f"{_SYSTEM}{kinds.get(type(value), 'Decimal')}")


def _part(node: Node) -> JsonObject:
    """Return one value with its type as a part; what has no ``value[x]`` travels as JSON text."""
    fhir_type = node.fhir_type.removeprefix(_SYSTEM)
    if node.fhir_type.startswith(_SYSTEM) and fhir_type != "Quantity":
        fhir_type = fhir_type[0].lower() + fhir_type[1:]
    value = to_json(node)
    if isinstance(value, dict) and "resourceType" in value:
        return {"name": fhir_type, "resource": value}
    if "." in fhir_type or node.value is None:
        text = {"url": _JSON_VALUE, "valueString": encode(value).decode()}
        return {"name": fhir_type, "extension": [text]}
    return {"name": fhir_type, f"value{fhir_type[0].upper()}{fhir_type[1:]}": value}


class _Host:
    """What expressions ask beyond the resource: value sets and profiles of this server."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge

    def resolve(self, reference: str, node: Node) -> Node | None:
        """Nothing outside of the resource is fetched."""
        return None

    def member_of(self, node: Node, value_set: str) -> bool | None:
        """Say whether one of the codes is in a value set."""
        value = node.value
        codings = value.get("coding", (value,)) if isinstance(value, dict) else ({"code": value},)
        verdicts = {
            self._knowledge.terminology.validate_code(
                value_set, coding.get("system"), str(coding.get("code", ""))
            ).verdict
            for coding in codings
        }
        if "member" in verdicts:
            return True
        return None if "not-checked" in verdicts else False

    def conforms_to(self, node: Node, profile: str) -> bool | None:
        """Say whether a resource meets a profile."""
        if self._knowledge.registry.structure(profile) is None or not isinstance(node.value, dict):
            return None
        issues = self._knowledge.validator.validate(node.value, profiles=(profile,))
        return not any(found.is_error for found in issues)


FHIRPATH = Operation(
    name="fhirpath",
    handler=fhirpath,
    definition="https://fhir.esoz.ua/OperationDefinition/fhirpath",
    resource_types=frozenset(),
    on_system=True,
)
