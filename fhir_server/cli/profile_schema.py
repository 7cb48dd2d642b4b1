"""``fhir-server profile schema``: a profile as JSON Schema 2020-12."""

from pathlib import Path

import click

from fhir_server.cli.workspace import (
    FOLDER,
    refusals_told,
    registry_of,
    structure_named,
    workspace_at,
)


@click.command("schema")
@click.argument("profile")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file.")
@FOLDER
@refusals_told
def command(profile: str, output: Path | None, folder: Path) -> None:
    """Print PROFILE (file, canonical URL or id) as JSON Schema.

    What no schema can say (invariants, large value sets) stands in $comment.
    """
    from fhir_server.authoring import json_schema
    from fhir_server.model import encode_pretty
    from fhir_server.terminology import Terminology

    workspace = workspace_at(folder)
    registry = registry_of(workspace)
    structure = registry.structure(structure_named(profile, workspace, registry))
    if structure is None:
        raise click.UsageError(f"{profile} has no snapshot")
    text = encode_pretty(json_schema(structure, registry, Terminology(registry)))
    if output is None:
        click.echo(text)
    else:
        output.write_bytes(text + b"\n")
