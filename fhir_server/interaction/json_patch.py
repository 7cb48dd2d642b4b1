"""JSON Patch, bounded.

Spec: https://hl7.org/fhir/R4/http.html#patch and https://www.rfc-editor.org/rfc/rfc6902
"""

from typing import Any

import jsonpatch
import jsonpointer

from fhir_server.model import InvalidRequest, JsonObject, TooCostly, ValidationFailed, encode

JSON_PATCH = "application/json-patch+json"

MAX_OPERATIONS = 500
_MAX_BYTES = 5_000_000


def apply_json_patch(resource: JsonObject, operations: list[Any]) -> JsonObject:
    """Return what the operations make of a resource; the resource itself stays as it is.

    Raises:
        TooCostly: More than 500 operations, or a copy grows the resource beyond the limit.
        InvalidRequest: The patch is malformed.
        ValidationFailed: It does not fit the resource: a place is missing or a test fails.
    """
    if len(operations) > MAX_OPERATIONS:
        raise TooCostly.of("patch-too-long", found=len(operations), expected=MAX_OPERATIONS)
    patched: Any = resource
    for index, operation in enumerate(operations):
        try:
            patched = jsonpatch.JsonPatch([operation]).apply(patched)
        except (jsonpatch.InvalidJsonPatch, TypeError, KeyError, AttributeError) as error:
            raise InvalidRequest.of("patch-malformed", index=index) from error
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
            raise ValidationFailed.of("patch-does-not-fit", index=index) from error
        if _copies(operation) and len(encode(patched)) > _MAX_BYTES:
            raise TooCostly.of("patch-too-long", found=index + 1, expected=MAX_OPERATIONS)
    if not isinstance(patched, dict):
        raise InvalidRequest.of("patch-malformed", index=len(operations) - 1)
    return patched


def _copies(operation: Any) -> bool:
    """Say whether an operation can grow the resource beyond what was posted."""
    return isinstance(operation, dict) and operation.get("op") == "copy"
