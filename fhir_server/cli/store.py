"""``fhir-server store …``: look after a store: indexes, plans, sharding, copies."""

import sys

import click

from fhir_server.cli.store_access import opened, run, settings_of
from fhir_server.model import encode_pretty

STORE = click.option("--store", help="sqlite:///PATH or mongodb://…; default: the settings' store.")
JSON = click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")


@click.group("store")
def command() -> None:
    """Look after a store: indexes, plans of searches, sharding, copies."""


@command.command("create-indexes")
@STORE
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 where one is missing.")
@JSON
def create_indexes(store: str | None, check: bool, as_json: bool) -> None:
    """Make the collections and indexes that are missing."""
    settings = settings_of(store)

    async def look() -> tuple[bool, tuple[str, ...]]:
        async with opened(settings, prepare=not check) as one:
            health = await one.health()
            return health.is_ready, health.notes

    is_ready, notes = run(look())
    if as_json:
        click.echo(encode_pretty({"ready": is_ready, "notes": list(notes)}))
    else:
        click.echo("\n".join(notes) or "every index is there")
    sys.exit(0 if is_ready else 1)


@command.command("explain")
@click.argument("url")
@STORE
@JSON
def explain(url: str, store: str | None, as_json: bool) -> None:
    """Tell how the search URL (such as 'Patient?family=Ш') is found: indexes, what is read."""
    from fhir_server.cli.store_search import explained, table

    steps = run(explained(settings_of(store), url))
    click.echo(encode_pretty({"steps": steps}) if as_json else table(steps))


@command.command("reindex")
@click.argument("types", nargs=-1, metavar="[TYPE]...")
@STORE
@JSON
def reindex(types: tuple[str, ...], store: str | None, as_json: bool) -> None:
    """Index stored resources anew: of these types, or whatever is not complete.

    A server does the same beside its other work by POST [base]/$reindex.
    """
    from fhir_server.cli.store_reindex import reindexed

    counts = run(reindexed(settings_of(store), types))
    if as_json:
        click.echo(encode_pretty(counts))
    else:
        click.echo(f"resources: {counts['resources']}, types: {counts['types']}")


@command.command("shard-plan")
@STORE
@click.option("--zone", help="Zone (a tenant or region) that the whole database is to lie in.")
def shard_plan(store: str | None, zone: str | None) -> None:
    """Print the commands that shard the MongoDB database, for mongosh."""
    from fhir_server.app import sharding_commands

    settings = settings_of(store)
    if not settings.store.startswith("mongodb"):
        click.echo("only MongoDB is sharded: give --store mongodb://…", err=True)
        sys.exit(2)
    click.echo(sharding_commands(settings.store, zone))


@command.command("copy")
@click.option("--from", "source", required=True, help="Store to read: sqlite:///… or mongodb://….")
@click.option("--to", "target", required=True, help="Store to write; what it has is kept.")
@click.option("--verify-only", is_flag=True, help="Only compare what the two stores hold.")
@JSON
def copy(source: str, target: str, verify_only: bool, as_json: bool) -> None:
    """Copy every version into another store, then compare counts and hashes.

    Start it again after an interruption: it goes on where it was. Exit code 0: the stores hold
    the same; 1: they differ.
    """
    from fhir_server.cli.store_copy import copied, summary

    if source == target:
        click.echo("--from and --to name the same store", err=True)
        sys.exit(2)
    compared = run(copied(settings_of(source), settings_of(target), is_written=not verify_only))
    if as_json:
        click.echo(encode_pretty(compared.as_json()))
    else:
        click.echo(summary(compared))
    sys.exit(0 if compared.is_equal else 1)
