"""Frames on stderr, counts at the end."""

import click

from fhir_server.cli.frames import frame
from fhir_server.cli.paint import show
from fhir_server.cli.validate.checker import Checked
from fhir_server.cli.validate.report.protocol import Tally
from fhir_server.model import Language

_WORDS: dict[str, tuple[str, str, str]] = {
    "source": ("ресурс", "ресурси", "ресурсів"),
    "error": ("помилка", "помилки", "помилок"),
    "warning": ("попередження", "попередження", "попереджень"),
    "note": ("примітка", "примітки", "приміток"),
    "fix": ("безпечну правку", "безпечні правки", "безпечних правок"),
}
_FEW = frozenset((2, 3, 4))
_TEENS = range(11, 15)


class TextReport:
    """For people at a terminal."""

    def add(self, checked: Checked, language: Language) -> None:
        """Show each finding as a frame."""
        source = checked.source
        for found in checked.issues:
            show(frame(found, source.name, source.text, language) + "\n")

    def finish(self, tally: Tally, language: Language) -> None:
        """Sum up."""
        click.echo(summary(tally, language), err=True)


def summary(tally: Tally, language: Language) -> str:
    """Write the counts as one line."""
    sources = counted(tally.sources, "source", language)
    if not tally.errors and not tally.warnings and not tally.notes:
        return f"no errors ({sources})" if language == "en" else f"помилок немає ({sources})"
    errors = counted(tally.errors, "error", language)
    if not tally.errors:
        errors = "no errors" if language == "en" else "помилок немає"
    parts = [errors]
    if tally.warnings:
        parts.append(counted(tally.warnings, "warning", language))
    if tally.notes:
        parts.append(counted(tally.notes, "note", language))
    line = f"{', '.join(parts)} ({sources})"
    if not tally.fixes:
        return line
    fixes = counted(tally.fixes, "fix", language)
    return f"{line}; --fix: {fixes}" if language == "en" else f"{line}; --fix зробить {fixes}"


def counted(number: int, word: str, language: Language) -> str:
    """Write a number with its word: 1 помилка, 2 помилки, 5 помилок; 1 error, 2 errors."""
    if language == "en":
        english = {"source": "resource", "fix": "safe fix"}.get(word, word)
        plural = "es" if english.endswith("x") else "s"
        return f"{number} {english}{'' if number == 1 else plural}"
    one, few, many = _WORDS[word]
    if number % 100 in _TEENS:
        return f"{number} {many}"
    if number % 10 == 1:
        return f"{number} {one}"
    return f"{number} {few if number % 10 in _FEW else many}"
