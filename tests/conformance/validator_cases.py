"""Run the validator cases and examples of the conformance suite in process: quicker than over HTTP.

Usage: ``python -m tests.conformance.validator_cases [SUITE FOLDER] [CASE ID PREFIX]``
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from fhir_server.definitions import DefinitionErrors, Registry, load_registry
from fhir_server.model import FhirError, Issue, decode_object
from fhir_server.terminology import Terminology
from fhir_server.validation import ValidationOptions, Validator

MOST_ISSUES_SHOWN = 4


class Runner:
    """Keeps the validator of one case's set-up."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self._registry = registry
        self._folder = folder / "files"
        self._loaded: tuple[str, ...] | None = None
        self._validator = Validator(registry, Terminology(registry))

    def issues(self, name: str, setup: tuple[str, ...], profile: str | None) -> list[Issue]:
        """Validate a file after its set-up; a text that is not decoded has the issues of that."""
        self._load(setup)
        try:
            resource = decode_object((self._folder / name).read_bytes())
        except FhirError as refusal:
            return list(refusal.issues)
        return self._validator.validate(
            resource, profiles=(profile,) if profile else (), is_strict=True
        )

    def _load(self, setup: tuple[str, ...]) -> None:
        if setup == self._loaded:
            return
        registry = self._registry
        for resource in (json.loads((self._folder / name).read_text()) for name in setup):
            if "url" not in resource:
                continue
            try:
                registry = registry.with_resources([resource])
            except DefinitionErrors as error:
                _say(f"  set-up {resource['url']}: {error}")
        self._validator = Validator(registry, Terminology(registry), ValidationOptions())
        self._loaded = setup


def run_cases(runner: Runner, suite: Path, prefix: str) -> Counter[tuple[str, str, bool]]:
    """Print each failure, count the verdicts by group."""
    score: Counter[tuple[str, str, bool]] = Counter()
    for case in sorted(json.loads((suite / "cases.json").read_text()), key=lambda c: c["setup"]):
        if not case["id"].startswith(prefix) or not case["file"].endswith(".json"):
            continue
        found = runner.issues(case["file"], tuple(case["setup"]), case["profile"])
        errors = [issue for issue in found if issue.is_error]
        passed = bool(errors) == (case["expect"] == "error")
        score[case["group"], case["expect"], passed] += 1
        if not passed or prefix:
            _show(case["group"], case["id"], case["expect"], errors, case["why"])
    return score


def run_examples(runner: Runner, suite: Path) -> Counter[tuple[str, str, bool]]:
    """Official examples have no errors, unless the suite says that they may be refused."""
    score: Counter[tuple[str, str, bool]] = Counter()
    for case in json.loads((suite / "cases.json").read_text()):
        errors = [i for i in runner.issues(case["file"], (), None) if i.is_error]
        group = "refusable" if case.get("refusable") else "roundtrip"
        score[group, "ok", not errors] += 1
        if errors and group == "roundtrip":
            _show(group, case["file"], "ok", errors, [])
    return score


def _show(group: str, name: str, expected: str, errors: list[Issue], why: list[Any]) -> None:
    _say(f"{group} {name}: expected {expected} {' ;; '.join(map(str, why))[:300]}")
    for error in errors[:MOST_ISSUES_SHOWN]:
        _say(f"    {error.rule} {error.expression}: {error.text.en[:200]} [{error.source}]")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main(suite: Path, prefix: str = "") -> int:
    """Return 0 when everything passes."""
    registry = load_registry()
    score = run_cases(Runner(registry, suite / "validator"), suite / "validator", prefix)
    if not prefix:
        score += run_examples(Runner(registry, suite / "roundtrip"), suite / "roundtrip")
    for group, expected in sorted({key[:2] for key in score}):
        passed, failed = score[group, expected, True], score[group, expected, False]
        _say(f"{group}:{expected}: {passed}/{passed + failed}")
    return 1 if any(not passed for *_, passed in score) else 0


if __name__ == "__main__":
    sys.exit(
        main(
            Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/conformance/data"), *sys.argv[2:3]
        )
    )
