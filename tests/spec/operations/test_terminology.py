"""Operations on terminology over the wire; https://hl7.org/fhir/R4/terminology-service.html"""

import pytest

from tests.support.client import rules

pytestmark = [pytest.mark.anyio, pytest.mark.spec("terminology-service.html")]

GENDER = "http://hl7.org/fhir/ValueSet/administrative-gender"
SYSTEM = "http://hl7.org/fhir/administrative-gender"


def validation(code):
    entries = [{"name": "code", "valueCode": code}, {"name": "system", "valueUri": SYSTEM}]
    return {
        "name": "validation",
        "resource": {"resourceType": "Parameters", "parameter": entries},
    }


async def test_many_codes_are_validated_in_one_call(client) -> None:
    parameters = [{"name": "url", "valueUri": GENDER}, validation("male"), validation("blue")]
    body = {"resourceType": "Parameters", "parameter": parameters}
    answer = await client.post("ValueSet/$batch-validate-code", body)
    assert answer.status_code == 200
    results = [entry["resource"]["parameter"][0] for entry in answer.json()["parameter"]]
    assert results == [
        {"name": "result", "valueBoolean": True},
        {"name": "result", "valueBoolean": False},
    ]


@pytest.mark.parametrize(
    ("call", "status", "rule"),
    [
        ("ValueSet/$expand?url=http://example.org/none", 404, "value-set-unknown"),
        ("ValueSet/$expand", 400, "operation-parameter-missing"),
        ("ValueSet/$expand?url=x&colour=red", 400, "operation-parameter-unknown"),
        ("ValueSet/$expand?url=x&count=many", 400, "operation-parameter-type"),
        (f"ValueSet/$validate-code?url={GENDER}&code=male", 400, "operation-parameter-missing"),
        (f"CodeSystem/$lookup?system={SYSTEM}&code=blue", 404, "code-unknown"),
        ("CodeSystem/$lookup?system=http://example.org/none&code=a", 404, "code-system-unknown"),
        (f"CodeSystem/$subsumes?system={SYSTEM}&codeA=male", 400, "operation-parameter-missing"),
        (
            "ConceptMap/$translate?url=http://example.org/none&code=a&system=x",
            404,
            "concept-map-unknown",
        ),
        ("ValueSet/$batch-validate-code", 400, "batch-validation-missing"),
        (f"ValueSet/$expand?url={GENDER}&displayLanguage=-", 400, "language-range-invalid"),
    ],
)
async def test_every_refusal_is_an_outcome_with_its_rule(client, call, status, rule) -> None:
    answer = await client.get(call)
    assert (answer.status_code, rules(answer)[0]) == (status, rule)


async def test_value_sets_are_expanded_in_pages_with_their_total(client) -> None:
    pages = [
        (await client.get(f"ValueSet/$expand?url={GENDER}&count=3&offset={offset}")).json()
        for offset in (0, 3)
    ]
    expansions = [page["expansion"] for page in pages]
    assert [len(e["contains"]) for e in expansions] == [3, 1]
    assert [(e["total"], e["offset"]) for e in expansions] == [(4, 0), (4, 3)]
