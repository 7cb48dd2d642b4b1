"""What goes wrong becomes an OperationOutcome; the one place where any exception at all is caught.

Spec: https://hl7.org/fhir/R4/http.html#Status-Codes
"""

from collections.abc import Awaitable
from http import HTTPStatus

import structlog

from fhir_server.http.body import ClientGone
from fhir_server.http.codec import JSON_CODEC
from fhir_server.http.exchange import Exchange, Reply, with_headers
from fhir_server.http.negotiation import JSON, NDJSON
from fhir_server.model import FhirError, Issue, issue, operation_outcome, with_positions

_log = structlog.get_logger("fhir_server.http")


async def answered(exchange: Exchange, work: Awaitable[Reply]) -> Reply:
    """Return what ``work`` answers, or the answer to its failure.

    A refusal tells its issues. Anything unexpected is 500 with the request id: the stack trace goes
    to the log, never to the client, and neither gets anything of the request's content.

    Raises:
        ClientGone: Nobody waits for an answer.
    """
    try:
        return await work
    except ClientGone:
        raise
    except FhirError as refusal:
        return refused(exchange, refusal)
    except Exception as error:  # noqa: BLE001 # the one place for it
        _log.exception("unexpected", request_id=exchange.request_id, kind=type(error).__name__)
        unexpected = issue("unexpected-error", request_id=exchange.request_id)
        return _outcome(exchange, HTTPStatus.INTERNAL_SERVER_ERROR, (unexpected,))


def refused(exchange: Exchange, refusal: FhirError) -> Reply:
    """Return the answer to a refusal; issues with a place get its line in the posted text."""
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error(
            "refused",
            request_id=exchange.request_id,
            status=refusal.status,
            rules=[found.rule for found in refusal.issues],
        )
    reply = _outcome(exchange, refusal.status, placed(exchange, refusal.issues))
    return with_headers(reply, refusal.headers)


def placed(exchange: Exchange, issues: tuple[Issue, ...]) -> tuple[Issue, ...]:
    """Add line and column to issues that point into the posted body.

    What a patch makes of a resource was never posted, so its issues have no place there.
    """
    if exchange.method == "PATCH" or exchange.text is None:
        return issues
    return with_positions(issues, exchange.text)


def _outcome(exchange: Exchange, status: int, issues: tuple[Issue, ...]) -> Reply:
    outcome = operation_outcome(issues, exchange.language)
    if exchange.format is NDJSON:  # for machines that load lines; a refusal is no line of theirs
        exchange.format, exchange.codec = JSON, JSON_CODEC
    encode = exchange.codec.encode_pretty if exchange.is_pretty else exchange.codec.encode
    content_type = (b"content-type", exchange.format.content_type)
    return Reply(status, [content_type], encode(outcome))
