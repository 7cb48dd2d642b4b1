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


async def test_it_can_be_called_by_post(client) -> None:
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "_type", "valueCode": "Observation"}],
    }
    assert found((await client.post("Patient/b/$everything", body)).json()) == ["xb"]


async def test_what_is_not_understood_is_refused(client) -> None:
    period = await client.get("Patient/a/$everything?start=2024")
    assert (period.status_code, rules(period)) == (501, ["everything-period"])
    unknown = await client.get("Patient/a/$everything?colour=red")
    assert (unknown.status_code, rules(unknown)) == (400, ["everything-parameter"])
    assert (await client.get("Patient/never/$everything")).status_code == 404
    assert (await client.get("Observation/xa/$everything")).status_code == 404
