from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from fhir_server.definitions import Registry
from fhir_server.search import (
    LEAST,
    MOST,
    NOWHERE,
    OPEN_HIGH,
    OPEN_LOW,
    CompositeValue,
    IndexExtractor,
    IndexValues,
    NumberValue,
    PositionValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
)

Index = Callable[..., IndexValues]
UCUM = "http://unitsofmeasure.org"


def named(values: Any, parameter: str) -> list[Any]:
    return [value for value in values if value.parameter == parameter]


def test_a_name_is_found_by_each_of_its_parts(index: Index) -> None:
    values = index("Patient", name=[{"text": "Д-р Zoë Ґей", "family": "Ґей", "given": ["Zoë"]}])
    assert named(values.strings, "name") == [
        StringValue("name", "д-р zoe ґей", "Д-р Zoë Ґей"),
        StringValue("name", "ґей", "Ґей"),
        StringValue("name", "zoe", "Zoë"),
    ]
    assert named(values.strings, "given") == [StringValue("given", "zoe", "Zoë")]


def test_an_identifier_is_found_by_value_by_type_and_by_the_text_of_its_type(index: Index) -> None:
    kind = {"coding": [{"system": "urn:t", "code": "MR"}], "text": "Номер"}
    values = index("Patient", identifier=[{"system": "urn:s", "value": "7", "type": kind}])
    assert named(values.tokens, "identifier") == [TokenValue("identifier", "urn:s", "7")]
    of_type = "identifier:of-type"
    assert named(values.tokens, of_type) == [TokenValue(of_type, "urn:t", "MR|7")]
    assert values.strings == (StringValue("identifier:text", "номер", "Номер"),)


def test_a_concept_with_nothing_but_a_text_is_there_but_has_no_code(index: Index) -> None:
    values = index("Condition", code={"text": "Кашель"})
    assert named(values.tokens, "code") == [TokenValue("code", "", "")]
    assert named(values.strings, "code:text") == [StringValue("code:text", "кашель", "Кашель")]


@pytest.mark.parametrize(
    ("reference", "type_id_url"),
    [
        ({"reference": "Patient/1"}, ("Patient", "1", "")),
        ({"reference": "Patient/1/_history/4"}, ("Patient", "1", "")),
        ({"reference": "https://fhir.example.org/fhir/Patient/1"}, ("Patient", "1", "")),
        (
            {"reference": "https://fhir.example.org/fhir2/Patient/1"},
            ("", "", "https://fhir.example.org/fhir2/Patient/1"),
        ),
        (
            {"reference": "https://x.org/fhir/Patient/1/_history/4"},
            ("", "", "https://x.org/fhir/Patient/1"),
        ),
        ({"reference": "urn:oid:1.2.3"}, ("", "", "urn:oid:1.2.3")),
        ({"reference": "#inner"}, ("", "", NOWHERE)),
        ({"display": "хтось"}, ("", "", NOWHERE)),
    ],
)
def test_a_reference_is_indexed_by_where_it_goes(
    reference: dict[str, str], type_id_url: tuple[str, str, str], index: Index
) -> None:
    values = index("Observation", subject=reference)
    assert named(values.references, "subject") == [ReferenceValue("subject", *type_id_url)]


@pytest.mark.parametrize(
    ("reference", "is_patient"),
    [
        ({"reference": "Patient/1"}, True),
        ({"reference": "Group/1"}, False),
        ({"reference": "urn:uuid:1", "type": "Patient"}, True),
        ({"reference": "urn:uuid:1"}, False),
        ({"type": "Patient", "identifier": {"value": "1"}}, True),
        ({"reference": "#p"}, True),
        ({"reference": "#absent"}, False),
    ],
)
def test_resolve_is_answered_by_what_the_reference_says(
    reference: dict[str, Any], is_patient: bool, index: Index
) -> None:
    contained = [{"resourceType": "Patient", "id": "p"}]
    values = index("Observation", subject=reference, contained=contained)
    assert bool(named(values.references, "patient")) == is_patient


