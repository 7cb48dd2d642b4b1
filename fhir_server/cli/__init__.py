"""The command ``fhir-server``: data on stdout, people's text on stderr.

Exit codes: 0 fine, 1 findings, 2 usage or configuration. Commands live in modules of their own,
loaded when they are called, so that ``--help`` answers at once.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from fhir_server import __version__

COMMANDS = {
    "serve": ("fhir_server.cli.serve", "Serve the FHIR API over HTTP."),
    "validate": ("fhir_server.cli.validate", "Validate files and explain what is wrong in them."),
    "explain": ("fhir_server.cli.explain", "Explain a rule: why it is, and how to mend."),
    "load": ("fhir_server.cli.load", "Load files, folders, NDJSON and bundles into a store."),
    "store": ("fhir_server.cli.store", "Look after a store: indexes, plans, sharding, copies."),
    "profile": ("fhir_server.cli.profile", "Work on profiles: new, check, diff, impact, pack …"),
    "package": ("fhir_server.cli.package", "Install FHIR packages, list and remove them."),
    "fhirpath": ("fhir_server.cli.fhirpath", "Evaluate a FHIRPath expression over a file."),
    "settings": (
        "fhir_server.cli.settings",
        "Show the effective settings and where they come from.",
    ),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is used.

    Args:
        table: Name -> module and one sentence.
    """

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; None: there is no such command."""
        if cmd_name not in self._table:
            return None
        command = import_module(self._table[cmd_name][0]).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{self._table[cmd_name][0]} has no click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._table.items()])


@click.group(
    cls=LazyGroup, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="fhir-server")
def main() -> None:
    """HL7 FHIR R4 server for the records of Ukraine's e-health system."""
