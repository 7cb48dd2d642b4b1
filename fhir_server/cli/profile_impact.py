"""``fhir-server profile impact``: what a draft does to stored data or files; nothing is written."""

import asyncio
import csv
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fhir_server.cli.impact_run import BATCH, Batch, ImpactJournal, Task, measure
from fhir_server.cli.progress import count_progress
from fhir_server.cli.sources import Source, read_file, source_files
from fhir_server.cli.store_access import knowledge_of, opened, settings_of
from fhir_server.cli.workspace import (
    FOLDER,
    JSON,
    documents_of,
    installed_archives,
    refusals_told,
    workspace_at,
)
from fhir_server.model import FhirError, JsonObject, decode_object, encode, encode_pretty

if TYPE_CHECKING:
    from fhir_server.authoring import Impact
    from fhir_server.settings import Settings
    from fhir_server.storage import ResourceStore


@click.command("impact")
@click.argument("draft", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--store", help="Stored data instead of FILES: sqlite:///PATH or mongodb://…")
@click.option(
    "--every/--claimed",
    "every",
    default=False,
    help="Ask the draft of every resource of its type, or of those that claim it (default).",
)
@click.option("--csv", "table", type=click.Path(dir_okay=False, path_type=Path), help="Write CSV.")
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep in a file how far the work has come; the next run goes on there.",
)
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True)
@FOLDER
@JSON
@refusals_told
def command(
    *,
    draft: Path,
    files: tuple[Path, ...],
    store: str | None,
    every: bool,
    table: Path | None,
    journal: Path | None,
    processes: int,
    folder: Path,
    as_json: bool,
) -> None:
    """Validate FILES or stored data by what is in force and by the profile DRAFT beside it.

    Exit code 0: nothing fails that did not fail before; 1: something does.
    """
    if bool(files) == bool(store):
        raise click.UsageError("name either files or --store")
    definition = documents_of((draft,))[0].resource
    if store is None:
        work = _over_files(
            definition=definition,
            files=files,
            folder=folder,
            every=every,
            journal=journal,
            processes=processes,
        )
    else:
        work = _over_store(definition, settings_of(store), every, journal, processes)
    impact = asyncio.run(work)
    if table is not None:
        from fhir_server.authoring import csv_rows

        with table.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(csv_rows(impact))
    click.echo(encode_pretty(impact.as_json()) if as_json else _told(impact))
    sys.exit(1 if impact.newly_failing else 0)


def _asked(definition: JsonObject, every: bool) -> dict[str, tuple[str, ...]]:
    return {str(definition["type"]): (str(definition["url"]),)} if every else {}


async def _over_files(
    *,
    definition: JsonObject,
    files: Sequence[Path],
    folder: Path,
    every: bool,
    journal: Path | None,
    processes: int,
) -> "Impact":
    """The definitions in force are those of the workspace."""
    current = tuple(one.resource for one in documents_of(workspace_at(folder).files()))
    task = Task(
        national=False,
        installed=installed_archives(),
        current=current,
        draft=definition,
        profiles=_asked(definition, every),
    )
    task.comparison()  # a draft that does not compile is told before any process starts
    names = " ".join(map(str, files))
    kept = ImpactJournal(journal, f"{names} {task.digest()}")
    _, mark = kept.read()
    return await _measured(task, _of_files(files, mark), kept, processes)


async def _of_files(paths: Sequence[Path], mark: Any) -> AsyncIterator[Batch]:
    """Batches of resources; the mark says how many of which file the next run leaves out."""
    waiting: list[tuple[str, bytes]] = []
    last_path, last_count = mark or (None, 0)
    is_done = mark is not None
    for path in source_files(paths):
        skip = last_count if str(path) == last_path else 0
        if is_done and str(path) != last_path:
            continue
        is_done = False
        for count, source in enumerate(read_file(path), start=1):
            if count <= skip:
                continue
            waiting.append((source.name, _body(source)))
            if len(waiting) >= BATCH:
                yield Batch(resources=tuple(waiting), mark=[str(path), count])
                waiting = []
    if waiting:
        yield Batch(resources=tuple(waiting), mark=[str(path), count])


def _body(source: Source) -> bytes:
    """Return the JSON of a resource.

    Raises:
        click.UsageError: It is XML.
        FhirError: It is no resource.
    """
    if source.is_xml:
        raise click.UsageError(f"{source.name}: JSON only")
    try:
        return encode(decode_object(source.text.encode()))
    except FhirError as refusal:
        raise type(refusal)(replace(one, source=source.name) for one in refusal.issues) from refusal


async def _over_store(
    definition: JsonObject,
    settings: "Settings",
    every: bool,
    journal: Path | None,
    processes: int,
) -> "Impact":
    """The definitions in force are those of the server on that store."""
    async with opened(settings, prepare=False) as store:
        registry = (await knowledge_of(settings, store)).current.registry
        task = Task(
            national=True,
            installed=installed_archives(),
            current=tuple(resource for _, resource in registry.added()),
            draft=definition,
            profiles=_asked(definition, every),
        )
        task.comparison()
        kept = ImpactJournal(journal, f"{settings.store} {task.digest()}")
        _, mark = kept.read()
        types = sorted(registry.types.resource_types)
        if definition.get("kind") == "resource":
            types = sorted({str(definition["type"]), "Bundle"})
        return await _measured(task, _of_store(store, types, mark), kept, processes)


async def _of_store(store: "ResourceStore", types: list[str], mark: Any) -> AsyncIterator[Batch]:
    """Pages of current versions, one type after the other."""
    from fhir_server.model import LogicalId, ResourceType
    from fhir_server.search import PagePosition, SearchQuery

    for name in types:
        resource_type = ResourceType(name)
        query = SearchQuery(resource_types=(resource_type,), page_count=BATCH)
        if mark is not None and mark["type"] == name:
            if mark["after"] is None:
                mark = None
                continue
            keys, logical_id = mark["after"]
            after = PagePosition(
                keys=tuple(keys), resource_type=resource_type, logical_id=LogicalId(logical_id)
            )
            query, mark = replace(query, after=after), None
        elif mark is not None:
            continue  # an earlier run has done it
        while True:
            page = await store.search(query)
            after_page = page.next and [list(page.next.keys), page.next.logical_id]
            yield Batch(
                resources=tuple(
                    (f"{name}/{version.logical_id}", version.body)
                    for version in page.matches
                    if version.body is not None
                ),
                mark={"type": name, "after": after_page},
            )
            if page.next is None:
                break
            query = replace(query, after=page.next)


async def _measured(
    task: Task, batches: AsyncIterator[Batch], journal: ImpactJournal, processes: int
) -> "Impact":
    with count_progress("validating") as advance:
        return await measure(task, batches, journal=journal, processes=processes, advance=advance)


def _told(impact: "Impact") -> str:
    said = impact.as_json()
    lines = [
        f"checked {said['checked']}, newly failing {said['newlyFailing']}, "
        f"newly passing {said['newlyPassing']}, failing before and after {said['failing']}"
    ]
    for rule in said["rules"]:
        lines.append(
            f"  {rule['rule']} {rule['source']}: +{rule['newlyFailing']} -{rule['newlyPassing']}"
        )
        lines += [f"      {s['resource']} {s['pointer']}" for s in rule["samples"]]
    return "\n".join(lines)
