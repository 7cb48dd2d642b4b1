"""What the commands on profiles share: the folder, its definitions, refusals told."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from fhir_server.cli.frames import frame
from fhir_server.cli.progress import compile_progress
from fhir_server.model import FhirError, Language

if TYPE_CHECKING:
    from fhir_server.authoring import Document, Workspace
    from fhir_server.definitions import Registry

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

LANGUAGE = click.option(
    "--lang",
    "language",
    type=click.Choice(["uk", "en"]),
    default="uk",
    show_default=True,
    help="Language of the sentences.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
FOLDER = click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    help="A folder of the workspace; default: the working folder.",
)


def refusals_told(work: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Let a command tell what it cannot use on stderr and end with 2."""

    @wraps(work)
    def told(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return work(*args, **kwargs)
        except FhirError as refusal:
            language: Language = "en" if kwargs.get("language") == "en" else "uk"
            for issue in refusal.issues:
                click.echo(frame(issue, issue.source or "–", "", language), err=True)
            sys.exit(2)

    return told


def workspace_at(folder: Path) -> "Workspace":
    """Return the workspace around a folder.

    Raises:
        click.UsageError: There is none.
    """
    from fhir_server.authoring import Workspace

    found = Workspace.around(folder)
    if found is None:
        raise click.UsageError(
            f"no folder profiles/ or terminology/ with a manifest.json at or above {folder}"
        )
    return found


def core_registry() -> "Registry":
    """Return the R4 core package with the installed packages, without the national one."""
    from fhir_server.definitions import load_registry

    with compile_progress() as progress:
        return load_registry(progress=progress, national=False, installed=installed_archives())


def installed_archives() -> tuple[Path, ...]:
    """Return the archives of the installed packages, each after those it depends on.

    Raises:
        PackageRefused: One of them is none.
    """
    from fhir_server.cli.settings import load_or_exit
    from fhir_server.definitions import installed

    folder = Path(load_or_exit({}, None).definitions.packages)
    return tuple(info.path for info in installed(folder))


def documents_of(paths: tuple[Path, ...]) -> "list[Document]":
    """Read files, each of which must be FHIR JSON.

    Raises:
        FhirError: One is not.
    """
    from dataclasses import replace

    from fhir_server.authoring import Unreadable, read_document
    from fhir_server.model import ValidationFailed

    found: list[Document] = []
    for path in paths:
        one = read_document(path)
        if isinstance(one, Unreadable):
            raise ValidationFailed(replace(issue, source=str(path)) for issue in one.issues)
        found.append(one)
    return found


def registry_of(workspace: "Workspace", extra: "list[Document] | None" = None) -> "Registry":
    """Return the core package with the workspace on top of it, and ``extra`` in place of its own.

    Raises:
        DefinitionErrors: Something does not compile; all findings.
    """
    core = core_registry()
    replaced = {one.resource.get("url") for one in extra or ()}
    documents = [
        one for one in documents_of(workspace.files()) if one.resource.get("url") not in replaced
    ]
    return core.with_resources([one.resource for one in (*documents, *(extra or ()))])


def structure_named(name: str, workspace: "Workspace", registry: "Registry") -> str:
    """Return the canonical URL that a file, canonical or id stands for.

    Raises:
        click.UsageError: It stands for nothing.
    """
    path = Path(name)
    if path.is_file():
        return str(documents_of((path,))[0].resource.get("url"))
    if registry.structure(name) is not None:
        return name
    for entry in registry.listing("StructureDefinition"):
        if name in {entry.id, entry.name}:
            return entry.url
    raise click.UsageError(f"there is no file, canonical URL or id {name} in {workspace.root}")
