"""``fhir-server profile snapshot``: a profile with everything that holds, inherited or its own."""

from pathlib import Path

import click

from fhir_server.cli.workspace import (
    FOLDER,
    documents_of,
    refusals_told,
    registry_of,
    structure_named,
    workspace_at,
)


@click.command("snapshot")
@click.argument("profile")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file.")
@FOLDER
@refusals_told
def command(profile: str, output: Path | None, folder: Path) -> None:
    """Print PROFILE (file, canonical URL or id) with a newly made snapshot."""
    from fhir_server.definitions import snapshot
    from fhir_server.model import encode_pretty

    workspace = workspace_at(folder)
    extra = documents_of((Path(profile),)) if Path(profile).is_file() else []
    registry = registry_of(workspace, extra)
    if extra:
        definition = extra[0].resource
    else:
        url = structure_named(profile, workspace, registry)
        files = documents_of(workspace.files())
        own = next((one.resource for one in files if one.resource.get("url") == url), None)
        definition = own or registry.resource("StructureDefinition", url) or {}
    text = encode_pretty(snapshot(definition, registry))
    if output is None:
        click.echo(text)
    else:
        output.write_bytes(text + b"\n")
