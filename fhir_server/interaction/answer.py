"""Answers to reads and writes of one resource.

Spec: https://hl7.org/fhir/R4/http.html#create and https://hl7.org/fhir/R4/http.html#read
"""

from fhir_server.interaction.message import Request, Response
from fhir_server.interaction.write import Result
from fhir_server.model import operation_outcome
from fhir_server.storage import StoredVersion

_STATUS = {"created": 201, "updated": 200, "unchanged": 200, "deleted": 204, "absent": 204}


def of_version(version: StoredVersion, status: int = 200) -> Response:
    """Answer with one stored version, its bytes as they are."""
    return Response(
        status=status,
        body=version.body,
        version_id=version.version_id,
        last_modified=version.last_updated,
        resource_type=version.resource_type,
        logical_id=version.logical_id,
        location=(f"{version.resource_type}/{version.logical_id}/_history/{version.version_id}"),
    )


def of_result(result: Result, request: Request) -> Response:
    """Answer to a write; what validation remarked comes along where the client prefers it."""
    version, change = result.version, result.change
    outcome = None
    if result.warnings and request.preferences.returns == "OperationOutcome":
        outcome = operation_outcome(result.warnings, request.language)
    if version is None or version.is_deleted:
        return Response(
            status=_STATUS[result.effect],
            version_id=None if version is None else version.version_id,
            last_modified=None if version is None else version.last_updated,
            resource_type=change.resource_type,
            logical_id=change.logical_id,
            outcome=outcome,
        )
    return Response(
        status=_STATUS[result.effect],
        body=version.body,
        version_id=version.version_id,
        last_modified=version.last_updated,
        resource_type=version.resource_type,
        logical_id=version.logical_id,
        location=(f"{version.resource_type}/{version.logical_id}/_history/{version.version_id}"),
        outcome=outcome,
    )
