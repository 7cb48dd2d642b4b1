"""One leaf of the search tree as a filter, and which index can drive a query with it.

Values are always typed by this module (strings, numbers, anchored escaped patterns), so that
nothing a client writes can be an operator.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fhir_server.model import TooCostly
from fhir_server.search import (
    CompositeMatch,
    DateMatch,
    IdMatch,
    Leaf,
    Missing,
    NearMatch,
    NumberMatch,
    NumberTerm,
    QuantityMatch,
    ReferenceMatch,
    StringMatch,
    TokenMatch,
    TypeMatch,
    UriMatch,
    fold,
)
from fhir_server.storage.mongodb import indexes, tokens
from fhir_server.storage.mongodb.circle import band, within
from fhir_server.storage.mongodb.dictionary import Dictionary
from fhir_server.storage.mongodb.document import (
    DURATION_CLASSES,
    PATIENT_PARAMETERS,
    RANGE,
    REPEATED,
    Document,
    folded_name,
    is_folded,
    key,
)
from fhir_server.storage.mongodb.intervals import date_filters, point_parts, range_parts

MAX_ALTERNATIVES = 10_000
MAX_CONTAINS = 1_000
MAX_FOLDED = 200
NEVER: Document = {"_id": {"$in": []}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A filter and what it can do.

    Attributes:
        filter: Drives a query where its index is forced.
        index: Name of the index that serves it; None: no index, or ``_id``.
        is_selective: Few resources at most, known without asking: ids, references, identifiers.
        tokens: The equal tokens it is made of, where it is made of nothing else.
        dates: The date terms it is made of, where there is one alternative alone.
        patient: Id of the one patient whose records it asks for.
        parts: Alternatives that different indexes serve.
    """

    filter: Document
    index: str | None = None
    is_selective: bool = False
    tokens: tuple[str, ...] = ()
    dates: DateMatch | None = None
    patient: str | None = None
    parts: tuple["Clause", ...] = ()

    @property
    def guard(self) -> Document:
        """The same condition in a form that never competes for index bounds.

        Without it the planner tries each token as driver, to the end where the intersection is
        empty (270 ms for two tokens of 60,000); ``$nor`` leaves one candidate (measured).
        """
        if self.tokens:
            return {"$nor": [{"t": {"$nin": list(self.tokens)}}]}
        return self.filter


def in_tokens(found: Iterable[str], *, is_selective: bool = False) -> Clause:
    """A clause on equal tokens.

    Raises:
        TooCostly: There are more than any query may have.
    """
    wanted = tuple(sorted(set(found)))
    if not wanted:
        return Clause(filter=NEVER, is_selective=True)
    if len(wanted) > MAX_ALTERNATIVES:
        raise TooCostly.of("search-too-wide", found=len(wanted), expected=MAX_ALTERNATIVES)
    return Clause(
        filter={"t": wanted[0] if len(wanted) == 1 else {"$in": list(wanted)}},
        index=indexes.TOKENS,
        is_selective=is_selective,
        tokens=wanted,
    )


def any_of(clauses: list[Clause]) -> Clause:
    """At least one of the clauses; keeps what they have in common."""
    if not clauses:
        return Clause(filter=NEVER, is_selective=True)
    if len(clauses) == 1:
        return clauses[0]
    if all(clause.tokens for clause in clauses):
        found = [token for clause in clauses for token in clause.tokens]
        return in_tokens(found, is_selective=all(c.is_selective for c in clauses))
    names = {clause.index for clause in clauses}
    is_served = all(clause.index for clause in clauses)
    return Clause(
        filter={"$or": [clause.filter for clause in clauses]},
        index=names.pop() if len(names) == 1 else None,
        is_selective=all(clause.is_selective for clause in clauses),
        parts=tuple(clauses) if is_served and len(names) > 1 else (),
    )


