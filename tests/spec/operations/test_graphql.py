"""https://hl7.org/fhir/R4/graphql.html and https://hl7.org/fhir/R4/resource-operation-graphql.html"""

from base64 import b64decode
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from fhir_server.model import decode_stored
from tests.support.client import json_text, running

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.spec("graphql.html", "resource-operation-graphql.html"),
]


class Loader(yaml.SafeLoader):
    """Numbers with a point stay as they are written."""


Loader.add_constructor("tag:yaml.org,2002:float", lambda _, node: Decimal(node.value))
DATA = yaml.load(Path(__file__).with_name("graphql.yaml").read_text("utf-8"), Loader)  # noqa: S506 # safe
GOOD = [case for case in DATA["cases"] if "data" in case]
BAD = [case for case in DATA["cases"] if "errors" in case]


@pytest.fixture(scope="module")
async def client():
    async with running() as client:
        for resource in DATA["stored"]:
            resource.pop("meta", None)
            path = f"{resource['resourceType']}/{resource['id']}"
            answer = await client.put(path, resource)
            assert answer.status_code == 201, answer.text
        yield client


async def ask(client, query, at=None, variables=None, operation=None, **headers):
    call = {"query": query, "variables": variables, "operationName": operation}
    path = f"{at}/$graphql" if at else "$graphql"
    return await client.post(
        path, json_text(call), **{"content_type": "application/json", **headers}
    )


def rules(answer):
    found = [one["extensions"]["resource"]["issue"] for one in answer.json()["errors"]]
    return [issues[0]["details"]["coding"][0]["code"] for issues in found]


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case["name"])
async def test_a_query_is_answered(client, case) -> None:
    wanted = {key: case.get(key) for key in ("query", "at", "variables", "operation")}
    answer = await ask(client, **wanted)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    found = decode_stored(answer.content)
    assert json_text(found) == json_text({"data": case["data"]})


@pytest.mark.parametrize("case", BAD, ids=lambda case: case["name"])
async def test_a_query_is_refused(client, case) -> None:
    wanted = {key: case.get(key) for key in ("query", "at", "variables", "operation")}
    answer = await ask(client, **wanted)
    assert answer.status_code == case.get("status", 400), answer.text
    assert rules(answer) == case["errors"]
    told = answer.json()
    assert told["data"] is None
    issues = [one["extensions"]["resource"]["issue"][0] for one in told["errors"]]
    assert [one["message"] for one in told["errors"]] == [i["details"]["text"] for i in issues]
    if "place" in case:
        line, column = case["place"]
        assert told["errors"][0]["locations"] == [{"line": line, "column": column}]
    for name, one in zip(case.get("suggestions", ()), told["errors"], strict=False):
        assert name in one["message"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/graphql", "{ Patient(id: p) { id } }"),
        ("application/json", '{"query": "{ Patient(id: p) { id } }"}'),
        (
            "application/fhir+json",
            '{"resourceType": "Parameters", "parameter": [{"name": "query", '
            '"valueString": "query($id: ID) { Patient(id: $id) { id } }"}, '
            '{"name": "variables", "valueString": "{\\"id\\": \\"p\\"}"}]}',
        ),
        (
            "application/fhir+xml",
            '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="query"/>'
            '<valueString value="{ Patient(id: p) { id } }"/></parameter></Parameters>',
        ),
    ],
)
async def test_a_query_comes_in_several_ways(client, content_type, body) -> None:
    answer = await client.post("$graphql", body, content_type=content_type)
    assert answer.json() == {"data": {"Patient": {"id": "p"}}}


async def test_a_query_comes_by_get(client) -> None:
    query = quote("query Q($id: ID!) { Patient(id: $id) { id } }")
    answer = await client.get(
        f"$graphql?query={query}&operationName=Q&variables={quote(VARIABLES)}"
    )
    assert answer.json() == {"data": {"Patient": {"id": "p"}}}


VARIABLES = '{"id": "p", "other": 1}'


@pytest.mark.parametrize(
    "body",
    [
        '{"query": "{ __typename }", "variables": [1]}',
        '{"query": "{ __typename }", "operationName": 1}',
    ],
)
async def test_what_comes_beside_the_query_must_have_its_type(client, body) -> None:
    answer = await client.post("$graphql", body, content_type="application/json")
    assert (answer.status_code, rules(answer)) == (400, ["graphql-call"])


@pytest.mark.parametrize("body", ["{", '{"query": "{ __typename }", "variables": "{"}'])
async def test_broken_json_is_told_as_graphql_tells_errors(client, body) -> None:
    answer = await client.post("$graphql", body, content_type="application/json")
    assert (answer.status_code, rules(answer)) == (400, ["json-syntax"])


