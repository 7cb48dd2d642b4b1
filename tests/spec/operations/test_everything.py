"""https://hl7.org/fhir/R4/patient-operation-everything.html"""

import pytest

from tests.support.client import BASE_URL, rules

pytestmark = [pytest.mark.anyio, pytest.mark.spec("patient-operation-everything.html")]


@pytest.fixture
async def client(client):
    """Patients a and b, each with an observation; a has an organization."""
    await client.put("Organization/o", {"resourceType": "Organization", "id": "o", "name": "O"})
    owner = {"managingOrganization": {"reference": "Organization/o"}}
    await client.put("Patient/a", {"resourceType": "Patient", "id": "a", **owner})
    await client.put("Patient/b", {"resourceType": "Patient", "id": "b"})
    for name in "ab":
        await client.put(
            f"Observation/x{name}",
            {
                "resourceType": "Observation",
                "id": f"x{name}",
                "status": "final",
                "code": {"text": "x"},
                "subject": {"reference": f"Patient/{name}"},
            },
        )
    return client


def found(bundle):
    return sorted(e["resource"]["id"] for e in bundle.get("entry", ()))


async def test_everything_is_the_compartment_and_what_it_refers_to(client) -> None:
    answer = await client.get("Patient/a/$everything")
    assert found(answer.json()) == ["a", "o", "xa"]
    assert found((await client.get("Patient/b/$everything")).json()) == ["b", "xb"]


async def test_it_comes_in_pages(client) -> None:
    seen, url = [], "Patient/b/$everything?_count=1"
    while url:
        bundle = (await client.get(url)).json()
        seen += found(bundle)
        links = {k["relation"]: k["url"] for k in bundle["link"]}
        url = links.get("next")
        assert links["self"].startswith(f"{BASE_URL}/Patient/b/$everything")
    assert sorted(seen) == ["b", "xb"]


async def test_it_is_narrowed_by_type_and_time(client) -> None:
    assert found((await client.get("Patient/b/$everything?_type=Observation")).json()) == ["xb"]
    later = await client.get("Patient/b/$everything?_since=2030-01-01")
    assert found(later.json()) == []


async def test_its_entries_are_shaped_as_in_a_search(client) -> None:
    bundle = (await client.get("Patient/a/$everything?_elements=Patient.id,subject")).json()
    parts = {e["resource"]["id"]: e["resource"] for e in bundle["entry"]}
    assert sorted(parts) == ["a", "o", "xa"]
    assert "managingOrganization" not in parts["a"]
    assert parts["xa"]["subject"] == {"reference": "Patient/a"}
    assert all(part["meta"]["tag"][0]["code"] == "SUBSETTED" for part in parts.values())
    assert bundle["link"][0]["url"].endswith("?_elements=Patient.id,subject")
    data = (await client.get("Patient/a/$everything?_summary=data&_count=1")).json()
    assert data["entry"][0]["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"
    following = {k["relation"]: k["url"] for k in data["link"]}["next"]
    rest = (await client.get(following)).json()
    assert rest["entry"][0]["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"
    counted = (await client.get("Patient/a/$everything?_summary=count")).json()
    assert (counted["total"], "entry" in counted) == (2, False)
    answer = await client.get("Patient/a/$everything?_elements=colour")
    assert (answer.status_code, rules(answer)) == (400, ["search-element-unknown"])


async def test_it_can_be_called_by_post(client) -> None:
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "_type", "valueCode": "Observation"}],
    }
    assert found((await client.post("Patient/b/$everything", body)).json()) == ["xb"]


async def test_what_is_not_understood_is_refused(client) -> None:
    period = await client.get("Patient/a/$everything?start=soon")
    assert (period.status_code, rules(period)) == (400, ["operation-parameter-type"])
    period = await client.get("Encounter/e/$everything?start=2024")
    assert period.status_code == 404
    unknown = await client.get("Patient/a/$everything?colour=red")
    assert (unknown.status_code, rules(unknown)) == (400, ["everything-parameter"])
    assert (await client.get("Patient/never/$everything")).status_code == 404
    assert (await client.get("Observation/xa/$everything")).status_code == 404


@pytest.fixture
async def records(client):
    """Patient a has a visit in January, a prescription in March and an undated coverage."""
    subject = {"subject": {"reference": "Patient/a"}}
    await client.put(
        "Encounter/jan",
        {
            "resourceType": "Encounter",
            "id": "jan",
            "status": "finished",
            "class": {"code": "AMB"},
            "period": {"start": "2024-01-10", "end": "2024-02-02"},
            **subject,
        },
    )
    await client.put(
        "MedicationRequest/mar",
        {
            "resourceType": "MedicationRequest",
            "id": "mar",
            "status": "active",
            "intent": "order",
            "authoredOn": "2024-03-01",
            "medicationCodeableConcept": {"text": "x"},
            **subject,
        },
    )
    return client


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("start=2024-02-01", ["a", "jan", "mar", "o", "xa"]),
        ("start=2024-02-03", ["a", "mar", "o", "xa"]),
        ("end=2024-02", ["a", "jan", "o", "xa"]),
        ("start=2024-02-03&end=2024-02-28", ["a", "o", "xa"]),
        ("start=2024-02-03&_type=MedicationRequest", ["mar"]),
        ("start=2024-02-03&_type=MedicationRequest,Encounter&_type=Observation", ["mar", "xa"]),
    ],
)
async def test_a_period_bounds_when_care_was_given(records, period, expected) -> None:
    assert found((await records.get(f"Patient/a/$everything?{period}")).json()) == expected


async def test_pages_of_a_period_keep_it_and_the_self_link_repeats_the_call(records) -> None:
    url = "Patient/a/$everything?start=2024-02-03&_since=2020-01-01&_count=1"
    seen, first = [], url
    while url:
        bundle = (await records.get(url)).json()
        seen += [e["resource"]["id"] for e in bundle["entry"] if e["search"]["mode"] == "match"]
        links = {k["relation"]: k["url"] for k in bundle["link"]}
        assert links["self"] == f"{BASE_URL}/{first}"
        url = links.get("next")
    assert sorted(seen) == ["a", "mar", "xa"]


async def test_everything_of_a_group_is_that_of_its_patients(client) -> None:
    group = {
        "resourceType": "Group",
        "id": "g",
        "type": "person",
        "actual": True,
        "member": [
            {"entity": {"reference": "Patient/a"}},
            {"entity": {"reference": "Patient/b"}, "inactive": True},
            {"entity": {"reference": "Practitioner/d"}},
        ],
    }
    await client.put("Group/g", group)
    assert found((await client.get("Group/g/$everything")).json()) == ["a", "g", "o", "xa"]
    del group["member"][1]["inactive"]
    await client.put("Group/g", group)
    both = (await client.get("Group/g/$everything?_type=Observation")).json()
    assert found(both) == ["xa", "xb"]
    await client.put(
        "Group/none", {**group, "id": "none", "member": []} | {"member": [group["member"][2]]}
    )
    assert found((await client.get("Group/none/$everything")).json()) == []


async def test_a_group_of_too_many_is_refused(client) -> None:
    many = [{"entity": {"reference": f"Patient/{n}"}} for n in range(201)]
    group = {"resourceType": "Group", "id": "g", "type": "person", "actual": True, "member": many}
    await client.put("Group/g", group)
    answer = await client.get("Group/g/$everything")
    assert (answer.status_code, rules(answer)) == (400, ["operation-too-many"])
