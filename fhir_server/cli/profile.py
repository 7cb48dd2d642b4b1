"""``fhir-server profile …``: work on the definitions of a folder, from draft to package.

The folder is the one around the working folder that has ``profiles/`` or ``terminology/``.
"""

import click

from fhir_server.cli import LazyGroup

COMMANDS = {
    "new": ("fhir_server.cli.profile_new", "Write a new profile and list it in the manifest."),
    "check": ("fhir_server.cli.profile_check", "Find everything that is wrong with profiles."),
    "snapshot": ("fhir_server.cli.profile_snapshot", "Print a profile with its snapshot."),
    "diff": ("fhir_server.cli.profile_diff", "Tell what changed from one version to another."),
    "impact": ("fhir_server.cli.profile_impact", "Tell what a draft does to data that is here."),
    "rebase": ("fhir_server.cli.profile_rebase", "Give everything another canonical base."),
    "pack": ("fhir_server.cli.profile_pack", "Write a FHIR package that others install."),
    "schema": ("fhir_server.cli.profile_schema", "Print a profile as JSON Schema."),
}


@click.group("profile", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Work on profiles, from the first draft to a package."""
