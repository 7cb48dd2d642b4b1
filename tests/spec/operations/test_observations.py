"""https://hl7.org/fhir/R4/observation-operations.html"""

from decimal import Decimal

import pytest

from fhir_server.operation.statistic import STATISTICS
from tests.support.client import rules

pytestmark = [pytest.mark.anyio, pytest.mark.spec("observation-operations.html")]
UCUM = "http://unitsofmeasure.org"


def observation(name, codes, day, value=None, unit="kg", **more):
    made = {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": "urn:cs", "code": c} for c in codes.split()]},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": f"2024-01-{day:02}",
        **more,
    }
    if value is not None:
        made["valueQuantity"] = {"value": value, "unit": unit, "system": UCUM, "code": unit}
    return made


def ids(bundle):
    return [entry["resource"]["id"] for entry in bundle.get("entry", ())]


@pytest.fixture
async def client(client):
    await client.put("Patient/p", {"resourceType": "Patient", "id": "p"})
    component = {
        "code": {"coding": [{"system": "urn:cs", "code": "w"}]},
        "valueQuantity": {"value": 90, "unit": "kg", "system": UCUM, "code": "kg"},
    }
    for made in (
        observation("w1", "w", 1, Decimal("70.0")),
        observation("w3", "w", 3, Decimal("72.5")),
        observation("w2", "w w-other", 2, 71_000, "g"),
        observation("h1", "h", 1, 180, "cm"),
        observation("o2", "w-other", 2, 1),
        observation("c5", "panel", 5, component=[component]),
        observation("none", "w", 4),
        observation("error", "w", 6, 999, status="entered-in-error"),
        observation("text", "", 9, code={"text": "лише текст"}),
    ):
        answer = await client.put(f"Observation/{made['id']}", made)
        assert answer.status_code == 201
    return client


async def test_the_newest_of_each_code_come_and_a_translation_joins_two_codes(client) -> None:
    bundle = (await client.get("Observation/$lastn?patient=p")).json()
    assert bundle["type"] == "searchset"
    assert sorted(ids(bundle)) == ["c5", "error", "h1", "text"]
    assert bundle["total"] == 4
    several = (await client.get("Observation/$lastn?patient=p&max=3&code=w,w-other")).json()
    assert ids(several) == ["error", "none", "w3"]


async def test_lastn_needs_a_subject_and_a_positive_number(client) -> None:
    answer = await client.get("Observation/$lastn?code=w")
    assert (answer.status_code, rules(answer)) == (400, ["operation-parameter-missing"])
    answer = await client.get("Observation/$lastn?patient=p&max=0")
    assert (answer.status_code, rules(answer)) == (400, ["operation-parameter-type"])


def results(answer):
    (found,) = [p["resource"] for p in answer.json()["parameter"] if p["name"] == "statistics"]
    return {
        c["code"]["coding"][0]["code"]: c.get("valueQuantity", {}).get("value")
        for c in found["component"]
    }


async def test_statistics_convert_units_look_into_components_and_skip_errors(client) -> None:
    url = "Observation/$stats?subject=Patient/p&code=w&system=urn:cs"
    asked = "&statistic=average,minimum,maximum&statistic=count&statistic=total-count,median"
    answer = await client.get(url + asked)
    assert answer.status_code == 200
    assert results(answer) == {
        "average": 75.875,
        "minimum": 70.0,
        "maximum": 90,
        "count": 4,
        "total-count": 5,
        "median": 71.75,
    }
    found = answer.json()["parameter"][0]["resource"]
    assert found["subject"] == {"reference": "Patient/p"}
    assert found["component"][0]["valueQuantity"]["code"] == "kg"


async def test_statistics_of_a_period_come_with_their_sources_where_wanted(client) -> None:
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "subject", "valueUri": "Patient/p"},
            {"name": "coding", "valueCoding": {"system": "urn:cs", "code": "w"}},
            {"name": "period", "valuePeriod": {"start": "2024-01-02", "end": "2024-01-03"}},
            {"name": "statistic", "valueCode": "average"},
            {"name": "include", "valueBoolean": True},
            {"name": "limit", "valuePositiveInt": 1},
        ],
    }
    answer = await client.post("Observation/$stats", body)
    assert results(answer) == {"average": 71_750}
    sources = [p["resource"]["id"] for p in answer.json()["parameter"] if p["name"] == "source"]
    assert sources == ["w2"]


async def test_statistics_of_nothing_say_so(client) -> None:
    url = "Observation/$stats?subject=Patient/p&code=w&duration=1&statistic=average,count"
    found = (await client.get(url)).json()["parameter"][0]["resource"]
    average, count = found["component"]
    assert average["dataAbsentReason"]["coding"][0]["code"] == "not-applicable"
    assert count["valueQuantity"]["value"] == 0


@pytest.mark.parametrize(
    ("query", "status", "rule"),
    [
        ("code=w&statistic=count", 400, "operation-parameter-missing"),
        ("subject=Patient/p&statistic=count", 400, "operation-parameter-missing"),
        ("subject=Patient/p&code=w", 400, "operation-parameter-missing"),
        ("subject=Patient/p&code=w&statistic=luck", 400, "stats-unknown"),
    ],
)
async def test_statistics_that_cannot_be_made_are_refused(client, query, status, rule) -> None:
    answer = await client.get(f"Observation/$stats?{query}")
    assert (answer.status_code, rules(answer)) == (status, [rule])


async def test_measurements_that_cannot_be_compared_are_refused(client) -> None:
    await client.put("Observation/l", observation("l", "w", 5, 1, "L"))
    answer = await client.get("Observation/$stats?subject=Patient/p&code=w&statistic=sum")
    assert (answer.status_code, rules(answer)) == (422, ["stats-units"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("average", "4.2"), ("sum", "21"), ("variance", "8.2"), ("std-dev", "2.86356421266"),
        ("median", "4"), ("20-percent", "1.8"), ("80-percent", "6.4"), ("4-lower", "2"),
        ("4-upper", "6"), ("4-dev", "2"), ("5-2", "3.2"), ("5-3", "4.8"),
        ("skew", "0.205692271756"), ("kurtosis", "1.61406900654"),
    ],
)  # fmt: skip
async def test_a_statistic_of_1_2_4_6_8_is(name: str, expected: str) -> None:
    compute = STATISTICS[name].of
    assert compute is not None
    assert compute([Decimal(n) for n in (8, 1, 4, 2, 6)]) == Decimal(expected)
