"""https://hl7.org/fhir/R4/http.html#transaction and #trules"""

import asyncio

import pytest

from tests.support.client import BASE_URL, json_text, rules, running

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.spec("http.html#transaction", "http.html#trules", "http.html#transaction-response"),
]

ONE = "urn:uuid:0c3f3a4e-5b1d-4a63-8f21-000000000001"
TWO = "urn:uuid:0c3f3a4e-5b1d-4a63-8f21-000000000002"
IDENTIFIER = [{"system": "urn:s", "value": "1"}]


def bundle(*entries, **more):
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries), **more}


def entry(method, url, resource=None, full_url=None, **conditions):
    made = {"request": {"method": method, "url": url, **conditions}}
    if resource is not None:
        made["resource"] = resource
    if full_url is not None:
        made["fullUrl"] = full_url
    return made


def patient(**more):
    return {"resourceType": "Patient", **more}


def observation(**more):
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **more}


GROUP = {
    "resourceType": "Group",
    "id": "g",
    "type": "person",
    "actual": True,
    "member": [{"entity": {"reference": TWO}}],
}


def seealso(reference):
    return {"other": {"reference": reference}, "type": "seealso"}


CRITERIA = "identifier=urn:s|1"


async def count(client, resource_type):
    return (await client.get(f"{resource_type}?_summary=count")).json()["total"]


async def test_answers_stand_in_the_order_of_the_entries(client) -> None:
    await client.put("Patient/gone", patient(id="gone"))
    answer = await client.post(
        "",
        bundle(
            entry("GET", "Patient/new"),
            entry("PUT", "Patient/new", patient(id="new")),
            entry("POST", "Patient", patient()),
            entry("DELETE", "Patient/gone"),
            entry("GET", "Patient?_id=new"),
        ),
    )
    assert answer.status_code == 200
    assert answer.json()["type"] == "transaction-response"
    entries = answer.json()["entry"]
    assert [e["response"]["status"][:3] for e in entries] == ["200", "201", "201", "204", "200"]
    assert entries[0]["resource"]["id"] == "new"
    assert entries[1]["response"] == {
        "status": "201 Created",
        "location": "Patient/new/_history/1",
        "etag": 'W/"1"',
        "lastModified": "2024-05-06T07:08:09.000Z",
    }
    assert entries[4]["resource"]["total"] == 1


async def test_links_between_entries_become_the_new_ids_wherever_they_stand(client) -> None:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{TWO}">x</a></div>'
    answer = await client.post(
        "",
        bundle(
            entry(
                "POST",
                "Observation",
                observation(
                    subject={"reference": TWO},
                    text={"status": "generated", "div": div},
                    extension=[
                        {"url": "http://example.org/u", "valueUri": TWO},
                        {"url": "http://example.org/s", "valueString": TWO},
                    ],
                    identifier=[{"system": "urn:ietf:rfc:3986", "value": TWO}],
                    contained=[GROUP],
                    focus=[{"reference": "#g"}],
                ),
                ONE,
            ),
            entry("POST", "Patient", patient(), TWO),
        ),
        prefer="return=representation",
    )  # fmt: skip
    stored = answer.json()["entry"][0]["resource"]
    made = f"Patient/{answer.json()['entry'][1]['resource']['id']}"
    assert stored["subject"]["reference"] == made
    assert f'href="{made}"' in stored["text"]["div"]
    assert [list(e.values())[1] for e in stored["extension"]] == [made, TWO]
    assert stored["identifier"][0]["value"] == TWO
    assert stored["contained"][0]["member"][0]["entity"]["reference"] == made
    assert stored["focus"][0]["reference"] == "#g"


async def test_a_relative_reference_means_what_lies_beside_the_entry(client) -> None:
    """bundle.html#references: it is resolved against the service root of the entry's fullUrl."""
    answer = await client.post(
        "",
        bundle(
            entry("POST", "Patient", patient(), "http://other.org/fhir/Patient/7"),
            entry(
                "POST",
                "Observation",
                observation(subject={"reference": "Patient/7"}),
                "http://other.org/fhir/Observation/8",
            ),
        ),
        prefer="return=representation",
    )
    patient_id = answer.json()["entry"][0]["resource"]["id"]
    assert answer.json()["entry"][1]["resource"]["subject"]["reference"] == f"Patient/{patient_id}"


