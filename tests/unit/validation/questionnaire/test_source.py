"""Where the Questionnaire of a response is found, and what is said when it is not."""

from typing import Any

import pytest

Json = dict[str, Any]
URL = "http://example.com/Questionnaire/weight"


def form(**more: Any) -> Json:
    item = {"linkId": "q", "type": "decimal"}
    made = {"resourceType": "Questionnaire", "url": URL, "status": "active", "item": [item]}
    return {**made, **more}


def response(questionnaire: str | None, link_id: str = "other", **more: Any) -> Json:
    made: Json = {"resourceType": "QuestionnaireResponse", "status": "completed"}
    if questionnaire is not None:
        made["questionnaire"] = questionnaire
    return {**made, **more, "item": [{"linkId": link_id, "answer": [{"valueDecimal": 1}]}]}


def told(issues: Any) -> list[str]:
    return [f"{i.severity} {i.rule} @ {i.expression}" for i in issues]


WRONG = "error response-link-id @ QuestionnaireResponse.item[0].linkId"


def test_a_canonical_with_version_means_that_version(validate) -> None:
    both = [form(version="1"), form(version="2", item=[{"linkId": "other", "type": "decimal"}])]
    assert told(validate(response(f"{URL}|1"), definitions=both)) == [WRONG]
    assert told(validate(response(f"{URL}|2"), definitions=both)) == []


def test_a_canonical_without_version_means_the_latest(validate) -> None:
    both = [form(version="2"), form(version="10", item=[{"linkId": "other", "type": "decimal"}])]
    assert told(validate(response(URL), definitions=both)) == []


def test_an_unknown_questionnaire_is_a_warning(validate) -> None:
    found = validate(response("http://example.com/Questionnaire/none"))
    place = "QuestionnaireResponse.questionnaire"
    assert told(found) == [f"warning response-questionnaire-unknown @ {place}"]


def test_an_unknown_version_is_told_with_those_that_are_here(validate) -> None:
    found = validate(response(f"{URL}|3"), definitions=[form(version="1"), form(version="2")])
    assert [issue.rule for issue in found] == ["response-questionnaire-unknown"]
    assert found[0].suggestions == (f"{URL}|1", f"{URL}|2")


def test_a_response_without_questionnaire_is_told(validate) -> None:
    found = validate(response(None))
    assert told(found) == ["information response-without-questionnaire @ QuestionnaireResponse"]


def test_a_contained_questionnaire_counts(validate) -> None:
    found = validate(response("#f", contained=[{**form(), "id": "f"}]))
    assert told(found) == [WRONG]


def test_a_contained_questionnaire_finds_value_sets_beside_it(validate) -> None:
    gender = "http://hl7.org/fhir/administrative-gender"
    include = {"system": gender, "concept": [{"code": "male"}]}
    value_set = {"resourceType": "ValueSet", "id": "v", "status": "active"}
    value_set = {**value_set, "compose": {"include": [include]}}
    question = {"linkId": "q", "type": "choice", "answerValueSet": "#v"}
    made = response("#f", contained=[{**form(item=[question]), "id": "f"}, value_set])
    answer = {"valueCoding": {"system": gender, "code": "female"}}
    found = validate({**made, "item": [{"linkId": "q", "answer": [answer]}]})
    place = "QuestionnaireResponse.item[0].answer[0].value"
    assert f"error answer-not-in-value-set @ {place}" in told(found)


@pytest.mark.parametrize("contained", [[], [{"resourceType": "Patient", "id": "f"}]])
def test_a_reference_to_no_contained_questionnaire_is_an_error(validate, contained) -> None:
    found = validate(response("#f", **({"contained": contained} if contained else {})))
    assert [i.severity for i in found if i.rule == "response-questionnaire-unknown"] == ["error"]


@pytest.mark.parametrize("canonical", [URL, "urn:uuid:5f4c6a5e-0000-4000-8000-000000000001"])
def test_a_questionnaire_in_the_same_bundle_counts(validate, canonical: str) -> None:
    own = "urn:uuid:5f4c6a5e-0000-4000-8000-000000000001"
    other = "urn:uuid:5f4c6a5e-0000-4000-8000-000000000002"
    entries = [
        {"fullUrl": own, "resource": form()},
        {"fullUrl": other, "resource": response(canonical)},
    ]
    found = validate({"resourceType": "Bundle", "type": "collection", "entry": entries})
    place = "Bundle.entry[1].resource.item[0].linkId"
    assert told(found) == [f"error response-link-id @ {place}"]


def test_a_questionnaire_that_the_resolver_gives_counts(validate) -> None:
    class Resolver:
        def resolve(self, reference: str) -> Json | None:
            return form() if reference == "Questionnaire/1" else None

        def is_deleted(self, reference: str) -> bool:
            return False

    found = validate(response("Questionnaire/1"), resolver=Resolver())
    assert WRONG in told(found)


def test_the_messages_speak_both_languages(validate) -> None:
    found = validate(response(URL, "Q"), definitions=[form()])
    assert found[0].text.en.startswith("The questionnaire has no item with linkId 'Q'")
    assert found[0].text.uk.startswith("В опитувальнику немає пункту з linkId «Q»")
    assert found[0].suggestions == ("q",)
    assert found[0].pointer == "/item/0/linkId"
