"""A whole query as a filter, an order and a forced index: the server's part of what a planner does.

MongoDB's own planner races candidate plans and remembers the winner for other values; one bad
memory costs seconds. Here the driving predicate is chosen by a bounded count and forced with a
hint.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from fhir_server.model import ResourceType
from fhir_server.search import (
    NOTHING,
    And,
    Chain,
    DateMatch,
    Has,
    Node,
    Not,
    Or,
    ReferenceMatch,
    ReferenceTerm,
    SortKey,
    TypeMatch,
    for_type,
)
from fhir_server.storage.mongodb import indexes
from fhir_server.storage.mongodb.clauses import (
    Clause,
    Clauses,
    all_of,
    any_of,
    in_keys,
)
from fhir_server.storage.mongodb.document import PATIENT_DATE, Document
from fhir_server.storage.mongodb.intervals import date_filters, repeated_filter
from fhir_server.storage.mongodb.linking import MAX_CANDIDATES, apart, restricted
from fhir_server.storage.mongodb.probes import Probes

MAX_MERGED = 200
"""So many tokens at most are merged in order."""
PROBE_LIMIT = 1_001
"""A driver with fewer matches is fetched whole and sorted in memory (about 5 ms)."""
SORT_LIMIT = 20_001
"""Up to so many are sorted (about 80 ms) where nothing but walking the whole type is left."""

PAGE_WALKED = 50
"""Matches of a page, for the estimate."""


class Reads(Protocol):
    """What planning asks of the database."""

    async def size(self) -> int:
        """Return about the number of all resources."""

    async def count(self, where: Document, hint: str, limit: int) -> int:
        """Return how many documents match, at most ``limit``."""

    async def heads(self, where: Document, hint: str | None, limit: int) -> list[Document]:
        """Return ``_id`` and ``t`` of what matches."""

    async def linked_keys(self, node: Chain | Has) -> tuple[str, ...]:
        """Return what a chain may lead to, or what is referred to by a ``_has``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is sent to the database.

    Attributes:
        filter: The whole condition.
        hint: Name of the forced index; None: the database may choose (ids, ``$or`` over indexes).
        driver: The clause that the index serves; None: the index only gives the order.
        matches: How many resources the driver matches, at most `PROBE_LIMIT`; None: not counted.
        is_guess: The driver is the only one, and was not counted: it may match too many.
        is_by_patient: The records of one patient are walked, newest date first.
        types: The condition on the type, for what is remembered of the driver.
    """

    filter: Document
    hint: str | None = None
    driver: Clause | None = None
    matches: int | None = field(default=None)
    is_guess: bool = False
    is_by_patient: bool = False
    types: Document = field(default_factory=dict)


class Planner:
    """Turns trees into plans.

    Args:
        clauses: Makes filters of leaves.
        reads: Asks the database.
        probes: What was counted lately.
    """

    def __init__(self, clauses: Clauses, reads: Reads, probes: Probes) -> None:
        self._reads = reads
        self._probes = probes
        self._clauses = clauses

    async def plan(
        self,
        resource_types: Sequence[str],
        where: Node,
        sort: tuple[SortKey, ...],
        *,
        may_guess: bool = False,
        may_walk_patient: bool = True,
    ) -> Plan:
        """Choose what drives the query and force its index.

        Args:
            resource_types: What is searched.
            where: The condition.
            sort: The order asked for.
            may_guess: Whether the only possible driver need not be counted.
            may_walk_patient: Whether the order may be that of a patient's records.
        """
        there, where = await self._there(resource_types, where)
        types: Document = {"rt": _one_or_in(there)}
        plain, linked = apart(where)
        clauses = [await self._clause(part) for part in plain]
        if linked:
            clauses += await self._linked(clauses, linked, types)
        clauses = merge_dates(clauses)
        patient = None
        if may_walk_patient and not linked:
            patient = _walked_patient(clauses, resource_types, sort)
        if patient is not None:
            filters = [{"pk": patient}, types, *(clause.guard for clause in clauses)]
            return Plan(filter=_all(filters), hint=indexes.PATIENT, is_by_patient=True)
        guess = self._guess(clauses, types) if may_guess and not sort else None
        driver, matches = (
            (guess, None)
            if guess is not None
            else await self._driver(clauses, types, is_sorted=bool(sort))
        )
        if driver is None:
            walked = _walk_index(sort, resource_types)
            return Plan(filter=_all([types, *(c.guard for c in clauses)]), hint=walked)
        others = [clause.guard for clause in clauses if clause is not driver]
        driving = [driver.filter, types]
        if driver.parts:  # each alternative needs the type to be read off its own index
            driving = [{"$or": [_all([part.filter, types]) for part in driver.parts]}]
        return Plan(
            filter=_all([*driving, *others]),
            hint=driver.index,
            driver=driver,
            matches=matches,
            is_guess=guess is not None,
            types=types,
        )

    async def _there(
        self, resource_types: Sequence[str], where: Node
    ) -> tuple[Sequence[str], Node]:
        """Leave out types of which nothing was ever stored, and what is asked of them alone.

        A whole compartment asks 66 types, each something else: 3 ms for those that there are, a
        second for a walk through all resources.
        """
        if len(resource_types) == 1:
            return resource_types, where
        groups: dict[Node, list[ResourceType]] = {}
        for name in sorted({*resource_types} & {*await self._clauses.known_types()}):
            left = for_type(where, ResourceType(name))
            if left != NOTHING:
                groups.setdefault(left, []).append(ResourceType(name))
        there = [name for group in groups.values() for name in group]
        if len(groups) == 1:
            return there, next(iter(groups))
        parts = (
            And(parts=(TypeMatch(values=tuple(group)), left)) for left, group in groups.items()
        )
        return there, Or(parts=tuple(parts))

    async def _linked(
        self, plain: list[Clause], linked: Sequence[Node], types: Document
    ) -> list[Clause]:
        """Make the clauses of links, asked of the candidates that the other clauses leave."""
        candidates = await self._candidates(plain, types)
        if candidates is not None:
            linked = [restricted(part, candidates) for part in linked]
        return [await self._clause(part) for part in linked]

    async def _candidates(self, clauses: list[Clause], types: Document) -> list[Document] | None:
        """All resources that clauses leave; None: too many, or nothing says that they are few."""
        driver = await self._narrow(clauses, types)
        if driver is None:
            return None
        guards = [clause.guard for clause in clauses if clause is not driver]
        where = _all([driver.filter, types, *guards])
        found = await self._reads.heads(where, driver.index, MAX_CANDIDATES + 1)
        return None if len(found) > MAX_CANDIDATES else found

    async def _narrow(self, clauses: list[Clause], types: Document) -> Clause | None:
        sure = [clause for clause in clauses if clause.is_selective]
        if sure:
            return min(sure, key=_breadth)
        for clause in clauses:
            if clause.index is None:
                continue
            if await self._matches(clause, types, PROBE_LIMIT) <= MAX_CANDIDATES:
                return clause
        return None

    def _guess(self, clauses: list[Clause], types: Document) -> Clause | None:
        """The only clause that can drive, where nothing is known of how many it matches."""
        able = [clause for clause in clauses if clause.index is not None or clause.parts]
        if len(able) != 1 or able[0].parts or able[0].tokens:
            return None
        if any(clause.is_selective for clause in clauses):
            return None
        is_known = self._probes.is_known(_all([able[0].filter, types]), able[0].index or "")
        return None if is_known else able[0]

    def note(self, plan: Plan, *, found: int, limit: int) -> None:
        """Remember what a guess found: all that it matches, where that is less than the limit."""
        if plan.driver is not None:
            where = _all([plan.driver.filter, plan.types])
            self._probes.note(where, plan.driver.index or "", found=found, limit=limit)

    async def _driver(
        self, clauses: list[Clause], types: Document, *, is_sorted: bool
    ) -> tuple[Clause | None, int | None]:
        """The clause with the fewest matches; None: all are broad, so walk the order instead."""
        sure = [clause for clause in clauses if clause.is_selective]
        if sure:
            return min(sure, key=_breadth), None
        able = [clause for clause in clauses if clause.index is not None or clause.parts]
        if not able:
            return None, None
        if len(able) == 1 and 0 < len(able[0].tokens) <= MAX_MERGED and not is_sorted:
            return able[0], None  # in the order of pages already, however many there are
        counted = []
        for clause in able:
            found = await self._matches(clause, types, PROBE_LIMIT)
            counted.append((found, clause))
            if found < 100:  # noqa: PLR2004 # no other driver can be much better
                break
        matches, best = min(counted, key=lambda pair: pair[0])
        if matches < PROBE_LIMIT or best.tokens:
            return best, matches
        is_sure = not is_sorted and await self._is_cheaper_than_walking(best, types)
        return (best, matches) if is_sure else (None, None)

    async def _is_cheaper_than_walking(self, clause: Clause, types: Document) -> bool:
        """Say whether fetching and sorting all matches beats walking the type until a page is full.

        Of N resources with M matches a walk reads N / M for each one it shows.
        """
        limit = min(SORT_LIMIT, math.isqrt(PAGE_WALKED * await self._reads.size()))
        return limit > PROBE_LIMIT and await self._matches(clause, types, limit) < limit

    async def _matches(self, clause: Clause, types: Document, limit: int) -> int:
        """How many resources a clause matches, at most about ``limit``."""
        found = 0
        for part in clause.parts or (clause,):
            where = _all([part.filter, types])
            found += await self._probes.count(self._reads.count, where, part.index or "", limit)
        return found

    async def _clause(self, node: Node) -> Clause:
        if isinstance(node, And):
            return all_of([await self._clause(part) for part in node.parts])
        if isinstance(node, Or):
            return any_of([await self._clause(part) for part in node.parts])
        if isinstance(node, Not):
            return Clause(filter={"$nor": [(await self._clause(node.part)).filter]})
        if isinstance(node, Chain):
            found = await self._reads.linked_keys(node)
            ids = (identity.partition("/")[2] for identity in found)
            terms = [ReferenceTerm(node.target_type, logical_id, "") for logical_id in ids]
            match = ReferenceMatch(parameter=node.parameter, values=tuple(terms))
            return await self._clauses.of(match)
        if isinstance(node, Has):
            return in_keys(await self._reads.linked_keys(node))
        return await self._clauses.of(node)


def _walked_patient(
    clauses: list[Clause], resource_types: Sequence[str], sort: tuple[SortKey, ...]
) -> str | None:
    """Whose records to walk by date: 0.2 ms for whoever has 1,000 of a type, instead of 2.5."""
    if len(sort) != 1 or len(resource_types) != 1:
        return None
    if not sort[0].is_descending or sort[0].parameter != PATIENT_DATE:
        return None
    selective = [clause for clause in clauses if clause.is_selective]
    return selective[0].patient if len(selective) == 1 else None


def _breadth(clause: Clause) -> tuple[bool, bool]:
    """Ids are fewer than what else is selective, the records of a patient are more."""
    return clause.index is not None, clause.patient is not None


def merge_dates(clauses: list[Clause]) -> list[Clause]:
    """Join conditions on the same date parameter, so that ``ge`` and ``lt`` bound one scan.

    Exact, because resources with several values of the parameter are kept under a key of their own.
    """
    by_parameter: dict[str, list[Clause]] = {}
    others = []
    for clause in clauses:
        if clause.dates is None:
            others.append(clause)
        else:
            by_parameter.setdefault(clause.dates.parameter, []).append(clause)
    for parameter, found in by_parameter.items():
        if len(found) == 1:
            others += found
            continue
        terms = tuple(clause.dates.values[0] for clause in found if clause.dates is not None)
        filters = [*date_filters(parameter, terms), repeated_filter(parameter, terms)]
        dates = DateMatch(parameter=parameter, values=terms)
        merged = Clause(filter={"$or": filters}, index=indexes.DATES, dates=dates)
        others.append(merged)
    return others


def _all(filters: list[Document]) -> Document:
    if not filters:
        return {}
    return filters[0] if len(filters) == 1 else {"$and": filters}


def _one_or_in(values: Sequence[str]) -> Any:
    return values[0] if len(values) == 1 else {"$in": list(values)}


def _walk_index(sort: tuple[SortKey, ...], resource_types: Sequence[str]) -> str | None:
    if sort and sort[0].parameter == "_lastUpdated":
        return indexes.LAST_UPDATED
    return indexes.CREATION if not sort or len(resource_types) > 1 else None