async def test_entries_may_refer_to_each_other_in_a_circle(client) -> None:
    answer = await client.post(
        "",
        bundle(
            entry("POST", "Patient", patient(link=[seealso(TWO)]), ONE),
            entry("POST", "Patient", patient(link=[seealso(ONE)]), TWO),
        ),
        prefer="return=representation",
    )  # fmt: skip
    one, two = (e["resource"] for e in answer.json()["entry"])
    assert one["link"][0]["other"]["reference"] == f"Patient/{two['id']}"
    assert two["link"][0]["other"]["reference"] == f"Patient/{one['id']}"


async def test_a_conditional_reference_is_resolved_to_the_only_match(client) -> None:
    await client.put("Patient/a", patient(id="a", identifier=IDENTIFIER))
    reference = {"reference": "Patient?identifier=urn:s|1"}
    answer = await client.post(
        "",
        bundle(entry("POST", "Observation", observation(subject=reference))),
        prefer="return=representation",
    )
    assert answer.json()["entry"][0]["resource"]["subject"]["reference"] == "Patient/a"


async def test_a_conditional_reference_may_mean_what_the_bundle_itself_creates(client) -> None:
    answer = await client.post(
        "",
        bundle(
            entry("POST", "Observation", observation(subject={"reference": f"Patient?{CRITERIA}"})),
            entry("POST", "Patient", patient(identifier=IDENTIFIER), ifNoneExist=CRITERIA),
        ),
        prefer="return=representation",
    )
    made = answer.json()["entry"][1]["resource"]["id"]
    assert answer.json()["entry"][0]["resource"]["subject"]["reference"] == f"Patient/{made}"


@pytest.mark.parametrize(("stored", "rule"), [(0, "reference-no-match"), (2, "criteria-multiple")])
async def test_a_conditional_reference_to_none_or_many_fails_the_whole(
    client, stored, rule
) -> None:
    for _ in range(stored):
        await client.post("Patient", patient(identifier=IDENTIFIER))
    reference = {"reference": "Patient?identifier=urn:s|1"}
    answer = await client.post(
        "",
        bundle(
            entry("POST", "Patient", patient()),
            entry("POST", "Observation", observation(subject=reference)),
        ),
    )
    assert (answer.status_code, rules(answer)) == (412, [rule])
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[1].resource"]
    assert await count(client, "Patient") == stored


async def test_one_bad_entry_of_fifty_stores_none_and_is_named(client) -> None:
    entries = [entry("POST", "Patient", patient(active=True)) for _ in range(50)]
    entries[30]["resource"]["gender"] = "blue"
    answer = await client.post("", bundle(*entries))
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[30].resource.gender"]
    assert await count(client, "Patient") == 0


async def test_errors_of_all_entries_are_told_at_once_with_their_place_in_the_text(client) -> None:
    text = json_text(
        bundle(
            entry("POST", "Patient", patient(gender="blue")),
            entry("POST", "Patient", patient(active=True)),
            entry("POST", "Patient", patient(birthDate="2001-02-31")),
        )
    ).replace(b'{"request"', b'\n{"request"')
    answer = await client.post("", text)
    errors = [i for i in answer.json()["issue"] if i["severity"] == "error"]
    assert [i["expression"][0].partition(".resource")[0] for i in errors] == [
        "Bundle.entry[0]",
        "Bundle.entry[2]",
    ]
    lines = [e["valueInteger"] for i in errors for e in i["extension"] if "line" in e["url"]]
    assert lines == [2, 4]


async def test_an_entry_that_cannot_be_read_fails_the_whole(client) -> None:
    answer = await client.post(
        "", bundle(entry("POST", "Patient", patient()), entry("GET", "Patient/never"))
    )
    assert (answer.status_code, rules(answer)) == (404, ["not-found"])
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[1].resource"]
    assert await count(client, "Patient") == 0


async def test_what_the_transaction_deletes_cannot_be_read_by_it(client) -> None:
    await client.put("Patient/a", patient(id="a"))
    answer = await client.post("", bundle(entry("DELETE", "Patient/a"), entry("GET", "Patient/a")))
    assert (answer.status_code, rules(answer)) == (410, ["deleted"])
    assert (await client.get("Patient/a")).status_code == 200


async def test_a_deleted_resource_cannot_be_read_either(client) -> None:
    await client.put("Patient/a", patient(id="a"))
    await client.delete("Patient/a")
    answer = await client.post("", bundle(entry("GET", "Patient/a")))
    assert answer.status_code == 410


