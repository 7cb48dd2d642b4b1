"""Findings that are known already: only new ones count.

A finding is known by its file (relative to the baseline's folder), rule, expression and the value
found; lines may move. The same finding may be known several times.
"""

import hashlib
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import click

from fhir_server.cli.validate.checker import Checked
from fhir_server.model import Issue

_VERSION = 1


def fingerprint(file: str, found: Issue) -> str:
    """Return what a finding is known by, whatever its line and language."""
    parts = (file, found.rule, found.expression or "", found.found or "")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


class Baseline:
    """Known findings; what is asked for is counted off.

    Args:
        path: The file; paths in it are relative to its folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: Counter[str] = Counter()
        self._rows: list[dict[str, Any]] = []

    def read(self) -> None:
        """Read the known findings.

        Raises:
            click.UsageError: The file is not there or is no baseline.
        """
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            self._known.update(row["fingerprint"] for row in content["findings"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise click.UsageError(f"{self._path} is no baseline: {error}") from error

    def without_known(self, checked: Checked) -> Checked:
        """Leave out what is known."""
        name = self._name(checked)
        new = tuple(found for found in checked.issues if not self._count_off(name, found))
        return Checked(source=checked.source, issues=new)

    def note(self, checked: Checked) -> None:
        """Add the findings of a source to what `write` writes."""
        name = self._name(checked)
        self._rows += [
            {
                "file": name,
                "rule": found.rule,
                "expression": found.expression,
                "fingerprint": fingerprint(name, found),
            }
            for found in checked.issues
        ]

    def write(self) -> int:
        """Write what was noted, in an order that keeps differences small; return how many."""
        rows = sorted(self._rows, key=lambda row: (row["file"], row["rule"], row["fingerprint"]))
        text = json.dumps({"version": _VERSION, "findings": rows}, ensure_ascii=False, indent=1)
        self._path.write_text(text + "\n", encoding="utf-8")
        return len(rows)

    def _count_off(self, name: str, found: Issue) -> bool:
        key = fingerprint(name, found)
        is_known = self._known[key] > 0
        self._known[key] -= is_known
        return is_known

    def _name(self, checked: Checked) -> str:
        around = self._path.parent.resolve()
        return Path(os.path.relpath(checked.source.name, around)).as_posix()
