"""A compiled value set: whether a code is in it and which codes it has.

Spec: https://hl7.org/fhir/R4/valueset.html#compositions
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fhir_server.model import Issue, JsonObject, issue
from fhir_server.terminology.concept import CodeSystem, Concept
from fhir_server.terminology.version import fits


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A code that is in a value set.

    Attributes:
        system: Canonical of the code system; "" where the code has none.
        version: Of the code system, where it is known.
        code: As the system writes it.
        concept: None where the system is not here and only the value set lists the code.
        code_system: The system, where it is here.
        listed: The value set's own entry (display, designations), where it lists the code.
    """

    system: str
    version: str | None
    code: str
    concept: Concept | None = None
    code_system: CodeSystem | None = None
    listed: JsonObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The answer to "is this code in": every way it is, and what kept from answering."""

    members: tuple[Member, ...] = ()
    unknown: tuple[Issue, ...] = ()


_NOTHING = Matches()


def canonical_of(definition: JsonObject) -> str:
    """Name a definition for people: ``url|version``, or its id where it has no url."""
    url = str(definition.get("url") or definition.get("id") or "")
    version = definition.get("version")
    return f"{url}|{version}" if version else url


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One ``include`` or ``exclude``.

    Attributes:
        system: Canonical of the code system; None: only value sets are named.
        version: The version the clause (or the request) asks for.
        code_system: The system; None: it is not here.
        listed: Codes the clause lists, in order; None: it lists none.
        selected: Codes its filters select; None: it has no filter.
        value_sets: Value sets a code must also be in, all of them.
        missing: Why the clause cannot be answered fully: a system or value sets that are not here.
        at_version: Makes the clause for another version of the system, where it names none.
    """

    system: str | None
    version: str | None
    code_system: CodeSystem | None
    listed: dict[str, JsonObject] | None
    selected: frozenset[str] | None
    value_sets: tuple["CompiledValueSet", ...]
    missing: tuple[Issue, ...]
    at_version: Callable[[str], "Clause"] | None = field(default=None, compare=False, repr=False)

    def match(self, system: str | None, code: str, version: str | None) -> Matches:
        """Say whether a code fits the clause; ``system`` None: whatever the code's system is."""
        if self.system is None:
            return self._in_value_sets(system, code, version)
        if system is not None and system != self.system:
            return _NOTHING
        if self.at_version is not None and version is not None and not self._is_at(version):
            return self.at_version(version).match(system, code, version)
        own = self._match_system(code, version)
        if not own.members or not (self.value_sets or self.missing):
            return own
        nested = self._in_value_sets(self.system, own.members[0].code, version)
        return own if nested.members else nested

    def members(self) -> Iterator[Member]:
        """List what the clause has, in its order; nothing where parts are missing."""
        if self.missing:
            return
        if self.system is None:
            first, *others = self.value_sets
            candidates: Iterator[Member] = first.members()
        else:
            others = list(self.value_sets)
            candidates = self._own_members()
        for member in candidates:
            if all(v.match(member.system, member.code, member.version).members for v in others):
                yield member

    def _match_system(self, code: str, version: str | None) -> Matches:
        known = self.code_system
        if version is not None and not self._is_at(version):
            return _NOTHING
        if known is None:
            entry = None if self.listed is None else self.listed.get(code)
            if entry is not None:
                member = Member(
                    system=self.system or "", version=self.version, code=code, listed=entry
                )
                return Matches(members=(member,))
            return Matches(unknown=self.missing) if self.listed is None else _NOTHING
        concept = known.find(code)
        if concept is None:
            return self._match_unlisted(code)
        if self.selected is not None and concept.code not in self.selected:
            return _NOTHING
        if self.listed is not None and concept.code not in self.listed:
            return _NOTHING
        return Matches(members=(self._member(concept),))

    def _match_unlisted(self, code: str) -> Matches:
        """Judge a code that the system, as far as it is here, does not have."""
        known = self.code_system
        if known is None or known.content == "complete":
            return _NOTHING
        if self.listed is not None:
            entry = self.listed.get(code)
            return _NOTHING if entry is None else Matches(members=(self._outside(code, entry),))
        doubt = issue("code-not-checked", found=code, system=known.url, expected=known.content)
        return Matches(unknown=(doubt,))

    def _is_at(self, version: str) -> bool:
        known = self.code_system.version if self.code_system else None
        here = known or self.version
        return here is None or version == self.version or fits(here, version)

    def _in_value_sets(self, system: str | None, code: str, version: str | None) -> Matches:
        found: Matches = _NOTHING
        unknown: list[Issue] = list(self.missing)
        for value_set in self.value_sets:
            found = value_set.match(system, code, version)
            if not found.members and not found.unknown:
                return _NOTHING
            unknown.extend(found.unknown)
        return Matches(unknown=tuple(unknown)) if unknown else found

    def _own_members(self) -> Iterator[Member]:
        known = self.code_system
        if self.listed is not None:
            for code, entry in self.listed.items():
                concept = None if known is None else known.find(code)
                if concept is not None:
                    if self.selected is None or concept.code in self.selected:
                        yield self._member(concept)
                elif known is None or known.content != "complete":
                    yield self._outside(code, entry)
        elif known is not None:
            for concept in known.concepts():
                if self.selected is None or concept.code in self.selected:
                    yield self._member(concept)

    def _member(self, concept: Concept) -> Member:
        known = self.code_system
        return Member(
            system=self.system or "",
            version=known.version if known else None,
            code=concept.code,
            concept=concept,
            code_system=known,
            listed=None if self.listed is None else self.listed.get(concept.code),
        )

    def _outside(self, code: str, entry: JsonObject) -> Member:
        return Member(
            system=self.system or "",
            version=self.version,
            code=code,
            code_system=self.code_system,
            listed=entry,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledValueSet:
    """The rules of one value set.

    Attributes:
        canonical: ``url|version`` for messages.
        json: The definition.
        includes: A code must fit one of these …
        excludes: … and none of these.
        is_active_only: Inactive codes are left out (``compose.inactive`` is false).
        ignores_versions: Codes of different versions of a system count as the same code.
    """

    canonical: str
    json: JsonObject
    includes: tuple[Clause, ...]
    excludes: tuple[Clause, ...] = ()
    is_active_only: bool = False
    ignores_versions: bool = False

    def match(self, system: str | None, code: str, version: str | None = None) -> Matches:
        """Say in which ways a code is in the value set."""
        members: list[Member] = []
        unknown: list[Issue] = []
        for clause in self.includes:
            found = clause.match(system, code, version)
            members.extend(member for member in found.members if self._keeps(member))
            unknown.extend(found.unknown)
        if members and self.excludes:
            members, doubts = self._without_excluded(members)
            unknown.extend(doubts)
        if members:
            return Matches(members=tuple(members))
        return Matches(unknown=tuple(unknown)) if unknown else _NOTHING

    def members(self) -> Iterator[Member]:
        """List the codes, each once, in the order of the includes."""
        seen: set[tuple[str, str, str | None]] = set()
        for clause in self.includes:
            for member in clause.members():
                version = None if self.ignores_versions else member.version
                key = (member.system, member.code, version)
                if key in seen or not self._keeps(member):
                    continue
                seen.add(key)
                if not self.excludes or self._without_excluded([member])[0]:
                    yield member

    def missing(self) -> Iterator[Issue]:
        """Name what is not here though it would be needed to list every code."""
        for clause in (*self.includes, *self.excludes):
            yield from clause.missing
            for value_set in clause.value_sets:
                yield from value_set.missing()

    def systems(self) -> Iterator[CodeSystem]:
        """Name the code systems that are read."""
        for clause in (*self.includes, *self.excludes):
            if clause.code_system is not None:
                yield clause.code_system
            for value_set in clause.value_sets:
                yield from value_set.systems()

    def value_sets(self) -> Iterator[str]:
        """Name the value sets that are included or excluded, at any depth."""
        for clause in (*self.includes, *self.excludes):
            for value_set in clause.value_sets:
                yield value_set.canonical
                yield from value_set.value_sets()

    def _keeps(self, member: Member) -> bool:
        concept = member.concept
        return not self.is_active_only or concept is None or not concept.is_inactive

    def _without_excluded(self, members: list[Member]) -> tuple[list[Member], list[Issue]]:
        kept: list[Member] = []
        doubts: list[Issue] = []
        for member in members:
            version = None if self.ignores_versions else member.version
            found = [c.match(member.system, member.code, version) for c in self.excludes]
            if any(f.members for f in found):
                continue
            unknown = [issue for f in found for issue in f.unknown]
            if unknown:
                doubts.extend(unknown)
            else:
                kept.append(member)
        return kept, doubts