async def test_a_search_that_is_not_understood_fails_the_whole(client) -> None:
    answer = await client.post(
        "", bundle(entry("POST", "Patient", patient()), entry("GET", "Patient?colour=red"))
    )
    assert answer.status_code == 400
    assert await count(client, "Patient") == 0


async def test_the_same_resource_twice_is_refused(client) -> None:
    answer = await client.post(
        "", bundle(entry("PUT", "Patient/a", patient(id="a")), entry("DELETE", "Patient/a"))
    )
    assert (answer.status_code, rules(answer)) == (400, ["bundle-same-resource"])
    assert "Bundle.entry[0]" in answer.json()["issue"][0]["diagnostics"]


async def test_the_same_resource_by_id_and_by_criteria_is_refused(client) -> None:
    await client.put("Patient/a", patient(id="a", identifier=IDENTIFIER))
    answer = await client.post(
        "",
        bundle(
            entry("PUT", "Patient/a", patient(id="a")),
            entry("DELETE", "Patient?identifier=urn:s|1"),
        ),
    )
    assert (answer.status_code, rules(answer)) == (400, ["bundle-same-resource"])


async def test_two_creates_by_the_same_criteria_are_refused(client) -> None:
    one = entry("POST", "Patient", patient(identifier=IDENTIFIER), ifNoneExist=CRITERIA)
    answer = await client.post("", bundle(one, one))
    assert (answer.status_code, rules(answer)) == (400, ["bundle-same-resource"])


async def test_the_same_full_url_twice_is_refused(client) -> None:
    one = entry("POST", "Patient", patient(), ONE)
    answer = await client.post("", bundle(one, one))
    assert (answer.status_code, rules(answer)) == (400, ["bundle-same-full-url"])


async def test_a_conditional_create_inside_takes_what_is_there(client) -> None:
    await client.put("Patient/a", patient(id="a", identifier=IDENTIFIER))
    answer = await client.post(
        "",
        bundle(
            entry("POST", "Patient", patient(identifier=IDENTIFIER), ONE, ifNoneExist=CRITERIA),
            entry("POST", "Observation", observation(subject={"reference": ONE})),
        ),
        prefer="return=representation",
    )  # fmt: skip
    first, second = answer.json()["entry"]
    assert first["response"]["status"] == "200 OK"
    assert first["response"]["location"] == "Patient/a/_history/1"
    assert second["resource"]["subject"]["reference"] == "Patient/a"
    assert await count(client, "Patient") == 1


async def test_a_conditional_create_sees_what_the_same_transaction_deletes(client) -> None:
    """Deletes come first in the processing order, wherever they stand in the Bundle."""
    await client.put("Patient/a", patient(id="a", identifier=IDENTIFIER))
    answer = await client.post(
        "",
        bundle(
            entry("POST", "Patient", patient(identifier=IDENTIFIER), ifNoneExist=CRITERIA),
            entry("DELETE", "Patient/a"),
        ),
    )  # fmt: skip
    statuses = [e["response"]["status"][:3] for e in answer.json()["entry"]]
    assert statuses == ["201", "204"]
    assert await count(client, "Patient") == 1


async def test_conditional_update_delete_and_patch_work_inside(client) -> None:
    for name in "abc":
        identifier = [{"system": "urn:s", "value": name}]
        await client.put(f"Patient/{name}", patient(id=name, identifier=identifier))
    gender = {"name": "value", "valueCode": "other"}
    patch = {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "operation",
                "part": [
                    {"name": "type", "valueCode": "add"},
                    {"name": "path", "valueString": "Patient"},
                    {"name": "name", "valueString": "gender"},
                    gender,
                ],
            }
        ],
    }
    answer = await client.post(
        "",
        bundle(
            entry("PUT", "Patient?identifier=urn:s|a", patient(active=True)),
            entry("DELETE", "Patient?identifier=urn:s|b"),
            entry("PATCH", "Patient?identifier=urn:s|c", patch),
            entry("DELETE", "Patient?identifier=urn:s|none"),
        ),
    )
    statuses = [e["response"]["status"][:3] for e in answer.json()["entry"]]
    assert statuses == ["200", "204", "200", "204"]
    assert (await client.get("Patient/a")).json()["active"] is True
    assert (await client.get("Patient/b")).status_code == 410
    assert (await client.get("Patient/c")).json()["gender"] == "other"


