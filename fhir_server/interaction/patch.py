"""Patch and conditional patch: a new version worked out from the current one.

Spec: https://hl7.org/fhir/R4/http.html#patch
"""

import base64
import binascii
from dataclasses import replace

from fhir_server.interaction.accept import check_shape, validated
from fhir_server.interaction.answer import of_result
from fhir_server.interaction.conditional import criteria_query, single_match
from fhir_server.interaction.fhirpath_patch import apply_fhirpath_patch
from fhir_server.interaction.input_shape import check_input
from fhir_server.interaction.json_patch import JSON_PATCH, apply_json_patch
from fhir_server.interaction.knowledge import Knowledge
from fhir_server.interaction.message import Request, Response
from fhir_server.interaction.services import Services
from fhir_server.interaction.target import Target
from fhir_server.interaction.write import Change, change_until_done
from fhir_server.model import (
    Deleted,
    InvalidRequest,
    JsonObject,
    NotFound,
    UnsupportedMediaType,
    decode_array,
    decode_stored,
)
from fhir_server.xml import XmlCodec

XML_PATCH = "application/xml-patch+xml"


async def patch(services: Services, target: Target, request: Request) -> Response:
    """Apply a JSON, XML or FHIRPath Patch; whatever comes out is validated as an update is.

    Raises:
        NotFound: There is no such resource.
        Deleted: It is deleted.
        InvalidRequest: The patch is malformed or does not fit the resource.
        UnsupportedMediaType: It is none of the three kinds.
        ValidationFailed: The result has errors.
        VersionMismatch: ``If-Match`` does not name the current version.
    """
    knowledge = services.knowledge.current

    async def change() -> Change:
        made = await patch_change(services, knowledge, target, request)
        warnings = await validated(
            services, knowledge, made.resource or {}, request, logical_id=target.logical_id
        )
        return replace(made, warnings=warnings)

    return of_result(await change_until_done(services, change), request)


async def conditional_patch(services: Services, target: Target, request: Request) -> Response:
    """Apply a patch to the one resource that matches the criteria in the URL.

    Raises:
        NotFound: None matches.
        MultipleMatches: Several do.
    """
    query = criteria_query(
        services.knowledge.current, target.resource_type, request.parameters, request.base_url
    )
    found = await single_match(services, query)
    if found is None:
        raise NotFound.of("criteria-none")
    at = target._replace(shape="instance", logical_id=found.logical_id)
    return await patch(services, at, request)


async def patch_change(
    services: Services,
    knowledge: Knowledge,
    target: Target,
    request: Request,
    *,
    place: str | None = None,
) -> Change:
    """Work out what a patch makes of the current version; not validated yet.

    Raises:
        NotFound: There is no such resource.
        Deleted: It is deleted.
        InvalidRequest: The patch is malformed, does not fit, or changes type or id.
        UnsupportedMediaType: It is none of the three kinds.
    """
    name = f"{target.resource_type}/{target.logical_id}"
    current = await services.store.read(target.resource_type, target.logical_id)
    if current is None:
        raise NotFound.of("not-found", expression=place, found=name)
    if current.body is None:
        raise Deleted.of("deleted", expression=place, found=name)
    resource = _patched(knowledge, request, decode_stored(current.body))
    check_shape(resource, target.resource_type)
    if resource.get("id") != target.logical_id:
        raise InvalidRequest.of("patch-changes-id", expression=place, found=name)
    return Change(
        method="PATCH",
        resource_type=target.resource_type,
        logical_id=target.logical_id,
        resource=resource,
        based_on=current.version_id,
        if_match=request.preconditions.if_match,
        place=place,
    )


def _patched(knowledge: Knowledge, request: Request, resource: JsonObject) -> JsonObject:
    """Apply the patch, whichever of the three kinds it is.

    In a Bundle, JSON Patch and XML Patch are what a Binary holds.
    """
    if request.content_type == JSON_PATCH:
        return apply_json_patch(resource, decode_array(request.body or b""))
    if request.content_type == XML_PATCH:
        return XmlCodec(knowledge.registry.types).patched(resource, request.body or b"")
    patch_resource = request.resource
    if patch_resource is None:
        raise UnsupportedMediaType.of("patch-format", found=request.content_type or "")
    if patch_resource.get("resourceType") == "Parameters":
        check_input(patch_resource, knowledge.registry.types, is_deep=False)
        return apply_fhirpath_patch(resource, patch_resource, knowledge.registry.types)
    if patch_resource.get("resourceType") == "Binary":
        content_type = str(patch_resource.get("contentType")).partition(";")[0].strip().lower()
        if content_type == JSON_PATCH:
            return apply_json_patch(resource, decode_array(_data(patch_resource)))
        if content_type == XML_PATCH:
            return XmlCodec(knowledge.registry.types).patched(resource, _data(patch_resource))
    raise InvalidRequest.of("patch-resource", found=patch_resource.get("resourceType"))


def _data(binary: JsonObject) -> bytes:
    """Return what a Binary holds."""
    try:
        return base64.b64decode(str(binary.get("data", "")), validate=True)
    except binascii.Error as error:
        raise InvalidRequest.of("patch-data") from error
