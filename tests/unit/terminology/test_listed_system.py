"""Compiled code systems: https://hl7.org/fhir/R4/codesystem.html."""

from fhir_server.terminology.listed_system import ListedSystem
from tests.support.terminology import code_system, colours

PROPERTIES = "http://hl7.org/fhir/concept-properties#"


def codes(system):
    return [concept.code for concept in system.concepts()]


def test_parents_come_before_their_children():
    assert codes(ListedSystem(colours())) == [
        "any", "warm", "red", "orange", "blue", "sepia", "none",
    ]  # fmt: skip


def test_the_hierarchy_is_read_from_nesting():
    system = ListedSystem(colours())
    assert system.parents("red") == ("warm",)
    assert system.children("warm") == ("red", "orange")
    assert system.ancestors("red") == {"warm", "any"}
    assert system.descendants("warm") == {"red", "orange"}


def test_the_hierarchy_is_read_from_properties_too():
    system = ListedSystem(
        code_system(
            "u",
            "a",
            {"code": "b", "property": [{"code": "parent", "valueCode": "a"}]},
            {"code": "c", "property": [{"code": "child", "valueCode": "d"}]},
            "d",
        )
    )
    assert system.descendants("a") == {"b"}
    assert system.parents("d") == ("c",)


def test_a_circle_in_the_hierarchy_ends():
    turn = {"code": "a", "property": [{"code": "parent", "valueCode": "b"}]}
    back = {"code": "b", "property": [{"code": "parent", "valueCode": "a"}]}
    assert ListedSystem(code_system("u", turn, back)).descendants("a") == {"b"}


def test_codes_without_regard_to_case_are_found_as_written():
    system = ListedSystem(code_system("u", "Code1", caseSensitive=False))
    found = system.find("cODE1")
    assert found is not None
    assert found.code == "Code1"


def test_codes_with_regard_to_case_differ():
    assert ListedSystem(code_system("u", "Code1")).find("code1") is None


def test_roles_of_properties_follow_their_uri():
    concept = {"code": "a", "property": [{"code": "hidden", "valueBoolean": True}]}
    renamed = [{"code": "hidden", "uri": PROPERTIES + "notSelectable", "type": "boolean"}]
    found = ListedSystem(code_system("u", concept, property=renamed)).find("a")
    assert found is not None
    assert found.is_abstract


def test_a_property_with_the_uri_of_another_role_plays_that_role():
    concept = {"code": "a", "property": [{"code": "notSelectable", "valueBoolean": True}]}
    other = [{"code": "notSelectable", "uri": PROPERTIES + "partOf", "type": "boolean"}]
    found = ListedSystem(code_system("u", concept, property=other)).find("a")
    assert found is not None
    assert not found.is_abstract


def test_retired_and_inactive_codes_are_inactive():
    retired = {"code": "a", "property": [{"code": "status", "valueCode": "retired"}]}
    marked = {"code": "b", "property": [{"code": "inactive", "valueBoolean": True}]}
    deprecated = {"code": "c", "property": [{"code": "status", "valueCode": "deprecated"}]}
    system = ListedSystem(code_system("u", retired, marked, deprecated))
    assert [c.code for c in system.concepts() if c.is_inactive] == ["a", "b"]


def test_a_supplement_adds_names_and_properties():
    supplement = code_system(
        "s",
        {
            "code": "red",
            "display": "Rot",
            "property": [{"code": "order", "valueInteger": 1}],
        },
        content="supplement",
        language="de",
        version="2",
    )
    system = ListedSystem(colours(), [supplement])
    red = system.find("red")
    assert red is not None
    assert {"language": "de", "value": "Rot"} in red.designations
    assert system.values(red, "order") == ("1",)
    assert system.supplements == ("s|2",)
