"""The id that ties an answer to the log: taken from the client where it is sane, else made here.

Spec: https://hl7.org/fhir/R4/http.html#custom
"""

import os
import re

_SANE = re.compile(rb"[A-Za-z0-9._\-]{1,64}")


def request_id(incoming: bytes | None) -> str:
    """Return the client's ``X-Request-Id`` where it is short and plain, else a new random one.

    Anything else is replaced, not mended: the id is written to logs and echoed in headers.
    """
    if incoming is not None and _SANE.fullmatch(incoming):
        return incoming.decode("ascii")
    return os.urandom(12).hex()
