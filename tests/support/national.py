"""The national package for tests: its files, its examples, and a validator that knows it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from fhir_server.definitions import load_registry
from fhir_server.model import Issue, decode_object
from fhir_server.terminology import Terminology
from fhir_server.validation import Validator

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
INVALID = EXAMPLES / "invalid"
BASE = "https://fhir.esoz.ua/"

Json = dict[str, Any]


@cache
def validator() -> Validator:
    registry = load_registry()
    return Validator(registry, Terminology(registry))


def errors(path: Path) -> list[Issue]:
    """What the validator refuses in a file."""
    found = validator().validate(decode_object(path.read_bytes()))
    return [issue for issue in found if issue.severity in {"fatal", "error"}]


def valid_examples() -> list[Path]:
    return [
        path
        for path in sorted(EXAMPLES.rglob("*.json"))
        if INVALID not in path.parents and "broken" not in path.name
    ]


@cache
def expected() -> dict[str, Json]:
    """What each wrong example breaks, by its path below ``examples/invalid``."""
    table: dict[str, Json] = yaml.safe_load((INVALID / "expected.yaml").read_text("utf-8"))
    return table


@cache
def definitions(folder: str) -> tuple[Json, ...]:
    """Every definition below a folder of the checkout, such as ``profiles/extensions``."""
    return tuple(
        json.loads(path.read_text("utf-8"))
        for path in sorted((ROOT / folder).rglob("*.json"))
        if path.name != "manifest.json"
    )


def structures() -> list[Json]:
    return [d for d in definitions("profiles") if d["resourceType"] == "StructureDefinition"]
