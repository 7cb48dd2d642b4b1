"""Types, elements and properties of R4."""

import pytest


@pytest.fixture
def types(core):
    return core.types


def test_there_are_146_concrete_resource_types(types):
    assert len(types.resource_types) == 146
    assert {"Patient", "Bundle", "Binary"} <= types.resource_types
    assert types.resource_types.isdisjoint({"Resource", "DomainResource", "Element", "FiveWs"})
    assert {"HumanName", "code", "Element"} <= types.data_types


@pytest.mark.parametrize(
    ("fhir_type", "name", "expected"),
    [
        ("Patient", "name", (("HumanName",), False, True)),
        ("Patient", "contact", (("Patient.contact",), False, True)),
        ("Patient.contact", "name", (("HumanName",), False, False)),
        ("Patient", "deceased", (("boolean", "dateTime"), True, False)),
        ("Questionnaire.item", "item", (("Questionnaire.item",), False, True)),
        ("Observation.component", "referenceRange", (("Observation.referenceRange",), False, True)),
        ("Timing", "repeat", (("Timing.repeat",), False, False)),
        ("Patient", "id", (("System.String",), False, False)),
        ("integer", "value", (("System.Integer",), False, False)),
        ("Bundle.entry", "resource", (("Resource",), False, False)),
    ],
)
def test_elements_are_known_by_type_or_path(types, fhir_type, name, expected):
    assert types.element(fhir_type, name) == expected


def test_what_is_not_there_is_none(types):
    assert types.element("Patient", "deceasedBoolean") is None
    assert types.element("Nonsense", "name") is None
    assert types.element_names("Nonsense") == ()


def test_element_names_come_in_order_with_the_inherited_ones(types):
    names = types.element_names("Patient")

    assert names[:5] == ("id", "meta", "implicitRules", "language", "text")
    assert names[-1] == "link"
    assert types.element_names("Period") == ("id", "extension", "start", "end")


@pytest.mark.parametrize(
    ("fhir_type", "base"),
    [
        ("Patient", "DomainResource"),
        ("DomainResource", "Resource"),
        ("Resource", None),
        ("code", "string"),
        ("positiveInt", "integer"),
        ("canonical", "uri"),
        ("Age", "Quantity"),
        ("Patient.contact", "BackboneElement"),
        ("Timing.repeat", "Element"),
        ("BackboneElement", "Element"),
        ("Dosage", "BackboneElement"),
        ("System.String", None),
        ("Nonsense", None),
    ],
)
def test_base_types(types, fhir_type, base):
    assert types.base_type(fhir_type) == base


def test_kinds_of_types(types):
    assert types.is_primitive("code")
    assert types.is_primitive("System.String")
    assert not types.is_primitive("Quantity")
    assert types.is_resource("Resource")
    assert not types.is_resource("Patient.contact")
    assert types.is_type("Duration")
    assert not types.is_type("Patient.contact")
    assert not types.is_type("SimpleQuantity")
    assert types.is_abstract("DomainResource")
    assert types.is_subtype("code", "Element")
    assert not types.is_subtype("Patient", "Element")


def test_properties_carry_the_type_of_a_choice(types):
    assert types.property("Patient", "deceasedBoolean")[:2] == ("deceased", "boolean")
    assert types.property("Patient", "deceased") is None
    assert types.property("Patient", "name").is_collection
    assert types.property("Observation", "status").is_mandatory
    assert "valueQuantity" in types.properties("Observation")
    assert types.properties("Nonsense") == {}


def test_summaries_and_mandatory_elements(types):
    assert {"id", "meta", "name", "deceased"} <= types.summary_elements("Patient")
    assert "photo" not in types.summary_elements("Patient")
    assert types.mandatory_elements("Observation") == {"status", "code"}
    assert types.mandatory_elements("Patient.link") == {"other", "type"}
