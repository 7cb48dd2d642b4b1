"""Kind and size of attachments.

Spec: https://hl7.org/fhir/R4/extension-mimetype.html and https://hl7.org/fhir/R4/extension-maxsize.html
"""

from collections.abc import Iterator
from decimal import Decimal

from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding
from fhir_server.validation.questionnaire.answer import Answer
from fhir_server.validation.reading import text_of

_HL7 = "http://hl7.org/fhir/StructureDefinition/"
_MIME_TYPE, _MAX_SIZE = f"{_HL7}mimeType", f"{_HL7}maxSize"
_MEGABYTE = 1_000_000
_SMALLEST_IN_BYTES = 100
"""R4 titles ``maxSize`` "in MB", its maintained definition says bytes: less is taken for megabytes.

Decision: docs/decisions/0102-questionnaire-limits.md
"""


def check_mime_type(answer: Answer) -> Iterator[Finding]:
    """Report an attachment of another kind than one of those allowed, or of no kind."""
    allowed = [v.json for v in answer.item.extensions.get(_MIME_TYPE, ()) if v.fhir_type == "code"]
    if answer.value.fhir_type != "Attachment" or not allowed:
        return
    found = text_of(answer.value.json, "contentType")
    if found is None or not any(_matches(found, kind) for kind in allowed):
        yield Finding(
            "answer-mime-type",
            link_id=answer.item.link_id,
            found=found,
            expected=", ".join(allowed),
        )


def check_size(answer: Answer) -> Iterator[Finding]:
    """Report an attachment that is larger than allowed."""
    limit = answer.item.value(_MAX_SIZE)
    if limit is None or answer.value.fhir_type != "Attachment":
        return
    if limit.json.__class__ not in (int, Decimal):
        return
    is_bytes = limit.json >= _SMALLEST_IN_BYTES
    most = limit.json if is_bytes else limit.json * _MEGABYTE
    size = _size(answer.value.json)
    if size is not None and size > most:
        yield Finding("answer-size", link_id=answer.item.link_id, found=size, expected=int(most))


def _matches(found: str, allowed: str) -> bool:
    """Compare without parameters and case; ``image/*`` and ``image`` allow every image."""
    one, other = (text.partition(";")[0].strip().lower() for text in (found, allowed))
    if other.endswith("/*"):
        return one.startswith(other[:-1])
    return one == other or ("/" not in other and one.startswith(f"{other}/"))


def _size(attachment: JsonObject) -> int | None:
    """Return the bytes of the data, else what ``size`` says."""
    data = text_of(attachment, "data")
    if data is not None:
        text = "".join(data.split())
        return len(text) * 3 // 4 - text[-2:].count("=")
    size = attachment.get("size")
    return size if size.__class__ is int else None
