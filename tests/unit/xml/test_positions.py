"""Places in posted XML, asked for by the JSON Pointers of findings."""

from fhir_server.model import Position, PostedText, issue, with_positions

TEXT = """<?xml version="1.0"?>
<Patient xmlns="http://hl7.org/fhir">
  <contained>
    <Group><id value="g"/></Group>
  </contained>
  <name><family value="Шевченко"/><given value="Т"/><given value="Г"><extension
    url="x"/></given></name>
  <birthDate value="1814"><extension url="y"><valueCode value="c"/></extension></birthDate>
</Patient>""".encode()


def test_a_pointer_leads_to_the_start_tag_columns_in_characters(codec) -> None:
    text: PostedText = codec.posted(TEXT)
    assert text.locate(["", "/name/0/given/1", "/contained/0/id", "/birthDate"]) == {
        "": Position(2, 1),
        "/name/0/given/1": Position(6, 53),
        "/contained/0/id": Position(4, 12),
        "/birthDate": Position(8, 3),
    }


def test_companions_stand_where_their_values_do(codec) -> None:
    assert codec.posted(TEXT).locate(
        ["/_birthDate", "/_birthDate/extension/0/valueCode", "/name/0/_given/1/extension/0/url"]
    ) == {
        "/_birthDate": Position(8, 3),
        "/_birthDate/extension/0/valueCode": Position(8, 46),
        "/name/0/_given/1/extension/0/url": Position(6, 70),
    }


def test_what_is_missing_has_the_place_of_what_should_hold_it(codec) -> None:
    found = codec.posted(TEXT).locate(["/name/0/use", "/gender", "/name/3", "/name"])
    assert list(found.values()) == [
        Position(6, 3),
        Position(2, 1),
        Position(6, 3),
        Position(6, 3),
    ]


def test_issues_get_their_line_in_the_xml(codec) -> None:
    (placed,) = with_positions([issue("json-nul", pointer="/birthDate")], codec.posted(TEXT))
    assert (placed.line, placed.column) == (8, 3)