def test_a_logical_reference_is_found_by_its_identifier(index: Index) -> None:
    values = index("Observation", subject={"identifier": {"system": "urn:s", "value": "7"}})
    assert named(values.tokens, "subject:identifier") == [
        TokenValue("subject:identifier", "urn:s", "7")
    ]


def test_a_contained_resource_is_indexed_with_the_reference_to_it(index: Index) -> None:
    coding = {"system": "urn:cs", "code": "abc"}
    contained = [
        {"resourceType": "Medication", "id": "m", "code": {"coding": [coding]}},
        {"resourceType": "Medication", "id": "unused", "code": {"coding": [{"code": "zzz"}]}},
    ]
    values = index(
        "MedicationRequest", contained=contained, medicationReference={"reference": "#m"}
    )
    name = "medication:Medication.code"
    assert named(values.tokens, name) == [TokenValue(name, "urn:cs", "abc")]
    assert not named(values.tokens, "code")
    assert [v.parameter for v in values.tokens if v.code == "zzz"] == ["_contained:Medication.code"]


def test_a_period_without_end_is_open_and_one_without_anything_says_nothing(index: Index) -> None:
    (open_end,) = index("Encounter", period={"start": "1970-01-01"}).dates
    assert (open_end.low, open_end.high) == (0, OPEN_HIGH)
    (open_start,) = index("Encounter", period={"end": "1969-12-31"}).dates
    assert (open_start.low, open_start.high) == (OPEN_LOW, 0)
    assert index("Encounter", period={}).dates == ()


def test_of_a_timing_only_the_outer_limits_count(index: Index) -> None:
    timing = {
        "event": ["1970-01-03", "1970-01-01"],
        "repeat": {"boundsPeriod": {"start": "1970-01-02", "end": "1970-01-05"}},
    }
    (value,) = named(index("ServiceRequest", occurrenceTiming=timing).dates, "occurrence")
    assert (value.low, value.high) == (0, 5 * 86_400_000_000)


def test_a_quantity_is_indexed_by_code_by_unit_and_in_canonical_units(index: Index) -> None:
    quantity = {"value": Decimal("1.50"), "unit": "мг", "system": UCUM, "code": "mg"}
    values = index("Observation", valueQuantity=quantity).quantities
    number, canonical = Decimal("1.50"), Decimal("0.0015")
    assert named(values, "value-quantity") == [
        QuantityValue("value-quantity", UCUM, "mg", number, number),
        QuantityValue("value-quantity", "", "мг", number, number),
    ]
    assert named(values, "value-quantity:ucum") == [
        QuantityValue("value-quantity:ucum", UCUM, "g", canonical, canonical)
    ]


@pytest.mark.parametrize(
    ("comparator", "ends"),
    [("<", (LEAST, 5)), ("<=", (LEAST, 5)), (">", (5, MOST)), (">=", (5, MOST))],
)
def test_a_comparator_leaves_one_side_open(
    comparator: str, ends: tuple[Decimal, Decimal], index: Index
) -> None:
    values = index("Observation", valueQuantity={"value": 5, "comparator": comparator})
    (value,) = named(values.quantities, "value-quantity")
    assert (value.low, value.high) == ends


def test_money_and_ranges_are_quantities_and_sampled_data_is_none(index: Index) -> None:
    (money,) = named(
        index("Invoice", totalNet={"value": 7, "currency": "UAH"}).quantities, "totalnet"
    )
    assert money == QuantityValue("totalnet", "urn:iso:std:iso:4217", "UAH", Decimal(7), Decimal(7))
    (age,) = named(
        index("Condition", onsetRange={"low": {"value": 3, "code": "a"}}).quantities, "onset-age"
    )
    assert age == QuantityValue("onset-age", "", "a", Decimal(3), MOST)
    sampled = {"origin": {"value": 0}, "period": 1, "dimensions": 1}
    assert index("Observation", valueSampledData=sampled).quantities == ()


def test_numbers_are_exact_decimals(index: Index) -> None:
    prediction = [{"probabilityDecimal": Decimal("0.1234567890123456789")}]
    number = Decimal("0.1234567890123456789")
    assert index("RiskAssessment", prediction=prediction).numbers == (
        NumberValue("probability", number, number),
    )