async def test_a_conditional_patch_without_match_fails_the_whole(client) -> None:
    patch = {"resourceType": "Parameters"}
    answer = await client.post("", bundle(entry("PATCH", "Patient?identifier=urn:s|1", patch)))
    assert (answer.status_code, rules(answer)) == (404, ["criteria-none"])


async def test_if_match_inside_is_kept(client) -> None:
    await client.put("Patient/a", patient(id="a"))
    put = entry("PUT", "Patient/a", patient(id="a", active=True), ifMatch='W/"9"')
    answer = await client.post("", bundle(entry("POST", "Patient", patient()), put))
    assert (answer.status_code, rules(answer)) == (412, ["version-mismatch"])
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[1]"]
    assert await count(client, "Patient") == 1


async def test_a_profile_in_the_bundle_is_stored_with_its_instances(client) -> None:
    value_set = {"resourceType": "ValueSet", "status": "active", "url": "http://example.org/v"}
    answer = await client.post(
        "", bundle(entry("POST", "ValueSet", value_set), entry("POST", "Patient", patient()))
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ({"resource": patient()}, "bundle-request-missing"),
        ("x", "bundle-request-missing"),
        (entry("FETCH", "Patient", patient()), "bundle-method"),
        ({"request": {"method": "POST"}, "resource": patient()}, "bundle-url-missing"),
        (
            {"request": {"method": "POST", "url": "Patient"}, "resource": []},
            "bundle-resource-shape",
        ),
        (entry("POST", "Unicorn", patient()), "unknown-type"),
        (entry("POST", "Patient"), "body-missing"),
        (entry("POST", "Person", patient()), "resource-type-other"),
        (entry("POST", "Patient/a", patient()), "bundle-not-in-transaction"),
        (entry("POST", "Patient/$validate", patient()), "bundle-not-in-transaction"),
        (entry("PUT", "Patient/a", patient(id="b")), "id-other"),
        (entry("PUT", "Patient/a", patient(id="a"), ifMatch="W/x y"), "header-etag"),
        (entry("GET", "Patient/a", ifModifiedSince="never"), "moment-syntax"),
        (entry("DELETE", "Patient"), "criteria-missing"),
    ],
)
async def test_a_malformed_entry_is_refused_and_named(client, broken, rule) -> None:
    answer = await client.post("", bundle(entry("POST", "Patient", patient()), broken))
    assert answer.status_code in {400, 404}
    assert rules(answer) == [rule]
    assert answer.json()["issue"][0]["expression"][0].startswith("Bundle.entry[1]")
    assert await count(client, "Patient") == 0


async def test_entries_that_are_no_array_are_refused(client) -> None:
    answer = await client.post("", {**bundle(), "entry": {}})
    assert (answer.status_code, rules(answer)) == (400, ["bundle-entry-shape"])


async def test_an_empty_transaction_is_answered(client) -> None:
    answer = await client.post("", {"resourceType": "Bundle", "type": "transaction"})
    assert answer.json() == {"resourceType": "Bundle", "type": "transaction-response"}


async def test_urls_may_be_absolute_or_start_with_a_slash(client) -> None:
    answer = await client.post(
        "",
        bundle(
            entry("POST", f"{BASE_URL}/Patient", patient()), entry("POST", "/Patient", patient())
        ),
    )
    assert answer.status_code == 200
    assert await count(client, "Patient") == 2


async def test_more_entries_than_the_limit_are_refused() -> None:
    from dataclasses import replace

    from tests.support.client import SETTINGS

    limits = replace(SETTINGS.bundle, max_transaction_entries=2)
    async with running(bundle=limits) as client:
        answer = await client.post("", bundle(*[entry("POST", "Patient", patient())] * 3))
        assert (answer.status_code, rules(answer)) == (413, ["bundle-too-many"])


async def test_of_transactions_that_race_for_one_identifier_one_creates(client) -> None:
    one = bundle(
        entry("POST", "Patient", patient(identifier=IDENTIFIER), ONE, ifNoneExist=CRITERIA),
        entry("POST", "Observation", observation(subject={"reference": ONE})),
    )  # fmt: skip
    answers = await asyncio.gather(*(client.post("", one) for _ in range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert await count(client, "Patient") == 1
    found = (await client.get("Observation?_count=50")).json()["entry"]
    assert len({e["resource"]["subject"]["reference"] for e in found}) == 1
