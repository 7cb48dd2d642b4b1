"""Selectors of XML Patch: https://www.rfc-editor.org/rfc/rfc5261#section-4.1."""

from xml.etree import ElementTree

import pytest

from fhir_server.xml.selector import Selector, SelectorError, TooManyVisits

FHIR = "http://hl7.org/fhir"
DOCUMENT = ElementTree.fromstring(  # noqa: S314 # our own
    f"""<Patient xmlns="{FHIR}"><name id="n1"><use value="official"/><given value="A"/>
    <given value="B"/></name><name><use value="usual"/><given value="C"/></name>
    <text><div xmlns="http://www.w3.org/1999/xhtml">words</div></text></Patient>"""
)
SCOPE = {"f": FHIR, "h": "http://www.w3.org/1999/xhtml"}


def found(text: str, scope: dict[str, str] | None = None, budget: int = 1000) -> list[str]:
    nodes = Selector(text, SCOPE if scope is None else scope).find(DOCUMENT, [budget])
    return [
        node.element.get("value", node.element.get("id", node.element.tag.rpartition("}")[2]))
        if node.attribute is None
        else f"{node.attribute}={node.element.get(node.attribute, node.element.text)}"
        for node in nodes
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Patient", ["Patient"]),
        ("/Patient", ["Patient"]),
        ("f:Patient/f:name/f:given", ["A", "B", "C"]),
        ("Patient/name[1]/given[2]", ["B"]),
        ("Patient/name[2]/given[1]/@value", ["value=C"]),
        ("Patient/*/given[1]", ["A", "C"]),
        ("*/*[1]", ["n1"]),
        ("Patient/f:*[@id='n1']", ["n1"]),
        ("Patient/name[@id='n1']/given[@value=\"B\"]", ["B"]),
        ("Patient/name[use/@value='usual']/given", ["C"]),
        ("Patient/text/h:div[.='words']", ["div"]),
        ("Patient/text/h:div/text()", ["=words"]),
        ("Patient/text[h:div='words']", ["text"]),
        ("Patient/name[0]", []),
        ("Patient/name[3]", []),
        ("Patient/name/@none", []),
        ("Observation", []),
        ("Patient/name/h:given", []),
    ],
)
def test_a_selector_finds_nodes_in_the_order_of_the_document(
    text: str, expected: list[str]
) -> None:
    assert found(text) == expected


def test_names_without_prefix_mean_fhir_unless_another_default_is_declared() -> None:
    assert found("Patient", {}) == ["Patient"]
    assert found("Patient", {"": FHIR}) == ["Patient"]
    assert found("Patient", {"": "urn:other"}) == []


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "//name", "Patient/", "Patient name", "Patient/..", "Patient/name[last()]",
        "Patient/name[1", "Patient/name[]", "Patient/name[@id]", "Patient/name[1 or 2]", "@id",
        "id('x')", "x:Patient", "Patient/child::name", "Patient/name|Patient/text",
        "Patient/" * 999, "Patient/namespace::f", "Patient/comment()", "Patient/name[@id='a\"]",
    ],
)  # fmt: skip
def test_more_of_xpath_is_refused(text: str) -> None:
    with pytest.raises(SelectorError):
        found(text)


def test_what_is_visited_is_bounded() -> None:
    with pytest.raises(TooManyVisits):
        found("*/*/*", budget=5)
    with pytest.raises(TooManyVisits):
        found("Patient/name[given/@value='A']", budget=6)
