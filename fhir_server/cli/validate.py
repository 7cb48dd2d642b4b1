"""``fhir-server validate FILE…``: what is wrong in files, where, and what to do.

Spec: https://hl7.org/fhir/R4/validation.html
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fhir_server.cli.frames import frame
from fhir_server.cli.sources import Source, read_sources
from fhir_server.model import (
    FhirError,
    Issue,
    Language,
    encode,
    operation_outcome,
    with_positions,
)

if TYPE_CHECKING:
    from fhir_server.definitions import Registry
    from fhir_server.validation import Validator
    from fhir_server.xml import XmlCodec


@click.command("validate")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--profile", "profiles", multiple=True, metavar="URL", help="Profile that must hold.")
@click.option("--json", "as_json", is_flag=True, help="One OperationOutcome a resource, as NDJSON.")
@click.option(
    "--lang",
    "language",
    type=click.Choice(["uk", "en"]),
    default="uk",
    show_default=True,
    help="Language of the sentences.",
)
@click.option("--quiet", is_flag=True, help="Errors only, no warnings and notes.")
def command(
    files: tuple[Path, ...],
    profiles: tuple[str, ...],
    as_json: bool,
    language: Language,
    quiet: bool,
) -> None:
    """Validate FILES (JSON, XML, NDJSON, folders) against R4, their own profiles and --profile.

    Exit code 0: no errors; 1: errors were found; 2: a file or a profile cannot be used.
    """
    from fhir_server.terminology import Terminology
    from fhir_server.validation import ValidationOptions, Validator
    from fhir_server.xml import XmlCodec

    registry = _registry(profiles)
    validator = Validator(registry, Terminology(registry), ValidationOptions())
    xml = XmlCodec(registry.types)
    errors = 0
    for source in read_sources(files):
        issues = _check(validator, xml, source, profiles)
        if quiet:
            issues = [found for found in issues if found.is_error]
        errors += sum(found.is_error for found in issues)
        _tell(source, issues, as_json=as_json, language=language)
    if not as_json:
        _sum_up(errors, language)
    sys.exit(1 if errors else 0)


def _registry(profiles: Iterable[str]) -> "Registry":
    from fhir_server.cli.progress import compile_progress
    from fhir_server.definitions import load_registry

    with compile_progress() as progress:
        registry = load_registry(progress=progress)
    missing = [profile for profile in profiles if registry.structure(profile) is None]
    if missing:
        raise click.UsageError(f"unknown profile: {', '.join(missing)}")
    return registry


def _check(
    validator: "Validator", xml: "XmlCodec", source: Source, profiles: tuple[str, ...]
) -> list[Issue]:
    try:
        resource = source.decode(xml)
    except FhirError as refusal:
        return list(refusal.issues)
    return list(with_positions(validator.validate(resource, profiles=profiles), source.posted(xml)))


def _tell(source: Source, issues: list[Issue], *, as_json: bool, language: Language) -> None:
    if as_json:
        outcome = {"file": source.name, "outcome": operation_outcome(issues, language)}
        click.echo(encode(outcome).decode())
        return
    for text in _frames(source, issues, language):
        click.echo(text + "\n", err=True)


def _frames(source: Source, issues: list[Issue], language: Language) -> Iterator[str]:
    for found in issues:
        yield frame(found, source.name, source.text, language)


def _sum_up(errors: int, language: Language) -> None:
    if language == "en":
        text = "no errors" if not errors else f"{errors} error{'' if errors == 1 else 's'}"
    else:
        text = "помилок немає" if not errors else f"{errors} {_plural(errors)}"
    click.echo(text, err=True)


def _plural(number: int) -> str:
    """The Ukrainian word for ``number`` errors: 1 помилка, 2 помилки, 5 помилок."""
    if number % 10 == 1 and number % 100 != 11:  # noqa: PLR2004 # plural rule of the language
        return "помилка"
    few = number % 10 in {2, 3, 4} and number % 100 not in {12, 13, 14}
    return "помилки" if few else "помилок"
