"""Questionnaires and responses, and what is said of them: ``responses.yaml`` and ``designs.yaml``.

What the base definitions say is left out: these cases are about the rules of Questionnaires.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from fhir_server.model import Issue, catalogue, decode_object, encode

FOLDER = Path(__file__).parent
URL = "http://example.com/Questionnaire/q"


def cases(name: str) -> list[Any]:
    read = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return [pytest.param(case, id=case["name"]) for case in read]


def form(case: dict[str, Any]) -> dict[str, Any]:
    """The Questionnaire of a case, as it is read from its JSON text."""
    more = case.get("form", {})
    made = {"resourceType": "Questionnaire", "url": URL, "status": "active", **more}
    return decode_object(encode({**made, "item": case["items"]}))


def response(case: dict[str, Any]) -> dict[str, Any]:
    """The response of a case, as it is read from its JSON text."""
    made = {
        "resourceType": "QuestionnaireResponse",
        "status": case.get("status", "completed"),
        "questionnaire": URL,
        **case.get("response", {}),
    }
    return decode_object(encode({**made, **({"item": case["answers"]} if case["answers"] else {})}))


def told(issues: list[Issue], resource_type: str) -> list[str]:
    own = [found for found in issues if catalogue()[found.rule].area == "questionnaire"]
    places = [
        (found.expression or "").removeprefix(resource_type).removeprefix(".") for found in own
    ]
    return [
        f"{'' if found.is_error else '~'}{found.rule} @ {place}"
        for found, place in zip(own, places, strict=True)
    ]


@pytest.mark.parametrize("case", cases("responses.yaml"))
def test_the_response_has_exactly_these_issues(case: dict[str, Any], validate) -> None:
    found = validate(response(case), definitions=[form(case)])
    assert told(found, "QuestionnaireResponse") == case.get("issues", []), [
        issue.text.en for issue in found
    ]
    if "suggest" in case:
        own = [issue for issue in found if catalogue()[issue.rule].area == "questionnaire"]
        assert list(own[0].suggestions) == case["suggest"]


@pytest.mark.parametrize("case", cases("designs.yaml"))
def test_the_questionnaire_has_exactly_these_issues(case: dict[str, Any], validate) -> None:
    found = validate(form(case))
    assert told(found, "Questionnaire") == case.get("issues", [])
    if "suggest" in case:
        assert list(found[0].suggestions) == case["suggest"]
