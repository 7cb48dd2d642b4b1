"""Other FHIRPath engines, asked for what an expression gives on a resource.

`fhirpathpy` (PyPI) runs in this process, fhirpath.js (npm `fhirpath`) in one of Node.js.
"""

import json
import re
import subprocess
import warnings
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

VERSION = "5.2.2"
"""Of npm `fhirpath`, that of the verdicts in ``differences.yaml``."""

Answer = list[Any] | None
"""Values as JSON; None: the engine refuses the expression or stops."""


def ours(resource: dict[str, Any], expression: str) -> Answer:
    """Ask our own engine through its door."""
    from fhir_server.fhirpath import FhirPathError, evaluate

    try:
        return [plain(value) for value in evaluate(resource, expression)]
    except FhirPathError:
        return None


def python(resource: dict[str, Any], expression: str) -> Answer:
    """Ask fhirpathpy."""
    import fhirpathpy
    from fhirpathpy.models import models

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return [
                plain(value)
                for value in fhirpathpy.evaluate(resource, expression, {}, models["r4"])
            ]
        except Exception:  # noqa: BLE001 # any failure of theirs is a refusal
            return None


def install(folder: Path) -> None:
    """Install fhirpath.js below ``folder``."""
    command = ["npm", "install", "--no-audit", "--no-fund", f"fhirpath@{VERSION}"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)


def javascript(
    folder: Path, resources: dict[str, dict[str, Any]], asked: Iterable[tuple[str, str]]
) -> Iterator[Answer]:
    """Ask fhirpath.js, installed below ``folder``, for (name of a resource, expression) pairs."""
    lines = [json.dumps(resources, default=float)]
    lines += [json.dumps({"resource": name, "expression": text}) for name, text in asked]
    result = subprocess.run(
        ["node", str(Path(__file__).with_name("oracle.mjs"))],
        cwd=folder,
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=900,
        check=True,
    )
    for line in result.stdout.splitlines():
        values = json.loads(line).get("values")
        yield None if values is None else [plain(value) for value in values]


def plain(value: Any) -> Any:
    """Write a value as all engines can: numbers to ten digits, instants in UTC, units as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        return float(f"{float(value):.10g}")
    if isinstance(value, dict):
        if value.keys() <= {"value", "unit", "system", "code"} and "value" in value:
            return _quantity(value["value"], str(value.get("code", value.get("unit", "1"))))
        return {name: plain(child) for name, child in value.items()}
    if isinstance(value, list):
        return [plain(child) for child in value]
    return _text(str(value))


def _quantity(number: Any, unit: str) -> str:
    return f"{plain(number)} {unit if unit in _NOT_PLURAL else unit.rstrip('s') or unit}"


_NOT_PLURAL = {"s", "ms"}


def _text(text: str) -> str:
    """Bring ``1.0 'mg'`` and ``1 days``, and an instant in any zone, to one form."""
    number, blank, unit = text.partition(" ")
    if _INSTANT.fullmatch(text):
        return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC).isoformat()
    if not blank:
        return text
    try:
        return _quantity(Decimal(number), unit.strip("'"))
    except ArithmeticError:
        return text


_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
