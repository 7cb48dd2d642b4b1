"""Element trees: children, slices, values and rules where a walker looks for them."""

import pytest

from fhir_server.definitions import FixedValue
from tests.support.profiles import profile


def at(structure, *names):
    """Follow element names; ``:x`` is a slice of the element before it."""
    element = structure.root
    for name in names:
        among = element.slices if name.startswith(":") else element.children
        wanted = [e for e in among if name in {e.name, f":{e.slice_name}"}]
        (element,) = wanted
    return element


def test_children_of_types_are_left_to_the_types(core):
    patient = core.type_structure("Patient")

    assert at(patient, "name").children == ()
    assert [c.name for c in at(patient, "link").children][-2:] == ["other", "type"]


def test_array_or_not_is_what_the_base_says(core):
    registry = core.with_resources(
        [profile("urn:p", "Patient", {"path": "Patient.name", "max": "1"})]
    )
    name = at(registry.structure("urn:p"), "name")

    assert (name.max, name.base_max) == (1, None)


def test_choices_content_references_and_regexes(core):
    value = at(core.type_structure("Observation"), "value")
    assert value.is_choice
    assert len(value.types) == 11
    nested = at(core.type_structure("Questionnaire"), "item", "item")
    assert (nested.content_reference, nested.types) == ("Questionnaire.item", ())
    assert at(core.type_structure("id"), "value").regex == r"[A-Za-z0-9\-\.]{1,64}"


def test_fhirpath_types_keep_the_fhir_type_of_their_value(core):
    (type_ref,) = at(core.type_structure("Extension"), "url").types
    assert (type_ref.code, type_ref.value_type) == ("System.String", "uri")


def test_slices_hang_below_what_they_slice(core):
    bp = core.structure("http://hl7.org/fhir/StructureDefinition/bp")

    component = at(bp, "component")
    assert [s.slice_name for s in component.slices] == ["SystolicBP", "DiastolicBP"]
    assert component.slicing.discriminators[0].path == "code.coding.code"
    code = at(bp, "component", ":SystolicBP", "code", "coding", ":SBPCode", "code")
    assert code.fixed == FixedValue(fhir_type="code", value="8480-6")
    assert code.id == "Observation.component:SystolicBP.code.coding:SBPCode.code"


def test_re_slices_hang_below_their_slice(core):
    slicing = {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}
    registry = core.with_resources(
        [
            profile(
                "urn:p",
                "Patient",
                {"path": "Patient.identifier", "slicing": slicing},
                {"path": "Patient.identifier", "sliceName": "a", "slicing": slicing},
                {"path": "Patient.identifier", "sliceName": "a/b", "min": 1},
            )
        ]
    )

    inner = at(registry.structure("urn:p"), "identifier", ":a", ":a/b")
    assert inner.min == 1


def test_a_shortcut_in_a_snapshot_is_a_slice_of_the_choice(core):
    elements = [
        {"path": "Observation"},
        {"path": "Observation.value[x]", "type": [{"code": "Quantity"}, {"code": "string"}]},
        {"path": "Observation.valueQuantity", "type": [{"code": "Quantity"}]},
        {"path": "Observation.valueQuantity.code", "min": 1},
    ]
    registry = core.with_resources(
        [profile("urn:p", "Observation", snapshot={"element": elements})]
    )

    code = at(registry.structure("urn:p"), "value", ":valueQuantity", "code")
    assert code.min == 1


def test_a_choice_that_became_a_shortcut_is_still_the_choice(core):
    elements = [
        {"path": "Observation"},
        {"path": "Observation.valueQuantity", "base": {"path": "Observation.value[x]"}},
    ]
    registry = core.with_resources(
        [profile("urn:p", "Observation", snapshot={"element": elements})]
    )

    (value,) = registry.structure("urn:p").root.children
    assert (value.name, value.is_choice, value.slice_name) == ("value", True, "valueQuantity")


@pytest.mark.parametrize(
    ("key", "value", "field", "fhir_type"),
    [
        ("fixedCode", "x", "fixed", "code"),
        ("patternCodeableConcept", {"text": "x"}, "pattern", "CodeableConcept"),
        ("fixedDateTime", "2024", "fixed", "dateTime"),
        ("minValueQuantity", {"value": 1}, "min_value", "Quantity"),
        ("maxValueInteger", 3, "max_value", "integer"),
    ],
)
def test_values_carry_the_type_of_their_key(core, key, value, field, fhir_type):
    registry = core.with_resources(
        [profile("urn:p", "Observation", {"path": "Observation.status", key: value})]
    )

    found = getattr(at(registry.structure("urn:p"), "status"), field)
    assert found == FixedValue(fhir_type=fhir_type, value=value)


def test_invariants_know_who_introduced_them(core):
    keys = {c.key: c.source for c in at(core.type_structure("Patient"), "contact").constraints}

    assert keys["ele-1"] == "http://hl7.org/fhir/StructureDefinition/Element"
    assert keys["pat-1"] == "http://hl7.org/fhir/StructureDefinition/Patient"


def test_bindings_keep_the_widest_value_set_allowed(core):
    binding = at(core.type_structure("Patient"), "language").binding

    assert binding.strength == "preferred"
    assert binding.max_value_set == "http://hl7.org/fhir/ValueSet/all-languages"


def test_labels_and_titles_are_kept_by_language(core):
    translation = {
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/translation",
                "extension": [
                    {"url": "lang", "valueCode": "uk"},
                    {"url": "content", "valueString": "Ім'я"},
                ],
            }
        ]
    }
    registry = core.with_resources(
        [
            profile(
                "urn:p",
                "Patient",
                {"path": "Patient.name", "short": "Name", "_short": translation},
                title="Person",
            )
        ]
    )

    structure = registry.structure("urn:p")
    assert structure.title == (("en", "Person"),)
    assert at(structure, "name").default_language_labels == (("en", "Name"), ("uk", "Ім'я"))


def test_extensions_say_where_they_may_stand(core):
    extension = core.structure("http://hl7.org/fhir/StructureDefinition/patient-birthTime")

    assert extension.contexts == (("element", "Patient.birthDate"),)
