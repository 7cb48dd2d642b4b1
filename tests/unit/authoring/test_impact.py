"""`profile impact`: what a draft changes for resources that are here."""

from fhir_server.authoring import Comparison, Impact, csv_rows
from fhir_server.terminology import Terminology
from fhir_server.validation import Validator
from tests.support.workspace import BASE, profile

URL = f"{BASE}/StructureDefinition/P"
NAMED = {"resourceType": "Patient", "meta": {"profile": [URL]}, "name": [{"text": "Т"}]}
NAMELESS = {"resourceType": "Patient", "meta": {"profile": [URL]}, "active": True}


def comparison(core, before, after, profiles=None) -> Comparison:
    sides = [core.with_resources([profile("P", said)]) for said in (before, after)]
    validators = [Validator(side, Terminology(side)) for side in sides]
    return Comparison(current=validators[0], draft=validators[1], profiles=profiles or {})


def test_what_fails_only_under_the_draft_is_counted_by_rule_with_samples(core):
    compare = comparison(core, {}, {"Patient.name": {"min": 1}})
    impact = Impact()
    for name, resource in (("Patient/1", NAMELESS), ("Patient/2", NAMED), ("Patient/3", NAMELESS)):
        compare.add_to(impact, name, resource)

    assert (impact.checked, impact.newly_failing, impact.newly_passing) == (3, 2, 0)
    [rule] = impact.as_json()["rules"]
    assert rule["rule"] == "cardinality-min"
    assert rule["source"].endswith("StructureDefinition/P#Patient.name")
    assert [s["resource"] for s in rule["samples"]] == ["Patient/1", "Patient/3"]


def test_what_fails_no_longer_is_counted_too(core):
    compare = comparison(core, {"Patient.name": {"min": 1}}, {})
    impact = Impact()
    compare.add_to(impact, "Patient/1", NAMELESS)

    assert impact.newly_passing == 1
    assert impact.as_json()["rules"][0]["newlyPassing"] == 1


def test_a_draft_may_be_asked_of_resources_that_do_not_claim_it(core):
    compare = comparison(core, {}, {"Patient.name": {"min": 1}}, {"Patient": (URL,)})
    impact = Impact()
    compare.add_to(impact, "Patient/1", {"resourceType": "Patient", "active": True})

    assert impact.newly_failing == 1


def test_samples_hold_no_values_of_patients(core):
    compare = comparison(core, {}, {"Patient.name": {"max": "0"}})
    impact = Impact()
    compare.add_to(impact, "Patient/1", {**NAMED, "name": [{"text": "Таємниця"}]})

    assert impact.newly_failing == 1
    assert "Таємниця" not in str(impact.as_json()) + str(csv_rows(impact))


def test_counts_survive_a_journal_and_add_up(core):
    compare = comparison(core, {}, {"Patient.name": {"min": 1}})
    halves = [Impact(), Impact()]
    for half, name in zip(halves, ("Patient/1", "Patient/2"), strict=True):
        compare.add_to(half, name, NAMELESS)

    whole = Impact.from_json(halves[0].as_json())
    whole.merge(halves[1])

    assert (whole.checked, whole.newly_failing) == (2, 2)
    assert len(csv_rows(whole)) == 3
