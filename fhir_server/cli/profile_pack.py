"""``fhir-server profile pack``: the workspace as a FHIR package."""

from pathlib import Path

import click

from fhir_server.cli.workspace import (
    FOLDER,
    documents_of,
    refusals_told,
    registry_of,
    workspace_at,
)


@click.command("pack")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=".",
    help="File, or folder that gets NAME#VERSION.tgz; default: the working folder.",
)
@click.option(
    "--depends", "dependencies", multiple=True, metavar="NAME#VERSION", help="What it rests on."
)
@FOLDER
@refusals_told
def command(output: Path, dependencies: tuple[str, ...], folder: Path) -> None:
    """Write the definitions with their snapshots as a package: the same bytes each time."""
    from fhir_server.authoring import Publication, pack
    from fhir_server.definitions import read_manifest

    workspace = workspace_at(folder)
    publication = Publication(
        manifest=read_manifest(workspace.folders()[-1]),
        documents=documents_of(workspace.files()),
        dependencies=dict(_dependency(text) for text in dependencies),
    )
    content = pack(publication, registry_of(workspace))
    path = output / publication.file_name if output.is_dir() else output
    path.write_bytes(content)
    click.echo(str(path))


def _dependency(text: str) -> tuple[str, str]:
    name, mark, version = text.partition("#")
    if not mark or not name or not version:
        raise click.UsageError(f"{text}: write NAME#VERSION")
    return name, version
