"""Whatever stands in a query string is read or refused: never another error, never a hang.

Spec: https://hl7.org/fhir/R4/search.html#errors
"""

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.definitions import Registry, load_registry
from fhir_server.model import InvalidRequest, TooCostly
from fhir_server.search import QueryParser, StringMatch, TokenMatch, TokenTerm
from fhir_server.search.clause import split, unescape

NAMES = (
    "name", "family:exact", "identifier", "identifier:of-type", "birthdate", "organization",
    "_id", "organization.name", "general-practitioner:Practitioner.name",
    "_has:Observation:patient:code", "_has:Observation:patient:value-quantity", "link.birthdate",
    "_lastUpdated", "_profile", "_sort", "_count", "_include", "_include:iterate", "_revinclude",
    "_elements", "_summary", "_total", "_list", "_has:Observation:patient:code-value-quantity",
    "name:missing", "gender:not", "_type", "_tag:in", "_filter",
)  # fmt: skip
PIECES = (
    "a",
    "|",
    ",",
    "$",
    "\\",
    ":",
    ".",
    "eq",
    "ge",
    "2024-01",
    "1.5",
    "e9",
    "Patient",
    "/",
    "\0",
    "ї",
    "-",
    " ",
    "(",
    ")",
    "[",
    '"',
    "not",
    "name co x",
    " and ",
)

names = st.one_of(
    st.sampled_from(NAMES),
    st.lists(st.sampled_from((*NAMES, ":", ".")), max_size=5).map("".join),
    st.text(),
)
values = st.one_of(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.text())


@cache
def registry() -> Registry:
    return load_registry(national=False)


@settings(deadline=None, max_examples=400)
@given(st.lists(st.tuples(names, values), max_size=4), st.booleans())
def test_every_query_is_read_or_refused(parameters: list[tuple[str, str]], lenient: bool) -> None:
    try:
        parsed = QueryParser(registry()).parse(["Patient"], parameters, lenient=lenient)
    except (InvalidRequest, TooCostly) as refused:
        assert all(issue.text.en and issue.text.uk for issue in refused.issues)  # noqa: PT017 # either outcome is right
        return
    again = QueryParser(registry()).parse(["Patient"], parsed.used)
    assert again.query == parsed.query, "the self link asks for the same"
    assert again.used == parsed.used


def escape(text: str) -> str:
    for character in "\\,|$":
        text = text.replace(character, "\\" + character)
    return text


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_escaped_values_come_back_as_they_were(texts: list[str]) -> None:
    for separator in ",|$":
        joined = separator.join(map(escape, texts))
        assert [unescape(piece) for piece in split(joined, separator)] == texts


@settings(deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
def test_any_text_can_be_searched_for(system: str, code: str) -> None:
    parser = QueryParser(registry())
    asked = parser.parse(["Patient"], [("identifier", f"{escape(system)}|{escape(code)}")])
    assert asked.query.where == TokenMatch(
        parameter="identifier", values=(TokenTerm(system, code),)
    )
    exact = parser.parse(["Patient"], [("family:exact", escape(code))]).query.where
    assert exact == StringMatch(parameter="family", mode="exact", values=(code,))
