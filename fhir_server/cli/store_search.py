"""``fhir-server store explain``: a search URL, parsed like a request, explained by the store."""

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from fhir_server.cli.store_access import knowledge_of, opened

if TYPE_CHECKING:
    from fhir_server.search import SearchQuery
    from fhir_server.settings import Settings

HEADINGS = ("step", "indexes", "keys", "documents", "returned")


async def explained(settings: "Settings", url: str) -> list[dict[str, Any]]:
    """Return the steps of the first page of a search.

    Raises:
        InvalidRequest: The URL is no search.
    """
    async with opened(settings, prepare=False) as store:
        knowledge = await knowledge_of(settings, store)
        query = parse(knowledge.current.parser, url, settings.public_url)
        steps = await store.explain(query)
    return [
        {
            "step": step.action,
            "indexes": list(step.indexes),
            "keys": step.keys_examined,
            "documents": step.documents_examined,
            "returned": step.returned,
        }
        for step in steps
    ]


def parse(parser: Any, url: str, base_url: str) -> "SearchQuery":
    """Read ``[base/]Type?…``, ``?…`` or ``Type/id/Type?…``."""
    path, _, query = url.removeprefix(base_url).partition("?")
    parts = [part for part in path.split("/") if part]
    pairs = parse_qsl(query, keep_blank_values=True)
    compartment = None
    if len(parts) == 3:  # noqa: PLR2004 # Patient/1/Observation
        compartment = (parts[0], parts[1])
        parts = parts[2:]
    types = (parts[0],) if parts and parts[0] != "*" else None
    parsed = parser.parse(types, pairs, lenient=False, compartment=compartment, base_url=base_url)
    query_: SearchQuery = parsed.query
    return query_


def table(steps: list[dict[str, Any]]) -> str:
    """Write the steps as aligned text."""
    rows = [HEADINGS, *((_text(step[name]) for name in HEADINGS) for step in steps)]
    cells = [tuple(row) for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADINGS))]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)
    return "\n".join(lines)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "-"
    return "-" if value is None else str(value)
