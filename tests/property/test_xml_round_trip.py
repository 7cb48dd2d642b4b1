"""Whatever a resource holds is the same after a journey through XML."""

from typing import Any
from xml.parsers import expat

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.model import FhirError, JsonLimits, encode
from fhir_server.xml import XmlCodec
from tests.support.client import registry
from tests.support.random_resource import random_resource

TYPES = registry().types
CODEC = XmlCodec(TYPES)
TEXT = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\ufffe\uffff").filter(
        lambda c: c >= " " or c in "\t\n\r"
    ),
    min_size=1,
)
EXTENSION = st.fixed_dictionaries({"url": TEXT}, optional={"id": TEXT, "valueString": TEXT})
COMPANION = st.fixed_dictionaries({"extension": st.lists(EXTENSION, min_size=1, max_size=2)}) | (
    st.fixed_dictionaries({"id": TEXT})
)
MARKUP = st.recursive(
    st.text("ab <>&'\"é😀\n", max_size=6).map(
        lambda text: text.replace("&", "&amp;").replace("<", "&lt;")
    )
    | st.sampled_from(("<br/>", "<!-- > -->", "&#169;", "<![CDATA[</div>]]>")),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: f"<b>{''.join(parts)}</b>"),
)


@st.composite
def resources(draw: st.DrawFn) -> dict[str, Any]:
    """A resource of any type, with companions of its primitives and a narrative."""
    resource = draw(random_resource(TYPES, draw(st.sampled_from(sorted(TYPES.resource_types)))))
    _decorate(draw, resource)
    if TYPES.property(resource["resourceType"], "text") is not None:
        div = f'<div xmlns="http://www.w3.org/1999/xhtml">{draw(MARKUP)}</div>'
        resource["text"] = {"status": "generated", "div": div}
    else:
        del resource["contained"]
    return resource


def _decorate(draw: st.DrawFn, value: Any) -> None:
    if not isinstance(value, dict):
        return
    for key, item in list(value.items()):
        if key in {"resourceType", "id", "url"} or key.startswith("_"):
            continue
        items = item if isinstance(item, list) else [item]
        if isinstance(items[0], dict):
            for one in items:
                _decorate(draw, one)
        elif draw(st.integers(0, 4)) == 0:
            value[f"_{key}"] = (
                [draw(COMPANION), *(draw(st.none() | COMPANION) for _ in items[1:])]
                if isinstance(item, list)
                else draw(COMPANION)
            )


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(resources(), st.booleans())
def test_json_to_xml_to_json_is_the_same_digit_by_digit(resource, is_pretty) -> None:
    body = (CODEC.encode_pretty if is_pretty else CODEC.encode)(resource)
    found = CODEC.decode(body)
    assert found == resource
    assert encode(_sorted(found)) == encode(_sorted(resource))


@given(TEXT, TEXT)
def test_every_text_survives_in_attributes(one, other) -> None:
    resource = {
        "resourceType": "Patient",
        "extension": [{"url": one, "valueString": other}],
        "name": [{"given": [one, None], "_given": [None, {"id": other}]}],
    }
    assert CODEC.decode(CODEC.encode(resource)) == resource


@given(st.text())
def test_whatever_stands_as_narrative_the_document_is_well_formed(text) -> None:
    resource = {"resourceType": "Patient", "text": {"div": text}}
    assert CODEC.decode(CODEC.encode(resource))["text"]["div"]


ODD_KEYS = (
    "name", "_name", "given", "_given", "contained", "text", "div", "x", "a b", "<", "1x", "", "_",
    "resourceType", "id",
)  # fmt: skip
ODD_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(ODD_KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(ODD_KEYS), ODD_JSON))
def test_json_of_any_shape_becomes_well_formed_xml(content) -> None:
    body = CODEC.encode({"resourceType": "Patient", **content})
    assert expat.ParserCreate().Parse(body, True) == 1


@given(st.binary(max_size=60) | st.text("<>/=\"'& aP?!-[]", max_size=60).map(str.encode))
def test_no_bytes_but_refusals_come_of_nonsense(body) -> None:
    try:
        CODEC.decode(body, JsonLimits(max_bytes=100))
    except FhirError as refusal:
        rules = {found.rule for found in refusal.issues}
        assert rules <= {"xml-syntax", "xml-namespace", "xml-doctype", "xml-not-utf8"}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
