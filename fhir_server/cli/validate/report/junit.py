"""JUnit XML on stdout: one test case a resource, failed by its errors.

There is no official schema; this is what Jenkins, GitLab and GitHub's reporters read.
"""

from xml.sax.saxutils import escape, quoteattr

import click

from fhir_server.cli.frames import frame
from fhir_server.cli.validate.checker import Checked
from fhir_server.cli.validate.report.protocol import Tally
from fhir_server.model import Language

_FORBIDDEN = {code: None for code in range(32) if code not in {9, 10, 13}}


class JunitReport:
    """For build servers; kept in memory until all counts are known."""

    def __init__(self) -> None:
        self._cases: list[str] = []
        self._failures = 0

    def add(self, checked: Checked, language: Language) -> None:
        """Keep the case of a source."""
        source = checked.source
        lines = [f'<testcase classname="fhir-server validate" name={_attribute(source.name)}>']
        errors = checked.errors
        if errors:
            self._failures += 1
            frames = [frame(found, source.name, source.text, language) for found in errors]
            message = errors[0].text.in_language(language)
            lines.append(
                f"<failure type={_attribute(errors[0].rule)} message={_attribute(message)}>"
                f"{_text(chr(10).join(frames))}</failure>"
            )
        others = [found for found in checked.issues if not found.is_error]
        if others:
            frames = [frame(found, source.name, source.text, language) for found in others]
            lines.append(f"<system-out>{_text(chr(10).join(frames))}</system-out>")
        lines.append("</testcase>")
        self._cases.append("\n".join(lines))

    def finish(self, tally: Tally, language: Language) -> None:
        """Write the suite."""
        counts = f'tests="{len(self._cases)}" failures="{self._failures}" errors="0" skipped="0"'
        click.echo('<?xml version="1.0" encoding="UTF-8"?>')
        click.echo(f"<testsuites {counts}>")
        click.echo(f'<testsuite name="fhir-server validate" {counts}>')
        for case in self._cases:
            click.echo(case)
        click.echo("</testsuite>\n</testsuites>")


def _attribute(text: str) -> str:
    return quoteattr(text.translate(_FORBIDDEN), {"\n": "&#10;"})


def _text(text: str) -> str:
    return escape(text.translate(_FORBIDDEN))
