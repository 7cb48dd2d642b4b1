"""The national package keeps its own rules: addresses, languages, no link that leads nowhere."""

from collections import Counter
from collections.abc import Iterator

import pytest

from fhir_server.validation.checks import CHECKS
from tests.support.national import BASE, Json, definitions, structures, validator

CHECK = f"{BASE}StructureDefinition/registered-check"
TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"


def everything() -> list[Json]:
    return [*definitions("profiles"), *definitions("terminology")]


def label(definition: Json) -> str:
    return f"{definition['resourceType']}/{definition['id']}"


def elements() -> Iterator[tuple[str, Json]]:
    for structure in structures():
        for element in structure["differential"]["element"]:
            yield structure["id"], element


def is_in_ukrainian(holder: Json, key: str) -> bool:
    translations = holder.get("_" + key, {}).get("extension", ())
    return any(
        each["url"] == TRANSLATION and {"url": "lang", "valueCode": "uk"} in each["extension"]
        for each in translations
    )


@pytest.mark.parametrize("definition", everything(), ids=label)
def test_a_definition_is_a_draft_of_this_project_in_two_languages(definition: Json) -> None:
    assert definition["status"] == "draft"
    assert is_in_ukrainian(definition, "description")
    if definition["resourceType"] == "NamingSystem":  # it has no url
        assert definition["uniqueId"][0]["value"] == f"{BASE}sid/{definition['id']}"
        return
    assert definition["url"] == f"{BASE}{label(definition)}"
    assert definition["experimental"] is True
    if definition["resourceType"] != "SearchParameter":
        assert is_in_ukrainian(definition, "title")


@pytest.mark.parametrize("structure", structures(), ids=label)
def test_a_profile_compiles(structure: Json) -> None:
    compiled = validator().registry.structure(structure["url"])
    assert compiled is not None
    assert compiled.type == structure["type"]
    assert dict(compiled.title).keys() == {"en", "uk"}


def test_no_two_rules_share_a_key_and_each_speaks_both_languages() -> None:
    rules = [rule for _, element in elements() for rule in element.get("constraint", ())]
    keys = Counter(rule["key"] for rule in rules)
    assert [key for key, count in keys.items() if count > 1] == []
    assert [rule["key"] for rule in rules if not is_in_ukrainian(rule, "human")] == []


def test_every_text_of_an_element_is_in_ukrainian_too() -> None:
    untranslated = [
        f"{profile}: {element['id']}"
        for profile, element in elements()
        if "short" in element and not is_in_ukrainian(element, "short")
    ]
    assert untranslated == []


def test_every_binding_leads_to_a_value_set() -> None:
    registry = validator().registry
    missing = {
        element["binding"]["valueSet"]
        for _, element in elements()
        if "binding" in element and registry.value_set(element["binding"]["valueSet"]) is None
    }
    assert missing == set()


def test_every_profile_named_by_an_element_is_here() -> None:
    registry = validator().registry
    named = {
        profile
        for _, element in elements()
        for each in element.get("type", ())
        for profile in (*each.get("profile", ()), *each.get("targetProfile", ()))
    }
    assert {profile for profile in named if registry.structure(profile) is None} == set()


def test_every_system_of_a_value_set_is_here_or_belongs_to_somebody_else() -> None:
    systems = {each["url"] for each in definitions("terminology/code-systems")}
    used = {
        include["system"]
        for each in definitions("terminology/value-sets")
        for include in each["compose"]["include"]
    }
    assert {system for system in used - systems if system.startswith(BASE)} == set()


def test_every_registered_check_that_a_profile_names_exists() -> None:
    named = {
        extension["valueCode"]
        for _, element in elements()
        for extension in element.get("extension", ())
        if extension["url"] == CHECK
    }
    assert named == set(CHECKS)


def test_every_identifier_system_of_a_profile_has_a_naming_system() -> None:
    known = {
        each["uniqueId"][0]["value"]
        for each in definitions("profiles")
        if each["resourceType"] == "NamingSystem"
    }
    used = {
        element["patternUri"]
        for _, element in elements()
        if element.get("patternUri", "").startswith(f"{BASE}sid/")
    }
    assert used <= known


def test_every_target_of_a_concept_map_is_a_code_of_its_system() -> None:
    registry = validator().registry
    unknown = [
        (each["id"], target["code"])
        for each in definitions("terminology/concept-maps")
        for group in each["group"]
        if (system := registry.code_system(group["target"])) is not None
        for element in group["element"]
        for target in element["target"]
        if "code" in target and target["code"] not in codes(system["concept"])
    ]
    assert unknown == []


def codes(concepts: list[Json]) -> set[str]:
    """Every code of a hierarchy."""
    below = (codes(each["concept"]) for each in concepts if "concept" in each)
    return {each["code"] for each in concepts}.union(*below)


@pytest.mark.parametrize(
    ("resource_type", "code", "kind"),
    [
        ("Encounter", "visit", "token"),
        ("MedicationRequest", "medical-program", "reference"),
        ("ServiceRequest", "medical-program", "reference"),
        ("ServiceRequest", "program-processing-status", "token"),
        ("ServiceRequest", "used-by", "reference"),
        ("ServiceRequest", "expiration-date", "date"),
        ("Patient", "verification-status", "token"),
    ],
)
def test_extensions_that_people_look_for_have_a_search_parameter(
    resource_type: str, code: str, kind: str
) -> None:
    assert validator().registry.search_parameters(resource_type)[code].type == kind
