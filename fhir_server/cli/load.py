"""``fhir-server load PATH…``: put files into a store, validated like any other write.

Resources with an id are put under it, others are created; transactions and batches are run; the
entries of any other Bundle are put one by one. What was done is kept in a journal, so that an
interrupted run goes on where it stopped.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fhir_server.cli.frames import frame
from fhir_server.cli.journal import Journal
from fhir_server.cli.progress import bytes_progress, compile_progress
from fhir_server.cli.sources import Source, read_file, source_files
from fhir_server.model import FhirError, Issue, JsonLimits, JsonObject, Language, with_positions

if TYPE_CHECKING:
    from fhir_server.interaction import Dispatcher
    from fhir_server.settings import Settings
    from fhir_server.xml import XmlCodec

CONCURRENT = 32
"""Writes under way at once: the store makes many of them durable in one commit."""
LIMITS = JsonLimits(max_bytes=20_000_000)
RUN_AS_WHOLE = {"transaction", "batch"}


@click.command("load")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--store", help="sqlite:///PATH or mongodb://…; default: the settings' store.")
@click.option(
    "--journal",
    type=click.Path(path_type=Path),
    default=Path(".fhir-server-load.json"),
    show_default=True,
    help="Where is kept what was loaded.",
)
@click.option("--restart", is_flag=True, help="Load everything again.")
@click.option("--lang", "language", type=click.Choice(["uk", "en"]), default="uk")
def command(
    paths: tuple[Path, ...], store: str | None, journal: Path, restart: bool, language: Language
) -> None:
    """Load PATHS: JSON and XML files, NDJSON files, Bundles, folders of them.

    Exit code 0: all was stored; 1: something was refused; 2: a file cannot be read.
    """
    from fhir_server.cli.settings import load_or_exit

    settings = load_or_exit({"store": store}, None)
    kept = Journal.open(journal, settings.store, restart=restart)
    counts = asyncio.run(_load(settings, list(source_files(paths)), kept, language))
    click.echo(f"{counts['stored']} stored, {counts['refused']} refused", err=True)
    sys.exit(1 if counts["refused"] else 0)


async def _load(
    settings: "Settings", files: list[Path], journal: Journal, language: Language
) -> dict[str, int]:
    counts = {"stored": 0, "refused": 0}
    with bytes_progress(sum(file.stat().st_size for file in files)) as advance:
        async with _dispatcher(settings) as (dispatch, xml):
            loader = _Loader(dispatch, xml, settings.public_url, language, counts)
            for file in files:
                done = journal.done(file)
                if done is not None:
                    await loader.load(file, journal, skip=done)
                advance(file.stat().st_size)
    return counts


@asynccontextmanager
async def _dispatcher(settings: "Settings") -> AsyncIterator[tuple["Dispatcher", "XmlCodec"]]:
    from fhir_server.app import knowledge_builder, make_services, open_store, registry_of
    from fhir_server.interaction import Dispatcher, KnowledgeBase
    from fhir_server.operation import OPERATIONS
    from fhir_server.xml import XmlCodec

    with compile_progress() as progress:
        registry = registry_of(settings, progress)
    knowledge = KnowledgeBase(registry, knowledge_builder(settings))
    store = await open_store(settings)
    try:
        await knowledge.load(store)
        yield (
            Dispatcher(await make_services(settings, store, knowledge), OPERATIONS),
            XmlCodec(registry.types),
        )
    finally:
        await store.close()


class _Loader:
    """Sends the resources of files through the same interactions as HTTP requests."""

    def __init__(
        self,
        dispatch: "Dispatcher",
        xml: "XmlCodec",
        base_url: str,
        language: Language,
        counts: dict[str, int],
    ) -> None:
        self._dispatch = dispatch
        self._xml = xml
        self._base_url = base_url
        self._language = language
        self._counts = counts

    async def load(self, file: Path, journal: Journal, *, skip: int) -> None:
        """Load what the journal does not have yet, a group at a time."""
        group: list[Source] = []
        number = 0
        for number, source in enumerate(read_file(file), 1):
            if number <= skip:
                continue
            group.append(source)
            if len(group) == CONCURRENT:
                await self._store_all(group)
                journal.note(file, number)
                group = []
        await self._store_all(group)
        journal.finish(file, number)

    async def _store_all(self, group: Iterable[Source]) -> None:
        await asyncio.gather(*(self._store(source) for source in group))

    async def _store(self, source: Source) -> None:
        try:
            resource = source.decode(self._xml, LIMITS)
        except FhirError as refusal:
            self._tell(source, refusal.issues)
            return
        for index, part in _parts(resource):
            try:
                await self._send(part, source if index is None else None)
            except FhirError as refusal:
                issues = refusal.issues
                if index is not None:
                    issues = tuple(found.at_entry(index) for found in issues)
                self._tell(source, with_positions(issues, source.posted(self._xml)))

    def _tell(self, source: Source, issues: Iterable[Issue]) -> None:
        """Show why something was refused, with its place in the file."""
        self._counts["refused"] += 1
        for found in issues:
            text = frame(found, source.name, source.text, self._language)
            click.echo(text + "\n", err=True)

    async def _send(self, resource: JsonObject, source: Source | None) -> None:
        from fhir_server.interaction import Request

        method, path = _address(resource)
        request: dict[str, Any] = {"method": method, "path": path, "base_url": self._base_url}
        body = None if source is None else source.text.encode()
        await self._dispatch(Request(**request, resource=resource, body=body))
        is_whole = resource.get("resourceType") == "Bundle" and not path
        self._counts["stored"] += len(resource.get("entry", ())) if is_whole else 1


def _parts(resource: JsonObject) -> list[tuple[int | None, JsonObject]]:
    """A resource itself, or, by entry, the resources of a Bundle that is not run as a whole."""
    if resource.get("resourceType") != "Bundle" or resource.get("type") in RUN_AS_WHOLE:
        return [(None, resource)]
    entries = enumerate(resource.get("entry", ()))
    return [(index, entry["resource"]) for index, entry in entries if "resource" in entry]


def _address(resource: JsonObject) -> tuple[str, str]:
    resource_type = str(resource.get("resourceType", ""))
    if resource_type == "Bundle" and resource.get("type") in RUN_AS_WHOLE:
        return "POST", ""
    if "id" in resource:
        return "PUT", f"{resource_type}/{resource['id']}"
    return "POST", resource_type
