"""The search tree as conditions on a resource's number, and as sets of such numbers.

One function for each kind of node. A condition looks up what one resource says, by the index over
``res``; a set reads where the matches lie, by the index over the values. A plan drives by one set
or range and checks the rest by conditions.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fhir_server.search import (
    And,
    Chain,
    CompositeMatch,
    Has,
    IdMatch,
    Leaf,
    Missing,
    Node,
    Not,
    Or,
    TypeMatch,
)
from fhir_server.storage.sqlite import schema
from fhir_server.storage.sqlite.fragment import (
    FALSE,
    TRUE,
    Fragment,
    all_of,
    any_of,
    marks,
    negated,
    union,
)
from fhir_server.storage.sqlite.ranges import Range, RangeFinder, SingleLeaf
from fhir_server.storage.sqlite.schema import TABLES, Table

FEW = 2000
"""Up to so many matches are collected (about 1 µs each); for more an ordered index is walked."""
EMPTY = Fragment("SELECT 0 AS res WHERE 0")
"""The query that finds nothing."""


class Conditions:
    """Turns nodes into SQL for one query.

    Args:
        finder: Finds the ranges of leaves.
    """

    def __init__(self, finder: RangeFinder) -> None:
        self._finder = finder
        self._aliases = 0
        self._rarest: dict[tuple[int, str], tuple[int, int]] = {}

    def holds(self, node: Node, resource_type: str, res: str) -> Fragment:
        """Return the condition that the resource numbered ``res`` (SQL) satisfies ``node``."""
        special = self._conditions.get(type(node))
        if special is not None:
            return special(self, node, resource_type, res)
        return self._leaf(node, resource_type, res)  # type: ignore[arg-type] # the rest of the union

    def members(self, node: Node, resource_type: str) -> Fragment | None:
        """Return a query for the numbers of the current resources that satisfy ``node``.

        They may repeat. None: they cannot be read off an index (negations, everything).
        """
        special = self._sets.get(type(node))
        if special is not None:
            return special(self, node, resource_type)
        if isinstance(node, Not):
            return None
        return self._leaf_set(node, resource_type)  # type: ignore[arg-type] # the rest of the union

    def is_live(self, resource_type: str, res: str) -> Fragment:
        """Return the condition that ``res`` is a current resource of that type."""
        number = self._finder.number(resource_type)
        if number is None:
            return FALSE
        row = self._alias()
        return Fragment(
            f"EXISTS (SELECT 1 FROM resource AS {row} WHERE {row}.res = {res} "
            f"AND {row}.type = ? AND {row}.live = 1)",
            (number,),
        )

    def range_set(self, one: Range) -> Fragment:
        """Return a query for the numbers in one range."""
        row = self._alias()
        where = one.holds(row)
        source = one.source.replace("{row}", row)
        return Fragment(f"SELECT {row}.res FROM {source} WHERE {where.text}", where.values)

    def _alias(self) -> str:
        self._aliases += 1
        return f"a{self._aliases}"

    # Counting

    def is_listable(self, node: Node, resource_type: str) -> bool:
        """Say whether `members` gives a query."""
        if isinstance(node, Not):
            return False
        if isinstance(node, Missing):
            return not node.is_missing
        if isinstance(node, TypeMatch):
            return resource_type not in node.values
        if isinstance(node, And):
            return any(self.is_listable(part, resource_type) for part in node.parts)
        if isinstance(node, Or):
            return all(self.is_listable(part, resource_type) for part in node.parts)
        return True

    def count(self, node: Node, resource_type: str) -> int:
        """Return how many members a listable node has, repeats counted; at most `FEW` plus 1.

        A link is not followed where what it leads to are already more.
        """
        inner = self._inner_counts(node, resource_type)
        if inner and min(inner) > FEW:
            return FEW + 1
        return self.counted(self.members(node, resource_type) or EMPTY)

    def counted(self, members: Fragment) -> int:
        """Return how many rows a query has, at most `FEW` plus 1."""
        row = self._finder.connection.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM ({members.text}) LIMIT {FEW + 1})",
            members.values,
        ).fetchone()
        return int(row[0])

    def _inner_counts(self, node: Node, resource_type: str) -> list[int]:
        if isinstance(node, Chain):
            return [self._listed(node.where, node.target_type)]
        if isinstance(node, Has):
            return [self._listed(node.where, node.source_type)]
        if isinstance(node, And):
            return [self._listed(part, resource_type) for part in node.parts]
        if isinstance(node, Or):
            return [max((self._listed(part, resource_type) for part in node.parts), default=0)]
        if isinstance(node, CompositeMatch):
            rarest = (self._rarest_part(parts, resource_type)[0] for parts in node.values)
            return [max(rarest, default=0)]
        return []

    def _listed(self, node: Node, resource_type: str) -> int:
        return self.count(node, resource_type) if self.is_listable(node, resource_type) else FEW + 1

    # Conditions

    def _leaf(self, node: SingleLeaf, resource_type: str, res: str) -> Fragment:
        found = self._finder.tables(node, resource_type)
        return any_of(self._has_row(table, ranges, res) for table, ranges in found.items())

    def _has_row(self, table: Table, ranges: list[Range], res: str, extra: str = "") -> Fragment:
        """Return the condition that the resource has a row in one of the ranges.

        A single exact range is looked up in the primary key, whose columns it has all.
        """
        row = self._alias()
        if len(ranges) == 1 and ranges[0].column == "res" and not extra:
            where = ranges[0].holds(row)
            return Fragment(
                f"EXISTS (SELECT 1 FROM {table.name} AS {row} WHERE {where.text} "
                f"AND {row}.res = {res})",
                where.values,
            )
        where = any_of(one.holds(row) for one in ranges)
        params = {one.equal[0][1] for one in ranges}
        return Fragment(
            f"EXISTS (SELECT 1 FROM {table.name} AS {row} INDEXED BY {table.by_resource} "
            f"WHERE {row}.res = {res} AND {row}.param IN ({marks(len(params))}) AND {where.text}"
            f"{extra.replace('{row}', row)})",
            (*params, *where.values),
        )

    def _and(self, node: And, resource_type: str, res: str) -> Fragment:
        return all_of(self.holds(part, resource_type, res) for part in node.parts)

    def _or(self, node: Or, resource_type: str, res: str) -> Fragment:
        return any_of(self.holds(part, resource_type, res) for part in node.parts)

    def _not(self, node: Not, resource_type: str, res: str) -> Fragment:
        return negated(self.holds(node.part, resource_type, res))

    def _type(self, node: TypeMatch, resource_type: str, _: str) -> Fragment:
        return TRUE if resource_type in node.values else FALSE

    def _id(self, node: IdMatch, resource_type: str, res: str) -> Fragment:
        row = self._alias()
        return Fragment(
            f"EXISTS (SELECT 1 FROM resource AS {row} WHERE {row}.res = {res} "
            f"AND {row}.id IN ({marks(len(node.values))}))",
            tuple(node.values),
        )

    def _missing(self, node: Missing, resource_type: str, res: str) -> Fragment:
        found = []
        for table, param in self._presence(node.parameter, resource_type):
            row = self._alias()
            found.append(
                Fragment(
                    f"EXISTS (SELECT 1 FROM {table.name} AS {row} INDEXED BY {table.by_resource} "
                    f"WHERE {row}.res = {res} AND {row}.param = ?)",
                    (param,),
                )
            )
        has_value = any_of(found)
        return negated(has_value) if node.is_missing else has_value

    def _presence(self, parameter: str, resource_type: str) -> list[tuple[Table, int]]:
        """Return where a value, or a composite's first part, lies: tables and parameters."""
        candidates = (
            (table, self._finder.parameter(table, resource_type, name))
            for name in (parameter, f"{parameter}$0")
            for table in TABLES
        )
        return [(table, number) for table, number in candidates if number is not None]

    def _composite(self, node: CompositeMatch, resource_type: str, res: str) -> Fragment:
        return any_of(self._group(parts, resource_type, res) for parts in node.values)

    def _group(self, parts: tuple[Leaf, ...], resource_type: str, res: str) -> Fragment:
        """Return the condition that one group has a row for every part."""
        first, *others = parts
        alternatives = []
        for table, ranges in self._finder.tables(first, resource_type).items():  # type: ignore[arg-type] # single
            row = self._alias()
            rest = all_of(self._same_group(other, resource_type, row) for other in others)
            if rest is FALSE:
                continue
            where = any_of(one.holds(row) for one in ranges)
            params = {one.equal[0][1] for one in ranges}
            alternatives.append(
                Fragment(
                    f"EXISTS (SELECT 1 FROM {table.name} AS {row} INDEXED BY {table.by_resource} "
                    f"WHERE {row}.res = {res} AND {row}.param IN ({marks(len(params))}) "
                    f"AND {where.text} AND {rest.text})",
                    (*params, *where.values, *rest.values),
                )
            )
        return any_of(alternatives)

    def _same_group(self, part: Leaf, resource_type: str, row: str) -> Fragment:
        found = self._finder.tables(part, resource_type)  # type: ignore[arg-type] # single
        return any_of(
            self._has_row(table, ranges, f"{row}.res", f" AND {{row}}.grp = {row}.grp")
            for table, ranges in found.items()
        )

    def _chain(self, node: Chain, resource_type: str, res: str) -> Fragment:
        param = self._finder.parameter(schema.REFERENCE, resource_type, node.parameter)
        row = self._alias()
        where = all_of((
            self.is_live(node.target_type, f"{row}.target"),
            self.holds(node.where, node.target_type, f"{row}.target"),
        ))  # fmt: skip
        if param is None or where is FALSE:
            return FALSE
        return Fragment(
            f"EXISTS (SELECT 1 FROM reference AS {row} INDEXED BY reference_res "
            f"WHERE {row}.res = {res} AND {row}.param = ? AND {where.text})",
            (param, *where.values),
        )

    def _has(self, node: Has, resource_type: str, res: str) -> Fragment:
        param = self._finder.parameter(schema.REFERENCE, node.source_type, node.parameter)
        row = self._alias()
        where = self.holds(node.where, node.source_type, f"{row}.res")
        if param is None or where is FALSE:
            return FALSE
        return Fragment(
            f"EXISTS (SELECT 1 FROM reference AS {row} WHERE {row}.param = ? "
            f"AND {row}.target = {res} AND {where.text})",
            (param, *where.values),
        )

    # Sets

    def _leaf_set(self, node: SingleLeaf, resource_type: str) -> Fragment:
        texts = self._finder.texts(node, resource_type)
        if texts is not None:
            row = self._alias()
            where = texts.text.replace("{row}", row)
            return Fragment(f"SELECT {row}.res FROM string AS {row} WHERE {where}", texts.values)
        ranges = self._finder.ranges(node, resource_type)
        return union(self.range_set(one) for one in ranges) if ranges else EMPTY

    def _and_set(self, node: And, resource_type: str) -> Fragment | None:
        """Drive by the part with the fewest members, check the others."""
        parts = [part for part in node.parts if self.is_listable(part, resource_type)]
        if not parts:
            return None
        best = parts[0]
        if len(parts) > 1:
            best = min(parts, key=lambda part: self.count(part, resource_type))
        base = self.members(best, resource_type) or EMPTY
        row = self._alias()
        others = And(parts=tuple(part for part in node.parts if part is not best))
        rest = self.holds(others, resource_type, f"{row}.res")
        if rest is TRUE:
            return base
        if rest is FALSE:
            return EMPTY
        return Fragment(
            f"SELECT {row}.res FROM ({base.text}) AS {row} WHERE {rest.text}",
            (*base.values, *rest.values),
        )

    def _or_set(self, node: Or, resource_type: str) -> Fragment | None:
        parts = [self.members(part, resource_type) for part in node.parts]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        return union(known) if known else EMPTY

    def _type_set(self, node: TypeMatch, resource_type: str) -> Fragment | None:
        return None if resource_type in node.values else EMPTY

    def _id_set(self, node: IdMatch, resource_type: str) -> Fragment:
        number = self._finder.number(resource_type)
        if number is None or not node.values:
            return EMPTY
        return Fragment(
            f"SELECT res FROM resource WHERE id IN ({marks(len(node.values))}) "
            "AND type = ? AND live = 1",
            (*node.values, number),
        )

    def _missing_set(self, node: Missing, resource_type: str) -> Fragment | None:
        if node.is_missing:
            return None
        found = [
            Fragment(f"SELECT res FROM {table.name} WHERE param = ?", (param,))
            for table, param in self._presence(node.parameter, resource_type)
        ]
        return union(found) if found else EMPTY

    def _composite_set(self, node: CompositeMatch, resource_type: str) -> Fragment:
        """Drive by the part with the fewest rows: a code alone may be that of half the store."""
        found: list[Fragment] = []
        for parts in node.values:
            at = self._rarest_part(parts, resource_type)[1]
            others = (*parts[:at], *parts[at + 1 :])
            for one in self._finder.ranges(parts[at], resource_type):  # type: ignore[arg-type] # single
                row = self._alias()
                where = all_of(
                    (one.holds(row), *(self._same_group(o, resource_type, row) for o in others))
                )
                if where is not FALSE:
                    source = one.source.replace("{row}", row)
                    found.append(
                        Fragment(f"SELECT {row}.res FROM {source} WHERE {where.text}", where.values)
                    )
        return union(found) if found else EMPTY

    def _rarest_part(self, parts: tuple[Leaf, ...], resource_type: str) -> tuple[int, int]:
        """Return how many rows the rarest part of a composite has, up to `FEW` plus 1, and which.

        Some thousands of the rows of a broad part would be tested to find as many that match: 15 ms
        of CPU at 3,200 patients, and in proportion to the store where few match.
        """
        key = (id(parts), resource_type)
        if key not in self._rarest:
            self._rarest[key] = min(
                (self.counted(self._leaf_set(part, resource_type)), at)  # type: ignore[arg-type] # single
                for at, part in enumerate(parts)
            )
        return self._rarest[key]

    def _chain_set(self, node: Chain, resource_type: str) -> Fragment:
        param = self._finder.parameter(schema.REFERENCE, resource_type, node.parameter)
        if param is None:
            return EMPTY
        targets = self._live_members(node.where, node.target_type)
        row = self._alias()
        return Fragment(
            f"SELECT {row}.res FROM reference AS {row} WHERE {row}.param = ? "
            f"AND {row}.target IN ({targets.text})",
            (param, *targets.values),
        )

    def _has_set(self, node: Has, resource_type: str) -> Fragment:
        param = self._finder.parameter(schema.REFERENCE, node.source_type, node.parameter)
        if param is None:
            return EMPTY
        sources = self._live_members(node.where, node.source_type)
        row = self._alias()
        live = self.is_live(resource_type, f"{row}.target")
        if live is FALSE:
            return EMPTY
        return Fragment(
            f"SELECT {row}.target AS res FROM reference AS {row} INDEXED BY reference_res "
            f"WHERE {row}.res IN ({sources.text}) AND {row}.param = ? AND {live.text}",
            (*sources.values, param, *live.values),
        )

    def _live_members(self, node: Node, resource_type: str) -> Fragment:
        """Return a query for all current resources of a type that satisfy ``node``."""
        found = self.members(node, resource_type)
        if found is not None:
            return found
        number = self._finder.number(resource_type)
        row = self._alias()
        where = self.holds(node, resource_type, f"{row}.res")
        if number is None or where is FALSE:
            return EMPTY
        return Fragment(
            f"SELECT {row}.res FROM resource AS {row} WHERE {row}.type = ? AND {row}.live = 1 "
            f"AND {where.text}",
            (number, *where.values),
        )

    _conditions: Mapping[type, Callable[[Any, Any, str, str], Fragment]] = {
        And: _and,
        Or: _or,
        Not: _not,
        TypeMatch: _type,
        IdMatch: _id,
        Missing: _missing,
        CompositeMatch: _composite,
        Chain: _chain,
        Has: _has,
    }
    _sets: Mapping[type, Callable[[Any, Any, str], Fragment | None]] = {
        And: _and_set,
        Or: _or_set,
        TypeMatch: _type_set,
        IdMatch: _id_set,
        Missing: _missing_set,
        CompositeMatch: _composite_set,
        Chain: _chain_set,
        Has: _has_set,
    }
