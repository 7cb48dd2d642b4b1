"""Media types, ``urn:ietf:bcp:13``: the form of RFC 6838, with parameters.

Spec: https://www.rfc-editor.org/rfc/rfc6838#section-4.2
"""

import re

from fhir_server.terminology.concept import Concept

BCP_13 = "urn:ietf:bcp:13"

_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # noqa: S105 # RFC 7230's word for it, no secret
_MEDIA_TYPE = re.compile(
    rf"{_NAME}/{_NAME}(?:[ \t]*;[ \t]*{_TOKEN}=(?:{_TOKEN}|\"[^\"\\\r\n]*\"))*[ \t]*;?"
)


def media_type_concept(code: str) -> Concept | None:
    """Return the concept of a media type; None: it has not the form ``type/subtype``.

    The form alone is checked: vendors may use types that IANA's list does not have.
    """
    return None if _MEDIA_TYPE.fullmatch(code) is None else Concept(code=code, display=code)
