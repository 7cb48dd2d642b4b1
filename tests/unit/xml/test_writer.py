"""JSON resources as FHIR XML (https://hl7.org/fhir/R4/xml.html)."""

from decimal import Decimal
from pathlib import Path

import pytest

from fhir_server.model import decode_object, encode

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").rglob("*.json"))
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'


def patient(**elements) -> dict:
    return {"resourceType": "Patient", **elements}


def content(codec, **elements) -> str:
    """What stands in the Patient."""
    text = codec.encode(patient(**elements)).decode()
    return text.removeprefix(f'{HEAD}<Patient xmlns="http://hl7.org/fhir">').removesuffix(
        "</Patient>"
    )


def test_elements_are_in_the_order_of_the_definitions(codec) -> None:
    written = content(codec, birthDate="1990", name=[{"given": ["A"], "use": "usual"}], id="p")
    assert written == (
        '<id value="p"/><name><use value="usual"/><given value="A"/></name>'
        '<birthDate value="1990"/>'
    )


def test_numbers_keep_their_digits_and_booleans_their_words(codec) -> None:
    written = codec.encode(
        {
            "resourceType": "Observation",
            "valueQuantity": {"value": Decimal("1.0300")},
            "component": [{"valueInteger": 7}, {"valueBoolean": True}],
        }
    ).decode()
    assert '<value value="1.0300"/>' in written
    assert '<valueInteger value="7"/>' in written
    assert '<valueBoolean value="true"/>' in written


def test_ids_of_parts_and_urls_of_extensions_are_attributes(codec) -> None:
    extension = {"valueString": "v", "id": "e", "url": "http://x?a&b"}
    assert content(codec, name=[{"id": "n"}], extension=[extension]) == (
        '<extension id="e" url="http://x?a&amp;b"><valueString value="v"/></extension>'
        '<name id="n"/>'
    )


def test_companions_of_primitives_are_one_element_with_their_value(codec) -> None:
    written = content(
        codec,
        name=[{"given": ["A", None], "_given": [None, {"id": "g"}]}],
        _gender={"extension": [{"url": "u"}]},
        birthDate="1990",
        _birthDate={"id": "b"},
    )
    assert written == (
        '<name><given value="A"/><given id="g"/></name>'.replace('id="g"', 'id="g"')
        + '<gender><extension url="u"/></gender><birthDate value="1990" id="b"/>'
    )


def test_companions_alone_are_elements_without_value(codec) -> None:
    assert content(codec, name=[{"_given": [{"id": "g"}]}]) == '<name><given id="g"/></name>'


def test_contained_resources_stand_in_elements_of_their_own(codec) -> None:
    held = [{"resourceType": "Group", "id": "g"}, {"resourceType": "Patient"}]
    assert content(codec, contained=held) == (
        '<contained><Group><id value="g"/></Group></contained><contained><Patient/></contained>'
    )


def test_narrative_is_markup(codec) -> None:
    div = f"<div {XHTML}><p>a &lt; b</p></div>"
    assert content(codec, text={"div": div, "status": "generated"}) == (
        f'<text><status value="generated"/>{div}</text>'
    )


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ("<div>a&nbsp;b &amp; c</div>", f"<div {XHTML}>a\u00a0b &amp; c</div>"),
        ("<div><br></div>", f"<div {XHTML}>&lt;div&gt;&lt;br&gt;&lt;/div&gt;</div>"),
        ("plain & \x01", f"<div {XHTML}>plain &amp; \ufffd</div>"),
        ("<div/>", f"<div {XHTML}/>"),
        (f"<div {XHTML}>a</div><p/>", None),
        ('<!DOCTYPE x [<!ENTITY a "b">]><div/>', None),
        ("<div>&unknown;</div>", None),
    ],
)
def test_narrative_stored_without_validation_leaves_well_formed(codec, stored, written) -> None:
    body = codec.encode(patient(text={"div": stored}))
    assert codec.decode(body)["text"]["div"].startswith(f"<div {XHTML}")
    if written is not None:
        assert f"<text>{written}</text>" in body.decode()


def test_characters_that_xml_reads_otherwise_are_escaped(codec) -> None:
    text = "<&>\"'\t\n\r é😀"
    body = codec.encode(patient(name=[{"text": text}]))
    assert b"\"&lt;&amp;&gt;&quot;'&#9;&#10;&#13; " in body
    assert codec.decode(body)["name"][0]["text"] == text


def test_characters_that_xml_cannot_carry_are_replaced(codec) -> None:
    body = codec.encode(patient(name=[{"text": "a\x00\x0b\ufffe"}]))
    assert codec.decode(body)["name"][0]["text"] == "a\ufffd\ufffd\ufffd"


def test_what_the_definitions_do_not_have_is_written_by_its_shape_at_the_end(codec) -> None:
    written = content(codec, foo=[1, {"bar": "x"}], active={"id": "a"}, birthDate=None)
    assert written == '<active id="a"/><foo value="1"/><foo><bar value="x"/></foo>'


def test_a_resource_without_type_or_of_an_unknown_one_is_well_formed(codec) -> None:
    assert b"<Resource xmlns=" in codec.encode({"id": "x"})
    assert b'<Foo xmlns="http://hl7.org/fhir"><a value="b"/></Foo>' in codec.encode(
        {"resourceType": "Foo", "a": "b"}
    )


def test_pretty_xml_indents_everything_but_narrative(codec) -> None:
    div = f"<div {XHTML}><p>a</p></div>"
    contained = [{"resourceType": "Group", "id": "g"}]
    body = codec.encode_pretty(patient(text={"div": div}, contained=contained))
    assert body.decode() == (
        f'{HEAD}\n<Patient xmlns="http://hl7.org/fhir">\n  <text>\n    {div}\n  </text>\n'
        "  <contained>\n    <Group>\n"
        '      <id value="g"/>\n    </Group>\n  </contained>\n</Patient>'
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_the_same_after_a_journey_through_xml(codec, example) -> None:
    resource = decode_object(example.read_bytes())
    for body in (codec.encode(resource), codec.encode_pretty(resource)):
        found = codec.decode(body)
        assert found == resource
        assert sorted(encode(found)) == sorted(encode(resource))


def test_an_element_called_resource_type_is_no_resource(codec) -> None:
    """ExampleScenario.instance has one: it was once written as a resource inside a resource."""
    scenario = {
        "resourceType": "ExampleScenario",
        "status": "draft",
        "instance": [{"resourceId": "a", "resourceType": "Patient"}],
    }
    written = codec.encode(scenario)
    assert b'<instance><resourceId value="a"/><resourceType value="Patient"/></instance>' in written
    assert codec.decode(written) == scenario
