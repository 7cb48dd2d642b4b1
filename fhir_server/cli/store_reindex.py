"""``fhir-server store reindex``: index what is stored anew, with nobody serving."""

import asyncio
import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from fhir_server.cli.store_access import knowledge_of, opened

if TYPE_CHECKING:
    from fhir_server.interaction import JobRun
    from fhir_server.settings import Settings

_LOOK_S = 0.2


async def reindexed(settings: "Settings", types: Collection[str]) -> dict[str, int]:
    """Index types anew, or what is not complete; return how many types and resources.

    An interrupted run goes on where it came to.

    Raises:
        InvalidRequest: A type that R4 does not have.
    """
    from fhir_server.app import make_services
    from fhir_server.interaction import JobRun
    from fhir_server.model import InvalidRequest

    async with opened(settings) as store:
        knowledge = await knowledge_of(settings, store)
        known = knowledge.current.registry.types.resource_types
        for name in types:
            if name not in known:
                raise InvalidRequest.of("unknown-type", found=name)
        services = await make_services(settings, store, knowledge)
        run = JobRun("", "", Path())
        work = asyncio.create_task(services.index.reindex(types, run))
        await _watched(work, run)
        found = json.loads(await work)
    return {one["name"]: one["valueInteger"] for one in found["parameter"]}


async def _watched(work: "asyncio.Task[bytes]", run: "JobRun") -> None:
    """Show how far it is, where somebody watches."""
    if not sys.stderr.isatty():
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        while not work.done():
            status.update(run.progress)
            await asyncio.wait([work], timeout=_LOOK_S)
