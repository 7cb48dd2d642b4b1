"""What STYLE.md asks of the tree and no linter checks."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "fhir_server"
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 500
LONG_MODULES: dict[str, str] = {}
"""Module -> why it may be longer than the ceiling."""
BANNED_NAMES = {"utils", "helpers", "common", "misc", "manager"}
SYNCHRONOUS = ("validation", "search", "terminology", "definitions", "fhirpath", "xml", "model")
STATUS_WORDS = re.compile(r"^Status: (proposed|accepted|superseded by \d{4})$", re.MULTILINE)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_modules_stay_under_the_ceiling(module: Path) -> None:
    lines = len(module.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES or name(module) in LONG_MODULES


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_modules_are_named_after_ideas(module: Path) -> None:
    assert not BANNED_NAMES & set(module.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize(
    "module", [m for m in MODULES if m.relative_to(PACKAGE).parts[0] in SYNCHRONOUS], ids=name
)
def test_async_stops_at_storage(module: Path) -> None:
    waiting = ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith
    assert not [
        n.lineno for n in ast.walk(ast.parse(module.read_text("utf-8"))) if isinstance(n, waiting)
    ]


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_other_packages_are_entered_by_their_door(module: Path) -> None:
    own = module.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(
            "fhir_server."
        ):
            continue
        _, package, *rooms = (node.module or "").split(".")
        is_backend = own == "app" and package == "storage" and len(rooms) == 1
        assert package == own or not rooms or is_backend, f"line {node.lineno}: {node.module}"


@pytest.mark.parametrize("record", sorted((ROOT / "docs/decisions").glob("*.md")), ids=name)
def test_decision_records_have_their_headings_and_a_status(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert re.match(rf"# {int(record.name[:4])}\. \S", text)
    assert STATUS_WORDS.search(text)
    for heading in ("Context", "Decision", "Alternatives", "Consequences"):
        assert f"\n## {heading}\n" in text


def test_decision_numbers_are_used_once() -> None:
    numbers = [p.name[:4] for p in (ROOT / "docs/decisions").glob("*.md")]
    assert len(numbers) == len(set(numbers))
