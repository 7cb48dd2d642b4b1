"""Contained resources as matches: https://hl7.org/fhir/R4/search.html#contained, on both stores."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.client import BASE_URL, SETTINGS, FhirClient, rules, running
from tests.support.mongo_store import database_url, empty_store

pytestmark = [pytest.mark.anyio, pytest.mark.spec("search.html#contained")]

DATA = yaml.safe_load((Path(__file__).parent / "contained.yaml").read_text(encoding="utf-8"))
EVERY = "Medication?_contained=both&_containedType=contained"


@pytest.fixture(params=["sqlite", "mongodb"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[FhirClient]:
    settings: dict[str, Any] = {"validation": replace(SETTINGS.validation, mode="off")}
    if request.param == "mongodb":
        url = request.getfixturevalue("mongodb_url")
        await (await empty_store(url)).close()
        settings["store"] = database_url(url)
    async with running(**settings) as started:
        for resource in DATA["resources"]:
            path = f"{resource['resourceType']}/{resource['id']}"
            assert (await started.put(path, resource)).status_code == 201
        yield started


def matches(bundle: Any) -> list[str]:
    """FullUrls of the matches, below the base."""
    return [
        entry["fullUrl"].removeprefix(f"{BASE_URL}/")
        for entry in bundle.get("entry", ())
        if entry["search"]["mode"] == "match"
    ]


def following(bundle: Any) -> str | None:
    return next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)


async def pages(client: FhirClient, url: str) -> list[list[str]]:
    found, next_url = [], url
    while next_url:
        bundle = (await client.get(next_url)).json()
        found.append(matches(bundle))
        assert len(found) < 30, "pages must not go round"
        next_url = following(bundle) or ""
    return found


async def test_what_is_contained_is_found_where_it_is_asked_for(client: FhirClient) -> None:
    found = {}
    for query in DATA["searches"]:
        answer = await client.get(query)
        assert answer.status_code == 200, (query, answer.text)
        found[query] = sorted(matches(answer.json()))
        assert answer.json()["total"] == len(found[query])
    assert found == {query: sorted(urls) for query, urls in DATA["searches"].items()}


async def test_what_cannot_be_asked_of_contained_resources_is_refused(client: FhirClient) -> None:
    found = {}
    for query in DATA["refusals"]:
        answer = await client.get(query)
        assert answer.status_code == 400, (query, answer.text)
        found[query] = rules(answer)[0]
    assert found == DATA["refusals"]


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("contained_type", ["container", "contained"])
async def test_pages_have_no_gap_and_no_repeat_and_part_what_contains_many(
    client: FhirClient, count: int, contained_type: str
) -> None:
    query = f"Medication?_contained=both&_containedType={contained_type}&_total=accurate"
    (whole,) = await pages(client, query)
    parted = await pages(client, f"{query}&_count={count}")
    assert [url for page in parted for url in page] == whole
    assert max(map(len, parted)) <= count
    assert (await client.get(f"{query}&_summary=count")).json()["total"] == len(whole)


async def test_a_page_goes_on_where_its_container_was_changed_or_deleted(
    client: FhirClient,
) -> None:
    first = (await client.get(f"{EVERY}&_count=4")).json()
    seen = matches(first)
    assert seen[-1] in {"MedicationRequest/two#a", "MedicationDispense/one#a"}
    rest = [url for url in matches((await client.get(EVERY)).json()) if url not in seen]
    container = DATA["resources"][2]
    changed = {**container, "contained": [*container["contained"][1:]], "priority": "urgent"}
    await client.put("MedicationRequest/two", changed)
    then = [url for page in await pages(client, following(first) or "") for url in page]
    assert sorted(then) == sorted(rest)
    await client.delete("MedicationRequest/two")
    then = [url for page in await pages(client, following(first) or "") for url in page]
    assert sorted(then) == sorted(url for url in rest if "two" not in url)


async def test_an_order_is_that_of_what_contains(client: FhirClient) -> None:
    query = "Medication?_contained=true&_containedType=contained&code=x"
    by_id = ["Medication/mixed#part", "MedicationDispense/one#a", "MedicationRequest/two#a"]
    assert await pages(client, f"{query}&_sort=_id&_count=1") == [[url] for url in by_id]
    assert matches((await client.get(f"{query}&_sort=-_id")).json()) == by_id[::-1]


async def test_a_contained_match_is_given_alone_or_in_part(client: FhirClient) -> None:
    query = "Medication?_contained=true&_containedType=contained&code=y"
    (entry,) = (await client.get(query)).json()["entry"]
    assert entry["fullUrl"] == f"{BASE_URL}/MedicationRequest/two#b"
    assert entry["resource"] == DATA["resources"][2]["contained"][1]
    (part,) = (await client.get(f"{query}&_elements=status")).json()["entry"]
    assert set(part["resource"]) == {"resourceType", "id", "meta", "status"}
    (whole,) = (await client.get("Medication?_contained=true&code=y")).json()["entry"]
    assert whole["resource"]["id"] == "two"
    assert whole["search"] == {"mode": "match"}


async def test_includes_start_from_what_contains(client: FhirClient) -> None:
    await client.put("Patient/p", {"resourceType": "Patient", "id": "p"})
    query = "Medication?_contained=true&code=y&_include=MedicationRequest:subject"
    bundle = (await client.get(query)).json()
    assert [e["fullUrl"] for e in bundle["entry"]] == [
        f"{BASE_URL}/MedicationRequest/two",
        f"{BASE_URL}/Patient/p",
    ]
    assert bundle["entry"][1]["search"] == {"mode": "include"}


async def test_a_total_is_estimated_by_what_may_match(client: FhirClient) -> None:
    query = "Medication?_contained=true&code=y&status=active&_count=0"
    assert (await client.get(f"{query}&_total=accurate")).json()["total"] == 0
    assert (await client.get(f"{query}&_total=estimate")).json()["total"] == 1


async def test_a_total_of_too_many_is_refused(
    client: FhirClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fhir_server.interaction.contained.MAX_COUNTED", 1)
    answer = await client.get("Medication?_contained=true&_total=accurate")
    assert (answer.status_code, rules(answer)) == (400, ["search-contained-total"])


async def test_a_short_page_goes_on_where_too_many_candidates_are_no_matches(
    client: FhirClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fhir_server.interaction.contained.MAX_ROUNDS", 1)
    query = "Medication?_contained=true&code=x&status=inactive&_count=1"
    found = await pages(client, query)
    assert len(found) > 1
    assert [url for page in found for url in page] == ["MedicationDispense/one"]


async def test_conditions_of_writes_are_about_resources_of_their_own(client: FhirClient) -> None:
    medication = {"resourceType": "Medication"}
    answer = await client.put("Medication?code=x&_contained=true", medication)
    assert (answer.status_code, rules(answer)) == (400, ["search-contained-not-here"])


async def test_an_explanation_tells_both_searches(client: FhirClient) -> None:
    explained = (await client.get(f"{EVERY}&code=x&_explain=true")).json()
    trees = [p["valueString"] for p in explained["parameter"] if p["name"] == "where"]
    assert trees == [
        "token code: (- 'x')",
        "all of\n  token _contained: ('Medication' -)\n  token _contained:Medication.code: (- 'x')",
    ]
