"""Opening the store on SQLite.

Spec of the URI: https://www.sqlite.org/uri.html
"""

import asyncio
import uuid
from functools import partial
from pathlib import Path
from urllib.parse import quote

from fhir_server.storage.sqlite.store import SqliteStore
from fhir_server.storage.store import ResourceStore

MEMORY = ":memory:"


async def open_sqlite(
    path: str | Path,
    *,
    search_timeout_s: float = 5.0,
    lock_timeout_s: float = 5.0,
    readers: int = 2,
) -> ResourceStore:
    """Open the file, made with its folder where it does not exist; several processes may share it.

    Args:
        path: The file, or ``:memory:`` for a store that ends with `ResourceStore.close`.
        search_timeout_s: How long a search may take before it is refused as too costly.
        lock_timeout_s: How long a commit waits for other processes.
        readers: Threads for long reads.

    Raises:
        Unavailable: The file cannot be opened, or belongs to another program or a newer version.
    """
    is_memory = str(path) == MEMORY
    location = f"file:{quote(str(path))}"
    if is_memory:
        location = f"file:/{uuid.uuid4().hex}?vfs=memdb"
    open_store = partial(
        SqliteStore,
        location,
        is_memory=is_memory,
        search_timeout_s=search_timeout_s,
        lock_timeout_s=lock_timeout_s,
        readers=readers,
    )
    loop = asyncio.get_running_loop()
    if not is_memory:
        await loop.run_in_executor(
            None, lambda: Path(path).parent.mkdir(parents=True, exist_ok=True)
        )
    return await loop.run_in_executor(None, open_store)
