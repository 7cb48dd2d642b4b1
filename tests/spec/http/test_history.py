"""https://hl7.org/fhir/R4/http.html#history"""

import pytest

from tests.support.client import BASE_URL, rules

pytestmark = [pytest.mark.anyio, pytest.mark.spec("http.html#history")]


@pytest.fixture
async def client(client):
    """Patient a made, changed and deleted, an hour between; Person b made in the last hour."""
    await client.post("Patient", {"resourceType": "Patient", "active": True})
    client.clock.advance(hours=1)
    await client.put("Patient/made-1", {"resourceType": "Patient", "id": "made-1"})
    client.clock.advance(hours=1)
    await client.delete("Patient/made-1")
    await client.put("Person/b", {"resourceType": "Person", "id": "b"})
    return client


async def test_the_history_of_an_instance_has_all_versions_newest_first(client) -> None:
    bundle = (await client.get("Patient/made-1/_history")).json()
    assert (bundle["type"], bundle["total"]) == ("history", 3)
    assert [e["request"] for e in bundle["entry"]] == [
        {"method": "DELETE", "url": "Patient/made-1"},
        {"method": "PUT", "url": "Patient/made-1"},
        {"method": "POST", "url": "Patient"},
    ]
    assert [e["response"]["status"] for e in bundle["entry"]] == [
        "204 No Content",
        "200 OK",
        "201 Created",
    ]
    assert [e["response"]["etag"] for e in bundle["entry"]] == ['W/"3"', 'W/"2"', 'W/"1"']
    assert "resource" not in bundle["entry"][0]
    assert bundle["entry"][2]["resource"]["active"] is True
    assert {e["fullUrl"] for e in bundle["entry"]} == {f"{BASE_URL}/Patient/made-1"}


async def test_type_and_system_have_histories_too(client) -> None:
    assert (await client.get("Person/_history")).json()["total"] == 1
    assert (await client.get("_history")).json()["total"] == 4


async def test_the_history_of_what_never_was_is_404(client) -> None:
    answer = await client.get("Patient/never/_history")
    assert (answer.status_code, rules(answer)) == (404, ["not-found"])


async def test_pages_follow_the_next_link_without_gap_or_repeat(client) -> None:
    seen, url = [], "_history?_count=1"
    while url:
        bundle = (await client.get(url)).json()
        seen += [e["response"]["etag"] + e["fullUrl"] for e in bundle["entry"]]
        url = next((k["url"] for k in bundle["link"] if k["relation"] == "next"), None)
    assert len(seen) == len(set(seen)) == 4


async def test_since_leaves_older_versions_out(client) -> None:
    bundle = (await client.get("Patient/_history?_since=2024-05-06T08:00:00Z")).json()
    assert [e["request"]["method"] for e in bundle["entry"]] == ["DELETE", "PUT"]
    later = (await client.get("Patient/_history?_since=2024-05-07")).json()
    assert later["total"] == 0
    assert "entry" not in later


async def test_an_unescaped_plus_of_an_offset_is_understood(client) -> None:
    bundle = (await client.get("Patient/_history?_since=2024-05-06T11:00:00+03:00")).json()
    assert bundle["total"] == 2


async def test_at_gives_what_was_current_then(client) -> None:
    bundle = (await client.get("Patient/_history?_at=2024-05-06T07:30:00Z")).json()
    assert [e["response"]["etag"] for e in bundle["entry"]] == ['W/"1"']


async def test_count_zero_and_summary_count_give_the_total_alone(client) -> None:
    for query in ("_count=0", "_summary=count"):
        bundle = (await client.get(f"Patient/_history?{query}")).json()
        assert bundle["total"] == 3
        assert "entry" not in bundle


async def test_elements_apply_to_versions(client) -> None:
    bundle = (await client.get("Person/_history?_elements=name")).json()
    assert bundle["entry"][0]["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        ("_count=many", "count-syntax"),
        ("_count=-1", "count-syntax"),
        ("_since=yesterday", "moment-syntax"),
        ("_since=2024-13", "moment-syntax"),
        ("_at=2024-02-31", "moment-syntax"),
        ("_summary=x", "summary-mode"),
        ("name=x", "history-parameter"),
    ],
)
async def test_what_is_not_understood_is_refused(client, query, rule) -> None:
    answer = await client.get(f"Patient/_history?{query}")
    assert (answer.status_code, rules(answer)) == (400, [rule])


async def test_lenient_handling_ignores_what_is_unknown(client) -> None:
    answer = await client.get("Patient/_history?name=x", prefer="handling=lenient")
    assert answer.json()["total"] == 3
