"""One validator with all it needs, and what it says of one source."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from fhir_server.cli.progress import compile_progress
from fhir_server.cli.sources import Source
from fhir_server.cli.validate.neighbours import Neighbours, NeighbourTargets
from fhir_server.cli.validate.options import Demand
from fhir_server.cli.workspace import installed_archives
from fhir_server.definitions import Registry, load_registry
from fhir_server.model import FhirError, Issue, with_positions
from fhir_server.terminology import Terminology
from fhir_server.validation import ValidationOptions, Validator
from fhir_server.xml import XmlCodec

Files = Callable[[], Iterable[Path]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A source with its findings, in the order of the validator."""

    source: Source
    issues: tuple[Issue, ...]

    @property
    def errors(self) -> tuple[Issue, ...]:
        """The findings for which it must be refused."""
        return tuple(found for found in self.issues if found.is_error)


class Checker:
    """Checks sources against R4, their own profiles and those asked for.

    Args:
        registry: The definitions.
        demand: What is asked of every resource.
        files: Lists the files among which the targets of references are.
    """

    def __init__(self, registry: Registry, demand: Demand, files: Files) -> None:
        self._validator = Validator(registry, Terminology(registry), ValidationOptions())
        self._xml = XmlCodec(registry.types)
        self._demand = demand
        self._files = files
        self.begin()

    def begin(self) -> None:
        """Look at the files anew: they may have changed."""
        self._neighbours = Neighbours(self._files, self._xml)

    def check(self, source: Source) -> Checked:
        """Return what is wrong with a source, with lines and columns."""
        return Checked(source=source, issues=self._issues(source))

    def _issues(self, source: Source) -> tuple[Issue, ...]:
        try:
            resource = source.decode(self._xml)
        except FhirError as refusal:
            return refusal.issues
        found = self._validator.validate(
            resource,
            profiles=self._demand.profiles,
            resolver=NeighbourTargets(self._neighbours),
            is_strict=self._demand.is_strict,
        )
        return with_positions(found, source.posted(self._xml)) if found else ()


def registry_with(profiles: Iterable[str]) -> Registry:
    """Return the definitions.

    Raises:
        click.UsageError: A profile is not among them.
    """
    with compile_progress() as progress:
        registry = load_registry(progress=progress, installed=installed_archives())
    missing = [profile for profile in profiles if registry.structure(profile) is None]
    if missing:
        raise click.UsageError(f"unknown profile: {', '.join(missing)}")
    return registry
