"""Definitions on top of the packages: what a change makes stale, and what is generated again.

A snapshot that was generated here rests on other structures. When one of those changes, it is
generated again: in the overlay, and, for structures of a package, as a stand-in that hides the
package's own as long as something it rests on is in the overlay.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import msgspec

from fhir_server.definitions.completion import DefinitionSource, check, complete
from fhir_server.definitions.errors import DefinitionErrors
from fhir_server.definitions.shelf import Entry, MemoryShelf
from fhir_server.definitions.trim import trimmed
from fhir_server.definitions.type_table import TypeRow, type_rows
from fhir_server.model import Issue, JsonObject, issue, split_canonical

_STRUCTURE = "StructureDefinition"
_HL7 = "http://hl7.org/fhir/StructureDefinition/"

Key = tuple[str, str, str | None]
"""Kind, canonical URL, business version."""


class Draft(DefinitionSource, Protocol):
    """A registry in the making, as far as a change asks it."""

    def listing(self, kind: str) -> tuple[Entry, ...]:
        """Return the entries of a kind."""

    def is_packaged(self, kind: str, canonical: str) -> bool:
        """Say whether a package has the definition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """Definitions on top of the packages.

    Attributes:
        given: What was added, snapshots filled in.
        generated: Which of them arrived without snapshot.
        stand_ins: Structures of packages, generated again on what was given.
        rows: Rows of the type table that the given structures add.
        shelf: All of it, to be looked up.
    """

    given: Mapping[Key, JsonObject] = field(default_factory=dict)
    generated: frozenset[Key] = frozenset()
    stand_ins: Mapping[Key, JsonObject] = field(default_factory=dict)
    rows: Mapping[str, TypeRow] = field(default_factory=dict)
    shelf: MemoryShelf = field(default_factory=MemoryShelf)

    def has_same_types(self, other: "Overlay") -> bool:
        """Say whether both add the same types, so that a type table can be kept."""
        return self.rows == other.rows


def key_of(resource: JsonObject) -> Key:
    """Return what a definition is looked up by."""
    kind = resource["resourceType"]
    url = resource.get("url") or f"{kind}/{resource.get('id')}"
    return kind, url, resource.get("version")


def changed(
    overlay: Overlay,
    draft: Callable[[Overlay], Draft],
    *,
    add: Sequence[JsonObject] = (),
    remove: tuple[str, str] | None = None,
) -> Overlay:
    """Return the overlay after a change.

    Args:
        overlay: The overlay before it.
        draft: Makes a registry of an overlay, to look things up in.
        add: Definitions to add or replace.
        remove: Kind and canonical of a definition to take away.

    Raises:
        DefinitionErrors: Something cannot be compiled; all findings of all definitions.
    """
    problems = [found for resource in add for found in check(resource)]
    if problems:
        raise DefinitionErrors(problems)
    added = {key_of(resource): trimmed(resource) for resource in add}
    removed = _matching(overlay.given, remove)
    given = {k: v for k, v in {**overlay.given, **added}.items() if k not in removed}
    touched = {url for kind, url, _ in (*added, *removed) if kind == _STRUCTURE}
    generated = {k for k in overlay.generated if k in given and k not in added}
    generated |= {k for k, v in added.items() if k[0] == _STRUCTURE and "snapshot" not in v}
    change = _Change(draft, given, generated, dict(overlay.stand_ins))
    if touched:
        change.make_again(touched, frozenset(added))
    made = change.overlay()
    problems = [*_check_release(added, draft(made)), *_check_types(made.rows, draft(made))]
    if problems:
        raise DefinitionErrors(problems)
    return made


def _check_release(added: Iterable[Key], draft: Draft) -> Iterator[Issue]:
    """Report structures that would hide one that HL7 published."""
    for kind, url, _ in added:
        if kind == _STRUCTURE and url.startswith(_HL7) and draft.is_packaged(kind, url):
            yield issue("structure-of-the-release", expression=f"{_STRUCTURE}.url", found=url)


def _check_types(rows: Mapping[str, TypeRow], draft: Draft) -> Iterator[Issue]:
    """Report types that would replace one of the packages, or derive from themselves.

    Either could lead every walk up the types into a circle.
    """
    for name, row in rows.items():
        if "." in name:
            continue
        if draft.is_packaged(_STRUCTURE, f"{_HL7}{name}"):
            url = f"{_HL7}{name}"
            yield issue("structure-of-the-release", expression=f"{_STRUCTURE}.type", found=url)
        ancestors: list[str] = []
        base = row.base
        while base is not None and base in rows and base not in ancestors:
            ancestors.append(base)
            base = rows[base].base
        if name in ancestors:
            place = f"{_STRUCTURE}.baseDefinition"
            yield issue("snapshot-circular", expression=place, url=name, found=row.base)


