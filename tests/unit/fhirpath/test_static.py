"""What is refused before an expression runs, where the type of its focus is given."""

import pytest

from fhir_server.definitions import Registry
from fhir_server.fhirpath import FhirPathError, compile_expression


@pytest.mark.parametrize(
    ("context", "expression", "rule"),
    [
        ("Patient", "Encounter.name", "fhirpath-unknown-element"),
        ("Patient", "nam.given", "fhirpath-unknown-element"),
        ("Patient", "name.foo", "fhirpath-unknown-element"),
        ("Patient", "name.where(foo = 1)", "fhirpath-unknown-element"),
        ("Patient", "name.select(given | foo)", "fhirpath-unknown-element"),
        ("Patient", "contact.relationship.foo", "fhirpath-unknown-element"),
        ("Patient", "(name | telecom).period.foo", "fhirpath-unknown-element"),
        ("Patient", "%context.foo", "fhirpath-unknown-element"),
        ("Patient", "name[0].foo", "fhirpath-unknown-element"),
        ("Patient", "1.type().foo", "fhirpath-unknown-element"),
        ("Patient", "(1 'mg').foo", "fhirpath-unknown-element"),
        ("Patient", "iif(true, name, name).foo", "fhirpath-unknown-element"),
        ("Patient", "defineVariable('a', foo)", "fhirpath-unknown-element"),
        ("Questionnaire", "item.repeat(item).foo", "fhirpath-unknown-element"),
        ("Observation", "valueQuantity.unit", "fhirpath-unknown-element"),
        ("Observation", "(value as Period).unit", "fhirpath-unknown-element"),
        ("Observation", "value.ofType(System.String).unit", "fhirpath-unknown-element"),
        ("Appointment", "identifier.contains('a')", "fhirpath-operand"),
        ("Patient", "active.startsWith('a')", "fhirpath-operand"),
        ("Observation", "%resource.anything", "fhirpath-unknown-element"),
        ("Observation.component", "%resource.anything", "fhirpath-unknown-element"),
        ("Patient", "defineVariable('n', name).select(%n.foo)", "fhirpath-unknown-element"),
        ("Patient", "birthDate < 5", "fhirpath-operand"),
        ("Patient", "name < name", "fhirpath-operand"),
        ("Patient", "gender + 1", "fhirpath-operand"),
        ("Patient", "birthDate - birthDate", "fhirpath-operand"),
        ("Patient", "gender.round(1)", "fhirpath-operand"),
        ("Patient", "name.given.first().substring('a')", "fhirpath-operand"),
        ("Patient", "name.given.first().startsWith(5)", "fhirpath-operand"),
        ("Patient", "name.allTrue()", "fhirpath-operand"),
        ("Patient", "name.resolve()", "fhirpath-operand"),
        ("Patient", "children().skip(1)", "fhirpath-order"),
        ("Patient", "descendants().name[0]", "fhirpath-order"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    context: str, expression: str, rule: str, registry: Registry
) -> None:
    with pytest.raises(FhirPathError) as raised:
        compile_expression(expression, registry.types, context_type=context)
    assert raised.value.issues[0].rule == rule


@pytest.mark.parametrize(
    ("context", "expression"),
    [
        ("Patient", "Resource.meta"),
        ("Patient", "contained.anything"),
        ("Patient", "managingOrganization.resolve().anything"),
        ("Patient", "%mine.anything"),
        ("Patient", "deceased is boolean and deceased.not()"),
        ("Patient", "birthDate.extension('http://x').value.code"),
        ("Patient", "birthDate.startsWith('19')"),
        ("Patient", "name.given.first().upper() & 'x'"),
        ("Patient", "-(name.count()) < 1 and name.all($this is HumanName)"),
        ("Questionnaire", "item.repeat(item).linkId"),
        ("Bundle", "entry.resource.anything"),
        ("Observation", "value.unit | value.coding"),
        ("Observation.component", "value.unit"),
        ("Observation", "(value as Quantity).unit"),
        ("Observation", "%rootResource.anything | descendants().anything"),
        ("HumanName", "%resource.anything"),
        ("Patient", "identifier.type.repeat(coding)"),
        ("Patient", "birthDate + 1 year > today()"),
        ("Observation", "value < 5 'mg' or value * 2 > 5"),
        ("Observation", "effective.toString().length() > 4"),
        ("Period", "start <= end"),
    ],
)
def test_what_may_be_meant_is_let_through(
    context: str, expression: str, registry: Registry
) -> None:
    compile_expression(expression, registry.types, context_type=context)


def test_a_json_property_of_a_choice_gets_its_fhirpath(registry: Registry) -> None:
    with pytest.raises(FhirPathError, match=r"nearest: value\.ofType\(Quantity\)"):
        compile_expression("valueQuantity.unit", registry.types, context_type="Observation")


def test_a_misspelt_element_gets_its_nearest_name(registry: Registry) -> None:
    with pytest.raises(FhirPathError, match="nearest: birthDate"):
        compile_expression("birthdate", registry.types, context_type="Patient")
