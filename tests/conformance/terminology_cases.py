"""Run the terminology cases of the conformance suite in process: quicker than over HTTP.

Usage: ``python -m tests.conformance.terminology_cases [SUITE FOLDER] [CASE ID PREFIX]``
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fhir_server.definitions import Registry, load_registry
from fhir_server.model import FhirError
from fhir_server.operation import expand, lookup, subsumes, translate, validate_code
from fhir_server.terminology import Terminology

OPERATIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "ValueSet/$expand": expand.run,
    "ValueSet/$validate-code": validate_code.run,
    "CodeSystem/$validate-code": validate_code.run_in_code_system,
    "CodeSystem/$lookup": lookup.run,
    "CodeSystem/$subsumes": subsumes.run,
    "ConceptMap/$translate": translate.run,
}


class Runner:
    """Keeps the registry of one suite's resources."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self._registry = registry
        self._folder = folder
        self._loaded: tuple[str, ...] = ()
        self._terminology = Terminology(registry)

    def failure(self, case: dict[str, Any]) -> str | None:
        """Return why a case fails; None: it passes."""
        self._load(tuple(case["setup"]))
        wanted = case["expect"]
        try:
            answer = OPERATIONS[case["operation"]](
                self._terminology, case["request"], language=case["language"] or ""
            )
        except FhirError as error:
            refused = 400 <= error.status < 500
            return None if refused and "error" in wanted else f"{error.status} {error}"
        if "error" in wanted:
            return "not refused"
        if "codes" in wanted:
            return _expansion_failure(answer["expansion"], wanted)
        return _parameters_failure(answer, wanted["parameters"])

    def _load(self, names: tuple[str, ...]) -> None:
        if names != self._loaded:
            files = [self._folder / "files" / name for name in names]
            resources = [json.loads(file.read_text()) for file in files]
            self._terminology = Terminology(self._registry.with_resources(resources))
            self._loaded = names


def _expansion_failure(expansion: dict[str, Any], wanted: dict[str, Any]) -> str | None:
    got = sorted(_codes(expansion.get("contains", [])))
    if got != wanted["codes"]:
        lacking = sorted(set(wanted["codes"]) - set(got))
        surplus = sorted(set(got) - set(wanted["codes"]))
        return f"lacks {lacking}, has {surplus} too much"
    if "total" in wanted and expansion.get("total") != wanted["total"]:
        return f"total {expansion.get('total')}, expected {wanted['total']}"
    return None


def _codes(contains: list[dict[str, Any]]) -> Iterator[str]:
    for entry in contains:
        if "code" in entry:
            yield f"{entry.get('system', '')}|{entry['code']}"
        yield from _codes(entry.get("contains", []))


def _parameters_failure(answer: dict[str, Any], wanted: dict[str, Any]) -> str | None:
    got = {p["name"]: p.get("valueBoolean", p.get("valueString")) for p in answer["parameter"]}
    for name, value in wanted.items():
        if got.get(name) != value:
            return f"{name}: expected {value!r}, got {got.get(name)!r} ({got.get('message')})"
    return None


def main(folder: str = "../shared/conformance", only: str = "") -> int:
    """Run the cases and print what failed."""
    data = Path(folder) / "data" / "terminology"
    runner = Runner(load_registry(), data)
    passed: dict[str, list[int]] = {}
    for case in json.loads((data / "cases.json").read_text()):
        if not case["id"].startswith(only):
            continue
        failure = runner.failure(case)
        counts = passed.setdefault(case["group"], [0, 0])
        counts[0] += failure is None
        counts[1] += 1
        if failure is not None:
            sys.stdout.write(f"{case['group']} {case['id']}: {failure}\n")
    for group, (good, total) in passed.items():
        sys.stdout.write(f"{group}: {good}/{total}\n")
    return 0 if all(good == total for good, total in passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
