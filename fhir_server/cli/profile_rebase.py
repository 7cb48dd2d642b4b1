"""``fhir-server profile rebase``: another canonical base for definitions and examples."""

from pathlib import Path

import click

from fhir_server.cli.workspace import FOLDER, JSON, refusals_told, workspace_at
from fhir_server.model import encode_pretty

_FOLDERS = ("profiles", "terminology", "examples")


@click.command("rebase")
@click.argument("new_base")
@click.option("--from", "old_base", help="Base in force; default: canonical of the manifest.")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@FOLDER
@JSON
@refusals_told
def command(
    new_base: str, old_base: str | None, dry_run: bool, folder: Path, as_json: bool
) -> None:
    """Replace the canonical base in profiles/, terminology/ and examples/ by NEW_BASE."""
    from fhir_server.authoring import rebased, write
    from fhir_server.definitions import read_manifest

    workspace = workspace_at(folder)
    old = old_base or read_manifest(workspace.folders()[-1]).get("canonical")
    if not old:
        raise click.UsageError("the manifest names no canonical base: give it with --from")
    replaced = list(rebased([workspace.root / name for name in _FOLDERS], old, new_base))
    if not dry_run:
        write(replaced)
    counts = {
        name: sum(r.count for r in replaced if r.path.is_relative_to(workspace.root / name))
        for name in _FOLDERS
    }
    if as_json:
        click.echo(
            encode_pretty({"from": old, "to": new_base, "files": len(replaced), "counts": counts})
        )
        return
    for name, count in counts.items():
        click.echo(f"{name}: {count}")
    click.echo(f"{len(replaced)} files {'would change' if dry_run else 'changed'}", err=True)
