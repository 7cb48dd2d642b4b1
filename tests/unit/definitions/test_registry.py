"""Looking definitions up, and adding some without touching what is there."""

import pytest

from fhir_server.definitions import DefinitionErrors
from tests.support.profiles import HL7, profile


def value_set(version, **more):
    return {"resourceType": "ValueSet", "url": "urn:v", "version": version, **more}


def minimum(registry, canonical, name="name"):
    (found,) = [c for c in registry.structure(canonical).root.children if c.name == name]
    return found.min


@pytest.mark.parametrize(
    ("canonical", "version"),
    [
        ("urn:v", "1.10.0"),
        ("urn:v|1.9.1", "1.9.1"),
        ("urn:v|1.9", "1.9.1"),
        ("urn:v|1", "1.10.0"),
        ("urn:v#part", "1.10.0"),
        ("urn:v|2", None),
        ("urn:other", None),
    ],
)
def test_a_canonical_finds_the_version_it_means(core, canonical, version):
    registry = core.with_resources([value_set(v) for v in ("1.9.0", "1.10.0", "1.9.1")])

    found = registry.value_set(canonical)

    assert (found and found["version"]) == version


def test_of_equal_versions_the_last_given_counts(core):
    registry = core.with_resources([value_set("1", name="a")])
    registry = registry.with_resources([value_set("1", name="b")])

    assert registry.value_set("urn:v")["name"] == "b"
    assert [entry.name for entry in registry.listing("ValueSet") if entry.url == "urn:v"] == ["b"]


def test_adding_leaves_the_old_registry_as_it_was(core):
    registry = core.with_resources([value_set("1")])

    assert core.value_set("urn:v") is None
    assert registry.value_set("urn:v") is not None
    assert registry.types is core.types
    assert registry.type_structure("Patient") is core.type_structure("Patient")


def test_adding_nothing_new_is_taken_back_by_without(core):
    registry = core.with_resources([value_set("1"), value_set("2")])

    assert registry.without("ValueSet", "urn:v|2").value_set("urn:v")["version"] == "1"
    assert registry.without("ValueSet", "urn:v").value_set("urn:v") is None
    assert registry.without("CodeSystem", "urn:v").value_set("urn:v")["version"] == "2"


def test_a_packaged_definition_can_be_hidden_but_not_removed(core):
    url = "http://hl7.org/fhir/ValueSet/administrative-gender"
    hidden = core.with_resources([{"resourceType": "ValueSet", "url": url, "version": "9"}])

    assert core.is_packaged("ValueSet", url)
    assert hidden.value_set(url)["version"] == "9"
    assert hidden.value_set(url + "|4.0.1") is not None
    assert hidden.without("ValueSet", url).value_set(url)["version"] == "4.0.1"


def test_structures_are_found_by_url_and_types_by_name(core):
    assert core.structure(HL7 + "Patient|4.0.1").type == "Patient"
    assert core.type_structure("HumanName").kind == "complex-type"
    assert core.type_structure("code").base == HL7 + "string"
    assert core.type_structure("SimpleQuantity").derivation == "constraint"
    assert core.type_structure("Nonsense") is None
    assert core.structure(HL7 + "Patient|3.0.0") is None


def test_every_core_structure_with_a_snapshot_compiles(core):
    without = [
        entry.id
        for entry in core.listing("StructureDefinition")
        if core.structure(entry.url) is None
    ]

    assert len(core.listing("StructureDefinition")) == 655
    assert sorted(without) == ["example-composition", "example-section-library"]


def test_definitions_are_listed_by_kind(core):
    assert len(core.listing("SearchParameter")) == 1400
    assert sum(1 for _ in core.resources("CompartmentDefinition")) == 6
    assert "StructureMap" in core.kinds()
    assert core.listing("Patient") == ()


def test_narrative_and_mappings_are_dropped(core):
    patient = core.resource("StructureDefinition", HL7 + "Patient")

    assert "text" not in patient
    assert "mapping" not in patient
    assert not any("mapping" in e or "comment" in e for e in patient["snapshot"]["element"])
    assert all("definition" in e for e in patient["snapshot"]["element"])


def test_a_profile_gets_a_snapshot_when_it_is_added(core):
    registry = core.with_resources(
        [profile("urn:p", "Patient", {"path": "Patient.name", "min": 1})]
    )

    assert minimum(registry, "urn:p") == 1


