"""Commits bundles without end and prints the number of each one that was acknowledged.

``python -m tests.contract.crash_writer FILE|URL`` is run and killed by ``test_crash.py``. A bundle
makes `BUNDLE_SIZE` resources and updates its worker's counter; several are under way at once.
"""

import asyncio
import sys

from fhir_server.model import LogicalId, ResourceType
from fhir_server.search import IndexValues, TokenValue
from fhir_server.storage import ResourceStore, StaleWrite
from fhir_server.storage.mongodb import open_mongodb
from fhir_server.storage.sqlite import open_sqlite
from tests.support.stored import write

BUNDLE_SIZE = 5
WORKERS = 4
COUNTERS = tuple(f"counter-{worker}" for worker in range(WORKERS))


def tagged(bundle: str) -> IndexValues:
    return IndexValues(tokens=[TokenValue("_tag", "bundle", bundle)])


async def stream(store: ResourceStore, worker: int) -> None:
    """Commit one bundle after the other; the worker's counter says how many there are."""
    counter = await store.read(ResourceType("Basic"), LogicalId(COUNTERS[worker]))
    done = 0 if counter is None else counter.version_id
    while True:
        bundle = f"{worker}-{done + 1}"
        writes = [write(f"{bundle}-{n}", values=tagged(bundle)) for n in range(BUNDLE_SIZE)]
        writes.append(write(COUNTERS[worker], done + 1, tagged(bundle), resource_type="Basic"))
        await store.commit(writes)
        done += 1
        sys.stdout.write(f"{worker} {done}\n")
        sys.stdout.flush()


async def open_named(name: str) -> ResourceStore:
    """Open the SQLite file or the MongoDB at a URL."""
    return await (open_mongodb(name) if name.startswith("mongodb://") else open_sqlite(name))


async def main(name: str) -> None:
    store = await open_named(name)
    try:
        await asyncio.gather(*(stream(store, worker) for worker in range(WORKERS)))
    except StaleWrite as error:  # another writer on the same file: a mistake of the test
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
