"""Whose resources an export holds: everything, those about patients, those about some patients.

Spec: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#endpoint---patient-level-export
"""

import re
from collections.abc import Callable, Iterator, Sequence

from fhir_server.definitions import Registry
from fhir_server.interaction import Knowledge, Services
from fhir_server.model import (
    Deleted,
    InvalidRequest,
    JsonObject,
    LogicalId,
    NotFound,
    ResourceType,
    decode_stored,
)
from fhir_server.operation.export_request import ExportRequest
from fhir_server.search import (
    EVERYTHING,
    IdMatch,
    Missing,
    Node,
    Or,
    ReferenceMatch,
    ReferenceTerm,
)

PATIENT = ResourceType("Patient")
_AT_ONCE = 100
_GROUP_DEPTH = 5
_LINK = re.compile(rb'"reference":"(?:[^"]*/)?Patient/([A-Za-z0-9\-.]{1,64})(?:/_history[^"]*)?"')

Admits = Callable[[bytes], bool]
"""Says of a stored resource whether it belongs to the export."""


class ExportScope:
    """What restricts the resources of each type.

    Args:
        knowledge: For compartments and index values.
        patients: Whose; None: everybody's.
        is_whole: Whether everything is exported, patients or not.
    """

    def __init__(
        self, knowledge: Knowledge, patients: tuple[LogicalId, ...] | None, *, is_whole: bool
    ) -> None:
        self._knowledge = knowledge
        self._patients = patients
        self._is_whole = is_whole

    def slices(self, resource_type: ResourceType) -> Iterator[tuple[Node, Admits]]:
        """Yield queries that together find every resource once."""
        if self._is_whole:
            yield EVERYTHING, _admit_all
            return
        codes = _codes(self._knowledge.registry, resource_type)
        if self._patients is None:
            if resource_type == PATIENT:
                yield EVERYTHING, _admit_all
            else:
                here = tuple(Missing(parameter=code, is_missing=False) for code in codes)
                yield Or(parts=here), self._about_a_patient(frozenset(codes))
            return
        seen: set[int] = set()
        for start in range(0, len(self._patients), _AT_ONCE):
            some = self._patients[start : start + _AT_ONCE]
            if resource_type == PATIENT:
                yield _about(codes, some, IdMatch(values=some)), _first_time(seen)
            else:
                yield _about(codes, some), _first_time(seen)

    def _about_a_patient(self, codes: frozenset[str]) -> Admits:
        """A resource is in a compartment where one of its parameters leads to a patient."""
        extract = self._knowledge.extractor.extract

        def admits(body: bytes) -> bool:
            if b"Patient/" not in body:
                return False
            values = extract(decode_stored(body)).references
            return any(v.parameter in codes and v.type == PATIENT for v in values)

        return admits


def _codes(registry: Registry, resource_type: ResourceType) -> tuple[str, ...]:
    compartment = registry.compartment("Patient")
    known = registry.search_parameters(resource_type)
    codes = () if compartment is None else compartment.parameters.get(resource_type, ())
    return tuple(code for code in codes if code in known)


def _about(codes: Sequence[str], patients: Sequence[LogicalId], *others: Node) -> Node:
    terms = tuple(ReferenceTerm("Patient", patient, "") for patient in patients)
    return Or(parts=(*others, *(ReferenceMatch(parameter=c, values=terms) for c in codes)))


def _admit_all(_: bytes) -> bool:
    return True


def _first_time(seen: set[int]) -> Admits:
    """Admit a resource about several patients once; only those are remembered, by their hash."""

    def admits(body: bytes) -> bool:
        if len(set(_LINK.findall(body))) < 2:  # noqa: PLR2004 # several
            return True
        mark = hash(body)
        if mark in seen:
            return False
        seen.add(mark)
        return True

    return admits


async def export_scope(
    services: Services, knowledge: Knowledge, export: ExportRequest
) -> ExportScope:
    """Return what an export is restricted to.

    Raises:
        NotFound: The group, or a patient that is named, is not here.
        Deleted: It is deleted.
        InvalidRequest: A patient is named who is no member of the group.
    """
    if export.level == "system":
        return ExportScope(knowledge, None, is_whole=True)
    members: tuple[LogicalId, ...] | None = None
    if export.level == "Group":
        found = await _members(services, export.group_id, 0)
        members = tuple(dict.fromkeys(found))
    for patient in export.patients:
        await _check(services, PATIENT, patient)
        if members is not None and patient not in members:
            raise InvalidRequest.of("export-patient-not-member", found=f"Patient/{patient}")
    return ExportScope(knowledge, export.patients or members, is_whole=False)


async def _check(services: Services, resource_type: ResourceType, logical_id: LogicalId) -> bytes:
    version = await services.store.read(resource_type, logical_id)
    name = f"{resource_type}/{logical_id}"
    if version is None:
        raise NotFound.of("not-found", found=name)
    if version.body is None:
        raise Deleted.of("deleted", found=name)
    return version.body


async def _members(services: Services, group_id: LogicalId, depth: int) -> list[LogicalId]:
    """Return the patients of a group, those of its groups included; inactive members are left out.

    Raises:
        NotFound: The group is not here.
    """
    group: JsonObject = decode_stored(await _check(services, ResourceType("Group"), group_id))
    found: list[LogicalId] = []
    for member in group.get("member", ()):
        kind, _, logical_id = str(member.get("entity", {}).get("reference", "")).partition("/")
        if member.get("inactive") is True:
            continue
        if kind == PATIENT:
            found.append(LogicalId(logical_id.partition("/")[0]))
        elif kind == "Group" and depth < _GROUP_DEPTH:
            found += await _members(services, LogicalId(logical_id), depth + 1)
    return found
