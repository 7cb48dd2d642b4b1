"""https://hl7.org/fhir/R4/http.html#search, #vsearch and https://hl7.org/fhir/R4/search.html#return

What matches is proven by the contract of the stores; here it is the answer that counts.
"""

from dataclasses import replace

import pytest

from tests.support.client import BASE_URL, SETTINGS, rules, running

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.spec("http.html#search", "http.html#vsearch", "http.html#paging", "search.html"),
]


def link(bundle, relation):
    return next((k["url"] for k in bundle["link"] if k["relation"] == relation), None)


def ids(bundle, mode="match"):
    return [e["resource"]["id"] for e in bundle.get("entry", ()) if e["search"]["mode"] == mode]


@pytest.fixture
async def client(client):
    """Three patients of one organization, one observation of patient a."""
    await client.put("Organization/o", {"resourceType": "Organization", "id": "o", "name": "O"})
    for name, gender in (("a", "male"), ("b", "female"), ("c", "male")):
        await client.put(
            f"Patient/{name}",
            {
                "resourceType": "Patient",
                "id": name,
                "gender": gender,
                "name": [{"family": f"Сім'я {name}"}],
                "managingOrganization": {"reference": "Organization/o"},
            },
        )
    await client.put(
        "Observation/x",
        {
            "resourceType": "Observation",
            "id": "x",
            "status": "final",
            "code": {"text": "x"},
            "subject": {"reference": "Patient/a"},
        },
    )
    return client


async def test_a_page_has_matches_with_full_urls_and_a_self_link(client) -> None:
    answer = await client.get("Patient?gender=male&_sort=_id")
    bundle = answer.json()
    assert (answer.status_code, bundle["type"], bundle["total"]) == (200, "searchset", 2)
    assert ids(bundle) == ["a", "c"]
    assert bundle["entry"][0]["fullUrl"] == f"{BASE_URL}/Patient/a"
    assert link(bundle, "self") == f"{BASE_URL}/Patient?gender=male&_sort=_id"


async def test_a_search_without_match_has_no_entry(client) -> None:
    bundle = (await client.get("Patient?gender=other")).json()
    assert bundle["total"] == 0
    assert "entry" not in bundle


async def test_pages_follow_next_links_that_say_nothing_of_the_patient(client) -> None:
    seen, url = [], "Patient?family=сім'я&_count=1&_sort=family"
    while url:
        bundle = (await client.get(url)).json()
        seen += ids(bundle)
        url = link(bundle, "next")
        assert url is None or "%D1%81" not in url
    assert seen == ["a", "b", "c"]


async def test_a_page_link_that_was_changed_is_refused(client) -> None:
    url = link((await client.get("Patient?_count=1")).json(), "next")
    answer = await client.get(url[:-2])
    assert (answer.status_code, rules(answer)) == (400, ["search-page-token-invalid"])
    elsewhere = await client.get(url.replace("/Patient?", "/Person?"))
    assert elsewhere.status_code == 400


async def test_links_keep_the_format_that_was_asked_for(client) -> None:
    bundle = (await client.get("Patient?_count=1&_format=json")).json()
    assert link(bundle, "self").endswith("_format=json")
    assert link(bundle, "next").endswith("_format=json")


async def test_a_search_by_post_merges_query_and_form(client) -> None:
    answer = await client.post(
        "Patient/_search?gender=male",
        "_id=a",
        content_type="application/x-www-form-urlencoded",
    )
    assert ids(answer.json()) == ["a"]
    assert link(answer.json(), "self") == f"{BASE_URL}/Patient?gender=male&_id=a"


