"""For which search parameters the index is complete, and how it becomes so.

A parameter that is new, or means something else than before, is indexed with every write from then
on; what was stored earlier is found by it once it has been indexed anew. Until then searches by it
say that they may miss something, and the CapabilityStatement does not list it.

The store keeps, in one note, what each parameter meant when its index was last complete. HL7's own
parameters never change within a release and are not watched.

Decision: docs/decisions/0077-reindexing.md
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from fhir_server.definitions import SearchParameter
from fhir_server.interaction.job import JobRun, Jobs
from fhir_server.interaction.knowledge import Knowledge, KnowledgeBase
from fhir_server.model import LogicalId, ResourceType, decode_stored, encode
from fhir_server.search import (
    CONTAINED,
    DateMatch,
    DateTerm,
    IndexValues,
    PagePosition,
    SearchQuery,
    asked_parameters,
    interval,
)
from fhir_server.storage import ResourceStore, StoredVersion

Parameter = tuple[str, str]
"""Resource type and code."""
Meanings = Mapping[Parameter, str]
"""What parameters mean, as a hash of their expressions."""

KIND = "reindex"
PAGE_COUNT = 200
_NOTE, _PROGRESS = "index", "reindex"
_NARRATIVE = "_text"
_RELEASE = "http://hl7.org/fhir/SearchParameter/"
_FRESH_S = 2.0
"""How long what the store says of an incomplete index is believed."""
_OVERLAP = timedelta(minutes=5)
"""Processes that learn of a new parameter late have indexed what they stored before without it."""


class SearchIndex:
    """Watches over the index of one store.

    Args:
        store: The store.
        knowledge: Definitions in force.
        jobs: Where indexing runs.
        clock: Of the jobs.
        is_automatic: Whether indexing starts by itself where it is needed.
    """

    def __init__(
        self,
        store: ResourceStore,
        knowledge: KnowledgeBase,
        jobs: Jobs,
        clock: Callable[[], datetime],
        *,
        is_automatic: bool,
    ) -> None:
        self._store = store
        self._knowledge = knowledge
        self._jobs = jobs
        self._clock = clock
        self._is_automatic = is_automatic
        self._changing = asyncio.Lock()
        self._watched: tuple[Knowledge | None, Meanings] = (None, {})
        self._seen: tuple[Knowledge | None, frozenset[Parameter], float] = (None, frozenset(), 0)
        self._job_id = ""

    async def incomplete(self) -> frozenset[Parameter]:
        """Return the parameters by which stored resources may be missed."""
        knowledge, found, until = self._seen
        is_same = knowledge is self._knowledge.current
        if is_same and (not found or time.monotonic() < until):
            return found
        current = self._knowledge.current
        found = frozenset(_missing(self._meanings(current), await self._complete()))
        self._seen = (current, found, time.monotonic() + _FRESH_S)
        return found

    async def missed_by(self, queries: Iterable[SearchQuery]) -> Collection[str]:
        """Return the codes of parameters by which searches may miss something."""
        incomplete = await self.incomplete()
        if not incomplete:
            return ()
        missed = (incomplete & asked_parameters(query) for query in queries)
        return sorted({code for found in missed for _, code in found})

    async def settle(self) -> None:
        """Take changed definitions in: note what is complete.

        A parameter of a type that has no resources is complete at once.
        """
        async with self._changing:
            meanings = self._meanings(self._knowledge.current)
            complete = await self._complete()
            known = {key: meaning for key, meaning in complete.items() if key in meanings}
            missing = _missing(meanings, known)
            if missing:
                stored = await self._stored_types({name for name, _ in missing})
                known.update({key: meanings[key] for key in missing if key[0] not in stored})
            if known != complete:  # what is watched no more may return after writes without it
                await self._note(known)
            self._seen = (None, frozenset(), 0)

    async def catch_up(self) -> None:
        """Take changed definitions in, and start to index what is not complete."""
        await self.settle()
        if self._is_automatic and await self.incomplete():
            await self.start(language="uk")

    async def start(self, types: Collection[str] = (), *, language: str) -> str:
        """Start to index anew, unless it is under way; return the job.

        Args:
            types: Types to index; none: those with an incomplete index, or all where there is none.
            language: Of the job.

        Raises:
            Unavailable: There are too many jobs.
        """
        if self._job_id and self._jobs.is_running(self._job_id):
            return self._job_id

        async def work(run: JobRun) -> bytes:
            return await self.reindex(types, run)

        request = f"$reindex {' '.join(sorted(types))}".rstrip()
        self._job_id = await self._jobs.start(
            KIND, request, work, language="en" if language == "en" else "uk"
        )
        return self._job_id

    async def reindex(self, types: Collection[str], run: JobRun) -> bytes:
        """Index types anew, from where an interrupted run came to; return a Parameters resource.

        Args:
            types: See `start`.
            run: Is told how far it is.
        """
        wanted = set(types) or {name for name, _ in await self.incomplete()}
        names = sorted(await self._stored_types(wanted))
        done = 0
        for at, name in enumerate(names):
            done += await self._index_type(ResourceType(name), run, f"{at}/{len(names)}", done)
        counts = {"types": len(names), "resources": done}
        parameters = [{"name": key, "valueInteger": count} for key, count in counts.items()]
        return encode({"resourceType": "Parameters", "parameter": parameters})

    async def _index_type(
        self, resource_type: ResourceType, run: JobRun, place: str, before: int
    ) -> int:
        knowledge = self._knowledge.current
        meanings = {k: m for k, m in self._meanings(knowledge).items() if k[0] == resource_type}
        begun = self._clock() - _OVERLAP
        progress = await self._progress(resource_type, meanings)
        if progress is not None:
            begun = datetime.fromisoformat(progress["begun"])
        after = None if progress is None else _position(progress["after"])
        everything = SearchQuery(
            resource_types=(resource_type,), page_count=PAGE_COUNT, after=after
        )
        found = interval(begun.isoformat(timespec="seconds"))
        changed = DateMatch(parameter="_lastUpdated", values=(DateTerm("ge", *(found or (0, 0))),))
        done = 0
        for query in (everything, replace(everything, where=changed, after=None)):
            asked: SearchQuery | None = query
            while asked is not None:
                page = await self._store.search(asked)
                await self._store.reindex(
                    await asyncio.to_thread(_extracted, knowledge, page.matches)
                )
                done += len(page.matches) if query is everything else 0
                run.progress = f"{place} {resource_type} {before + done}"
                asked = None if page.next is None else replace(asked, after=page.next)
                if query is everything and asked is not None:
                    await self._note_progress(resource_type, meanings, begun, page.next)
        async with self._changing:
            await self._note({**await self._complete(), **meanings})
            await self._store.note(_PROGRESS, None)
            self._seen = (None, frozenset(), 0)
        return done

    def _meanings(self, knowledge: Knowledge) -> Meanings:
        known, meanings = self._watched
        if known is not knowledge:
            meanings = dict(_watched(knowledge))
            self._watched = (knowledge, meanings)
        return meanings

    async def _complete(self) -> dict[Parameter, str]:
        noted = (await self._store.notes(_NOTE)).get(_NOTE)
        types = {} if noted is None else json.loads(noted)
        return {(name, code): m for name, codes in types.items() for code, m in codes.items()}

    async def _note(self, complete: Meanings) -> None:
        types: dict[str, dict[str, str]] = {}
        for (name, code), meaning in sorted(complete.items()):
            types.setdefault(name, {})[code] = meaning
        await self._store.note(_NOTE, encode(types))

    async def _stored_types(self, names: Collection[str]) -> frozenset[str]:
        """Return those types of which something is stored."""
        types = tuple(ResourceType(name) for name in sorted(names))
        if not types or not await self._has_any(types):
            return frozenset()
        return frozenset([name for name in types if await self._has_any((name,))])

    async def _has_any(self, types: tuple[ResourceType, ...]) -> bool:
        page = await self._store.search(SearchQuery(resource_types=types, page_count=1))
        return bool(page.matches)

    async def _progress(self, resource_type: str, meanings: Meanings) -> dict[str, Any] | None:
        noted = (await self._store.notes(_PROGRESS)).get(_PROGRESS)
        found: dict[str, Any] | None = None if noted is None else json.loads(noted)
        if found is None or found["type"] != resource_type or found["of"] != _digest(meanings):
            return None
        return found

    async def _note_progress(
        self,
        resource_type: str,
        meanings: Meanings,
        begun: datetime,
        after: PagePosition | None,
    ) -> None:
        place = None if after is None else [*after.keys, after.resource_type, after.logical_id]
        note = {
            "type": resource_type,
            "of": _digest(meanings),
            "begun": begun.isoformat(),
            "after": place,
        }
        await self._store.note(_PROGRESS, encode(note))


def _watched(knowledge: Knowledge) -> Iterator[tuple[Parameter, str]]:
    """Yield the parameters beyond the release, and what each means.

    Words and contained resources have one meaning.
    """
    types = knowledge.registry.types
    urls: dict[str, set[str]] = {}
    for entry in knowledge.registry.listing("SearchParameter"):
        if not entry.url.startswith(_RELEASE):
            for base in entry.links:
                urls.setdefault(base, set()).add(entry.url)
    for name in types.resource_types:
        is_domain = types.is_subtype(name, "DomainResource")
        if is_domain:
            yield (name, CONTAINED), "values"
        for word in knowledge.parser.words:
            if word != _NARRATIVE or is_domain:
                yield (name, word), "words"
        own = {url for base in urls if types.is_subtype(name, base) for url in urls[base]}
        for parameter in knowledge.parser.offered(name) if own else ():
            if parameter.url in own:
                yield (name, parameter.code), _meaning(parameter)


def _missing(meanings: Meanings, complete: Meanings) -> list[Parameter]:
    return [key for key, meaning in meanings.items() if complete.get(key) != meaning]


def _meaning(parameter: SearchParameter) -> str:
    parts = [parameter.type, str(parameter.expression)]
    parts += [f"{one.definition} {one.expression}" for one in parameter.components]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


def _digest(meanings: Meanings) -> str:
    text = "\n".join(f"{name} {code} {m}" for (name, code), m in sorted(meanings.items()))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _position(place: list[Any] | None) -> PagePosition | None:
    if place is None:
        return None
    *keys, resource_type, logical_id = place
    return PagePosition(
        keys=tuple(keys),
        resource_type=ResourceType(resource_type),
        logical_id=LogicalId(logical_id),
    )


def _extracted(
    knowledge: Knowledge, versions: Collection[StoredVersion]
) -> list[tuple[StoredVersion, IndexValues]]:
    extract = knowledge.extractor.extract
    return [(v, extract(decode_stored(v.body))) for v in versions if v.body is not None]
