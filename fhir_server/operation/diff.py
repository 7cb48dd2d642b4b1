"""``$diff``: what changed between two versions, as a FHIRPath Patch.

It is this server's own; its parameters are those that HAPI has.

Spec of the answer: https://hl7.org/fhir/R4/fhirpatch.html
"""

from typing import NamedTuple

from fhir_server.interaction import Operation, Request, Response, Services, Target, fhirpath_diff
from fhir_server.model import (
    InvalidRequest,
    JsonObject,
    LogicalId,
    NotFound,
    ResourceType,
    VersionId,
    decode_stored,
    is_logical_id,
)
from fhir_server.operation.call import operation_input
from fhir_server.operation.parameters import OperationParameters
from fhir_server.storage import StoredVersion

DEFINITION = "https://fhir.esoz.ua/OperationDefinition/diff"
_TAKEN = {
    "fromVersion": "string", "toVersion": "string", "from": "string", "to": "string",
    "includeMeta": "boolean",
}  # fmt: skip
_MAX_DIGITS = 10


class _Place(NamedTuple):
    """A version of a resource; without number the current one."""

    resource_type: ResourceType
    logical_id: LogicalId
    version_id: VersionId | None

    def __str__(self) -> str:
        version = "" if self.version_id is None else f"/_history/{self.version_id}"
        return f"{self.resource_type}/{self.logical_id}{version}"


async def diff(services: Services, target: Target, request: Request) -> Response:
    """Return the patch from one version to another.

    On an instance: from ``fromVersion`` (the one before where it is not given) to ``toVersion``
    (the current one). On the system: from ``from`` to ``to``, two resources of one type. What the
    server writes into ``meta`` itself is left out unless ``includeMeta`` is true.

    Raises:
        InvalidRequest: A parameter is missing or not understood.
        NotFound: One of the versions is not here, or is a deletion.
    """
    registry = services.knowledge.current.registry
    given = OperationParameters(operation_input(registry, DEFINITION, request, _TAKEN))
    places = await _on_instance(services, target, given) if target.logical_id else _named(given)
    (_, old), (_, new) = read = [(place, await _read(services, place)) for place in places]
    if old["resourceType"] != new["resourceType"]:
        raise InvalidRequest.of("diff-types", found=str(read[0][0]), expected=str(read[1][0]))
    if not given.boolean("includeMeta"):
        old, new = _without_stamps(old), _without_stamps(new)
    return Response(status=200, body=fhirpath_diff(old, new, registry.types))


async def _on_instance(
    services: Services, target: Target, given: OperationParameters
) -> tuple[_Place, _Place]:
    def place(version_id: VersionId | None) -> _Place:
        return _Place(target.resource_type, target.logical_id, version_id)

    last = _number(given, "toVersion")
    first = _number(given, "fromVersion")
    if first is None:
        newest = await _version(services, place(last))
        first = VersionId(max(newest.version_id - 1, 1))
    return place(first), place(last)


def _number(given: OperationParameters, name: str) -> VersionId | None:
    text = given.text(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise InvalidRequest.of(
            "operation-parameter-type", name=name, found=text[:60], expected="1, 2, 3 …"
        )
    return VersionId(int(text))


def _named(given: OperationParameters) -> tuple[_Place, _Place]:
    given.require("from")
    given.require("to")
    return _parsed(given, "from"), _parsed(given, "to")


def _parsed(given: OperationParameters, name: str) -> _Place:
    text = given.text(name) or ""
    match text.split("/"):
        case [kind, logical_id] if is_logical_id(logical_id):
            return _Place(ResourceType(kind), LogicalId(logical_id), None)
        case [kind, logical_id, "_history", number] if is_logical_id(logical_id):
            if number.isascii() and number.isdigit() and len(number) <= _MAX_DIGITS:
                version_id = VersionId(int(number))
                return _Place(ResourceType(kind), LogicalId(logical_id), version_id)
    raise InvalidRequest.of(
        "operation-parameter-type", name=name, found=text[:80], expected="Patient/1/_history/2"
    )


async def _read(services: Services, place: _Place) -> JsonObject:
    version = await _version(services, place)
    if version.body is None:
        raise NotFound.of("diff-deletion", found=str(place))
    return decode_stored(version.body)


async def _version(services: Services, place: _Place) -> StoredVersion:
    resource_type, logical_id, version_id = place
    if version_id is None:
        found = await services.store.read(resource_type, logical_id)
    else:
        found = await services.store.vread(resource_type, logical_id, version_id)
    if found is None:
        raise NotFound.of("not-found", found=str(place))
    return found


def _without_stamps(resource: JsonObject) -> JsonObject:
    stamps = {"versionId", "lastUpdated"}
    meta = {key: value for key, value in resource.get("meta", {}).items() if key not in stamps}
    rest = {key: value for key, value in resource.items() if key != "meta"}
    return {**rest, "meta": meta} if meta else rest


DIFF = Operation(name="diff", handler=diff, definition=DEFINITION, on_system=True, on_instance=True)
