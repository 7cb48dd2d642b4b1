"""``fhir-server profile new``: the least that is a valid profile, listed in the manifest."""

from datetime import UTC, datetime
from pathlib import Path

import click

from fhir_server.cli.workspace import FOLDER, refusals_told, registry_of, workspace_at


@click.command("new")
@click.argument("name")
@click.option("--base", required=True, help="FHIR type or canonical URL of what it constrains.")
@click.option("--title-en", required=True, help="Title in English.")
@click.option("--title-uk", required=True, help="Title in Ukrainian.")
@click.option("--context", help="For an extension: the element it may stand in.")
@FOLDER
@refusals_told
def command(
    *, name: str, base: str, title_en: str, title_uk: str, context: str | None, folder: Path
) -> None:
    """Write the profile NAME below profiles/ and list it in the manifest; overwrites nothing."""
    from fhir_server.authoring import NewProfile, new_profile

    workspace = workspace_at(folder)
    asked = NewProfile(name=name, base=base, title_en=title_en, title_uk=title_uk, context=context)
    today = datetime.now(UTC).date()
    path = new_profile(asked, workspace.root / "profiles", registry_of(workspace), today)
    click.echo(str(path))
