"""Links of a Bundle: paging belongs to result sets, and each relation stands once.

Spec: https://hl7.org/fhir/R4/http.html#paging
"""

from collections.abc import Iterator

from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding
from fhir_server.validation.reading import objects, text_of

_RESULT_SETS = frozenset(("searchset", "history"))
_PAGING = frozenset(("first", "previous", "next", "last"))
_SINGLE = _PAGING | {"self"}


def link_findings(bundle: JsonObject) -> Iterator[Finding]:
    """Check ``Bundle.link``."""
    is_result_set = text_of(bundle, "type") in _RESULT_SETS
    seen: set[str] = set()
    for index, link in objects(bundle, "link"):
        relation = text_of(link, "relation")
        if relation not in _SINGLE:
            continue
        at = (("relation", "relation"), index, ("link", "link"))
        if relation in _PAGING and not is_result_set:
            yield Finding("bundle-link-paging", found=relation, at=at)
        elif relation in seen:
            yield Finding("bundle-link-repeated", found=relation, at=at)
        seen.add(relation)