async def test_a_form_may_name_the_format(client) -> None:
    answer = await client.post(
        "Patient/_search",
        "_id=a&_format=xml",
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.headers["Content-Type"].startswith("application/fhir+xml")
    assert f'value="{BASE_URL}/Patient?_id=a&amp;_format=xml"' in answer.text
    refused = await client.post(
        "Patient/_search",
        "_id=a&_format=text/csv",
        content_type="application/x-www-form-urlencoded",
    )
    assert refused.status_code == 406


async def test_the_total_alone(client) -> None:
    for query in ("_summary=count", "_count=0"):
        bundle = (await client.get(f"Patient?{query}")).json()
        assert bundle["total"] == 3
        assert "entry" not in bundle


async def test_the_total_is_counted_only_where_it_is_asked_for(client) -> None:
    assert "total" not in (await client.get("Patient?_count=1")).json()
    assert (await client.get("Patient?_count=1&_total=accurate")).json()["total"] == 3


async def test_included_resources_are_marked_and_do_not_count(client) -> None:
    bundle = (await client.get("Patient?_count=1&_id=a&_include=Patient:organization")).json()
    assert (ids(bundle), ids(bundle, "include")) == (["a"], ["o"])
    assert bundle["total"] == 1


async def test_reverse_includes_and_iteration(client) -> None:
    bundle = (
        await client.get("Observation?_id=x&_include=*&_include:iterate=Patient:organization")
    ).json()
    assert (ids(bundle), sorted(ids(bundle, "include"))) == (["x"], ["a", "o"])
    back = (await client.get("Patient?_id=a&_revinclude=Observation:subject")).json()
    assert ids(back, "include") == ["x"]


async def test_more_to_include_than_the_limit_is_said() -> None:
    async with running(search=replace(SETTINGS.search, max_included=1)) as client:
        for name in ("o", "p"):
            await client.put(
                f"Organization/{name}", {"resourceType": "Organization", "id": name, "name": name}
            )
            await client.put(
                f"Patient/{name}",
                {
                    "resourceType": "Patient",
                    "id": name,
                    "managingOrganization": {"reference": f"Organization/{name}"},
                },
            )
        bundle = (await client.get("Patient?_include=Patient:organization")).json()
        assert len(ids(bundle, "include")) == 1
        outcome = bundle["entry"][-1]
        assert outcome["search"]["mode"] == "outcome"
        assert outcome["resource"]["issue"][0]["details"]["coding"][0]["code"] == "include-cut"


async def test_a_compartment_is_searched_below_its_owner(client) -> None:
    bundle = (await client.get("Patient/a/Observation")).json()
    assert ids(bundle) == ["x"]
    assert link(bundle, "self") == f"{BASE_URL}/Patient/a/Observation"
    assert ids((await client.get("Patient/b/Observation")).json()) == []
    everything = (await client.get("Patient/a/*")).json()
    assert sorted(ids(everything)) == ["a", "x"]
    posted = await client.post(
        "Patient/a/Observation/_search", "", content_type="application/x-www-form-urlencoded"
    )
    assert ids(posted.json()) == ["x"]


async def test_a_search_over_types(client) -> None:
    bundle = (await client.get("?_type=Patient,Organization&_id=a,o")).json()
    assert sorted(ids(bundle)) == ["a", "o"]


async def test_an_unknown_parameter_is_refused_or_leniently_left_out_and_named(client) -> None:
    strict = await client.get("Patient?colour=red&_id=a")
    assert strict.status_code == 400
    lenient = (await client.get("Patient?colour=red&_id=a", prefer="handling=lenient")).json()
    assert ids(lenient) == ["a"]
    assert link(lenient, "self") == f"{BASE_URL}/Patient?_id=a"
    assert lenient["entry"][-1]["resource"]["issue"][0]["severity"] == "warning"


async def test_elements_and_summary_give_tagged_parts(client) -> None:
    part = (await client.get("Patient?_id=a&_elements=gender")).json()["entry"][0]["resource"]
    assert set(part) == {"resourceType", "id", "meta", "gender"}
    assert part["meta"]["tag"][0]["code"] == "SUBSETTED"
    whole = (await client.get("Observation?_id=x&_summary=true")).json()["entry"][0]["resource"]
    assert "subject" in whole


async def test_an_explanation_tells_the_tree_and_the_steps_of_the_store(client) -> None:
    url = "Patient?_explain=true&organization.name=o&gender:not=male,female&_sort=-family"
    explained = (await client.get(url)).json()
    assert explained["resourceType"] == "Parameters"
    said = {p["name"]: p.get("valueString") for p in explained["parameter"]}
    assert said["types"] == "Patient"
    assert said["sort"] == "-family"
    assert said["where"].splitlines() == [
        "all of",
        "  any of",
        "    organization refers to Organization with",
        "      string name prefix: 'o'",
        "    string organization:Organization.name prefix: 'o'",
        "  not",
        "    token gender: (- 'male'), (- 'female')",
    ]
    steps = [p["part"] for p in explained["parameter"] if p["name"] == "step"]
    assert any(part["name"] == "index" for step in steps for part in step)


async def test_everything_that_refers_to_a_match_comes_along_for_a_star(client) -> None:
    bundle = (await client.get("Organization?_id=o&_revinclude=*")).json()
    assert ids(bundle) == ["o"]
    assert sorted(ids(bundle, "include")) == ["a", "b", "c"]
    further = (await client.get("Organization?_id=o&_revinclude:iterate=*")).json()
    assert sorted(ids(further, "include")) == ["a", "b", "c", "x"]
