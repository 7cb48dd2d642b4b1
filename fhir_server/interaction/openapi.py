"""OpenAPI 3.1 document of the API, made from the same tables as the CapabilityStatement.

Spec: https://spec.openapis.org/oas/v3.1.0 and https://hl7.org/fhir/R4/http.html

Schemas are loose: what a resource may hold is told by its StructureDefinition and checked by
``$validate``; here it is an object with its type.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fhir_server import __version__
from fhir_server.definitions import Registry
from fhir_server.interaction.json_patch import JSON_PATCH
from fhir_server.interaction.knowledge import Knowledge
from fhir_server.interaction.message import Request, Response
from fhir_server.interaction.operation import Operation
from fhir_server.interaction.patch import XML_PATCH
from fhir_server.interaction.services import Services
from fhir_server.interaction.target import Target
from fhir_server.model import JsonObject, encode

_OUTCOME: JsonObject = {"$ref": "#/components/schemas/OperationOutcome"}
_BUNDLE: JsonObject = {"$ref": "#/components/schemas/Bundle"}
_RESOURCE: JsonObject = {"$ref": "#/components/schemas/Resource"}
_ID = {"$ref": "#/components/parameters/id"}
_VERSION = {"$ref": "#/components/parameters/vid"}
_ERRORS = ("4XX", "5XX")
_RESULT_PARAMETERS = (
    "_count", "_sort", "_summary", "_elements", "_total", "_include", "_revinclude",
)  # fmt: skip
_HISTORY_PARAMETERS = ("_count", "_since", "_at")
_CONDITIONS: Mapping[str, tuple[str, ...]] = {
    "read": ("If-None-Match", "If-Modified-Since"),
    "create": ("If-None-Exist", "Prefer"),
    "update": ("If-Match", "Prefer"),
    "delete": ("If-Match",),
    "search": ("Prefer",),
}


class OpenApi:
    """Answers ``openapi.json``; the document is made once for each state of the definitions.

    Args:
        operations: The operations on offer.
        formats: Media types of answers.
    """

    def __init__(self, operations: Sequence[Operation], formats: Sequence[str]) -> None:
        self._operations = operations
        self._formats = tuple(formats)
        self._made: tuple[Knowledge, str, bytes] | None = None

    async def __call__(self, services: Services, _target: Target, request: Request) -> Response:
        """Return the document."""
        knowledge = services.knowledge.current
        made = self._made
        if made is None or made[0] is not knowledge or made[1] != request.base_url:
            body = await asyncio.to_thread(self._encoded, knowledge.registry, request.base_url)
            made = self._made = (knowledge, request.base_url, body)
        return Response(status=200, body=made[2], media_type="application/json")

    def _encoded(self, registry: Registry, base_url: str) -> bytes:
        return encode(_Document(registry, self._operations, self._formats).document(base_url))


class _Document:
    """Puts one document together."""

    def __init__(
        self, registry: Registry, operations: Sequence[Operation], formats: tuple[str, ...]
    ) -> None:
        self._registry = registry
        self._operations = operations
        self._formats = formats
        self._posted = tuple(name for name in formats if not name.endswith("ndjson"))

    def document(self, base_url: str) -> JsonObject:
        types = sorted(self._registry.types.resource_types)
        paths = self._system()
        for resource_type in types:
            paths |= self._type(resource_type)
        for operation in self._operations:
            paths |= self._operation(operation, types)
        return {
            "openapi": "3.1.0",
            "info": {"title": "fhir-server: FHIR R4", "version": __version__},
            "servers": [{"url": base_url}],
            "paths": paths,
            "components": {
                "schemas": _schemas(types),
                "parameters": self._parameters(types),
                "responses": {
                    name: self._answer(_OUTCOME, "Refused; the OperationOutcome says why")
                    for name in _ERRORS
                },
            },
        }

    # -- paths

    def _system(self) -> JsonObject:
        bundle = self._answer(_BUNDLE, "One page")
        found = {"200": bundle}
        job = {"$ref": "#/components/parameters/job"}
        accepted = {"description": "Under way or cancelled"}
        anything = {"200": {"description": "Its result"}, "202": accepted}
        return {
            "/": {
                "get": self._call("search-system", found, self._search_parameters("Resource")),
                "post": self._call("batch", found, headers=("Prefer",), body=_BUNDLE),
            },
            "/metadata": {
                "get": self._call(
                    "capabilities", {"200": self._answer(_RESOURCE, "What the server can do")}
                )
            },
            "/_search": {"post": self._form("search-system-post", found)},
            "/_history": {"get": self._call("history-system", found, _refs(_HISTORY_PARAMETERS))},
            "/openapi.json": {
                "get": self._call(
                    "openapi",
                    {
                        "200": {
                            "description": "This document",
                            "content": {"application/json": {"schema": {"type": "object"}}},
                        }
                    },
                )
            },
            "/_job/{job}": {
                "get": self._call("job-status", anything, [job]),
                "delete": self._call("job-cancel", {"202": accepted}, [job]),
            },
        }

    def _type(self, name: str) -> JsonObject:
        schema = {"$ref": f"#/components/schemas/{name}"}
        one = self._answer(schema, "The resource")
        page = {"200": self._answer(_BUNDLE, "One page")}
        criteria = self._search_parameters(name)
        written = {"200": one, "201": self._answer(schema, "Made"), "204": _NOTHING}
        deleted = {"200": self._answer(_OUTCOME, "Deleted"), "204": _NOTHING}
        read = {"200": one, "304": {"description": "The client has it"}}
        if name == "Binary":
            read["200"] = {"description": "The content, or the resource"}
        history = _refs(_HISTORY_PARAMETERS)
        return {
            f"/{name}": {
                "get": self._call(f"search-{name}", page, criteria, kind="search"),
                "post": self._call(f"create-{name}", written, kind="create", body=schema),
                "put": self._call(
                    f"cond-update-{name}", written, criteria, kind="update", body=schema
                ),
                "patch": self._call(
                    f"cond-patch-{name}", written, criteria, kind="update", is_patch=True
                ),
                "delete": self._call(f"cond-delete-{name}", deleted, criteria, kind="delete"),
            },
            f"/{name}/_search": {"post": self._form(f"search-post-{name}", page)},
            f"/{name}/_history": {"get": self._call(f"history-type-{name}", page, history)},
            f"/{name}/{{id}}": {
                "get": self._call(f"read-{name}", read, [_ID], kind="read"),
                "put": self._call(f"update-{name}", written, [_ID], kind="update", body=schema),
                "patch": self._call(f"patch-{name}", written, [_ID], kind="update", is_patch=True),
                "delete": self._call(f"delete-{name}", deleted, [_ID], kind="delete"),
            },
            f"/{name}/{{id}}/_history": {
                "get": self._call(f"history-{name}", page, [_ID, *history])
            },
            f"/{name}/{{id}}/_history/{{vid}}": {
                "get": self._call(f"vread-{name}", read, [_ID, _VERSION], kind="read")
            },
        }

    def _operation(self, operation: Operation, types: Iterable[str]) -> JsonObject:
        places: list[tuple[str, str, tuple[JsonObject, ...]]] = []
        if operation.on_system:
            places.append(("", "system", ()))
        for name in types:
            if operation.is_offered("type-operation", name):
                places.append((f"/{name}", name, ()))
            if operation.is_offered("instance-operation", name):
                places.append((f"/{name}/{{id}}", f"{name}-instance", (_ID,)))
        answers = {
            "200": self._answer(_RESOURCE, "The output, or a Parameters resource with it"),
            "202": self._answer(_OUTCOME, "Accepted: the status URL is in Content-Location"),
        }
        made: JsonObject = {}
        for path, where, parameters in places:
            name = f"{operation.name}-{where}"
            calls = {"post": self._call(f"{name}-post", answers, parameters, body=_RESOURCE)}
            if not operation.affects_state:
                calls["get"] = self._call(name, answers, parameters)
            made[f"{path}/${operation.name}"] = calls
        return made

    # -- parts

    def _call(
        self,
        name: str,
        answers: Mapping[str, Any],
        parameters: Iterable[JsonObject] = (),
        *,
        kind: str = "",
        body: JsonObject | None = None,
        headers: Sequence[str] = (),
        is_patch: bool = False,
    ) -> JsonObject:
        refused = {code: {"$ref": f"#/components/responses/{code}"} for code in _ERRORS}
        made: JsonObject = {"operationId": name, "responses": {**answers, **refused}}
        given = [*parameters, *_refs((*_CONDITIONS.get(kind, ()), *headers))]
        if given:
            made["parameters"] = given
        if is_patch:
            made["requestBody"] = {"required": True, "content": self._patches()}
        elif body is not None:
            made["requestBody"] = {"required": True, "content": _content(self._posted, body)}
        return made

    def _patches(self) -> JsonObject:
        return {
            JSON_PATCH: {"schema": {"type": "array", "items": {"type": "object"}}},
            XML_PATCH: {"schema": {"type": "string"}},
            **_content(self._posted, {"$ref": "#/components/schemas/Parameters"}),
        }

    def _form(self, name: str, answers: Mapping[str, Any]) -> JsonObject:
        made = self._call(name, answers)
        form = {"type": "object", "additionalProperties": {"type": "string"}}
        made["requestBody"] = {"content": {"application/x-www-form-urlencoded": {"schema": form}}}
        return made

    def _answer(self, schema: JsonObject, description: str) -> JsonObject:
        return {"description": description, "content": _content(self._formats, schema)}

    def _search_parameters(self, resource_type: str) -> list[JsonObject]:
        codes = self._registry.search_parameters(resource_type)
        return _refs((*_RESULT_PARAMETERS, *sorted(code for code in codes)))

    def _parameters(self, types: Iterable[str]) -> JsonObject:
        """Return every parameter that is referred to: search parameters by their code."""
        codes = {
            code for name in (*types, "Resource") for code in self._registry.search_parameters(name)
        }
        names = codes | {*_RESULT_PARAMETERS, *_HISTORY_PARAMETERS}
        made = {name: _parameter(name, "query") for name in sorted(names)}
        for headers in _CONDITIONS.values():
            made |= {name: _parameter(name, "header") for name in headers}
        made["id"] = _parameter("id", "path", pattern="^[A-Za-z0-9.-]{1,64}$")
        made["vid"] = _parameter("vid", "path", pattern="^[1-9][0-9]{0,8}$")
        made["job"] = _parameter("job", "path", pattern="^[0-9a-f]{32}$")
        return made


_NOTHING = {"description": "Done; there is no body"}


def _content(media_types: Iterable[str], schema: JsonObject) -> JsonObject:
    """Return the schema by media type: only JSON can be described by one."""
    return {name: {"schema": schema} if name.endswith("+json") else {} for name in media_types}


def _refs(names: Iterable[str]) -> list[JsonObject]:
    unique = dict.fromkeys(names)
    return [{"$ref": f"#/components/parameters/{name}"} for name in unique]


def _parameter(name: str, place: str, pattern: str | None = None) -> JsonObject:
    schema = {"type": "string"} if pattern is None else {"type": "string", "pattern": pattern}
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _schemas(types: Iterable[str]) -> JsonObject:
    made: JsonObject = {
        "Resource": {
            "type": "object",
            "required": ["resourceType"],
            "properties": {"resourceType": {"type": "string"}},
        }
    }
    for name in types:
        made[name] = {
            "type": "object",
            "required": ["resourceType"],
            "properties": {"resourceType": {"const": name}},
        }
    return made
