"""Running a search: the page, where the next one starts, and the total.

Spec: https://hl7.org/fhir/R4/search.html
"""

import re
import sqlite3
from collections.abc import Sequence
from typing import Any

from fhir_server.model import InvalidRequest, LogicalId, ResourceType
from fhir_server.search import PagePosition, SearchQuery, for_type
from fhir_server.storage.sqlite import order
from fhir_server.storage.sqlite.dictionary import Dictionary
from fhir_server.storage.sqlite.fragment import marks
from fhir_server.storage.sqlite.order import Place
from fhir_server.storage.sqlite.plan import Planner
from fhir_server.storage.sqlite.ranges import RangeFinder
from fhir_server.storage.sqlite.shapes import Statement
from fhir_server.storage.sqlite.versions import stored_version
from fhir_server.storage.store import ExplainedStep, SearchPage, StoredVersion

ESTIMATE_MOST = 100_000
"""An estimated total is exact up to here and is not counted further."""


class Searcher:
    """Answers searches over whatever connection it is given."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary

    def search(self, connection: sqlite3.Connection, query: SearchQuery) -> SearchPage:
        """Return one page; of one moment, where the connection is inside a transaction."""
        total = None if query.total == "none" else self._total(connection, query)
        if query.page_count == 0:
            return SearchPage(matches=(), total=total)
        rows = self._rows(connection, query, query.page_count + 1)
        page = rows[: query.page_count]
        matches = self._versions(connection, [row[0] for row in page])
        more = None
        if len(rows) > len(page):
            last = matches[-1]
            more = PagePosition(
                keys=page[-1][1:],
                resource_type=last.resource_type,
                logical_id=last.logical_id,
            )
        return SearchPage(matches=tuple(matches), next=more, total=total)

    def explain(
        self, connection: sqlite3.Connection, query: SearchQuery
    ) -> tuple[ExplainedStep, ...]:
        """Tell how a page is found; SQLite tells the plan, not what was read."""
        steps = []
        for _, statement in self.statements(connection, query, query.page_count + 1):
            sql, values = statement.fragment
            for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values):
                named = re.search(r"INDEX (\w+)|PRIMARY KEY", detail)
                indexes = () if named is None else (named[1] or "primary key",)
                steps.append(ExplainedStep(action=detail, indexes=indexes))
        return tuple(steps)

    def is_matched(self, connection: sqlite3.Connection, query: SearchQuery) -> bool:
        """Say whether anything matches, as this connection sees it."""
        return bool(self._rows(connection, query, 1))

    def statements(
        self, connection: sqlite3.Connection, query: SearchQuery, limit: int
    ) -> list[tuple[ResourceType, Statement]]:
        """Return the statements that make a page, for running and for explaining."""
        finder = RangeFinder(self._dictionary, connection)
        place = None if query.after is None else _place(finder, query.after)
        planner = Planner(
            finder,
            sort=query.sort,
            limit=limit,
            is_only_type=len(query.resource_types) == 1,
        )
        return [
            (resource_type, statement)
            for resource_type in query.resource_types
            for statement in planner.statements(
                for_type(query.where, resource_type), resource_type, place
            )
        ]

    def _rows(
        self, connection: sqlite3.Connection, query: SearchQuery, limit: int
    ) -> list[tuple[Any, ...]]:
        """Return number and sort values of the page's resources, at most ``limit``."""
        found: dict[ResourceType, list[tuple[Any, ...]]] = {}
        for resource_type, statement in self.statements(connection, query, limit):
            rows = found.setdefault(resource_type, [])
            if len(rows) >= limit:
                continue
            fetched = connection.execute(*statement.fragment).fetchall()
            if statement.range_part is not None:
                fetched = [(res, statement.range_part, value) for res, value in fetched]
            rows += fetched
        if len(found) == 1:
            return next(iter(found.values()))[:limit]
        return order.merge([row for rows in found.values() for row in rows], query.sort)[:limit]

    def _versions(
        self, connection: sqlite3.Connection, numbers: Sequence[int]
    ) -> list[StoredVersion]:
        rows = connection.execute(
            "SELECT v.version, v.updated, v.method, v.body, r.type, r.id, r.res FROM resource AS r "
            f"JOIN version AS v ON v.n = r.current WHERE r.res IN ({marks(len(numbers))})",
            numbers,
        )
        text = self._dictionary.text
        versions = {
            row[6]: stored_version(ResourceType(text(connection, row[4])), LogicalId(row[5]), row)
            for row in rows.fetchall()
        }
        return [versions[number] for number in numbers]

    def _total(self, connection: sqlite3.Connection, query: SearchQuery) -> int:
        most = None if query.total == "accurate" else ESTIMATE_MOST
        planner = Planner(RangeFinder(self._dictionary, connection))
        total = 0
        for resource_type in query.resource_types:
            where = for_type(query.where, resource_type)
            statement = planner.count(where, resource_type, most)
            if statement is not None:
                total += connection.execute(*statement).fetchone()[0]
        return total


def _place(finder: RangeFinder, after: PagePosition) -> Place:
    found = finder.resources(after.resource_type, after.logical_id)
    if not found:
        raise InvalidRequest.of("search-position")
    return Place(after.keys, found[0])
