"""Races between clients of one server: nothing twice, nothing lost, nothing half-done.

Spec: https://hl7.org/fhir/R4/http.html#concurrency and https://hl7.org/fhir/R4/http.html#trules
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.client import FhirClient, running
from tests.support.mongo_store import database_url, empty_store
from tests.support.random_writer import version_of

pytestmark = pytest.mark.anyio

CLIENTS = 50
IDENTIFIER = [{"system": "urn:s", "value": "1"}]
CRITERIA = "identifier=urn:s|1"
PATIENT = {"resourceType": "Patient", "identifier": IDENTIFIER}


@pytest.fixture(params=["sqlite", "mongodb"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[FhirClient]:
    settings: dict[str, Any] = {}
    if request.param == "mongodb":
        url = request.getfixturevalue("mongodb_url")
        await (await empty_store(url)).close()
        settings["store"] = database_url(url)
    async with running(**settings) as started:
        yield started


async def count(client: FhirClient, search: str) -> int:
    page = await client.get(f"{search}&_summary=count" if "?" in search else f"{search}?_count=0")
    total: int = page.json()["total"]
    return total


def transaction(*entries: tuple[str, str, Any], **request: str) -> dict[str, Any]:
    """Entries as (method, url, resource); ``request`` goes to each of them."""
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                **({} if resource is None else {"resource": resource}),
                "request": {"method": method, "url": url, **request},
            }
            for method, url, resource in entries
        ],
    }


async def test_if_none_exist_by_fifty_clients_makes_one(client: FhirClient) -> None:
    answers = await asyncio.gather(
        *(client.post("Patient", PATIENT, if_none_exist=CRITERIA) for _ in range(CLIENTS))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await count(client, f"Patient?{CRITERIA}") == 1


async def test_if_none_exist_alone_and_in_transactions_makes_one(client: FhirClient) -> None:
    bundle = transaction(("POST", "Patient", PATIENT), ifNoneExist=CRITERIA)
    alone = [client.post("Patient", PATIENT, if_none_exist=CRITERIA) for _ in range(CLIENTS // 2)]
    inside = [client.post("", bundle) for _ in range(CLIENTS // 2)]
    answers = await asyncio.gather(*alone, *inside)
    assert {answer.status_code for answer in answers} <= {200, 201}
    statuses = [answer.status_code for answer in answers[: len(alone)]]
    statuses += [
        int(answer.json()["entry"][0]["response"]["status"][:3]) for answer in answers[len(alone) :]
    ]
    assert sorted(statuses) == [200] * (CLIENTS - 1) + [201]
    assert await count(client, f"Patient?{CRITERIA}") == 1


async def test_fifty_increments_by_version_end_at_fifty(client: FhirClient) -> None:
    """If-Match with retries is a counter that loses nothing; ten at a time are enough to race.

    MongoDB's store once took two equal bodies of the same millisecond for one write: 47 of 50.
    """
    ten = asyncio.Semaphore(10)
    await client.put("Patient/a", {**PATIENT, "id": "a", "multipleBirthInteger": 0})

    async def increment() -> int:
        async with ten:
            return await try_until_done()

    async def try_until_done() -> int:
        refused = 0
        while True:
            read = await client.get("Patient/a")
            body = read.json()
            body["multipleBirthInteger"] += 1
            answer = await client.put("Patient/a", body, if_match=read.headers["ETag"])
            if answer.status_code == 200:
                return refused
            assert answer.status_code == 412
            refused += 1

    refused = await asyncio.gather(*(increment() for _ in range(CLIENTS)))
    final = (await client.get("Patient/a")).json()
    assert final["multipleBirthInteger"] == CLIENTS
    assert final["meta"]["versionId"] == str(CLIENTS + 1)
    assert sum(refused) > 0, "nobody raced"


async def test_the_same_update_by_many_makes_one_version(client: FhirClient) -> None:
    body = {**PATIENT, "id": "a"}
    answers = await asyncio.gather(*(client.put("Patient/a", body) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert {answer.headers["ETag"] for answer in answers} == {'W/"1"'}
    assert (await client.get("Patient/a/_history")).json()["total"] == 1


async def test_conditional_updates_make_one_resource_and_all_count(client: FhirClient) -> None:
    answers = await asyncio.gather(
        *(
            client.put(f"Patient?{CRITERIA}", {**PATIENT, "multipleBirthInteger": n})
            for n in range(20)
        )
    )
    done = [answer for answer in answers if answer.status_code in {200, 201}]
    assert {answer.status_code for answer in answers} <= {200, 201, 409}
    assert len({answer.json()["id"] for answer in done}) == 1
    versions = sorted(version_of(answer.headers["ETag"]) for answer in done)
    assert versions == list(range(1, len(done) + 1))
    assert await count(client, f"Patient?{CRITERIA}") == 1


async def test_conditional_deletes_make_one_deletion(client: FhirClient) -> None:
    await client.put("Patient/a", {**PATIENT, "id": "a"})
    answers = await asyncio.gather(
        *(client.delete(f"Patient?{CRITERIA}") for _ in range(20)),
        *(client.delete("Patient/a") for _ in range(5)),
    )
    assert {answer.status_code for answer in answers} == {204}
    history = (await client.get("Patient/a/_history")).json()
    assert [entry["request"]["method"] for entry in history["entry"]] == ["DELETE", "PUT"]


async def test_creations_and_deletions_by_one_criterion_never_leave_two(
    client: FhirClient,
) -> None:
    async def turn(n: int) -> None:
        if n % 2:
            answer = await client.delete(f"Patient?{CRITERIA}")
            assert answer.status_code == 204
            return
        answer = await client.post("Patient", PATIENT, if_none_exist=CRITERIA)
        assert answer.status_code in {200, 201}
        assert await count(client, f"Patient?{CRITERIA}") <= 1

    await asyncio.gather(*(turn(n) for n in range(30)))
    assert await count(client, f"Patient?{CRITERIA}") <= 1


async def test_transactions_on_the_same_resources_are_never_seen_half_done(
    client: FhirClient,
) -> None:
    """Each writes its number into three resources, in another order; readers see one number."""
    ids = ("a", "b", "c")

    def bundle(number: int) -> dict[str, Any]:
        shift = number % 3
        entries = [
            (
                "PUT",
                f"Patient/{one}",
                {**PATIENT, "id": one, "multipleBirthInteger": number},
            )
            for one in ids[shift:] + ids[:shift]
        ]
        return transaction(*entries)

    assert (await client.post("", bundle(0))).status_code == 200
    writers = 12
    open_writers = writers
    done: list[int] = [0]

    async def write(number: int) -> None:
        nonlocal open_writers
        answer = await client.post("", bundle(number))
        assert answer.status_code in {200, 409}, answer.text
        if answer.status_code == 200:
            done.append(number)
            tags = {entry["response"]["etag"] for entry in answer.json()["entry"]}
            assert len(tags) == 1, "the three have always been written together"
        open_writers -= 1

    async def look() -> None:
        while open_writers:
            page = (await client.get(f"Patient?{CRITERIA}")).json()
            seen = {entry["resource"]["multipleBirthInteger"] for entry in page["entry"]}
            assert len(page["entry"]) == len(ids)
            assert len(seen) == 1
            await asyncio.sleep(0)

    await asyncio.gather(*(write(number) for number in range(1, writers + 1)), look(), look())
    histories = []
    for one in ids:
        entries = (await client.get(f"Patient/{one}/_history")).json()["entry"]
        histories.append([entry["resource"]["multipleBirthInteger"] for entry in entries])
    assert histories[0] == histories[1] == histories[2]
    assert sorted(histories[0]) == sorted(done)


ORDERS = {
    "none": "",
    "id": "_sort=_id",
    "last updated": "_sort=-_lastUpdated",
    "string": "_sort=family",
    "token": "_sort=-gender",
    "date": "_sort=birthdate",
    "reference": "_sort=organization",
    "two": "_sort=gender,-birthdate",
}


@pytest.mark.parametrize("order", ORDERS)
async def test_pages_have_no_gap_and_no_repeat_while_others_write(
    client: FhirClient, order: str
) -> None:
    """What stays as it is comes exactly once, whatever happens to the rest."""

    def patient(n: int, kind: str) -> dict[str, Any]:
        body: dict[str, Any] = {"resourceType": "Patient", "id": f"{kind}{n}", "active": True}
        if n % 4:
            body |= {
                "name": [{"family": f"f{n % 3}"}],
                "gender": "male" if n % 2 else "female",
                "birthDate": f"200{n % 5}",
                "managingOrganization": {"reference": f"Organization/{n % 3}"},
            }
        return body

    organizations = [{"resourceType": "Organization", "id": str(n), "name": "x"} for n in range(3)]
    bodies = [*organizations, *(patient(n, kind) for n in range(12) for kind in ("keep", "drop"))]
    entries = [("PUT", f"{body['resourceType']}/{body['id']}", body) for body in bodies]
    assert (await client.post("", transaction(*entries))).status_code == 200

    async def disturb(n: int) -> None:
        client.clock.advance(seconds=1)
        answers = await asyncio.gather(
            client.put(f"Patient/new{n}", patient(n, "new")),
            client.delete(f"Patient/drop{n % 12}"),
            client.put(f"Patient/drop{(n + 5) % 12}", patient(n + 7, f"drop{(n + 5) % 12}x") | {
                "id": f"drop{(n + 5) % 12}"
            }),
        )  # fmt: skip
        assert {answer.status_code for answer in answers} <= {200, 201, 204}

    found: list[str] = []
    url = f"Patient?active=true&_count=3&{ORDERS[order]}"
    for n in range(60):
        page = (await client.get(url)).json()
        found += [entry["resource"]["id"] for entry in page.get("entry", ())]
        url = next((one["url"] for one in page["link"] if one["relation"] == "next"), "")
        if not url:
            break
        if n < 10:
            await disturb(n)
    kept = [logical_id for logical_id in found if logical_id.startswith("keep")]
    assert sorted(kept) == sorted(f"keep{n}" for n in range(12))
    if order in {"none", "id"}:
        assert len(found) == len(set(found)), "writes do not change these orders"
