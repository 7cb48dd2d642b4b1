"""``fhir-server profile check``: everything that is wrong with definitions and their examples."""

import sys
from pathlib import Path

import click

from fhir_server.cli.frames import frame
from fhir_server.cli.sources import source_files
from fhir_server.cli.workspace import JSON, LANGUAGE, core_registry, refusals_told
from fhir_server.model import Language, encode, operation_outcome


@click.command("check")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@LANGUAGE
@JSON
@click.option("--quiet", is_flag=True, help="Errors only, no warnings and notes.")
@refusals_told
def command(paths: tuple[Path, ...], language: Language, as_json: bool, quiet: bool) -> None:
    """Check definitions (files or folders; default: those of the workspace) and their examples.

    Exit code 0: no errors; 1: errors were found; 2: a file cannot be used.
    """
    from fhir_server.authoring import Workspace, check_definitions

    workspace = Workspace.around(paths[0] if paths else Path())
    if workspace is None and not paths:
        raise click.UsageError("name files, or go to the folder that has profiles/")
    files = _definitions(paths, workspace)
    errors = count = 0
    for checked in check_definitions(core_registry(), workspace, files):
        issues = [found for found in checked.issues if found.is_error or not quiet]
        errors += sum(found.is_error for found in issues)
        count += 1
        if as_json:
            outcome = operation_outcome(issues, language)
            click.echo(encode({"file": str(checked.path), "outcome": outcome}).decode())
            continue
        for found in issues:
            click.echo(frame(found, str(checked.path), checked.text, language) + "\n", err=True)
    if not as_json:
        words = ("files", "errors") if language == "en" else ("файлів", "помилок")
        click.echo(f"{words[0]}: {count}, {words[1]}: {errors}", err=True)
    sys.exit(1 if errors else 0)


def _definitions(paths: tuple[Path, ...], workspace: object) -> tuple[Path, ...]:
    """Return the files to check; of a whole folder only those that are definitions."""
    from fhir_server.definitions import MANIFEST

    if workspace is not None and getattr(workspace, "root", None) in {p.resolve() for p in paths}:
        return ()
    return tuple(file for file in source_files(paths) if file.name != MANIFEST)
