"""Resources and what is said of them: ``cases/*.yaml``.

A case gives a resource, profiles and definitions (of its own beside those of the file) where it
needs them, ``strict`` where a strict validation is meant, and every issue as
``rule @ expression``, warnings and information too; ``patch`` and ``suggest`` compare further.
``targets`` are handed in by name, ``lacks`` names what is asked for beside them.
"""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from fhir_server.validation import Absent, KnownTargets
from tests.support.profiles import profile

FOLDER = Path(__file__).with_name("cases")
CASES = [
    pytest.param(case, file.stem, id=f"{file.stem}: {case['name']}")
    for file in sorted(FOLDER.glob("*.yaml"))
    for case in yaml.safe_load(file.read_text("utf-8"))["cases"]
]


@cache
def definitions(area: str) -> list[dict[str, Any]]:
    """The definitions of a file; profiles are written as url, base and elements."""
    written = yaml.safe_load((FOLDER / f"{area}.yaml").read_text("utf-8")).get("definitions", ())
    return [
        profile(d["url"], d["base"], *d["elements"], **d.get("more", {})) if "base" in d else d
        for d in written
    ]


def handed_in(case: dict[str, Any]) -> KnownTargets:
    """The targets of a case; ``deleted`` and ``unknown`` say why there is none."""
    targets = {
        name: Absent[given.upper()] if isinstance(given, str) else given
        for name, given in case.get("targets", {}).items()
    }
    return KnownTargets(targets, base_url="http://fhir.test/fhir", limit=10)


@pytest.mark.parametrize(("case", "area"), CASES)
def test_the_resource_has_exactly_these_issues(case: dict[str, Any], area: str, validate) -> None:
    targets = handed_in(case)
    found = validate(
        case["resource"],
        definitions=[
            *(definitions(area) if case.get("defined", True) else ()),
            *case.get("definitions", ()),
        ],
        is_strict=case.get("strict", False),
        profiles=case.get("profiles", ()),
        resolver=targets if area == "target" else None,
        **case.get("options", {}),
    )
    told = [f"{issue.rule} @ {issue.expression}" for issue in found]
    assert told == case.get("issues", []), "\n".join(issue.text.en for issue in found)
    if area == "target":
        assert [*targets.lacking] == case.get("lacks", [])
    assert all(words in found[0].text.en for words in case.get("says", ()))
    if "suggest" in case:
        assert list(found[0].suggestions) == case["suggest"]
    if "patch" in case:
        assert [dict(step) for step in found[0].patch or ()] == case["patch"]
    if "source" in case:
        assert found[0].source == case["source"]
    if "severity" in case:
        assert found[0].severity == case["severity"]
