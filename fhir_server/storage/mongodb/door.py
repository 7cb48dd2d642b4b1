"""Opening a MongoDB store: connect, look what kind of server it is, make what is missing."""

from collections.abc import Sequence
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import ConfigurationError, PyMongoError
from pymongo.uri_parser import parse_uri

from fhir_server.storage.mongodb.faults import reason, unavailable
from fhir_server.storage.mongodb.handle import Handle
from fhir_server.storage.mongodb.indexes import create_collections
from fhir_server.storage.mongodb.store import MongoStore

MINIMUM_VERSION = (6, 0)
DEFAULT_DATABASE = "fhir"
HEARTBEAT_MS = 3_000
"""How soon it is noticed that a server hangs: all that waits for it is answered then."""

Client = AsyncMongoClient[dict[str, Any]]


async def open_mongodb(
    url: str, *, timeout_ms: int = 5_000, create_indexes: bool = True
) -> MongoStore:
    """Connect, verify the server, and return the store.

    Args:
        url: Connection string; its path names the database (``fhir`` where there is none).
        timeout_ms: Longest time for the server to be found and for one query.
        create_indexes: Make what is missing; else `MongoStore.health` only reports it, and writes
            nothing either.

    Raises:
        Unavailable: No server answers, the password is wrong, or the server is too old; its
            ``__cause__`` says which.
    """
    handle = await connect(url, timeout_ms=timeout_ms)
    try:
        if create_indexes:
            await create_collections(handle.database)
    except PyMongoError as error:
        await handle.client.close()
        raise unavailable(error) from ServerProblem(reason(error))
    return MongoStore(handle, proves_writes=create_indexes)


async def connect(url: str, *, timeout_ms: int) -> Handle:
    """Connect and verify the server.

    Raises:
        Unavailable: See `open_mongodb`.
    """
    client: Client | None = None
    try:
        client = AsyncMongoClient(
            url,
            serverSelectionTimeoutMS=timeout_ms,
            connectTimeoutMS=timeout_ms,
            socketTimeoutMS=4 * timeout_ms,
            heartbeatFrequencyMS=HEARTBEAT_MS,
            appname="fhir-server",
            tz_aware=True,
        )
        hello = await client.admin.command("hello")
        check_version((await client.server_info())["versionArray"])
        await client.get_database(_database_name(client)).command("dbStats")
    except (PyMongoError, ValueError, ServerProblem) as error:
        if client is not None:
            await client.close()
        told = error if isinstance(error, ServerProblem) else ServerProblem(reason(error))
        raise unavailable() from told
    return Handle(client, _database_name(client), hello, timeout_ms)


def check_version(version: Sequence[int]) -> None:
    """Compare the server's version with the oldest that is supported.

    Raises:
        ServerProblem: It is too old.
    """
    if tuple(version[:2]) < MINIMUM_VERSION:
        found, wanted = (".".join(map(str, v[:2])) for v in (version, MINIMUM_VERSION))
        raise ServerProblem(f"MongoDB {found} is too old: {wanted} or newer is needed")


class ServerProblem(Exception):
    """Why a server cannot be used, in words for operators, without addresses and passwords."""


def database_name(url: str) -> str:
    """Return the database that a connection string names."""
    return parse_uri(url, validate=False).get("database") or DEFAULT_DATABASE


def _database_name(client: Client) -> str:
    try:
        return client.get_default_database(DEFAULT_DATABASE).name
    except ConfigurationError:
        return DEFAULT_DATABASE
