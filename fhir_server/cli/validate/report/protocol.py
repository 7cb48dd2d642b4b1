"""What a report is, and the counts that every one of them may sum up."""

from typing import Protocol

from fhir_server.cli.validate.checker import Checked
from fhir_server.model import Language


class Tally:
    """Counts of what was checked and found."""

    def __init__(self) -> None:
        self.sources = 0
        self.errors = 0
        self.warnings = 0
        self.notes = 0
        self.fixes = 0

    def add(self, checked: Checked) -> None:
        """Count the findings of a source."""
        self.sources += 1
        for found in checked.issues:
            self.errors += found.is_error
            self.warnings += found.severity == "warning"
            self.notes += found.severity == "information"
            self.fixes += found.patch is not None


class Report(Protocol):
    """Tells findings source by source."""

    def add(self, checked: Checked, language: Language) -> None:
        """Tell, or keep, the findings of a source."""

    def finish(self, tally: Tally, language: Language) -> None:
        """Tell what is told at the end."""


def file_of(name: str) -> tuple[str, int]:
    """Split the name of a source into its file and the line that it starts in (1 for a file)."""
    file, colon, number = name.rpartition(":")
    return (file, int(number)) if colon and number.isdecimal() else (name, 1)
