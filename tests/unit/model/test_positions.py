"""Places of values in the posted text (https://www.rfc-editor.org/rfc/rfc6901)."""

import json

from hypothesis import given
from hypothesis import strategies as st

from fhir_server.model import JsonText, Position, issue, locate, with_positions

TEXT = """{
  "resourceType": "Patient",
  "name": [
    {"family": "Шевченко", "given": ["Т\\"арас", "Григорович"]}
  ],
  "a/b": {"c~d": 1.50}
}"""


def test_the_place_of_a_value_is_its_first_character() -> None:
    places = locate(TEXT, ["", "/name/0/given/1", "/a~1b/c~0d", "/resourceType"])
    assert places == {
        "": Position(1, 1),
        "/name/0/given/1": Position(4, 49),
        "/a~1b/c~0d": Position(6, 18),
        "/resourceType": Position(2, 19),
    }


def test_what_is_missing_has_the_place_of_what_should_hold_it() -> None:
    assert locate(TEXT, ["/name/0/use"])["/name/0/use"] == Position(4, 5)
    assert locate(TEXT, ["/name/7/use/0"])["/name/7/use/0"] == Position(3, 11)


def test_issues_get_line_and_column_once() -> None:
    found = issue("json-nul", pointer="/name/0/family")
    placed = issue("json-syntax", pointer="/name", line=9, column=9, found="x")
    first, second, third = with_positions([found, placed, issue("json-nul")], JsonText(TEXT))
    assert (first.line, first.column) == (4, 16)
    assert (second.line, second.column) == (9, 9)
    assert third.line is None


@given(
    st.recursive(
        st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=15,
    ),
    st.sampled_from([None, 2]),
)
def test_every_value_is_found_where_it_stands(value: object, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    pointers = dict(_walk(value, ""))
    lines = text.split("\n")
    for pointer, place in locate(text, pointers).items():
        rest = "\n".join([lines[place.line - 1][place.column - 1 :], *lines[place.line :]])
        decoded, _ = json.JSONDecoder().raw_decode(rest)
        assert decoded == pointers[pointer]


def _walk(value: object, pointer: str):
    yield pointer, value
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield from _walk(inner, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")
