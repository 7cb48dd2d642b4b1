"""Ask engines for many generated expressions and tell the differences that nothing explains.

``python -m tests.differential.campaign COUNT [--seed N] [--folder JSON FOLDER] [--python]``
"""

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from fhir_server.definitions import load_registry
from fhir_server.fhirpath import Navigator
from tests.differential import engines
from tests.differential.engines import Answer
from tests.differential.generator import Generator, Paths

EXAMPLES = Path(__file__).parents[2] / "examples"
PINNED = (
    "patients/passport.json",
    "practitioners/family-doctor.json",
    "encounters/primary-care.json",
    "encounters/inpatient-discharge.json",
    "observations/body-temperature.json",
    "medications/with-dosage.json",
)
"""What the test suite asks about: many kinds of elements, and the same ones each time."""

_BATCH = 10_000
_MAX_BYTES = 20_000

Resources = dict[str, dict[str, Any]]
Questions = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One expression that two engines answer otherwise."""

    engine: str
    resource: str
    expression: str
    ours: Answer
    theirs: Answer


def pinned() -> Resources:
    """Read the resources of the test suite."""
    return {name: json.loads((EXAMPLES / name).read_text(encoding="utf-8")) for name in PINNED}


def resources(folders: Iterable[Path]) -> Resources:
    """Read every sixth resource of the folders; no bundles, nothing big."""
    files = [file for folder in folders for file in sorted(folder.rglob("*.json"))]
    found: Resources = {}
    for file in files[::6]:
        resource = json.loads(file.read_text(encoding="utf-8"))
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if kind not in {None, "Bundle", "Parameters"} and file.stat().st_size < _MAX_BYTES:
            found[file.name] = resource
    return found


@cache
def _navigator() -> Navigator:
    return Navigator(load_registry().types)


def questions(known: Resources, count: int, seed: int) -> Questions:
    """Make ``count`` expressions, evenly over the resources."""
    makers = [
        (name, Generator(seed + at, Paths(resource, _navigator())))
        for at, (name, resource) in enumerate(known.items())
    ]
    chosen = (makers[at % len(makers)] for at in range(count))
    return [(name, maker.expression()) for name, maker in chosen]


def differences(
    engine: str, known: Resources, asked: Questions, answers: Iterable[Answer]
) -> Iterator[Difference]:
    """Compare with what an engine answered."""
    for (name, text), theirs in zip(asked, answers, strict=True):
        ours = engines.ours(known[name], text)
        if ours != theirs:
            yield Difference(
                engine=engine, resource=name, expression=text, ours=ours, theirs=theirs
            )


def unexplained(found: Iterable[Difference], rules: list[dict[str, Any]]) -> list[Difference]:
    """Keep the differences that no rule explains."""
    return [one for one in found if explanation(one, rules) is None]


def explanation(found: Difference, rules: list[dict[str, Any]]) -> str | None:
    """Return why the engines differ; None: no rule says so."""
    for rule in rules:
        if (
            rule["engine"] == found.engine
            and _kind(found.ours) in rule["ours"]
            and _kind(found.theirs) in rule["theirs"]
            and found.theirs in rule.get("their_answers", [found.theirs])
            and re.search(rule["expression"], found.expression)
        ):
            return str(rule["why"])
    return None


def _kind(answer: Answer) -> str:
    return "refused" if answer is None else "values" if answer else "empty"


def main(arguments: list[str] | None = None) -> int:
    """Return 0 where every difference is explained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, action="append", default=[EXAMPLES])
    parser.add_argument("--python", action="store_true", help="ask fhirpathpy too; it is slow")
    options = parser.parse_args(arguments)
    rules = yaml.safe_load(Path(__file__).with_name("differences.yaml").read_text())
    known = resources(options.folder)
    why: Counter[str] = Counter()
    open_ones: list[Difference] = []
    with tempfile.TemporaryDirectory() as folder:
        engines.install(Path(folder))
        for start in range(0, options.count, _BATCH):
            size = min(_BATCH, options.count - start)
            asked = questions(known, size, options.seed + start)
            found = list(
                differences(
                    "javascript", known, asked, engines.javascript(Path(folder), known, asked)
                )
            )
            if options.python:
                answers = (engines.python(known[name], text) for name, text in asked)
                found += differences("python", known, asked, answers)
            why.update(explanation(one, rules) or "unexplained" for one in found)
            open_ones += unexplained(found, rules)
    for reason, count in why.most_common():
        sys.stdout.write(f"{count:7} {reason}\n")
    for one in open_ones[:200]:
        sys.stdout.write(f"{one.engine} {one.resource} {one.expression}\n")
        sys.stdout.write(f"    ours {one.ours}\n    theirs {one.theirs}\n")
    return 1 if open_ones else 0


if __name__ == "__main__":
    sys.exit(main())
