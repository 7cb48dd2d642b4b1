"""Parameters of operations: https://hl7.org/fhir/R4/operations.html#request."""

from decimal import Decimal

import pytest

from fhir_server.model import InvalidRequest
from fhir_server.operation.parameters import OperationParameters, answer, parameters_from_query
from fhir_server.operation.terminology_input import FURTHER_PARAMETERS
from tests.support.terminology import parameters, registry

DEFINITION = {
    "parameter": [
        {"name": name, "use": "in", "type": kind}
        for name, kind in [
            ("url", "uri"),
            ("count", "integer"),
            ("deep", "boolean"),
            ("ratio", "decimal"),
            ("coding", "Coding"),
            ("id", "Identifier"),
            ("valueSet", "ValueSet"),
        ]
    ]
    + [{"name": "return", "use": "out", "type": "ValueSet"}]
}


def test_values_get_the_types_of_the_definition():
    query = [
        ("url", "https://example.org"),
        ("count", "10"),
        ("deep", "true"),
        ("ratio", "1.50"),
        ("coding", "http://s|a"),
        ("id", "b"),
        ("_format", "json"),
    ]
    assert parameters_from_query(DEFINITION, query) == {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "url", "valueUri": "https://example.org"},
            {"name": "count", "valueInteger": 10},
            {"name": "deep", "valueBoolean": True},
            {"name": "ratio", "valueDecimal": Decimal("1.50")},
            {"name": "coding", "valueCoding": {"system": "http://s", "code": "a"}},
            {"name": "id", "valueIdentifier": {"value": "b"}},
        ],
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("count", "ten"),
        ("count", "1.5"),
        ("deep", "yes"),
        ("ratio", "half"),
        ("url", ""),
        ("valueSet", "{}"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(name, text):
    with pytest.raises(InvalidRequest) as refusal:
        parameters_from_query(DEFINITION, [(name, text)])
    (found,) = refusal.value.issues
    assert (found.rule, found.found) == ("operation-parameter-type", text)


def test_unknown_parameters_are_refused_with_near_names():
    with pytest.raises(InvalidRequest) as refusal:
        parameters_from_query(DEFINITION, [("cuont", "1"), ("return", "x")])
    assert [i.rule for i in refusal.value.issues] == ["operation-parameter-unknown"] * 2
    assert refusal.value.issues[0].suggestions == ("count",)


def test_the_server_may_know_more_parameters_than_the_definition():
    definition = registry().resource(
        "OperationDefinition", "http://hl7.org/fhir/OperationDefinition/ValueSet-expand"
    )
    assert definition is not None
    query = [("url", "u"), ("count", "1"), ("property", "wave"), ("inferSystem", "true")]
    made = parameters_from_query(definition, query, FURTHER_PARAMETERS)
    assert made["parameter"] == [
        {"name": "url", "valueUri": "u"},
        {"name": "count", "valueInteger": 1},
        {"name": "property", "valueCode": "wave"},
        {"name": "inferSystem", "valueBoolean": True},
    ]


def test_values_are_read_by_name():
    given = OperationParameters(
        parameters(a__Uri=["x", "y"], b__Boolean=False, c__Integer=0, d__Coding={"code": "z"})
    )
    assert given.texts("a") == ("x", "y")
    assert (given.text("a"), given.text("none")) == ("x", None)
    assert (given.boolean("b"), given.boolean("none")) == (False, None)
    assert (given.integer("c"), given.integer("none")) == (0, None)
    assert given.json("d", "Coding") == {"code": "z"}


@pytest.mark.parametrize(
    "read",
    [
        lambda given: given.text("n"),
        lambda given: given.boolean("n"),
        lambda given: given.json("n", "Coding"),
        lambda given: given.integer("m"),
        lambda given: given.integer("t"),
        lambda given: given.resource("n", "ValueSet"),
        lambda given: given.resource("v", "ValueSet"),
    ],
)
def test_a_parameter_of_another_type_is_refused(read):
    given = OperationParameters(
        parameters(n__Integer=1, m__Integer=-1, t__Boolean=True, v={"resourceType": "Patient"})
    )
    with pytest.raises(InvalidRequest) as refusal:
        read(given)
    assert refusal.value.issues[0].rule == "operation-parameter-type"


def test_one_of_several_parameters_can_be_required():
    given = OperationParameters(parameters(code__Code="a"))
    given.require("coding", "code")
    with pytest.raises(InvalidRequest) as refusal:
        given.require("coding", "system")
    assert refusal.value.issues[0].rule == "operation-parameter-missing"


def test_an_answer_leaves_out_what_has_no_value():
    entries = [{"name": "a", "valueString": None}, {"name": "b", "valueBoolean": False}]
    assert answer(entries)["parameter"] == [{"name": "b", "valueBoolean": False}]
