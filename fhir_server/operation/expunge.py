"""``$expunge``: remove versions for good, where the settings allow it.

FHIR knows no such operation: name, parameters and answer are those of HAPI FHIR, so that its
clients find it. Everything that is current is deleted in the usual way first, so that whoever
follows changes hears of it, and then removed like anything that was deleted earlier.

Decision: docs/decisions/0131-expunge.md
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from fhir_server.interaction import (
    Change,
    InteractionOptions,
    Operation,
    Request,
    Response,
    Services,
    Target,
    change_until_done,
)
from fhir_server.model import Forbidden, InvalidRequest, JsonObject, NotFound
from fhir_server.operation.call import operation_input
from fhir_server.operation.parameters import OperationParameters, answer
from fhir_server.search import SearchQuery
from fhir_server.storage import Purge, StoredVersion

DEFINITION = "https://fhir.esoz.ua/OperationDefinition/expunge"
DEFAULT_LIMIT = 1000
_TYPES = {
    "limit": "integer",
    "expungeDeletedResources": "boolean",
    "expungePreviousVersions": "boolean",
    "expungeEverything": "boolean",
}
_TOGETHER = 50
_log = structlog.get_logger("fhir_server.operation")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is to go, of what the URL names."""

    deleted: bool
    previous: bool
    everything: bool
    limit: int


async def expunge(services: Services, target: Target, request: Request) -> Response:
    """Remove versions for good and answer with their number.

    Raises:
        Forbidden: The settings do not allow it.
        InvalidRequest: A parameter is unknown or malformed, or nothing is to go.
        NotFound: There is no such resource.
    """
    if not services.options.allows_expunge:
        raise Forbidden.of("expunge-off", expected="operations.expunge")
    asked = _asked(services, request)
    if target.logical_id:
        current = await services.store.read(target.resource_type, target.logical_id)
        if current is None:
            name = f"{target.resource_type}/{target.logical_id}"
            raise NotFound.of("not-found", found=name)
        if asked.everything and not current.is_deleted:
            await _delete(services, [current])
    elif asked.everything:
        await _delete_all(services, target, asked.limit)
    purge = Purge(
        resource_type=target.resource_type or None,
        logical_id=target.logical_id or None,
        superseded=asked.previous or asked.everything,
        deleted=asked.deleted or asked.everything,
        limit=asked.limit,
    )
    count = await services.store.purge(purge)
    _log.warning("expunged", versions=count, of=target.resource_type or "everything")
    return Response(status=200, body=answer([{"name": "count", "valueInteger": count}]))


def _asked(services: Services, request: Request) -> _Asked:
    registry = services.knowledge.current.registry
    given: JsonObject = operation_input(registry, DEFINITION, request, _TYPES)
    parameters = OperationParameters(given)
    for entry in given["parameter"]:
        if entry.get("name") not in _TYPES:
            raise InvalidRequest.of(
                "expunge-parameter", found=entry.get("name"), expected=", ".join(_TYPES)
            )
    limit = parameters.integer("limit")
    asked = _Asked(
        deleted=parameters.boolean("expungeDeletedResources") or False,
        previous=parameters.boolean("expungePreviousVersions") or False,
        everything=parameters.boolean("expungeEverything") or False,
        limit=DEFAULT_LIMIT if limit is None else limit,
    )
    if not (asked.deleted or asked.previous or asked.everything):
        raise InvalidRequest.of("expunge-nothing", expected=", ".join([*_TYPES][1:]))
    return asked


async def _delete_all(services: Services, target: Target, limit: int) -> None:
    """Delete what is current of a type, or of all, as far as the limit goes."""
    types = services.knowledge.current.registry.types.resource_types
    chosen = (target.resource_type,) if target.resource_type else tuple(sorted(types))
    deleted = 0
    while deleted < limit:
        count = min(_TOGETHER, limit - deleted)
        page = await services.store.search(SearchQuery(resource_types=chosen, page_count=count))  # type: ignore[arg-type] # type names
        if not page.matches:
            return
        await _delete(services, page.matches)
        deleted += len(page.matches)


async def _delete(services: Services, versions: Sequence[StoredVersion]) -> None:
    async def deletion(version: StoredVersion) -> None:
        async def change() -> Change:
            return Change(
                method="DELETE",
                resource_type=version.resource_type,
                logical_id=version.logical_id,
                resource=None,
            )

        await change_until_done(services, change)

    await asyncio.gather(*map(deletion, versions))


def _is_allowed(options: InteractionOptions) -> bool:
    return options.allows_expunge


EXPUNGE = Operation(
    name="expunge",
    handler=expunge,
    definition=DEFINITION,
    on_system=True,
    on_type=True,
    on_instance=True,
    affects_state=True,
    is_allowed=_is_allowed,
)
