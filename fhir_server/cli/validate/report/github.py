"""Annotations of GitHub Actions: ``::error file=…,line=…,col=…,title=…::message``.

Format: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

import click

from fhir_server.cli.validate.checker import Checked
from fhir_server.cli.validate.report.protocol import Tally, file_of
from fhir_server.cli.validate.report.text import summary
from fhir_server.model import Issue, Language

_COMMANDS = {"fatal": "error", "error": "error", "warning": "warning", "information": "notice"}


class GithubReport:
    """For workflows: findings appear beside the lines of a pull request."""

    def add(self, checked: Checked, language: Language) -> None:
        """Write an annotation for each finding."""
        for found in checked.issues:
            click.echo(annotation(found, checked.source.name, language))

    def finish(self, tally: Tally, language: Language) -> None:
        """Sum up for those who read the log."""
        click.echo(summary(tally, language), err=True)


def annotation(found: Issue, name: str, language: Language) -> str:
    """Write one finding as a workflow command."""
    file, start = file_of(name)
    place = f"file={_property(file)}"
    if found.line is not None:
        place += f",line={found.line + start - 1},col={found.column}"
    text = found.text.in_language(language)
    where = f" ({found.expression})" if found.expression else ""
    title = _property(found.rule)
    return f"::{_COMMANDS[found.severity]} {place},title={title}::{_data(text + where)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
