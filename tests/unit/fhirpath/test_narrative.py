"""What a narrative may contain.

Spec: https://hl7.org/fhir/R4/narrative.html#xhtml
"""

import pytest

from fhir_server.fhirpath import narrative_faults

XMLNS = 'xmlns="http://www.w3.org/1999/xhtml"'


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (f"<div {XMLNS}><p class='a' xml:lang='uk'>Привіт <b>x</b></p></div>", []),
        (f"<div {XMLNS}><img src='#a' alt='x'/></div>", []),
        (f"<div {XMLNS}> <p/> </div>", [("empty", "")]),
        (f"<div {XMLNS}>x<script>y</script></div>", [("element", "<script>")]),
        (f"<div {XMLNS}>x<s xmlns='urn:a'>y</s></div>", [("element", "<s>")]),
        (f"<div {XMLNS}><a onclick='x()'>y</a></div>", [("attribute", "<a onclick>")]),
        (f"<div {XMLNS}><a href=' J&#10;avaScript:x'>y</a></div>", [("link", " J\navaScript:x")]),
        (f"<p {XMLNS}>x</p>", [("root", "<p xmlns='http://www.w3.org/1999/xhtml'>")]),
        ("<div>x</div>", [("root", "<div xmlns=''>")]),
        (f"<div {XMLNS}>x", [("xml", "no element found, 1:44")]),
        (f"<div {XMLNS}>\nяк&nbsp;</div>", [("entity", "&nbsp;")]),
        (f"<!DOCTYPE a [<!ENTITY b 'c'>]><div {XMLNS}>&b;</div>", [("doctype", "<!DOCTYPE>")]),
        (f"<div {XMLNS}>x<?php y ?></div>", [("instruction", "<?php?>")]),
        (
            f"<div {XMLNS}><u>x</u><u>y</u><font>z</font></div>",
            [("element", "<u>"), ("element", "<font>")],
        ),
    ],
)  # fmt: skip
def test_each_fault_is_named(text: str, faults: list[tuple[str, str]]) -> None:
    assert list(narrative_faults(text)) == faults
