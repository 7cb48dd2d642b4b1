"""SARIF 2.1.0 on stdout: one run, its rules, a result for each finding.

Spec: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from pathlib import PurePath
from typing import Any
from urllib.parse import quote

import click

from fhir_server import __version__
from fhir_server.cli.validate.baseline import fingerprint
from fhir_server.cli.validate.checker import Checked
from fhir_server.cli.validate.report.protocol import Tally, file_of
from fhir_server.model import Issue, JsonObject, Language, encode_pretty, explanation, message

_LEVELS = {"fatal": "error", "error": "error", "warning": "warning", "information": "note"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


class SarifReport:
    """For code scanning; kept in memory until all rules are known."""

    def __init__(self) -> None:
        self._results: list[JsonObject] = []
        self._rules: dict[str, int] = {}

    def add(self, checked: Checked, language: Language) -> None:
        """Keep the results of a source."""
        for found in checked.issues:
            index = self._rules.setdefault(found.rule, len(self._rules))
            self._results.append(_result(found, index, checked.source.name, language))

    def finish(self, tally: Tally, language: Language) -> None:
        """Write the log."""
        driver = {
            "name": "fhir-server",
            "version": __version__,
            "rules": [_rule(rule, language) for rule in self._rules],
        }
        run = {
            "tool": {"driver": driver},
            "columnKind": "unicodeCodePoints",
            "results": self._results,
        }
        log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
        click.echo(encode_pretty(log).decode())


def _rule(rule: str, language: Language) -> JsonObject:
    entry = message(rule)
    made: JsonObject = {
        "id": rule,
        "shortDescription": {"text": entry.uk if language == "uk" else entry.en},
        "defaultConfiguration": {"level": _LEVELS[entry.severity]},
    }
    more = explanation(rule)
    if more is not None:
        made["help"] = {"text": more.mend.in_language(language)}
        if more.spec is not None:
            made["helpUri"] = more.spec
    return made


def _result(found: Issue, index: int, name: str, language: Language) -> JsonObject:
    file, start = file_of(name)
    uri = quote(PurePath(file).as_posix())
    location: JsonObject = {"physicalLocation": {"artifactLocation": {"uri": uri}}}
    if found.line is not None:
        location["physicalLocation"]["region"] = {
            "startLine": found.line + start - 1,
            "startColumn": found.column,
        }
    if found.expression is not None:
        location["logicalLocations"] = [{"fullyQualifiedName": found.expression}]
    return {
        "ruleId": found.rule,
        "ruleIndex": index,
        "level": _LEVELS[found.severity],
        "message": {"text": found.text.in_language(language)},
        "locations": [location],
        "partialFingerprints": {"finding/v1": fingerprint(uri, found)},
        "properties": _properties(found),
    }


def _properties(found: Issue) -> JsonObject:
    """What SARIF has no place for."""
    values: dict[str, Any] = {
        "source": found.source,
        "pointer": found.pointer,
        "found": found.found,
        "expected": found.expected,
        "suggestions": list(found.suggestions) or None,
        "patch": None if found.patch is None else list(found.patch),
    }
    return {key: value for key, value in values.items() if value is not None}
