"""What was asked for on the command line: one frozen value."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fhir_server.cli.sources import Source, found_paths, read_file, read_stdin, source_files
from fhir_server.model import Language


class Demand(NamedTuple):
    """What every resource must meet.

    Attributes:
        profiles: Canonicals.
        is_strict: Whether to judge as HL7's validator does, or else as a write to the server would.
    """

    profiles: tuple[str, ...]
    is_strict: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Files, how strictly to judge them, and how to tell.

    See the command's help.
    """

    files: tuple[str, ...]
    demand: Demand
    format: str
    language: Language
    is_quiet: bool
    baseline: Path | None
    updates_baseline: bool
    mends: bool
    is_dry_run: bool
    jobs: int

    def paths(self) -> list[Path]:
        """Return the files and folders, globs resolved."""
        return found_paths(name for name in self.files if name != "-")

    def resource_files(self) -> Iterator[Path]:
        """Yield the files, folders opened."""
        return source_files(self.paths())

    def sources(self) -> Iterator[Source]:
        """Yield every resource, those of stdin first."""
        if "-" in self.files:
            yield from read_stdin()
        for path in self.resource_files():
            yield from read_file(path)
