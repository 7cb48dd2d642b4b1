"""What a narrative may contain.

Spec: https://hl7.org/fhir/R4/narrative.html#xhtml
"""

import pytest

from fhir_server.fhirpath import narrative_faults

XMLNS = 'xmlns="http://www.w3.org/1999/xhtml"'


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (f"<div {XMLNS}><p class='a'>Привіт <b>x</b></p></div>", ()),
        (f"<div {XMLNS}><img src='#a' alt='x'/></div>", ()),
        (f"<div {XMLNS}> <p/> </div>", ("empty",)),
        (f"<div {XMLNS}>x<script>y</script></div>", ("<script>",)),
        (f"<div {XMLNS}><a onclick='x()'>y</a></div>", ("@onclick",)),
        (f"<div {XMLNS}><a href=' JavaScript:x()'>y</a></div>", ("@href",)),
        (f"<p {XMLNS}>x</p>", ("root",)),
        ("<div>x</div>", ("namespace",)),
        (f"<div {XMLNS}>x", ("xml",)),
        (f"<div {XMLNS}>&nbsp;</div>", ("xml",)),
        (f"<!DOCTYPE a [<!ENTITY b 'c'>]><div {XMLNS}>&b;</div>", ("doctype", "xml")),
        (f"<div {XMLNS}>x<?php y ?></div>", ("<?>",)),
    ],
)
def test_each_fault_is_named(text: str, faults: tuple[str, ...]) -> None:
    assert narrative_faults(text) == faults
