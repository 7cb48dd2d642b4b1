"""What a snapshot takes from its base, from profiles on types and from the differential."""

from fhir_server.definitions import snapshot
from tests.support.profiles import profile


def element(made, element_id):
    return next(e for e in made["snapshot"]["element"] if e["id"] == element_id)


def test_the_input_stays_as_it_is(core):
    given = profile("urn:x", "Patient", {"path": "Patient.name", "min": 1})
    before = {**given, "differential": {"element": [{"path": "Patient.name", "min": 1}]}}

    snapshot(given, core)

    assert given == before


def test_an_old_snapshot_is_replaced(core):
    given = profile("urn:x", "Patient", snapshot={"element": [{"path": "Patient"}]})

    made = snapshot(given, core)

    assert len(made["snapshot"]["element"]) == 45


def test_invariants_are_added_to_the_inherited_ones(core):
    rule = {"key": "x-1", "severity": "error", "human": "h", "expression": "true"}
    made = snapshot(
        profile("urn:x", "Patient", {"path": "Patient.contact", "constraint": [rule]}), core
    )

    keys = [c["key"] for c in element(made, "Patient.contact")["constraint"]]
    assert keys == ["ele-1", "pat-1", "x-1"]


def test_a_binding_keeps_what_the_differential_leaves_out(core):
    made = snapshot(
        profile(
            "urn:x",
            "Patient",
            {"path": "Patient.maritalStatus", "binding": {"strength": "required"}},
        ),
        core,
    )

    binding = element(made, "Patient.maritalStatus")["binding"]
    assert binding["strength"] == "required"
    assert binding["valueSet"] == "http://hl7.org/fhir/ValueSet/marital-status"


def test_three_dots_continue_the_text_of_the_base(core):
    made = snapshot(
        profile("urn:x", "Patient", {"path": "Patient.active", "definition": "...and alive."}),
        core,
    )

    text = element(made, "Patient.active")["definition"]
    assert text.startswith("Whether this patient record is in active use.")
    assert text.endswith("\nand alive.")


def test_an_extension_slice_takes_what_the_extension_says_of_itself(core):
    url = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"
    made = snapshot(
        profile(
            "urn:x",
            "Patient",
            {
                "path": "Patient.extension",
                "sliceName": "t",
                "type": [{"code": "Extension", "profile": [url]}],
            },
        ),
        core,
    )

    slice_ = element(made, "Patient.extension:t")
    assert (slice_["min"], slice_["max"]) == (0, "1")
    assert slice_["short"] == "Time of day of birth"
    assert [c["key"] for c in slice_["constraint"]] == ["ele-1", "ext-1"]


def test_a_modifier_extension_makes_its_slice_a_modifier(core):
    modifier = profile(
        "urn:mod", "Extension", {"path": "Extension", "isModifier": True, "isModifierReason": "r"}
    )
    registry = core.with_resources([{**modifier, "kind": "complex-type"}])
    made = snapshot(
        profile(
            "urn:x",
            "Patient",
            {
                "path": "Patient.modifierExtension",
                "sliceName": "m",
                "type": [{"code": "Extension", "profile": ["urn:mod"]}],
            },
        ),
        registry,
    )

    assert element(made, "Patient.modifierExtension:m")["isModifierReason"] == "r"


def test_a_logical_model_may_add_elements(core):
    model = {
        **profile(
            "urn:model",
            "Element",
            {"path": "Visit", "min": 0, "max": "*"},
            {"path": "Visit.room", "min": 1, "max": "1", "type": [{"code": "string"}]},
        ),
        "kind": "logical",
        "type": "Visit",
        "derivation": "specialization",
    }

    made = core.with_resources([model])

    assert made.types.element("Visit", "room").types == ("string",)
    assert made.types.element_names("Visit") == ("id", "extension", "room")
    assert made.types.base_type("Visit") == "Element"
    assert core.types.element("Visit", "room") is None


def test_a_profile_of_a_recursive_extension_uses_the_plain_type_for_itself(core):
    recursive = profile(
        "urn:r",
        "Extension",
        {
            "path": "Extension.extension",
            "sliceName": "again",
            "type": [{"code": "Extension", "profile": ["urn:r"]}],
        },
        {"path": "Extension.extension.url", "fixedUri": "urn:r"},
        kind="complex-type",
    )
    registry = core.with_resources([recursive])

    made = registry.resource("StructureDefinition", "urn:r")
    assert element(made, "Extension.extension:again.url")["fixedUri"] == "urn:r"


def test_a_core_type_of_another_release_is_taken_from_this_one(core):
    base = "http://hl7.org/fhir/StructureDefinition/Patient|4.3.0"

    made = snapshot(profile("urn:x", "Patient", baseDefinition=base), core)

    assert len(made["snapshot"]["element"]) == 45
