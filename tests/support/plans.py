"""What SQLite says of a plan, and when it means that a table is read from end to end."""

import re

from fhir_server.storage import ExplainedStep

_NO_TABLES = re.compile(r"found|CONSTANT|SUBQUERY|\(subquery-[0-9]+\)|s|a[0-9]+")
"""Rows that the query itself has made: constants, and what an index gave before."""


def whole_tables(steps: tuple[ExplainedStep, ...]) -> list[str]:
    """Return the steps that scan a table of the store."""
    scanned = [(step.action, re.match(r"SCAN (\S+)", step.action)) for step in steps]
    return [
        action
        for action, found in scanned
        if found is not None and not _NO_TABLES.fullmatch(found[1])
    ]
