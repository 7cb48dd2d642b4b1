"""Attachments: size and hash are those of the data.

Spec: https://hl7.org/fhir/R4/datatypes.html#attachment
"""

import hashlib
from base64 import b64decode, b64encode
from binascii import Error
from typing import Any

from fhir_server.definitions import Element
from fhir_server.validation.finding import Finding, Findings
from fhir_server.validation.place import Place
from fhir_server.validation.scope import Rule, Scope

_ATTACHMENT = "Attachment"


def compile_rule(element: Element, place: Place) -> Rule | None:
    """Check every Attachment that carries its data."""
    if place.inherited or element.path != _ATTACHMENT or place.fhir_type != _ATTACHMENT:
        return None
    return _check


def _check(value: Any, _sibling: Any, _scope: Scope) -> Findings | None:
    text = value.get("data")
    if not isinstance(text, str):
        return None
    packed = "".join(text.split())
    if packed != text:
        return [Finding("attachment-white-space", at=(("data", "data"),), mend=("replace", packed))]
    size, stated = value.get("size"), value.get("hash")
    if size is None and stated is None:
        return None
    try:
        data = b64decode(packed, validate=True)
    except (Error, ValueError):
        return None
    found: Findings = []
    if isinstance(size, int) and size != len(data):
        found.append(
            Finding("attachment-size", found=size, expected=len(data), at=(("size", "size"),))
        )
    actual = b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
    if isinstance(stated, str) and stated != actual:
        found.append(
            Finding("attachment-hash", found=stated, expected=actual, at=(("hash", "hash"),))
        )
    return found or None
