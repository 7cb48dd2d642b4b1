"""The OpenAPI document, and requests made from it: https://spec.openapis.org/oas/v3.1.0."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.client import FhirClient, running

pytestmark = [pytest.mark.anyio, pytest.mark.spec("http.html#summary")]

TYPES = ("Patient", "Binary", "Group", "ValueSet", "StructureDefinition")
"""Requests are made to these types only: the others have the same paths."""


async def document(client: FhirClient) -> dict[str, Any]:
    answer = await client.get("openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, child in value.items():
            if key == "$ref":
                yield child
            else:
                yield from references(child)
    elif isinstance(value, list):
        for child in value:
            yield from references(child)


async def test_every_reference_leads_somewhere_and_every_call_has_its_own_name(
    client: FhirClient,
) -> None:
    found = await document(client)
    assert found["openapi"] == "3.1.0"
    for reference in set(references(found)):
        _, section, kind, name = reference.split("/")
        assert name in found[section][kind]
    names = [call["operationId"] for path in found["paths"].values() for call in path.values()]
    assert len(names) == len(set(names))


async def test_every_type_of_the_capability_statement_has_its_paths(client: FhirClient) -> None:
    found = (await document(client))["paths"]
    rest = (await client.get("metadata")).json()["rest"][0]
    for resource in rest["resource"]:
        name = resource["type"]
        assert set(found[f"/{name}"]) == {"get", "post", "put", "patch", "delete"}
        assert set(found[f"/{name}/{{id}}"]) == {"get", "put", "patch", "delete"}
        for operation in resource.get("operation", ()):
            paths = (f"/{name}/${operation['name']}", f"/{name}/{{id}}/${operation['name']}")
            assert any(path in found for path in paths)
    for operation in rest["operation"]:
        assert f"/${operation['name']}" in found


async def test_paths_and_methods_are_those_of_the_server(client: FhirClient) -> None:
    found = (await document(client))["paths"]
    for path, calls in found.items():
        if path.split("/")[1] not in {"", "metadata", "_history", *TYPES}:
            continue
        url = path[1:].replace("{id}", "a").replace("{vid}", "1").replace("{job}", "0" * 32)
        allowed = (await client.send("OPTIONS", url)).headers["Allow"].lower().split(", ")
        assert set(calls) == set(allowed) - {"head", "options"}, path


TEXT = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", "-1", "2024-02-30", "a|b|c", "\0", "1e9", "*", "..", "ge2020", "a$b", "%"]
    ),
)
JSON_VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)


@st.composite
def calls(draw: st.DrawFn, found: dict[str, Any]) -> tuple[str, str, dict[str, str], bytes | None]:
    """A request that the document describes, with values of all kinds."""
    paths = [p for p in sorted(found["paths"]) if p.split("/")[1] in TYPES or p.count("/") == 1]
    path = draw(st.sampled_from(paths))
    method = draw(st.sampled_from(sorted(found["paths"][path])))
    call = found["paths"][path][method]
    given = [found["components"]["parameters"][r["$ref"].rpartition("/")[2]]
             for r in call.get("parameters", ())]  # fmt: skip
    chosen = draw(st.lists(st.sampled_from(given), max_size=3)) if given else []
    pairs = [(p["name"], draw(TEXT)) for p in chosen if p["in"] == "query"]
    headers = {p["name"]: draw(TEXT).encode("ascii", "ignore").decode().strip("\0\r\n ")
               for p in chosen if p["in"] == "header"}  # fmt: skip
    headers = {name: re.sub(r"[^ -~]", "", value) for name, value in headers.items()}
    url = path[1:].replace("{id}", "a").replace("{vid}", "1").replace("{job}", "0" * 32)
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)
    body = None
    if "requestBody" in call:
        media_type = draw(st.sampled_from(sorted(call["requestBody"]["content"])))
        headers["Content-Type"] = media_type
        value = draw(JSON_VALUE)
        if isinstance(value, dict) and draw(st.booleans()):
            value = {**value, "resourceType": path.split("/")[1] or "Bundle", "id": "a"}
        body = json.dumps(value).encode()
    return method.upper(), f"{url}?{query}" if query else url, headers, body


async def test_what_the_document_describes_is_never_a_fault_of_the_server() -> None:
    async with running() as client:
        found = await document(client)

        async def send(call: tuple[str, str, dict[str, str], bytes | None]) -> None:
            method, url, headers, body = call
            answer = await client.send(method, url, body, headers)
            assert answer.status_code < 500 or answer.status_code == 501, (call, answer.text[:500])
            if answer.status_code >= 400:
                told = answer.json()
                if "errors" in told:  # GraphQL has its own shape around it
                    told = told["errors"][0]["extensions"]["resource"]
                assert told["resourceType"] == "OperationOutcome"

        requests: list[Any] = []

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
        @given(calls(found))
        def collect(call: Any) -> None:
            requests.append(call)

        collect()
        for call in requests:
            await send(call)
