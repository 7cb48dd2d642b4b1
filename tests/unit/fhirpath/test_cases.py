"""Expressions and their results, one file for each section of the specification."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from fhir_server.fhirpath import FhirPathError
from tests.unit.fhirpath.conftest import Evaluate

FILES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))


def cases() -> list[Any]:
    found = []
    for file in FILES:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        for case in content["cases"]:
            expression, expected = case
            name = f"{file.stem}: {expression}"
            found.append(pytest.param(expression, expected, content.get("resource"), id=name))
    return found


def comparable(value: Any) -> Any:
    """Numbers to the digit: ``1.0`` and ``1.00`` are different results."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, dict):
        return {key: comparable(child) for key, child in value.items()}
    return [comparable(child) for child in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("expression", "expected", "resource"), cases())
def test_an_expression_gives_what_the_specification_says(
    expression: str, expected: Any, resource: dict[str, Any] | None, evaluate: Evaluate
) -> None:
    if isinstance(expected, dict) and "error" in expected:
        with pytest.raises(FhirPathError) as raised:
            evaluate(expression, resource)
        assert raised.value.issues[0].rule == expected["error"]
        return
    wanted = expected if isinstance(expected, list) else [expected]
    assert comparable(evaluate(expression, resource)) == comparable(wanted)


def test_the_files_are_named_by_section() -> None:
    assert all(re.fullmatch(r"(\d+(\.\d+)*|R4|STU)_[a-z_]+", file.stem) for file in FILES)
