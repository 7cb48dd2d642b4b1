"""Resources with random content, shaped by the definitions: not valid, but well formed."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from fhir_server.definitions import TypeTable

MAX_DEPTH = 3
SKIPPED = frozenset({"contained", "text", "extension", "modifierExtension"})
REFERENCES = (
    "Patient/1",
    "Group/g",
    "Practitioner/7/_history/2",
    "https://fhir.example.org/fhir/Patient/2",
    "https://other.example.org/fhir/Patient/3",
    "urn:uuid:1",
    "#inner",
)
DATES = ("2024", "2024-05", "2024-05-31", "2024-05-31T10:30:00Z", "1985-08-17T01:02:03.456+03:00")
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "integer": st.integers(-9, 99),
    "positiveInt": st.integers(1, 99),
    "unsignedInt": st.integers(0, 99),
    "decimal": st.decimals(-99, 99, places=2).map(lambda number: Decimal(str(number))),
    "date": st.sampled_from(DATES[:3]),
    "dateTime": st.sampled_from(DATES),
    "instant": st.sampled_from(DATES[3:]),
    "canonical": st.sampled_from(("http://example.org/a", "http://example.org/a|1.0", "#x")),
    "uri": st.sampled_from(("http://example.org/a", "urn:oid:1.2.3")),
}
WORDS = st.sampled_from(
    ("alpha", "Шевченко", "O'Brien", "phone", "email", "depends-on", "kg", "Zoë")
)


@st.composite
def random_resource(draw: st.DrawFn, types: TypeTable, resource_type: str) -> dict[str, Any]:
    """Draw a resource with some of its elements, and a contained Patient to refer to."""
    drawn = draw(_object(types, resource_type, 0))
    contained = [{"resourceType": "Patient", "id": "inner", "name": [{"family": "Inner"}]}]
    return {"resourceType": resource_type, "id": "x", "contained": contained, **drawn}


@st.composite
def _object(draw: st.DrawFn, types: TypeTable, fhir_type: str, depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    chosen: set[str] = set()
    for key, element in types.properties(fhir_type).items():
        is_simple = types.is_primitive(element.fhir_type)
        if key in SKIPPED or key == "id" or element.name in chosen:
            continue
        if not (is_simple or depth < MAX_DEPTH) or draw(st.integers(0, 2)):
            continue
        chosen.add(element.name)
        value = _value(types, element.fhir_type, depth)
        made[key] = draw(
            st.lists(value, min_size=1, max_size=2) if element.is_collection else value
        )
    return made


def _value(types: TypeTable, fhir_type: str, depth: int) -> st.SearchStrategy[Any]:
    if fhir_type == "Reference":
        return st.fixed_dictionaries(
            {}, optional={"reference": st.sampled_from(REFERENCES), "display": WORDS}
        )
    if fhir_type == "Resource":
        return st.just({"resourceType": "Patient", "id": "in-place"})
    if types.is_primitive(fhir_type):
        return SCALARS.get(fhir_type, WORDS)
    return _object(types, fhir_type, depth + 1)