class _Change:
    """An overlay while it changes."""

    def __init__(
        self,
        draft: Callable[[Overlay], Draft],
        given: dict[Key, JsonObject],
        generated: set[Key],
        stand_ins: dict[Key, JsonObject],
    ) -> None:
        self._draft = draft
        self._given = given
        self._generated = frozenset(generated)
        self._stand_ins = stand_ins

    def overlay(self) -> Overlay:
        """Return what the change has come to."""
        return _overlay(self._given, self._generated, self._stand_ins)

    def make_again(self, touched: set[str], added: frozenset[Key]) -> None:
        """Fill in the snapshots that are missing or rest on one of ``touched``.

        Raises:
            DefinitionErrors: Some cannot be generated; all findings.
        """
        entries = self._draft(_overlay(self._given, self._generated, {})).listing(_STRUCTURE)
        links = {entry.url: entry.links for entry in entries}
        stale = [k for k in self._generated if k in added or _rests_on(k[1], touched, links)]
        self._given.update({k: _blank(self._given[k]) for k in stale})
        again = self._hide(entries, touched, links)
        to_do = list(dict.fromkeys([*(k for k in added if k[0] == _STRUCTURE), *stale, *again]))
        waiting = [self._given.get(k) or self._stand_ins[k] for k in to_do]
        done, problems = complete(self._draft(self.overlay()), waiting)
        if problems:
            raise DefinitionErrors(problems)
        for key, definition in zip(to_do, done, strict=True):
            (self._given if key in self._given else self._stand_ins)[key] = definition

    def _hide(
        self, entries: Iterable[Entry], touched: set[str], links: Mapping[str, tuple[str, ...]]
    ) -> list[Key]:
        """Choose the stand-ins anew; return those to be generated, blank until then."""
        hidden = {url for kind, url, _ in self._given if kind == _STRUCTURE}
        behind = [
            (_STRUCTURE, entry.url, entry.version)
            for entry in entries
            if entry.is_generated and _rests_on(entry.url, hidden, links)
        ]
        wanted = [k for k in behind if k not in self._given]
        kept = {
            k: self._stand_ins[k]
            for k in wanted
            if k in self._stand_ins and not _rests_on(k[1], touched, links)
        }
        again = [k for k in wanted if k not in kept]
        plain = self._draft(_overlay(self._given, self._generated, kept))
        blanks = {k: _blank(plain.resource(k[0], _canonical(k)) or {}) for k in again}
        self._stand_ins = {**kept, **blanks}
        return again


def _overlay(
    given: Mapping[Key, JsonObject],
    generated: frozenset[Key],
    stand_ins: Mapping[Key, JsonObject],
) -> Overlay:
    everything = {**stand_ins, **given}
    rows = type_rows(v for k, v in given.items() if k[0] == _STRUCTURE)
    made_here = generated | frozenset(stand_ins)
    return Overlay(
        given=MappingProxyType(dict(given)),
        generated=generated,
        stand_ins=MappingProxyType(dict(stand_ins)),
        rows=MappingProxyType(rows),
        shelf=MemoryShelf(
            tuple(everything.values()),
            generated=frozenset(at for at, k in enumerate(everything) if k in made_here),
            types={name: _raw(row) for name, row in rows.items()},
        ),
    )


def _raw(row: TypeRow) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(row))


def _matching(given: Mapping[Key, JsonObject], wanted: tuple[str, str] | None) -> frozenset[Key]:
    if wanted is None:
        return frozenset()
    kind, canonical = wanted
    url, version, _ = split_canonical(canonical)
    return frozenset(k for k in given if k[:2] == (kind, url) and version in {None, k[2]})


def _rests_on(url: str, touched: Iterable[str], links: Mapping[str, tuple[str, ...]]) -> bool:
    """Say whether a structure's snapshot is made from one of ``touched``, itself left out."""
    goal = set(touched)
    seen: set[str] = set()
    waiting = list(links.get(url, ()))
    while waiting:
        current = waiting.pop()
        if current in goal:
            return True
        if current not in seen:
            seen.add(current)
            waiting.extend(links.get(current, ()))
    return False


def _canonical(key: Key) -> str:
    return key[1] if key[2] is None else f"{key[1]}|{key[2]}"


def _blank(definition: JsonObject) -> JsonObject:
    return {k: v for k, v in definition.items() if k != "snapshot"}
