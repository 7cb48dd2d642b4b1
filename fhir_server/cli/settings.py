"""``fhir-server settings``: what is in force, and where each value comes from."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fhir_server.settings import Loaded, Settings

_NOT_SHOWN = "(set, not shown)"


@click.command(name="settings")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
@click.option("--markdown", "as_markdown", is_flag=True, help="The reference table of the docs.")
@click.option(
    "--settings",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Settings file instead of fhir-server.toml.",
)
def command(as_json: bool, as_markdown: bool, file: Path | None) -> None:
    """Show the effective settings and where they come from."""
    from fhir_server.model import encode_pretty
    from fhir_server.settings import settings_table

    if as_markdown:
        click.echo(settings_table(), nl=False)
        return
    rows = _rows(_loaded_or_exit({}, file))
    if as_json:
        click.echo(
            encode_pretty({name: {"value": value, "from": origin} for name, value, origin in rows})
        )
        return
    width = max(len(name) for name, _, _ in rows)
    for name, value, origin in rows:
        note = "" if origin == "default" else f"   ({origin})"
        click.echo(f"{name:<{width}}  {value}{note}")


def load_or_exit(flags: Mapping[str, Any], file: Path | None) -> "Settings":
    """Return the settings; all mistakes are told on stderr and end the command with 2."""
    return _loaded_or_exit(flags, file).settings


def _loaded_or_exit(flags: Mapping[str, Any], file: Path | None) -> "Loaded":
    from fhir_server.settings import SettingsError, load_settings

    try:
        return load_settings(flags, file=file)
    except SettingsError as error:
        for problem in error.problems:
            click.echo(f"settings: {problem}", err=True)
        raise click.exceptions.Exit(2) from error


def _rows(loaded: "Loaded") -> list[tuple[str, Any, str]]:
    from fhir_server.settings import options, value_of

    rows: list[tuple[str, Any, str]] = []
    for option in options():
        value = value_of(loaded.settings, option.name)
        if option.is_secret and value:
            value = _NOT_SHOWN
        rows.append((option.name, value, loaded.origins[option.name]))
    return rows
