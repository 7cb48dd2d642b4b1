"""Read, version read, and their conditional forms.

Spec: https://hl7.org/fhir/R4/http.html#read and https://hl7.org/fhir/R4/http.html#cread
"""

import re

from fhir_server.interaction.answer import of_version
from fhir_server.interaction.message import Preconditions, Request, Response
from fhir_server.interaction.services import Services
from fhir_server.interaction.subset import requested_subset
from fhir_server.interaction.target import Target
from fhir_server.model import Deleted, NotFound, VersionId
from fhir_server.storage import StoredVersion

_VERSION = re.compile(r"[1-9][0-9]{0,8}")


async def read(services: Services, target: Target, request: Request) -> Response:
    """Return the current version.

    Raises:
        NotFound: Nothing was ever stored under that type and id.
        Deleted: It was, and is deleted.
    """
    version = await services.store.read(target.resource_type, target.logical_id)
    if version is None:
        raise NotFound.of("not-found", found=f"{target.resource_type}/{target.logical_id}")
    return _answer(services, version, request)


async def vread(services: Services, target: Target, request: Request) -> Response:
    """Return one version.

    Raises:
        NotFound: There is no such version.
        Deleted: That version is the deletion.
    """
    version = None
    if _VERSION.fullmatch(target.version_id):
        version = await services.store.vread(
            target.resource_type, target.logical_id, VersionId(int(target.version_id))
        )
    if version is None:
        raise NotFound.of(
            "version-not-found",
            found=f"{target.resource_type}/{target.logical_id}",
            version=target.version_id,
        )
    return _answer(services, version, request)


def _answer(services: Services, version: StoredVersion, request: Request) -> Response:
    if version.body is None:
        raise Deleted.of("deleted", found=f"{version.resource_type}/{version.logical_id}")
    if _is_known(version, request.preconditions):
        return Response(
            status=304,
            version_id=version.version_id,
            last_modified=version.last_updated,
            resource_type=version.resource_type,
            logical_id=version.logical_id,
        )
    response = of_version(version)
    if request.parameters:
        subset = requested_subset(request.parameters)
        if subset is not None:
            body = subset.of_bytes(version.body, services.knowledge.current.registry.types)
            return Response(
                status=200,
                body=body,
                version_id=version.version_id,
                last_modified=version.last_updated,
                resource_type=version.resource_type,
                logical_id=version.logical_id,
                location=response.location,
            )
    return response


def _is_known(version: StoredVersion, conditions: Preconditions) -> bool:
    """Say whether the client has this version; the tag precedes the time (RFC 9110 13.2.2)."""
    tags = conditions.if_none_match
    if tags:
        return "*" in tags or str(version.version_id) in tags
    since = conditions.if_modified_since
    return since is not None and version.last_updated.replace(microsecond=0) <= since
