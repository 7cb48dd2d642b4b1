"""Runs searches: plan, order, keyset page, capped totals; chains first, as sets of ids.

Spec: https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from bson.int64 import Int64
from pymongo import ASCENDING, DESCENDING
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

from fhir_server.model import InvalidRequest, LogicalId, ResourceType, TooCostly
from fhir_server.search import (
    And,
    Chain,
    Has,
    IdMatch,
    Node,
    PagePosition,
    SearchQuery,
    SortKey,
)
from fhir_server.storage.mongodb import indexes
from fhir_server.storage.mongodb.bodies import Bodies
from fhir_server.storage.mongodb.clauses import Clauses
from fhir_server.storage.mongodb.dictionary import Dictionary
from fhir_server.storage.mongodb.document import (
    Document,
    is_sorted_by_index,
    sort_field,
    stored_version,
)
from fhir_server.storage.mongodb.explaining import explain
from fhir_server.storage.mongodb.handle import Handle
from fhir_server.storage.mongodb.linking import MAX_CANDIDATES, apart, has_links, links_from
from fhir_server.storage.mongodb.lookups import VERSION_FIELDS
from fhir_server.storage.mongodb.ordering import after_position, sort_documents, sort_value
from fhir_server.storage.mongodb.plan import PROBE_LIMIT, Plan, Planner
from fhir_server.storage.mongodb.probes import Probes
from fhir_server.storage.store import ExplainedStep, SearchPage

FEW = 100
FEW_LINKED = 1_000
"""What a chain or ``_has`` collects where candidates can be walked instead."""
MAX_LINKED = 10_000
"""What it collects where they cannot, or where walking found too little."""
FIRST_BLOCK = 40
"""Candidates whose links are looked at together at first; each time twice as many, up to 500."""
MAX_BLOCKS = 6
MAX_SORTED = 10_000
MAX_COUNTED = 100_000
MOST_CREATED = 2**63

Collection = AsyncCollection[dict[str, Any]]
Order = list[tuple[str, int]]


class Searcher:
    """One search.

    Args:
        handle: The collections.
        dictionary: What values there are.
        bodies: Where long bodies are.
        session: Of a transaction or of one moment.
        steps: Where every query is explained to, beside being run.
        probes: Counts made lately; None: none are.
    """

    def __init__(
        self,
        handle: Handle,
        dictionary: Dictionary,
        bodies: Bodies,
        session: AsyncClientSession | None = None,
        *,
        steps: list[ExplainedStep] | None = None,
        probes: Probes | None = None,
    ) -> None:
        self._steps = steps
        self._probes = probes or Probes()
        self._collection = handle.resources
        self._dictionary = dictionary
        self._bodies = bodies
        self._max_time_ms = handle.timeout_ms
        self._session = session
        self._most_linked = MAX_LINKED

    async def page(self, query: SearchQuery) -> SearchPage:
        """Return one page of matches."""
        try:
            return await self._linked_page(query)
        except _TooManyLinked as error:
            raise error.refusal from error

    async def _linked_page(self, query: SearchQuery) -> SearchPage:
        """Walk candidates where a page alone is wanted and links are many; else collect these."""
        order = _order(query.sort, query.resource_types)
        is_page_alone = query.total == "none" and query.page_count > 0
        if not is_page_alone or order is None or not has_links(query.where):
            return await self._page(query)
        self._most_linked = FEW_LINKED
        with suppress(_TooManyLinked):
            return await self._page(query)
        self._most_linked = MAX_LINKED
        found = await self._walked(query, order)
        if found is None:
            return await self._page(query)
        return await self._shown(query, found, None, order)

    async def _page(self, query: SearchQuery) -> SearchPage:
        planner = self._planner(query.resource_types)
        asked = (query.resource_types, query.where, query.sort)
        is_page_alone = query.total == "none" and query.page_count > 0
        plan = await planner.plan(*asked, may_guess=is_page_alone)
        if plan.is_guess:
            last = _last_creation(query.after)
            few = await self._few(plan)
            counted = FEW + 1 if few is None else len(few)
            planner.note(plan, found=counted, limit=FEW + 1)
            if few is not None:
                rest = [one for one in few if int(one["c"]) < last]
                return await self._shown(query, rest, None, _CREATION_ORDER)
            plan = await planner.plan(*asked)
        total = None if query.total == "none" else await self._total(query, plan)
        if query.page_count == 0:
            return SearchPage(matches=(), total=total)
        order = PATIENT_ORDER if plan.is_by_patient else _order(query.sort, query.resource_types)
        documents = await self._page_documents(query, plan, order)
        return await self._shown(query, documents, total, order)

    async def _walked(self, query: SearchQuery, order: Order) -> list[Document] | None:
        """The documents of a page and one more; None: it would take too many candidates."""
        plain, linked = apart(query.where)
        planner = self._planner(query.resource_types)
        found: list[Document] = []
        after = query.after
        for number in range(MAX_BLOCKS):
            size = min(FIRST_BLOCK << number, MAX_CANDIDATES)
            asked = replace(query, where=And(parts=tuple(plain)), page_count=size, after=after)
            plan = await planner.plan(
                query.resource_types, asked.where, query.sort, may_walk_patient=False
            )
            documents = await self._page_documents(asked, plan, order)
            block = documents[:size]
            matching = await self._matching(block, linked)
            found += [document for document in block if document["_id"] in matching]
            if len(found) > query.page_count or len(documents) <= size:
                return found[: query.page_count + 1]
            after = _position(asked, block[-1], order)
        return None

    async def _matching(self, block: Sequence[Document], linked: Sequence[Node]) -> set[str]:
        """Which documents of a block satisfy conditions with links."""
        if not block:
            return set()
        keys = [document["_id"].split("/") for document in block]
        types = sorted({ResourceType(key[0]) for key in keys})
        ids = IdMatch(values=tuple(sorted({LogicalId(key[1]) for key in keys})))
        plan = await self.plan(types, And(parts=(ids, *linked)), ())
        limit = len(types) * len(ids.values)
        found = await self._find([plan.filter], None, limit, plan.hint, whole=False)
        return {document["_id"] for document in found}

    async def _few(self, plan: Plan) -> list[Document] | None:
        """Answer a guess by one query, newest first; None: it matches more than a few.

        Most searches by one date or text find few resources: counting them first would be a second
        query of the same cost.
        """
        found = await self._find([plan.filter], None, FEW + 1, plan.hint)
        if len(found) > FEW:
            return None
        found.sort(key=lambda document: -int(document["c"]))
        return found

    async def _shown(
        self,
        query: SearchQuery,
        documents: list[Document],
        total: int | None,
        order: Order | None,
    ) -> SearchPage:
        shown = await self._bodies.whole(documents[: query.page_count])
        more = len(documents) > query.page_count
        return SearchPage(
            matches=tuple(stored_version(document) for document in shown),
            next=_position(query, shown[-1], order) if more else None,
            total=total,
        )

    async def has_match(self, query: SearchQuery) -> bool:
        """Say whether anything matches."""
        try:
            plan = await self.plan(query.resource_types, query.where, ())
        except _TooManyLinked as error:
            raise error.refusal from error
        return await self.count(plan.filter, plan.hint or "", 1) > 0

    async def plan(
        self, resource_types: Sequence[ResourceType], where: Node, sort: tuple[SortKey, ...]
    ) -> Plan:
        """Return how a query will be run."""
        planner = self._planner(resource_types)
        return await planner.plan(resource_types, where, sort)

    def _planner(self, resource_types: Sequence[ResourceType]) -> Planner:
        clauses = Clauses(self._dictionary, tuple(resource_types))
        return Planner(clauses, self, self._probes)

    async def _page_documents(
        self, query: SearchQuery, plan: Plan, order: Order | None
    ) -> list[Document]:
        if order is None:
            return await self._sorted_in_memory(query, plan)
        field = order[0][0]
        if not field.startswith("k."):
            after = _after_scalar(query.after, order)
            also = ("sd",) if plan.is_by_patient else ()
            return await self._find(
                [plan.filter, *after], order, query.page_count + 1, plan.hint, also
            )
        return await self._by_sort_key(query, plan, order)

    async def _by_sort_key(self, query: SearchQuery, plan: Plan, order: Order) -> list[Document]:
        """Those that have the sort key in its order, then the others in the order of creation."""
        (field, direction), *_ = order
        _check_position(query.after, str | None, int)
        wanted = query.page_count + 1
        found: list[Document] = []
        last = query.after.keys[0] if query.after is not None else ""
        is_few = plan.driver is not None and plan.matches != PROBE_LIMIT
        if is_few and direction == DESCENDING and last is not None:  # what has none sorts last
            either: Document = {"$or": [{field: {"$lt": last}}, {field: None}]}
            filters = [plan.filter, either] if last else [plan.filter]
            by_both = [order[0], *_CREATION_ORDER]
            return await self._find(filters, by_both, wanted, plan.hint, (field,))
        if last is not None:
            bound: Document = {"$gt": last} if direction == ASCENDING or not last else {"$lt": last}
            hint = plan.hint if is_few else indexes.SORT_KEYS
            filters = [plan.filter, {field: bound}]
            found = await self._find(filters, [order[0]], wanted, hint, (field,))
        if len(found) < wanted:
            filters = [plan.filter, {field: {"$exists": False}}]
            if last is None and query.after is not None:
                filters.append({"c": {"$lt": _scalar(query.after.keys[-1])}})
            rest = wanted - len(found)
            hint = plan.hint or indexes.CREATION
            found += await self._find(filters, _CREATION_ORDER, rest, hint)
        return found

    async def _sorted_in_memory(self, query: SearchQuery, plan: Plan) -> list[Document]:
        """Sort by what no index orders: all matches, which may not be many, are read and compared.

        Raises:
            TooCostly: More matches than can be sorted.
        """
        found = await self._find(
            [plan.filter],
            None,
            MAX_SORTED + 1,
            plan.hint,
            ("c", "lu", "t", "s", "d", "q"),
            whole=False,
        )
        if len(found) > MAX_SORTED:
            keys = ",".join("-" * key.is_descending + key.parameter for key in query.sort)
            raise TooCostly.of("search-sort-too-broad", found=keys, expected=MAX_SORTED)
        ordered = sort_documents(found, query.sort)
        if query.after is not None:
            _check_position(query.after, *[str | int | None] * len(query.sort), int)
            ordered = after_position(ordered, query.sort, query.after)
        page = [document["_id"] for document in ordered[: query.page_count + 1]]
        bodies = await self._find([{"_id": {"$in": page}}], None, len(page), None) if page else []
        by_id = {document["_id"]: document for document in bodies}
        documents = (document for document in ordered if document["_id"] in by_id)
        return [{**document, **by_id[document["_id"]]} for document in documents]

    async def _total(self, query: SearchQuery, plan: Plan) -> int:
        """Count all matches; an estimate is exact up to `MAX_COUNTED` and goes no further."""
        most = MAX_COUNTED if query.total == "estimate" else 0
        return await self.count(plan.filter, plan.hint or "", most)

    async def size(self) -> int:
        """See `Reads`."""
        return await self._collection.estimated_document_count()

    async def heads(self, where: Document, hint: str | None, limit: int) -> list[Document]:
        """See `Reads`."""
        return await self._find([where], None, limit, hint, ("t",), whole=False)

    async def count(self, where: Document, hint: str, limit: int) -> int:
        """See `Reads`."""
        options: dict[str, Any] = {"hint": hint} if hint else {}
        limited = {"limit": limit} if limit else {}
        if self._steps is not None:
            stages: list[Any] = [{"$match": where}, {"$group": {"_id": 1}}]
            if limit:
                stages.insert(1, {"$limit": limit})
            command = {"aggregate": self._collection.name, "pipeline": stages, "cursor": {}}
            await self._explained("count", {**command, **options})
        return await self._collection.count_documents(
            where, maxTimeMS=self._max_time_ms, session=self._session, **limited, **options
        )

    async def _find(
        self,
        filters: list[Document],
        order: Order | None,
        limit: int,
        hint: str | None,
        also: Sequence[str] = (),
        *,
        whole: bool = True,
    ) -> list[Document]:
        """Return the version of each match, or its id alone, and those fields beside."""
        where = filters[0] if len(filters) == 1 else {"$and": filters}
        shown = {**(VERSION_FIELDS if whole else {"_id": 1}), **dict.fromkeys(also, 1)}
        if self._steps is not None:
            options: dict[str, Any] = {"sort": dict(order)} if order else {}
            options |= {"hint": hint} if hint else {}
            command = {"find": self._collection.name, "filter": where, "limit": limit}
            await self._explained("find", {**command, **options})
        cursor = self._collection.find(
            where,
            shown,
            sort=order,
            limit=limit,
            batch_size=limit,
            hint=hint,
            max_time_ms=self._max_time_ms,
            session=self._session,
        )
        return await cursor.to_list()

    async def _explained(self, name: str, command: Mapping[str, Any]) -> None:
        if self._steps is not None:
            self._steps.append(await explain(self._collection.database, name, command))

    async def linked_keys(self, node: Chain | Has) -> tuple[str, ...]:
        """See `Reads`.

        Raises:
            _TooManyLinked: There are more than one query may have.
        """
        most, also = self._most_linked, () if isinstance(node, Chain) else ("t",)
        of_type = node.target_type if isinstance(node, Chain) else node.source_type
        plan = await self.plan([of_type], node.where, ())
        is_narrow = plan.driver is not None and plan.driver.is_selective
        if most < MAX_LINKED and not is_narrow:  # reading so many in vain costs 25 ms
            hint = plan.hint or ""
            if await self._probes.count(self.count, plan.filter, hint, most + 1) > most:
                raise _TooManyLinked(node.parameter)
        found = await self._find([plan.filter], None, most + 1, plan.hint, also, whole=False)
        if len(found) > most:
            raise _TooManyLinked(node.parameter)
        if isinstance(node, Chain):
            return tuple(sorted(document["_id"] for document in found))
        return tuple(sorted(links_from(found, node.parameter)))


class _TooManyLinked(Exception):
    """A chain or ``_has`` leads to more than is collected."""

    def __init__(self, parameter: str) -> None:
        super().__init__(parameter)
        self.refusal = TooCostly.of(
            "search-chain-too-broad", parameter=parameter, expected=MAX_LINKED
        )


_CREATION_ORDER: Order = [("c", DESCENDING)]
PATIENT_ORDER: Order = [("sd", DESCENDING), ("c", DESCENDING)]


def _order(sort: tuple[SortKey, ...], resource_types: Sequence[str]) -> Order | None:
    """The order as an index has it; None: no index does, sort in memory."""
    if not sort:
        return _CREATION_ORDER
    first = sort[0]
    direction = DESCENDING if first.is_descending else ASCENDING
    if len(sort) > 1 or first.kind == "_id":
        return None
    if first.parameter == "_lastUpdated":
        return [("lu", direction), ("c", direction)]
    is_kept = first.kind in {"date", "string"} and is_sorted_by_index(first.parameter)
    if not is_kept or len(resource_types) > 1:
        return None
    return [(f"k.{sort_field(resource_types[0], first.parameter, first.is_descending)}", direction)]


def _after_scalar(after: PagePosition | None, order: Order) -> list[Document]:
    """What comes after a position in an order over scalars that are never missing."""
    if after is None:
        return []
    _check_position(after, *[int] * len(order))
    operators = {ASCENDING: "$gt", DESCENDING: "$lt"}
    values = [_scalar(value) for value in after.keys]
    if len(order) == 1:
        return [{order[0][0]: {operators[order[0][1]]: values[0]}}]
    (first, direction), (second, second_direction) = order
    inclusive = operators[direction] + "e"
    tie = {first: values[0], second: {operators[second_direction]: values[1]}}
    beyond = {first: {operators[direction]: values[0]}}
    return [{first: {inclusive: values[0]}}, {"$or": [beyond, tie]}]


def _check_position(after: PagePosition | None, *kinds: Any) -> None:
    """Refuse the position of another search.

    Raises:
        InvalidRequest: Its keys are not of these kinds.
    """
    if after is None:
        return
    if len(after.keys) != len(kinds) or not all(map(isinstance, after.keys, kinds)):
        raise InvalidRequest.of("search-position")


def _scalar(value: Any) -> Int64:
    """Read a number of a page position back; `_position` wrote it."""
    return Int64(value)


def _last_creation(after: PagePosition | None) -> int:
    """The creation number that a page in the order of creation starts below."""
    _check_position(after, int)
    return MOST_CREATED if after is None else int(after.keys[0] or 0)


def _position(query: SearchQuery, last: Document, order: Order | None) -> PagePosition:
    """Where the next page starts: the values that the order compares, creation number last."""
    resource_type, logical_id = last["_id"].split("/")
    keys: tuple[str | int | None, ...] = (int(last["c"]),)
    if order is None:
        keys = (*(sort_value(last, key) for key in query.sort), *keys)
    elif order[0][0] in {"lu", "sd"}:
        keys = (int(last[order[0][0]]), *keys)
    elif order[0][0] != "c":
        keys = (last.get("k", {}).get(order[0][0].removeprefix("k.")), *keys)
    return PagePosition(
        keys=keys, resource_type=ResourceType(resource_type), logical_id=LogicalId(logical_id)
    )
