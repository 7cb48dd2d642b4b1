"""``fhir-server package …``: FHIR packages that the server loads at its start.

Packages: https://hl7.org/fhir/R4/packages.html
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from fhir_server.cli.workspace import JSON, refusals_told
from fhir_server.model import encode_pretty

Command = TypeVar("Command", bound=Callable[..., object])


def _folder(work: Command) -> Command:
    return click.option(
        "--packages",
        type=click.Path(path_type=Path),
        help="Folder of the installed packages; default: setting definitions.packages.",
    )(work)


def _chosen(packages: Path | None) -> Path:
    if packages is not None:
        return packages
    from fhir_server.cli.settings import load_or_exit

    return Path(load_or_exit({}, None).definitions.packages)


@click.group("package")
def command() -> None:
    """Install FHIR packages, list and remove them; the server loads them at its start."""


@command.command("install")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_folder
@refusals_told
def install_command(file: Path, packages: Path | None) -> None:
    """Install the package FILE (.tgz); refused where its definitions do not compile."""
    from fhir_server.cli.progress import compile_progress
    from fhir_server.definitions import install, installed, load_registry

    folder = _chosen(packages)
    others = [info.path for info in installed(folder)]
    with compile_progress() as progress:
        load_registry(progress=progress, installed=[*others, file])
    info = install(file, folder)
    click.echo(f"{info.name}#{info.version}")


@command.command("list")
@_folder
@JSON
@refusals_told
def list_command(packages: Path | None, as_json: bool) -> None:
    """List the installed packages, each after those it depends on."""
    from fhir_server.definitions import installed

    found = installed(_chosen(packages))
    if as_json:
        click.echo(encode_pretty([info.as_json() for info in found]))
        return
    for info in found:
        click.echo(f"{info.name}#{info.version}  {info.canonical or ''}".rstrip())


@command.command("remove")
@click.argument("name")
@_folder
@refusals_told
def remove_command(name: str, packages: Path | None) -> None:
    """Remove the package NAME; refused while another one depends on it."""
    from fhir_server.definitions import remove

    info = remove(name, _chosen(packages))
    click.echo(f"{info.name}#{info.version}")
