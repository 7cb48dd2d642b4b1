"""FHIR XML as its JSON (https://hl7.org/fhir/R4/xml.html)."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from fhir_server.model import InvalidRequest, JsonLimits, TooLarge, decode_object, encode

HERE = Path(__file__).parent
READING = yaml.safe_load((HERE / "reading.yaml").read_text(encoding="utf-8"))
REFUSED = yaml.safe_load((HERE / "refused.yaml").read_text(encoding="utf-8"))


def name(case: dict[str, Any]) -> str:
    return case["name"]


def document(case: dict[str, Any]) -> bytes:
    wrapped = f'<Patient xmlns="http://hl7.org/fhir">{case.get("xml")}</Patient>'
    return case.get("document", wrapped).encode()


@pytest.mark.parametrize("case", READING, ids=name)
def test_xml_means_its_json(codec, case) -> None:
    found = codec.decode(document(case))
    expected = decode_object(case["json"].encode())
    assert found == expected
    assert sorted(encode(found)) == sorted(encode(expected))  # digits too


@pytest.mark.parametrize("case", REFUSED, ids=name)
def test_what_is_no_fhir_xml_is_refused_with_its_place(codec, case) -> None:
    with pytest.raises(InvalidRequest) as refused:
        codec.decode(document(case))
    assert [told(found) for found in refused.value.issues] == case["issues"]


def told(found) -> str:
    place = "-" if found.line is None else f"{found.line}:{found.column}"
    return f"{found.rule} {place} {found.expression or '-'}"


def test_bytes_that_are_no_utf8_are_refused(codec) -> None:
    with pytest.raises(InvalidRequest, match="offset 1"):
        codec.decode(b"<\xff/>")


def test_a_byte_order_mark_is_taken(codec) -> None:
    text = '\ufeff<Patient xmlns="http://hl7.org/fhir"/>'
    assert codec.decode(text.encode()) == {"resourceType": "Patient"}


def test_a_text_over_the_limit_is_refused_unread(codec) -> None:
    with pytest.raises(TooLarge):
        codec.decode(b"<" * 11, JsonLimits(max_bytes=10))


@pytest.mark.parametrize(("levels", "is_taken"), [(31, True), (32, False)])
def test_depth_is_that_of_the_json_that_comes_out(codec, levels, is_taken) -> None:
    opening = '<extension url="http://x">' * levels + '<valueString value="x"/>'
    text = f'<Patient xmlns="http://hl7.org/fhir">{opening}{"</extension>" * levels}</Patient>'
    if is_taken:
        decode_object(encode(codec.decode(text.encode())))
        return
    with pytest.raises(InvalidRequest) as refused:
        codec.decode(text.encode())
    assert [found.rule for found in refused.value.issues] == ["xml-too-deep"]
    as_json = {"url": "http://x", "valueString": "x"}
    for _ in range(levels - 1):
        as_json = {"url": "http://x", "extension": [as_json]}
    with pytest.raises(InvalidRequest, match="nested"):
        decode_object(encode({"resourceType": "Patient", "extension": [as_json]}))


def test_unknown_elements_cannot_be_nested_without_end(codec) -> None:
    text = f'<Patient xmlns="http://hl7.org/fhir">{"<a>" * 5000}{"</a>" * 5000}</Patient>'
    with pytest.raises(InvalidRequest) as refused:
        codec.decode(text.encode())
    assert [found.rule for found in refused.value.issues] == ["xml-too-deep"]


def test_no_more_than_a_hundred_faults_are_told(codec) -> None:
    text = f'<Patient xmlns="http://hl7.org/fhir">{"<name use=" + chr(34) + "x" + chr(34) + "/>"}'
    text = text.replace("<name", "<name ", 1) + '<name use="x"/>' * 500 + "</Patient>"
    with pytest.raises(InvalidRequest) as refused:
        codec.decode(text.encode())
    assert len(refused.value.issues) == 100
