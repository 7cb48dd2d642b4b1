"""Counts of criteria: asked for once a minute, and again where more must be known."""

import asyncio

import pytest

from fhir_server.storage.mongodb import probes
from fhir_server.storage.mongodb.document import Document
from fhir_server.storage.mongodb.probes import Probes

WHERE: Document = {"rt": "Patient"}


class Counted:
    """A database with so many matches, and the limits it was asked with."""

    def __init__(self, matches: int) -> None:
        self.matches = matches
        self.limits: list[int] = []

    async def count(self, where: Document, hint: str, limit: int) -> int:
        self.limits.append(limit)
        return min(self.matches, limit)


def ask(found: Probes, database: Counted, limit: int, where: Document = WHERE) -> int:
    return asyncio.run(found.count(database.count, where, "tokens", limit))


def test_a_count_is_asked_for_once() -> None:
    found, database = Probes(), Counted(7)
    assert [ask(found, database, limit) for limit in (1_001, 1_001, 20_001, 5)] == [7, 7, 7, 5]
    assert database.limits == [1_001]


def test_more_than_a_limit_is_counted_again_up_to_a_higher_one() -> None:
    found, database = Probes(), Counted(5_000)
    assert [ask(found, database, limit) for limit in (101, 50, 1_001, 101)] == [101, 50, 1_001, 101]
    assert database.limits == [101, 1_001]


def test_what_was_noted_is_known() -> None:
    found, database = Probes(), Counted(7)
    assert not found.is_known(WHERE, "tokens")
    found.note(WHERE, "tokens", found=7, limit=101)
    assert found.is_known(WHERE, "tokens")
    assert not found.is_known(WHERE, "strings")
    assert ask(found, database, 1_001) == 7
    assert database.limits == []


def test_a_count_is_forgotten_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    found, database = Probes(), Counted(7)
    ask(found, database, 10)
    monkeypatch.setattr(probes, "REMEMBERED_S", 0.0)
    ask(found, database, 10)
    assert database.limits == [10, 10]
    assert not found.is_known(WHERE, "tokens")


def test_the_oldest_is_forgotten_for_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "MAX_REMEMBERED", 2)
    found, database = Probes(), Counted(7)
    for name in ("a", "b", "c"):
        ask(found, database, 10, {"rt": name})
    assert [found.is_known({"rt": name}, "tokens") for name in ("a", "b", "c")] == [
        False, True, True,
    ]  # fmt: skip
