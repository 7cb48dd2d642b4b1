"""Parts of resources: ``_summary`` and ``_elements``, marked so that nobody writes them back.

Spec: https://hl7.org/fhir/R4/search.html#summary and https://hl7.org/fhir/R4/search.html#elements
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from fhir_server.definitions import TypeTable
from fhir_server.interaction.message import Parameters
from fhir_server.model import InvalidRequest, JsonObject, decode_stored, encode

SummaryMode = Literal["true", "text", "data", "count", "false"]

_TAG = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "Resource encoded in summary mode",
}
_ALWAYS = frozenset({"resourceType", "id", "meta"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Subset:
    """Which part of a resource is wanted.

    Attributes:
        summary: ``true`` (elements marked as summary), ``text`` (narrative and mandatory elements)
            or ``data`` (all but the narrative); None where ``elements`` decide.
        elements: Names of elements, plain or as ``Patient.name``; mandatory ones come along.
    """

    summary: Literal["true", "text", "data"] | None = None
    elements: frozenset[str] = frozenset()

    def of_bytes(self, body: bytes, types: TypeTable) -> bytes:
        """Return the part of a stored resource."""
        return encode(self.of(decode_stored(body), types))

    def of(self, resource: JsonObject, types: TypeTable) -> JsonObject:
        """Return the part, tagged ``SUBSETTED``; the resource itself stays as it is."""
        fhir_type = resource["resourceType"]
        if self.summary == "true":
            part = _summary_of(resource, fhir_type, types)
        elif self.summary == "data":
            part = {key: value for key, value in resource.items() if key != "text"}
        else:
            part = self._chosen(resource, fhir_type, types)
        return _tagged(part)

    def _chosen(self, resource: JsonObject, fhir_type: str, types: TypeTable) -> JsonObject:
        wanted = {"text"} if self.summary == "text" else self._names_for(fhir_type)
        part: JsonObject = {}
        for key, value in resource.items():
            known = types.property(fhir_type, key.removeprefix("_"))
            if key in _ALWAYS or (
                known is not None and (known.is_mandatory or known.name in wanted)
            ):
                part[key] = value
        return part

    def _names_for(self, fhir_type: str) -> set[str]:
        """Return the names that mean this type; a search may speak of several types."""
        prefix = f"{fhir_type}."
        return {
            name.removeprefix(prefix).partition(".")[0].removesuffix("[x]")
            for name in self.elements
            if name.startswith(prefix) or not name[:1].isupper()
        }


def requested_subset(parameters: Parameters) -> Subset | None:
    """Read ``_summary`` and ``_elements`` of a read; None: the whole resource.

    Raises:
        InvalidRequest: ``_summary`` has a value that is not one, or nothing can be counted here.
    """
    summary: str | None = None
    elements: set[str] = set()
    for name, value in parameters:
        if name == "_summary":
            summary = value
        elif name == "_elements":
            elements.update(part.strip() for part in value.split(",") if part.strip())
    if summary is not None and (summary not in get_args(SummaryMode) or summary == "count"):
        raise InvalidRequest.of("summary-mode", found=summary)
    return make_subset(summary, elements)


def make_subset(summary: str | None, elements: Iterable[str]) -> Subset | None:
    """Make the value for a mode and elements; None: the whole resource."""
    if summary in {"true", "text", "data"}:
        return Subset(summary=summary)  # type: ignore[arg-type] # one of the three
    chosen = frozenset(elements)
    return Subset(elements=chosen) if chosen else None


def _summary_of(value: JsonObject, fhir_type: str, types: TypeTable) -> JsonObject:
    part: JsonObject = {}
    for key, child in value.items():
        if key in {"resourceType", "id"}:
            part[key] = child
            continue
        known = types.property(fhir_type, key.removeprefix("_"))
        if known is None or not known.is_summary:
            continue
        if isinstance(child, dict):
            part[key] = _summary_of(child, known.fhir_type, types)
        elif isinstance(child, list):
            part[key] = [
                _summary_of(item, known.fhir_type, types) if isinstance(item, dict) else item
                for item in child
            ]
        else:
            part[key] = child
    return part


def _tagged(part: JsonObject) -> JsonObject:
    meta = part.get("meta", {})
    tags = [*meta.get("tag", ()), _TAG]
    tagged: JsonObject = {"resourceType": part["resourceType"]}
    if "id" in part:
        tagged["id"] = part["id"]
    tagged["meta"] = {**meta, "tag": tags}
    for key, value in part.items():
        tagged.setdefault(key, value)
    return tagged