def all_of(clauses: list[Clause]) -> Clause:
    """All of the clauses, driven by the most selective one."""
    if not clauses:
        return Clause(filter={})
    best = min(clauses, key=lambda clause: (not clause.is_selective, clause.index is None))
    guards = [clause.guard for clause in clauses if clause is not best]
    return Clause(
        filter={"$and": [best.filter, *guards]} if guards else best.filter,
        index=best.index,
        is_selective=best.is_selective,
        parts=tuple(replace(part, filter={"$and": [part.filter, *guards]}) for part in best.parts)
        if guards
        else best.parts,
    )


def in_keys(found: Iterable[str]) -> Clause:
    """A clause on whole identities (``Type/id``)."""
    return Clause(filter={"_id": {"$in": sorted(found)}}, is_selective=True)


class Clauses:
    """Makes clauses of leaves; asks the dictionary where a leaf does not name a system."""

    def __init__(self, dictionary: Dictionary, resource_types: tuple[str, ...]) -> None:
        self._dictionary = dictionary
        self._types = resource_types

    async def known_types(self) -> tuple[str, ...]:
        """Return the resource types that were ever stored."""
        return await self._dictionary.types()

    async def of(self, leaf: Leaf) -> Clause:
        """Return the clause of any leaf."""
        make: Callable[[Any], Any] = getattr(self, _METHODS[type(leaf)])
        clause = await make(leaf)
        if not isinstance(clause, Clause):
            raise TypeError(f"no clause for {leaf}")
        return clause

    async def ids(self, leaf: IdMatch) -> Clause:
        """``_id``: of every type that is searched."""
        return in_keys(key(name, value) for name in self._types for value in leaf.values)

    async def types(self, leaf: TypeMatch) -> Clause:
        """The resource's own type."""
        return Clause(filter={"rt": {"$in": list(leaf.values)}})

    async def token(self, leaf: TokenMatch) -> Clause:
        """Tokens: equal ones, all of a system by prefix."""
        equal: list[str] = []
        clauses: list[Clause] = []
        for term in leaf.values:
            if term.code is None:
                system = "" if term.system is None else f"{tokens.escape(term.system)}|"
                prefix = tokens.starts_with(f"{leaf.parameter}|{system}")
                clauses.append(Clause(filter={"t": prefix}, index=indexes.TOKENS))
                continue
            systems: tuple[str, ...] = (term.system,) if term.system is not None else ()
            if term.system is None:
                systems = await self._dictionary.systems(leaf.parameter)
            equal.extend(tokens.token(leaf.parameter, system, term.code) for system in systems)
        if equal:
            clauses.append(in_tokens(equal, is_selective="identifier" in leaf.parameter))
        return any_of(clauses)

    async def string(self, leaf: StringMatch) -> Clause:
        """Strings: prefix by anchored pattern, ``:contains`` by the dictionary."""
        return any_of([await self._string(leaf, value) for value in leaf.values])

    async def _string(self, leaf: StringMatch, value: str) -> Clause:
        if leaf.mode == "prefix":
            prefix = tokens.starts_with(f"{leaf.parameter}|{value}")
            return Clause(filter={"s": prefix}, index=indexes.STRINGS)
        if leaf.mode == "exact":
            folded = f"{leaf.parameter}|{fold(value)}"
            both = {"s": folded, "e": tokens.of_exact(leaf.parameter, value)}
            return Clause(filter=both, index=indexes.STRINGS)
        if leaf.mode == "equal":
            return Clause(filter={"s": f"{leaf.parameter}|{value}"}, index=indexes.STRINGS)
        pattern = re.escape(value) + ("$" if leaf.mode == "suffix" else "")
        found = await self._dictionary.strings_with(leaf.parameter, pattern, MAX_CONTAINS)
        if found is None:
            raise TooCostly.of("search-contains-too-broad", expected=MAX_CONTAINS)
        wanted = [f"{leaf.parameter}|{text}" for text in found]
        return Clause(filter={"s": {"$in": wanted}}, index=indexes.STRINGS)

    async def date(self, leaf: DateMatch) -> Clause:
        """Dates: one entry satisfies one of the terms."""
        filters = [entry for term in leaf.values for entry in date_filters(leaf.parameter, (term,))]
        only = leaf if len(leaf.values) == 1 else None
        return Clause(filter=_or(filters), index=indexes.DATES, dates=only)

    async def number(self, leaf: NumberMatch) -> Clause:
        """Numbers."""
        return _numbers([(leaf.parameter, "", term) for term in leaf.values])

    async def quantity(self, leaf: QuantityMatch) -> Clause:
        """Quantities: number and unit in one entry."""
        wanted: list[tuple[str, str, NumberTerm]] = []
        for term in leaf.values:
            if term.system is not None and term.code is not None:
                unit = tokens.unit(term.system, term.code)
                wanted.append((leaf.parameter, unit, term.number))
            elif term.system is None and term.code is None:
                wanted.append((leaf.parameter, "", term.number))
            else:
                wanted.extend(
                    (leaf.parameter, tokens.unit(system, code), term.number)
                    for system, code in await self._dictionary.units(leaf.parameter)
                    if term.system in {None, system} and term.code in {None, code}
                )
        return _numbers(wanted)

    async def reference(self, leaf: ReferenceMatch) -> Clause:
        """References: typed ones are equal tokens, an id of any type is a prefix."""
        equal: list[str] = []
        clauses: list[Clause] = []
        for term in leaf.values:
            text = tokens.reference(leaf.parameter, term.type, term.id, term.url)
            if term.type or term.url:
                equal.append(text)
            else:
                prefix = tokens.starts_with(text)
                clauses.append(
                    Clause(filter={"t": prefix}, index=indexes.TOKENS, is_selective=True)
                )
        if equal:
            clauses.append(replace(in_tokens(equal, is_selective=True), patient=_patient(leaf)))
        return any_of(clauses)

    async def uri(self, leaf: UriMatch) -> Clause:
        """Uris: equal, below (prefix) or above (each shorter path)."""
        if leaf.mode == "below":
            clauses = []
            for value in leaf.values:
                clauses.append(in_tokens([f"{leaf.parameter}|{value}"]))
                stem = value if value.endswith("/") else value + "/"
                prefix = tokens.starts_with(f"{leaf.parameter}|{stem}")
                clauses.append(Clause(filter={"t": prefix}, index=indexes.TOKENS))
            return any_of(clauses)
        wanted = leaf.values
        if leaf.mode == "above":
            wanted = tuple(short for value in leaf.values for short in _above(value))
        return in_tokens(f"{leaf.parameter}|{value}" for value in wanted)

    async def missing(self, leaf: Missing) -> Clause:
        """Whether there is any entry of the parameter in any array."""
        name = leaf.parameter
        entries: list[Document] = [{"g.p": name}]
        for start in (f"{name}|", f"{name}{RANGE}|", f"{name}&"):
            pattern = tokens.starts_with(start)
            entries += [{array: pattern} for array in ("t", "s", "d.p", "q.k")]
        suffixes = [suffix for suffix, _ in DURATION_CLASSES] + [REPEATED]
        entries += [
            {"d.p": {"$in": [name + suffix for suffix in suffixes]}},
            {"q.k": {"$in": [name, name + RANGE]}},
        ]
        return Clause(filter={"$nor" if leaf.is_missing else "$or": entries})

    async def near(self, leaf: NearMatch) -> Clause:
        """Positions: the band of latitude by index, the distance computed by the server."""
        clauses = [
            Clause(
                filter={"$and": [band(leaf.parameter, term), within(leaf.parameter, term)]},
                index=indexes.QUANTITIES,
            )
            for term in leaf.values
        ]
        return any_of(clauses)

    async def composite(self, leaf: CompositeMatch) -> Clause:
        """Composites: a pair that starts with tokens is folded, others stay groups."""
        return any_of([await self._composite(leaf.parameter, parts) for parts in leaf.values])

    async def _composite(self, parameter: str, parts: tuple[Leaf, ...]) -> Clause:
        first, *rest = parts
        if not isinstance(first, TokenMatch) or len(rest) != 1 or isinstance(rest[0], _NAMELESS):
            return Clause(filter={"g": {"$elemMatch": await self._group(parameter, parts)}})
        names, second = [], rest[0].parameter
        for term in first.values:
            if term.system is not None and term.code is not None:
                names.append(folded_name(parameter, second, term.system, term.code))
                continue
            names += [
                folded_name(parameter, second, system, code)
                for system, code in await self._dictionary.first_parts(parameter)
                if term.system in {None, system} and term.code in {None, code}
            ]
        if len(names) > MAX_FOLDED:
            raise TooCostly.of("search-too-wide", found=len(names), expected=MAX_FOLDED)
        return any_of([await self._folded(name, rest[0]) for name in names])

    async def _folded(self, name: str, second: Leaf) -> Clause:
        """The second part under the folded name; its dictionary is that of the unfolded one."""
        if isinstance(second, TokenMatch | QuantityMatch):
            resolved = await self._with_systems(second)
            return await self.of(_renamed(resolved, name))
        return await self.of(_renamed(second, name))

    async def _with_systems(self, leaf: TokenMatch | QuantityMatch) -> TokenMatch | QuantityMatch:
        if isinstance(leaf, TokenMatch):
            known = await self._dictionary.systems(leaf.parameter)
            terms = [
                term._replace(system=system)
                for term in leaf.values
                for system in (known if term.system is None else (term.system,))
            ]
            return TokenMatch(parameter=leaf.parameter, values=tuple(terms))
        units = await self._dictionary.units(leaf.parameter)
        quantities = []
        for quantity in leaf.values:
            if quantity.system is None and quantity.code is None:
                quantities.append(quantity)
                continue
            quantities += [
                quantity._replace(system=system, code=code)
                for system, code in units
                if quantity.system in {None, system} and quantity.code in {None, code}
            ]
        return QuantityMatch(parameter=leaf.parameter, values=tuple(quantities))

    async def _group(self, parameter: str, parts: tuple[Leaf, ...]) -> Document:
        inner = [(await self.of(part)).filter for part in parts]
        return {"p": parameter, "$and": inner}