async def test_pages_lead_forward_and_back_to_the_start(client) -> None:
    fields = "{ count offset first previous next last edges { resource { id } } }"
    query = f"query($c: String) {{ PatientConnection(_sort: _id, _count: 1) {fields} }}"
    first = (await ask(client, query)).json()["data"]["PatientConnection"]
    assert first["edges"] == [{"resource": {"id": "p"}}]
    by_cursor = f"query($c: String) {{ PatientConnection(_cursor: $c) {fields} }}"
    second = await ask(client, by_cursor, variables={"c": first["next"]})
    second = second.json()["data"]["PatientConnection"]
    assert second["edges"] == [{"resource": {"id": "q"}}]
    assert (first["count"], second["count"]) == (2, 2)
    assert "offset" not in second
    assert "next" not in second
    again = await ask(client, by_cursor, variables={"c": second["first"]})
    assert again.json()["data"]["PatientConnection"]["edges"] == first["edges"]
    assert not {"previous", "last"} & (first.keys() | second.keys())


async def test_messages_are_in_the_language_of_the_client(client) -> None:
    answer = await ask(client, "{ Patient(id: p) { idd } }", accept_language="uk")
    (error,) = answer.json()["errors"]
    assert error["message"].startswith("Patient не має поля «idd»")


async def test_it_is_announced_and_works_in_a_batch(client) -> None:
    statement = (await client.get("metadata")).json()["rest"][0]
    definition = "http://hl7.org/fhir/OperationDefinition/Resource-graphql"
    assert {"name": "graphql", "definition": definition} in statement["operation"]
    request = {"method": "GET", "url": f"$graphql?query={quote('{ Patient(id: p) { id } }')}"}
    answer = await client.post(
        "", {"resourceType": "Bundle", "type": "batch", "entry": [{"request": request}]}
    )
    (entry,) = answer.json()["entry"]
    assert entry["resource"]["contentType"] == "application/json"
    assert b64decode(entry["resource"]["data"]) == b'{"data":{"Patient":{"id":"p"}}}'


async def test_a_deleted_resource_is_told_as_such(client) -> None:
    await client.put("Patient/gone", {"resourceType": "Patient", "id": "gone"})
    await client.delete("Patient/gone")
    answer = await ask(client, "{ Patient(id: gone) { id } }")
    assert (answer.status_code, rules(answer)) == (410, ["deleted"])


def nested(depth):
    return (
        "{ PatientList { "
        + "generalPractitioner { resource { " * depth
        + "id"
        + "}}" * depth
        + "}}"
    )


def exponential(levels):
    spreads = "\n".join(
        f"fragment F{n} on Patient {{ ...F{n + 1} a{n}: id ...F{n + 1} }}" for n in range(levels)
    )
    return f"{{ Patient(id: p) {{ ...F0 }} }} {spreads} fragment F{levels} on Patient {{ id }}"


HOSTILE = {
    "nested": nested(40),
    "nested beyond the parser": nested(5_000),
    "aliases": "{ " + " ".join(f"a{n}: PatientList {{ id }}" for n in range(1_500)) + " }",
    "exponential fragments": exponential(20),
    "a chain of fragments": "{ ...F0 } "
    + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(1_000)),
    "long": "{ Patient(id: p) { " + "id " * 60_000 + "} }",
    "comments": "#\n" * 5_000 + "{ __typename }",
    "a list in lists": "{ PatientList(name: " + "[" * 300 + "]" * 300 + ") { id } }",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_queries_are_refused(client, name) -> None:
    answer = await ask(client, HOSTILE[name])
    assert answer.status_code == 400
    assert rules(answer)[0] in {"graphql-too-large", "graphql-too-costly", "graphql-syntax"}


async def test_searches_and_resources_are_counted(client) -> None:
    many = " ".join(f"a{n}: PatientList(name: a{n}) {{ id }}" for n in range(51))
    answer = await ask(client, f"{{ {many} }}")
    assert (answer.status_code, rules(answer)) == (400, ["graphql-too-costly"])
    same = " ".join(f"a{n}: PatientList(name: chalmers) {{ id }}" for n in range(60))
    assert (await ask(client, f"{{ {same} }}")).status_code == 200


async def test_a_list_is_whole_or_refused(client) -> None:
    async with running() as other:
        entry = {"request": {"method": "POST", "url": "Basic"}}
        entry["resource"] = {"resourceType": "Basic", "code": {"text": "x"}}
        body = {"resourceType": "Bundle", "type": "batch", "entry": [entry] * 1001}
        await other.post("", body)
        answer = await ask(other, "{ BasicList { id } }")
        assert (answer.status_code, rules(answer)) == (400, ["graphql-list-too-long"])
        answer = await ask(other, "{ BasicList(_count: 3) { id } }")
        assert len(answer.json()["data"]["BasicList"]) == 3


async def test_values_of_the_answer_are_counted(client) -> None:
    given = [{"given": ["x"] * 1_000}] * 15
    await client.put("Patient/many", {"resourceType": "Patient", "id": "many", "name": given})
    fields = " ".join(f"a{n}: name {{ given }}" for n in range(14))
    answer = await ask(client, f"{{ {fields} }}", at="Patient/many")
    assert (answer.status_code, rules(answer)) == (400, ["graphql-too-large"])
    await client.delete("Patient/many")