def test_a_canonical_is_found_with_and_without_its_version(index: Index) -> None:
    values = index("Patient", meta={"profile": ["http://x.org/p|1.0"]}).uris
    assert values == (
        UriValue("_profile", "http://x.org/p|1.0"),
        UriValue("_profile", "http://x.org/p"),
    )


def test_a_composite_keeps_its_groups_apart(index: Index) -> None:
    component = [
        {"code": {"coding": [{"code": "sys"}, {"code": "s"}]}, "valueQuantity": {"value": 120}},
        {"code": {"coding": [{"code": "dia"}]}, "valueQuantity": {"value": 80}},
        {"code": {"coding": [{"code": "txt"}]}, "valueString": "x"},
    ]
    name = "component-code-value-quantity"
    groups = named(index("Observation", component=component).composites, name)
    assert [set(group.components) for group in groups] == [
        {
            TokenValue(f"{name}$0", "", "sys"),
            TokenValue(f"{name}$0", "", "s"),
            QuantityValue(f"{name}$1", "", "", Decimal(120), Decimal(120)),
        },
        {
            TokenValue(f"{name}$0", "", "dia"),
            QuantityValue(f"{name}$1", "", "", Decimal(80), Decimal(80)),
        },
    ]
    assert all(isinstance(group, CompositeValue) for group in groups)


def test_a_composite_may_look_at_the_whole_resource(index: Index) -> None:
    values = index(
        "MolecularSequence",
        referenceSeq={"referenceSeqId": {"coding": [{"code": "NC_1"}]}},
        variant=[{"start": 5, "end": 9}],
    )
    (group,) = named(values.composites, "referenceseqid-variant-coordinate")
    assert {value[-1] for value in group.components} == {"NC_1", Decimal(5), Decimal(9)}


def test_a_position_has_latitude_and_longitude(index: Index) -> None:
    position = {"latitude": Decimal("50.45"), "longitude": 30}
    assert index("Location", position=position).positions == (
        PositionValue("near", Decimal("50.45"), Decimal(30)),
    )


def test_expressions_that_are_no_paths_are_computed(index: Index) -> None:
    alive = named(index("Patient").tokens, "deceased")
    assert alive == [TokenValue("deceased", "", "false")]
    dead = named(index("Patient", deceasedDateTime="2020").tokens, "deceased")
    assert dead == [TokenValue("deceased", "", "true")]


def test_values_do_not_repeat_and_the_key_is_not_indexed(index: Index) -> None:
    coding = {"system": "urn:s", "code": "c"}
    values = index("Condition", code={"coding": [coding, coding]})
    assert named(values.tokens, "code") == [TokenValue("code", "urn:s", "c")]
    assert not named(values.tokens, "_id")


@pytest.mark.parametrize(
    "elements",
    [
        {"name": "x"},
        {"name": ["x"]},
        {"name": [{"given": [None, "Ок"]}]},
        {"birthDate": "не дата"},
        {"birthDate": 1985},
        {"generalPractitioner": {"reference": "Practitioner/1"}},
        {"telecom": [{"system": "phone"}]},
        {"maritalStatus": None},
    ],
)
def test_what_has_the_wrong_shape_is_left_out(elements: dict[str, Any], index: Index) -> None:
    assert index("Patient", **elements) is not None


def test_every_parameter_of_every_type_can_be_compiled(registry: Registry) -> None:
    extractor = IndexExtractor(registry)
    for resource_type in registry.types.resource_types:
        assert extractor.extract({"resourceType": resource_type, "id": "x"}) is not None


def test_one_reference_parameter_can_be_asked_alone(extractor: IndexExtractor) -> None:
    observation = {
        "resourceType": "Observation",
        "subject": {"reference": "Patient/1"},
        "performer": [{"reference": "Practitioner/2"}],
    }
    assert extractor.references(observation, "performer") == (
        ReferenceValue("performer", "Practitioner", "2", ""),
    )
    assert extractor.references(observation, "no-such") == ()