_NAMELESS = IdMatch | TypeMatch
_METHODS: Mapping[type, str] = {
    IdMatch: "ids",
    TypeMatch: "types",
    TokenMatch: "token",
    StringMatch: "string",
    DateMatch: "date",
    NumberMatch: "number",
    QuantityMatch: "quantity",
    ReferenceMatch: "reference",
    UriMatch: "uri",
    Missing: "missing",
    NearMatch: "near",
    CompositeMatch: "composite",
}


def _renamed(leaf: Any, name: str) -> Any:
    return type(leaf)(**{f: getattr(leaf, f) for f in leaf.__slots__} | {"parameter": name})


def _patient(leaf: ReferenceMatch) -> str | None:
    """The patient whose records all resources with such a reference are."""
    if leaf.parameter not in PATIENT_PARAMETERS or len(leaf.values) > 1:
        return None
    (term,) = leaf.values
    return term.id if term.type == "Patient" and not term.url else None


def _or(filters: list[Document]) -> Document:
    if not filters:
        return NEVER
    return filters[0] if len(filters) == 1 else {"$or": filters}


def _numbers(wanted: list[tuple[str, str, NumberTerm]]) -> Clause:
    """Numbers of (parameter, unit): points, whose two ends bound one scan, and ranges."""
    filters = [
        {"q": {"$elemMatch": {**_named(parameter + kind, unit), **part}}}
        for parameter, unit, term in wanted
        for kind, parts in (("", point_parts(term)), (RANGE, range_parts(term)))
        for part in parts
    ]
    return Clause(filter=_or(filters), index=indexes.QUANTITIES)


def _named(parameter: str, unit: str) -> Document:
    """The entry of a parameter with a unit: in its key, or beside it where it is folded."""
    if unit and is_folded(parameter):
        return {"k": parameter, "u": unit}
    return {"k": parameter + unit}


def _above(uri: str) -> list[str]:
    """The uri itself and each that ends before one of its slashes, with and without it."""
    found = [uri]
    for at, character in enumerate(uri):
        if character == "/":
            found += [uri[:at], uri[: at + 1]]
    return found
