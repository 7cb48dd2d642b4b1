"""What the commands of ``fhir-server store`` share: settings, the opened store, refusals told."""

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fhir_server.cli.progress import compile_progress
from fhir_server.model import FhirError

if TYPE_CHECKING:
    from fhir_server.interaction import KnowledgeBase
    from fhir_server.settings import Settings
    from fhir_server.storage import ResourceStore

Result = TypeVar("Result")


def settings_of(store: str | None) -> "Settings":
    """Return the settings with that store."""
    from fhir_server.cli.settings import load_or_exit

    return load_or_exit({"store": store}, None)


@asynccontextmanager
async def opened(settings: "Settings", *, prepare: bool = True) -> AsyncIterator["ResourceStore"]:
    """Open a store for the time of a command."""
    from fhir_server.app import open_store

    store = await open_store(settings, prepare=prepare)
    try:
        yield store
    finally:
        await store.close()


async def knowledge_of(settings: "Settings", store: "ResourceStore") -> "KnowledgeBase":
    """Return the definitions in force on a store."""
    from fhir_server.app import knowledge_builder, registry_of
    from fhir_server.interaction import KnowledgeBase

    with compile_progress() as progress:
        registry = registry_of(settings, progress)
    knowledge = KnowledgeBase(registry, knowledge_builder(settings))
    await knowledge.load(store)
    return knowledge


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's work; a refusal is told on stderr and ends with 2."""
    try:
        return asyncio.run(work)
    except FhirError as refusal:
        reason = refusal.__cause__
        told = [issue.text.en for issue in refusal.issues]
        if reason is not None and str(reason):
            told.append(f"({reason})")
        click.echo(" ".join(told), err=True)
        sys.exit(2)
