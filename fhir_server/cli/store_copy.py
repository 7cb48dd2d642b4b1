"""``fhir-server store copy``: all versions into another store, then counts and hashes of both."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fhir_server.cli.progress import count_progress
from fhir_server.cli.store_access import knowledge_of, opened
from fhir_server.model import decode_stored

if TYPE_CHECKING:
    from fhir_server.search import IndexValues
    from fhir_server.settings import Settings
    from fhir_server.storage import Digest, ResourceStore, StoredVersion

Report = Callable[[int, str | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What was written, and what each store holds, by type."""

    written: int
    source: "Mapping[str, Digest]"
    target: "Mapping[str, Digest]"

    @property
    def is_equal(self) -> bool:
        """Whether the target holds everything of the source; it may hold other types besides."""
        return all(self.target.get(name) == digest for name, digest in self.source.items())

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "written": self.written,
            "equal": self.is_equal,
            "types": {
                name: {
                    "versions": digest.versions,
                    "checksum": digest.checksum,
                    "equal": self.target.get(name) == digest,
                }
                for name, digest in self.source.items()
            },
        }


async def copied(source: "Settings", target: "Settings", *, is_written: bool) -> Compared:
    """Copy, then compare."""
    from fhir_server.storage import copy_store, digests

    async with opened(source, prepare=False) as first, opened(target) as second:
        written = 0
        if is_written:
            extract = await _extractor(source, first)
            with _progress("copying") as report:
                written = await copy_store(first, second, extract, report=report)
        with _progress("reading the source") as report:
            held = await digests(first, report)
        with _progress("reading the target") as report:
            found = await digests(second, report)
    return Compared(written=written, source=held, target=found)


async def _extractor(
    settings: "Settings", store: "ResourceStore"
) -> "Callable[[StoredVersion], IndexValues]":
    knowledge = await knowledge_of(settings, store)
    extractor = knowledge.current.extractor

    def extract(version: "StoredVersion") -> "IndexValues":
        return extractor.extract(decode_stored(version.body or b"{}"))

    return extract


@contextmanager
def _progress(name: str) -> Iterator[Report]:
    with count_progress(name) as advance:
        yield lambda done, _: advance(done)


def summary(compared: Compared) -> str:
    """Tell people what came of it."""
    lines = [f"{compared.written} versions written"]
    for name, digest in compared.source.items():
        found = compared.target.get(name)
        verdict = "equal" if found == digest else f"DIFFERS: {found.versions if found else 0} there"
        lines.append(f"{name}: {digest.versions} versions, {verdict}")
    return "\n".join(lines)
