"""Batch: entries that stand for themselves, each with an answer of its own.

Spec: https://hl7.org/fhir/R4/http.html#batch
"""

from base64 import b64encode
from collections.abc import Awaitable, Callable

from fhir_server.interaction.bundle import bundle, response_entry
from fhir_server.interaction.entry import of_entry, posted_entries, read_entry
from fhir_server.interaction.message import Request, Response
from fhir_server.interaction.services import Services
from fhir_server.model import FhirError, InvalidRequest, JsonObject, TooLarge, operation_outcome

Dispatch = Callable[[Request], Awaitable[Response]]


async def batch(
    services: Services, dispatch: Dispatch, request: Request, posted: JsonObject
) -> Response:
    """Answer each entry as if it had come alone, in order; one that is refused stops no other.

    Raises:
        InvalidRequest: ``entry`` is no array.
        TooLarge: There are more entries than ``max_batch_entries``.
    """
    entries = posted_entries(posted)
    limit = services.options.max_batch_entries
    if len(entries) > limit:
        raise TooLarge.of("bundle-too-many", found=len(entries), expected=limit)
    answers: list[JsonObject] = []
    for index, entry in enumerate(entries):
        try:
            with of_entry(index):
                answers.append(await _answer(dispatch, index, entry, request))
        except FhirError as refusal:
            outcome = operation_outcome(refusal.issues, request.language)
            answers.append(response_entry(status=refusal.status, outcome=outcome))
    return Response(status=200, body=bundle("batch-response", answers))


async def _answer(
    dispatch: Dispatch, index: int, posted_entry: object, outer: Request
) -> JsonObject:
    entry = read_entry(index, posted_entry, outer)
    if entry.request.path == "" and entry.request.method == "POST":
        raise InvalidRequest.of("bundle-nested", expression=f"{entry.place}.request.url")
    return answer_entry(await dispatch(entry.request), entry.request)


def answer_entry(response: Response, request: Request) -> JsonObject:
    """Return the entry that carries an interaction's answer.

    A write's resource comes along only where the Bundle came with
    ``Prefer: return=representation``.
    """
    is_write = request.method != "GET" and response.logical_id is not None
    leaves_out = is_write and request.preferences.returns != "representation"
    return response_entry(
        status=response.status,
        version_id=response.version_id,
        last_modified=response.last_modified,
        location=response.location if is_write else None,
        resource=None if leaves_out else _resource(response),
        outcome=response.outcome,
    )


def _resource(response: Response) -> bytes | JsonObject | None:
    """Return what goes into ``Bundle.entry.resource``; bytes of another format as a Binary."""
    body = response.body
    if response.media_type is None or not isinstance(body, bytes):
        return body
    data = b64encode(body).decode()
    return {"resourceType": "Binary", "contentType": response.media_type, "data": data}
