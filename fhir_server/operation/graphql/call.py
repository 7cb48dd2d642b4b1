"""How a query comes in: by GET, as GraphQL, as JSON, or as Parameters.

Spec: https://hl7.org/fhir/R4/graphql.html#invoking
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_server.interaction import Request
from fhir_server.model import FhirError, JsonLimits, JsonObject, decode_object
from fhir_server.operation.graphql.fault import fault, refused

_NAMES = ("query", "operationName", "variables")
_LIMITS = JsonLimits(max_bytes=1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a client sends.

    Attributes:
        query: The text.
        operation_name: Which of its operations; None: it has one.
        variables: By name, without ``$``.
    """

    query: str
    operation_name: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)


def read_call(request: Request) -> Call:
    """Read a call.

    Raises:
        Faults: There is no query, or what comes beside it is malformed.
    """
    given: JsonObject = {name: value for name, value in request.parameters if name in _NAMES}
    body = request.resource
    if request.content_type == "application/json" and body is None and request.body:
        body = _json(request.body)
    if body is not None and body.get("resourceType") == "Parameters":
        given |= {
            str(one.get("name")): one.get("valueString")
            for one in body.get("parameter", ())
            if isinstance(one, dict) and one.get("name") in _NAMES
        }
    elif body is not None:
        given |= {name: body[name] for name in _NAMES if body.get(name) is not None}
    elif request.body is not None:
        given["query"] = request.body.decode("utf-8", errors="replace")
    query, name = given.get("query"), given.get("operationName") or None
    if not isinstance(query, str) or not query.strip():
        raise fault("graphql-no-text", None)
    if name is not None and not isinstance(name, str):
        raise fault("graphql-call", None, name="operationName", expected="String")
    return Call(query=query, operation_name=name, variables=_variables(given.get("variables")))


def _variables(given: Any) -> Mapping[str, Any]:
    if isinstance(given, str) and given.strip():
        given = _json(given.encode())
    if given in (None, ""):
        return {}
    if not isinstance(given, dict):
        raise fault("graphql-call", None, name="variables", expected="Object")
    return given


def _json(text: bytes) -> JsonObject:
    try:
        return decode_object(text, _LIMITS)
    except FhirError as refusal:
        raise refused(refusal, None) from refusal
