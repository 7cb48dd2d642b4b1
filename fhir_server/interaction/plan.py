"""What the entries of a transaction will do: their resources found or named, nothing written.

Spec: https://hl7.org/fhir/R4/http.html#trules
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from fhir_server.interaction.accept import check_id, check_shape, posted
from fhir_server.interaction.conditional import (
    criteria_parameters,
    criteria_query,
    single_match,
)
from fhir_server.interaction.entry import Entry, of_entry
from fhir_server.interaction.knowledge import Knowledge
from fhir_server.interaction.patch import patch_change
from fhir_server.interaction.services import Services
from fhir_server.interaction.target import Target
from fhir_server.interaction.update import conditional_change
from fhir_server.interaction.write import Change
from fhir_server.model import InvalidRequest, LogicalId, NotFound
from fhir_server.storage import StoredVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One entry and what it comes to.

    Attributes:
        entry: The entry.
        target: What its URL names.
        change: What is to be written; None: it reads, or there is nothing to do.
        found: The one match of a conditional create.
    """

    entry: Entry
    target: Target
    change: Change | None = None
    found: StoredVersion | None = None

    @property
    def change_criteria(self) -> str | None:
        """The search parameters of a conditional create or update."""
        request = self.entry.request
        if request.method == "POST" and request.preconditions.if_none_exist is not None:
            return request.preconditions.if_none_exist.rpartition("?")[2]
        if request.method == "PUT" and self.target.shape == "type":
            return urlencode(request.parameters, safe="/:,|$*")
        return None

    @property
    def identity(self) -> str | None:
        """``Type/id`` of the resource that the entry stands for, where it has one."""
        if self.change is not None:
            return f"{self.change.resource_type}/{self.change.logical_id}"
        return None if self.found is None else _name(self.found)


def _name(version: StoredVersion) -> str:
    return f"{version.resource_type}/{version.logical_id}"


class Planner:
    """Plans one attempt at a transaction.

    Args:
        services: The store is only read.
        knowledge: In force for the whole transaction.
        ids: Of resources to be made, by entry: the same on every attempt.
    """

    def __init__(self, services: Services, knowledge: Knowledge, ids: dict[int, LogicalId]) -> None:
        self._services = services
        self._knowledge = knowledge
        self._ids = ids
        self._deleted: set[str] = set()

    async def plan(self, entries: Sequence[tuple[Entry, Target]]) -> list[Planned]:
        """Plan every entry.

        Raises:
            InvalidRequest: Two entries write the same resource, or one has no place here.
            MultipleMatches: Criteria match several resources.
            NotFound: A resource to be patched is not there.
        """
        made: dict[int, Planned] = {}
        deletes_first = sorted(entries, key=lambda pair: pair[0].request.method != "DELETE")
        for entry, target in deletes_first:
            with of_entry(entry.index):
                plan = made[entry.index] = await self._planned(entry, target)
            if entry.request.method == "DELETE" and plan.identity is not None:
                self._deleted.add(plan.identity)
        planned = [made[entry.index] for entry, _ in entries]
        _check_distinct(planned)
        return planned

    async def _planned(self, entry: Entry, target: Target) -> Planned:
        method = entry.request.method
        if method == "GET":
            return Planned(entry=entry, target=target)
        if method == "POST" and target.shape == "type":
            return await self._post(entry, target)
        if method != "POST" and target.shape == "instance":
            return await self._on_instance(entry, target)
        if method != "POST" and target.shape == "type":
            return await self._on_criteria(entry, target)
        raise InvalidRequest.of(
            "bundle-not-in-transaction", expression=f"{entry.place}.request.url", found=method
        )

    async def _post(self, entry: Entry, target: Target) -> Planned:
        resource = posted(entry.request)
        check_shape(resource, target.resource_type)
        query = None
        criteria = entry.request.preconditions.if_none_exist
        if criteria is not None:
            query = criteria_query(
                self._knowledge,
                target.resource_type,
                criteria_parameters(criteria),
                entry.request.base_url,
            )
            found = await single_match(self._services, query)
            if found is not None and _name(found) in self._deleted:
                found = query = None  # deletes come first: by now it is gone
            if found is not None:
                return Planned(entry=entry, target=target, found=found)
        change = Change(
            method="POST",
            resource_type=target.resource_type,
            logical_id=self._new_id(entry.index),
            resource=resource,
            is_new=True,
            unless=query,
            place=entry.place,
        )
        return Planned(entry=entry, target=target, change=change)

    async def _on_instance(self, entry: Entry, target: Target) -> Planned:
        request = entry.request
        resource = None
        if request.method == "PATCH":
            change = await patch_change(
                self._services, self._knowledge, target, request, place=entry.place
            )
            return Planned(entry=entry, target=target, change=change)
        if request.method == "PUT":
            resource = posted(request)
            check_shape(resource, target.resource_type)
            check_id(resource, target.logical_id)
        change = Change(
            method="PUT" if request.method == "PUT" else "DELETE",
            resource_type=target.resource_type,
            logical_id=target.logical_id,
            resource=resource,
            if_match=request.preconditions.if_match,
            must_be_absent="*" in request.preconditions.if_none_match,
            place=entry.place,
        )
        return Planned(entry=entry, target=target, change=change)

    async def _on_criteria(self, entry: Entry, target: Target) -> Planned:
        request = entry.request
        query = criteria_query(
            self._knowledge, target.resource_type, request.parameters, request.base_url
        )
        if request.method == "PUT":
            resource = posted(request)
            check_shape(resource, target.resource_type)
            change = await conditional_change(
                self._services, target.resource_type, resource, query, request,
                new_id=self._new_id(entry.index), place=entry.place,
            )  # fmt: skip
            return Planned(entry=entry, target=target, change=change)
        found = await single_match(self._services, query)
        if found is None:
            if request.method == "PATCH":
                raise NotFound.of("criteria-none")
            return Planned(entry=entry, target=target)
        at = target._replace(shape="instance", logical_id=found.logical_id)
        planned = await self._on_instance(entry, at)
        return Planned(entry=entry, target=target, change=planned.change)

    def _new_id(self, index: int) -> LogicalId:
        if index not in self._ids:
            self._ids[index] = self._services.new_id()
        return self._ids[index]


def _check_distinct(planned: Sequence[Planned]) -> None:
    """Refuse two writes of one resource, and two conditional creates by the same criteria."""
    seen: dict[str, int] = {}
    for plan in planned:
        if plan.change is None:
            continue
        keys = [plan.identity or ""]
        if plan.change_criteria is not None:
            keys.append(f"{plan.target.resource_type}?{plan.change_criteria}")
        for key in keys:
            if key in seen:
                raise InvalidRequest.of(
                    "bundle-same-resource",
                    expression=plan.entry.place,
                    found=key,
                    other=f"Bundle.entry[{seen[key]}]",
                )
            seen[key] = plan.entry.index
