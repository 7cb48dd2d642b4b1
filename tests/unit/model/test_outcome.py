"""OperationOutcome in two languages (https://hl7.org/fhir/R4/operationoutcome.html)."""

import json

from fhir.resources.R4B.operationoutcome import OperationOutcome

from fhir_server.model import Conflict, encode, issue, operation_outcome


def test_the_asked_language_comes_first_and_the_other_is_its_translation() -> None:
    rendered = operation_outcome([issue("json-nul")], "uk")["issue"][0]
    translation = rendered["details"]["_text"]["extension"][0]
    assert rendered["details"]["text"].startswith("Текст містить")
    assert translation["extension"][0]["valueCode"] == "en"
    assert translation["extension"][1]["valueString"].startswith("The text has")
    english = operation_outcome([issue("json-nul")], "en")["issue"][0]
    assert english["details"]["text"].startswith("The text has")


def test_place_source_suggestion_and_patch_are_told() -> None:
    found = issue(
        "json-syntax",
        found="x",
        expression="Patient.name[0]",
        pointer="/name/0",
        line=3,
        column=7,
        source="http://example.org/p|1#Patient.name",
        suggestions=("male",),
        patch=({"op": "replace", "path": "/name/0", "value": "male"},),
    )
    rendered = operation_outcome([found], "en")["issue"][0]
    values = [
        next(v for k, v in extension.items() if k != "url") for extension in rendered["extension"]
    ]
    assert values[:5] == [3, 7, "/name/0", "http://example.org/p|1#Patient.name", "x"]
    assert values[5] == "male"
    assert json.loads(values[6]) == [{"op": "replace", "path": "/name/0", "value": "male"}]
    assert rendered["expression"] == ["Patient.name[0]"]
    assert rendered["diagnostics"].startswith("3:7 ")


def test_a_typed_client_can_read_it() -> None:
    found = issue("json-syntax", found="x", line=1, column=2, pointer="/a", expression="Patient.a")
    OperationOutcome.model_validate_json(encode(operation_outcome([found], "uk")))


def test_an_entry_of_a_bundle_shifts_place_and_pointer() -> None:
    found = issue("json-nul", expression="Patient.name[0]", pointer="/name/0").at_entry(3)
    assert found.expression == "Bundle.entry[3].resource.name[0]"
    assert found.pointer == "/entry/3/resource/name/0"
    whole = issue("json-nul", expression="Patient", pointer="").at_entry(0)
    assert whole.expression == "Bundle.entry[0].resource"


def test_a_refusal_of_one_message_takes_the_code_of_its_class() -> None:
    refusal = Conflict.of("json-nul")
    assert (refusal.status, refusal.issues[0].code) == (409, "conflict")
