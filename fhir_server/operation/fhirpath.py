"""``$fhirpath``: what an expression gives on a resource, each value with its type.

Input and answer have the shape of fhirpath-lab.com's server API: ``parameters`` (engine, tree of
the expression, type of its result, what its check found), then one ``result`` a context with one
part a value, named by its type, and one ``trace`` a call of ``trace()``.

Spec: https://hl7.org/fhir/R4/fhirpath.html
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fhir_server.fhirpath import (
    Analysis,
    Env,
    Expression,
    FhirPathError,
    Node,
    check_expression,
    compile_expression,
    node,
    root_node,
    tree_json,
)
from fhir_server.interaction import Knowledge, Operation, Request, Response, Services, Target
from fhir_server.model import (
    InvalidRequest,
    JsonObject,
    Language,
    decode_object,
    operation_outcome,
)
from fhir_server.operation.fhirpath_host import FhirPathHost, fetched
from fhir_server.operation.fhirpath_part import JSON_VALUE, value_part
from fhir_server.operation.parameters import OperationParameters, answer
from fhir_server.xml import XmlCodec

_XML_VALUE = "http://fhir.forms-lab.com/StructureDefinition/xml-value"
_EVALUATOR = "fhir-server (R4)"
_NAMES = frozenset({"expression", "context"})
_ROUNDS = 5
"""How often references that came up are fetched from the store before the answer is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One call."""

    expression: str
    context: str | None
    resource: JsonObject | None
    variables: Mapping[str, Sequence[Node]] = field(default_factory=dict)
    echo: tuple[JsonObject, ...] = ()
    language: Language = "uk"


async def fhirpath(services: Services, target: Target, request: Request) -> Response:
    """Evaluate an expression; without a resource it has no focus.

    ``resolve()`` finds what lies in the resource and, by type and id, what this server stores.

    Raises:
        InvalidRequest: The expression is missing, or the resource is of no known type.
        FhirPathError: The expression is refused, or its evaluation must stop.
    """
    del target
    knowledge = services.knowledge.current
    asked = _asked(knowledge, request)
    stored: dict[str, JsonObject | None] = {}
    for last in (*[False] * (_ROUNDS - 1), True):
        host = FhirPathHost(knowledge, stored, request.base_url)
        try:
            body = await asyncio.to_thread(_Evaluation(knowledge, asked, host).answer)
        except FhirPathError:
            if last or not host.missing:
                raise
        else:
            if last or not host.missing:
                break
        stored |= await fetched(services, host.missing)
    return Response(status=200, body=body)


def _asked(knowledge: Knowledge, request: Request) -> _Asked:
    given = OperationParameters(_parameters(request))
    given.require("expression")
    return _Asked(
        expression=given.text("expression") or "",
        context=given.text("context") or None,
        resource=_resource(knowledge, given),
        variables=dict(_variables(knowledge, given)),
        echo=tuple(entry for name in ("resource", "variables") for entry in given.entries(name)),
        language=request.language,
    )


def _parameters(request: Request) -> JsonObject:
    body = request.resource
    if body is not None and body.get("resourceType") != "Parameters":
        raise InvalidRequest.of("operation-needs-parameters", found=body.get("resourceType"))
    asked = [
        {"name": name, "valueString": value} for name, value in request.parameters if name in _NAMES
    ]
    return {"resourceType": "Parameters", "parameter": [*asked, *(body or {}).get("parameter", ())]}


def _resource(knowledge: Knowledge, given: OperationParameters) -> JsonObject | None:
    """Read the resource: as it is, or as JSON or XML text in an extension."""
    for entry in given.entries("resource"):
        found = entry.get("resource")
        if isinstance(found, dict):
            return found
        for extension in entry.get("extension", ()):
            text = str(extension.get("valueString", "")).encode()
            if extension.get("url") == JSON_VALUE:
                return decode_object(text)
            if extension.get("url") == _XML_VALUE:
                return XmlCodec(knowledge.registry.types).decode(text)
    return None


def _variables(
    knowledge: Knowledge, given: OperationParameters
) -> Iterator[tuple[str, Sequence[Node]]]:
    for entry in given.entries("variables"):
        for part in entry.get("part", ()):
            yield str(part.get("name", "")), _variable(knowledge, part)


def _variable(knowledge: Knowledge, part: JsonObject) -> Sequence[Node]:
    """Return the value of a variable with the type that its property names."""
    types = knowledge.registry.types
    if isinstance(part.get("resource"), dict):
        return _focus(knowledge, part["resource"])
    for key, value in part.items():
        if key.startswith("value"):
            name = key.removeprefix("value")
            fhir_type = name if types.is_type(name) else name[:1].lower() + name[1:]
            return [node(value, fhir_type)]
    return []


def _focus(knowledge: Knowledge, resource: JsonObject | None) -> list[Node]:
    if resource is None:
        return []
    try:
        return [root_node(resource, knowledge.registry.types)]
    except ValueError as error:
        raise InvalidRequest.of("fhirpath-resource", found=str(error)) from error


class _Evaluation:
    """One evaluation over all contexts."""

    def __init__(self, knowledge: Knowledge, asked: _Asked, host: FhirPathHost) -> None:
        self._types = knowledge.registry.types
        self._asked = asked
        self._focus = _focus(knowledge, asked.resource)
        self._given = asked.variables
        self._host = host

    def answer(self) -> JsonObject:
        """Return the answer of the operation."""
        asked = self._asked
        contexts: list[tuple[JsonObject, list[Node]]] = [({}, self._focus)]
        if asked.context is not None:
            found = self._compiled(asked.context, self._focus).evaluate(self._focus, self._env())
            contexts = [({"valueString": item.path(self._types)}, [item]) for item in found]
        items = [item for _, at in contexts for item in at]
        expression = self._compiled(asked.expression, items)
        judged = check_expression(
            asked.expression,
            self._types,
            context_types={item.fhir_type for item in items},
            variables=dict.fromkeys(self._given),
        )
        results = [
            {"name": "result", **label, "part": self._result(expression, at)}
            for label, at in contexts
        ]
        kept = ({k: v for k, v in result.items() if v != []} for result in results)
        return answer([_about(asked, judged), *kept])

    def _compiled(self, text: str, focus: Sequence[Node]) -> Expression:
        """Compile an expression; on a focus of one type it must make sense there."""
        found = {item.fhir_type for item in focus}
        context_type = next(iter(found)) if len(found) == 1 else None
        return compile_expression(text, self._types, is_strict=True, context_type=context_type)

    def _env(self, trace: Callable[[str, Sequence[Node]], None] | None = None) -> Env:
        return Env(
            resource=_one(self._given.get("resource")) or _one(self._focus),
            root_resource=_one(self._given.get("rootResource")) or _one(self._focus),
            context=_one(self._given.get("context")),
            variables=self._given,
            host=self._host,
            trace=trace,
        )

    def _result(self, expression: Expression, at: list[Node]) -> list[JsonObject]:
        """Return the values of one context, then what was traced on the way."""
        traced: list[JsonObject] = []

        def trace(name: str, nodes: Sequence[Node]) -> None:
            parts = [value_part(item, self._types) for item in nodes]
            traced.append(
                {"name": "trace", "valueString": name, **({"part": parts} if parts else {})}
            )

        values = expression.evaluate(at, self._env(trace))
        return [*(value_part(item, self._types) for item in values), *traced]


def _one(nodes: Sequence[Node] | None) -> Node | None:
    return nodes[0] if nodes else None


def _about(asked: _Asked, judged: Analysis) -> JsonObject:
    """Tell what was asked, and what is known of the expression without running it."""
    parts: list[JsonObject] = [
        {"name": "evaluator", "valueString": _EVALUATOR},
        {"name": "expectedReturnType", "valueString": judged.result},
        {"name": "parseDebug", "valueString": str(judged.tree)},
        {
            "name": "parseDebugTree",
            "valueString": json.dumps(tree_json(judged), ensure_ascii=False),
        },
    ]
    if judged.issues:
        outcome = operation_outcome(judged.issues, asked.language)
        parts.append({"name": "debugOutcome", "resource": outcome})
    parts.append({"name": "expression", "valueString": asked.expression})
    if asked.context is not None:
        parts.append({"name": "context", "valueString": asked.context})
    return {"name": "parameters", "part": [*parts, *asked.echo]}


FHIRPATH = Operation(
    name="fhirpath",
    judges_input=True,
    handler=fhirpath,
    definition="https://fhir.esoz.ua/OperationDefinition/fhirpath",
    resource_types=frozenset(),
    on_system=True,
)
