"""Strings at the limits of the specification (https://hl7.org/fhir/R4/datatypes.html#string)."""

from fhir_server.validation.primitive import SCANNERS

LIMIT = 1024 * 1024


def test_a_string_may_have_a_megabyte_and_not_one_character_more() -> None:
    scan = SCANNERS["string"]
    assert scan("a" * LIMIT) is None
    found = scan("a" * (LIMIT + 1))
    assert found is not None
    assert found.rule == "string-too-big"


def test_an_empty_string_is_told_as_such() -> None:
    found = SCANNERS["string"]("")
    assert found is not None
    assert found.rule != "string-too-big"
