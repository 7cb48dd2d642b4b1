"""``$meta``, ``$meta-add``, ``$meta-delete``: profiles, tags and security labels of one resource.

Spec: https://hl7.org/fhir/R4/resource-operation-meta.html
"""

from collections.abc import Callable
from typing import Any

from fhir_server.interaction import (
    Change,
    Operation,
    Request,
    Response,
    Services,
    Target,
    change_until_done,
)
from fhir_server.model import InvalidRequest, JsonObject, VersionId
from fhir_server.operation.call import instance_of

_HL7 = "http://hl7.org/fhir/OperationDefinition/Resource-meta"
_LISTS = ("profile", "security", "tag")


async def meta(services: Services, target: Target, request: Request) -> Response:
    """Return ``meta`` of a resource.

    Raises:
        NotFound: It is not here.
        Deleted: It is deleted.
    """
    resource = await instance_of(services, target) or {}
    return _answer(resource.get("meta", {}))


async def meta_add(services: Services, target: Target, request: Request) -> Response:
    """Add profiles, tags and labels; a new version is made only where one was missing.

    Raises:
        InvalidRequest: The parameter ``meta`` is missing.
        NotFound: The resource is not here.
    """
    return await _changed(services, target, request, _with)


async def meta_delete(services: Services, target: Target, request: Request) -> Response:
    """Take profiles, tags and labels away.

    Raises:
        InvalidRequest: The parameter ``meta`` is missing.
        NotFound: The resource is not here.
    """
    return await _changed(services, target, request, _without)


async def _changed(
    services: Services,
    target: Target,
    request: Request,
    combine: Callable[[list[Any], list[Any]], list[Any]],
) -> Response:
    given = _given(request)

    async def change() -> Change:
        resource = await instance_of(services, target) or {}
        old = resource["meta"]
        new = {
            **old,
            **{name: combine(old.get(name, []), given.get(name, [])) for name in _LISTS},
        }
        return Change(
            method="PUT",
            resource_type=target.resource_type,
            logical_id=target.logical_id,
            resource={**resource, "meta": {key: value for key, value in new.items() if value}},
            based_on=VersionId(int(old["versionId"])),
        )

    await change_until_done(services, change)
    return await meta(services, target, request)


def _given(request: Request) -> JsonObject:
    for parameter in (request.resource or {}).get("parameter", ()):
        if parameter.get("name") == "meta" and isinstance(parameter.get("valueMeta"), dict):
            found: JsonObject = parameter["valueMeta"]
            return found
    raise InvalidRequest.of("operation-parameter-missing", expected="meta")


def _key(item: Any) -> object:
    """A tag is the same by system and code, whatever its display."""
    return (item.get("system"), item.get("code")) if isinstance(item, dict) else item


def _with(old: list[Any], more: list[Any]) -> list[Any]:
    known = {_key(item) for item in old}
    return [*old, *(item for item in more if _key(item) not in known)]


def _without(old: list[Any], less: list[Any]) -> list[Any]:
    gone = {_key(item) for item in less}
    return [item for item in old if _key(item) not in gone]


def _answer(found: JsonObject) -> Response:
    body = {"resourceType": "Parameters", "parameter": [{"name": "return", "valueMeta": found}]}
    return Response(status=200, body=body)


META_OPERATIONS = (
    Operation(name="meta", handler=meta, definition=_HL7, on_instance=True),
    Operation(
        name="meta-add",
        handler=meta_add,
        definition=f"{_HL7}-add",
        on_instance=True,
        affects_state=True,
    ),
    Operation(
        name="meta-delete",
        handler=meta_delete,
        definition=f"{_HL7}-delete",
        on_instance=True,
        affects_state=True,
    ),
)
