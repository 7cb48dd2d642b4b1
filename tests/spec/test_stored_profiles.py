"""A profile that is posted meets the guard rails that a checked file meets.

https://hl7.org/fhir/R4/profiling.html#limitations
"""

from dataclasses import replace

import pytest

from fhir_server.settings import ValidationSettings
from tests.support.client import SETTINGS, rules, running
from tests.support.workspace import profile

pytestmark = [pytest.mark.anyio, pytest.mark.spec("profiling.html#limitations")]

FAULTY = profile(
    "Faulty",
    {
        "Patient.gender": {"max": "*"},
        "Patient.contact": {
            "constraint": [
                {"key": "t-1", "severity": "error", "human": "x", "expression": "nam.exists()"}
            ]
        },
    },
)
EXPECTED = ["guard-max-loosened", "guard-invariant-wrong"]


async def test_a_draft_is_stored_and_told_all_its_faults(client):
    answer = await client.put(
        "StructureDefinition/Faulty", FAULTY, Prefer="return=OperationOutcome"
    )

    assert answer.status_code == 201
    found = {i["details"]["coding"][0]["code"]: i for i in answer.json()["issue"]}
    assert set(EXPECTED) <= set(found)
    assert {found[rule]["severity"] for rule in EXPECTED} == {"warning"}
    place = found["guard-max-loosened"]["expression"]
    assert place == ["StructureDefinition.differential.element[1].max"]


async def test_where_definitions_are_strict_they_are_refused():
    strict = replace(SETTINGS, validation=ValidationSettings(definitions="strict"))
    async with running(strict) as client:
        answer = await client.put("StructureDefinition/Faulty", FAULTY)

        assert answer.status_code == 422
        assert set(EXPECTED) <= set(rules(answer))
        assert (await client.get("StructureDefinition/Faulty")).status_code == 404


async def test_validate_tells_them_with_line_and_column(client):
    answer = await client.post("StructureDefinition/$validate", FAULTY)

    issue = next(
        i for i in answer.json()["issue"]
        if i["details"]["coding"][0]["code"] == "guard-max-loosened"
    )  # fmt: skip
    assert issue["severity"] == "error"
    assert any(e["url"].endswith("issue-line") for e in issue["extension"])