def test_a_profile_that_arrives_with_a_snapshot_keeps_it(core):
    elements = [{"id": "Patient", "path": "Patient"}, {"path": "Patient.name", "min": 4}]
    registry = core.with_resources([profile("urn:p", "Patient", snapshot={"element": elements})])

    assert minimum(registry, "urn:p") == 4


def test_a_changed_profile_changes_those_that_derive_from_it(core):
    base = profile("urn:base", "Patient", {"path": "Patient.name", "min": 1})
    middle = profile("urn:middle", "Patient", baseDefinition="urn:base")
    top = profile("urn:top", "Patient", baseDefinition="urn:middle")
    registry = core.with_resources([top, middle, base])
    assert minimum(registry, "urn:top") == 1

    changed = registry.with_resources(
        [profile("urn:base", "Patient", {"path": "Patient.name", "min": 2})]
    )

    assert minimum(changed, "urn:top") == 2
    assert minimum(registry, "urn:top") == 1


def test_a_changed_extension_changes_the_profiles_that_use_it(core):
    def extension(maximum):
        return profile(
            "urn:e", "Extension", {"path": "Extension", "max": maximum}, kind="complex-type"
        )

    use = profile(
        "urn:p",
        "Patient",
        {
            "path": "Patient.extension",
            "sliceName": "e",
            "type": [{"code": "Extension", "profile": ["urn:e"]}],
        },
    )
    registry = core.with_resources([extension("1"), use])

    changed = registry.with_resources([extension("3")])

    def maximum(found):
        (parent,) = [c for c in found.structure("urn:p").root.children if c.name == "extension"]
        return parent.slices[0].max

    assert (maximum(registry), maximum(changed)) == (1, 3)


def test_a_bad_profile_never_replaces_a_good_one(core):
    registry = core.with_resources(
        [profile("urn:p", "Patient", {"path": "Patient.name", "min": 1})]
    )

    with pytest.raises(DefinitionErrors) as caught:
        registry.with_resources([profile("urn:p", "Patient", {"path": "Patient.nom", "min": 1})])

    assert caught.value.status == 422
    assert minimum(registry, "urn:p") == 1


def test_a_base_that_others_cannot_do_without_is_not_taken_away(core):
    registry = core.with_resources(
        [profile("urn:a", "Patient"), profile("urn:b", "Patient", baseDefinition="urn:a")]
    )

    with pytest.raises(DefinitionErrors) as caught:
        registry.without("StructureDefinition", "urn:a")

    assert [(i.rule, i.source) for i in caught.value.issues] == [("snapshot-base-unknown", "urn:b")]


def test_a_snapshot_whose_tree_does_not_hold_is_refused(core):
    elements = [{"path": "Patient"}, {"path": "Patient.contact.name"}]

    with pytest.raises(DefinitionErrors) as caught:
        core.with_resources([profile("urn:p", "Patient", snapshot={"element": elements})])

    assert [(i.rule, i.source) for i in caught.value.issues] == [("structure-broken", "urn:p")]


def test_all_problems_of_all_resources_are_reported_together(core):
    with pytest.raises(DefinitionErrors) as caught:
        core.with_resources([{"resourceType": "SearchParameter"}, {"url": "urn:x"}])

    assert [i.expected for i in caught.value.issues] == ["url", "code", "type", "resourceType"]


def test_packaged_profiles_follow_a_changed_base(tmp_path):
    """An override hides what was generated on the old base, and nothing remains when it goes."""
    import json

    from fhir_server.definitions import load_registry

    (tmp_path / "package").mkdir()
    for name, definition in {
        "a": profile("urn:a", "Patient", {"path": "Patient.name", "min": 1}),
        "b": profile("urn:b", "Patient", baseDefinition="urn:a"),
    }.items():
        (tmp_path / "package" / f"{name}.json").write_text(json.dumps(definition))
    registry = load_registry(extra=[tmp_path], cache=tmp_path / "cache", national=False)

    changed = registry.with_resources(
        [profile("urn:a", "Patient", {"path": "Patient.name", "min": 2})]
    )
    again = changed.with_resources([value_set("1")])
    back = again.without("StructureDefinition", "urn:a")

    assert [minimum(r, "urn:b") for r in (registry, changed, again, back)] == [1, 2, 2, 1]
    assert [e.url for e, _ in back.added()] == ["urn:v"]
