"""Another canonical base for everything: definitions, identifier systems, examples, tests' data.

Addresses are replaced as text, so that files keep their layout, and only where one ends or a step
of its path begins: ``https://fhir.esoz.ua`` is no part of ``https://fhir.esoz.ua.example.org``.

Spec: https://hl7.org/fhir/R4/references.html#canonical
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fhir_server.model import InvalidRequest

_BASE = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~-]+)*")
_SUFFIXES = frozenset({".json", ".xml", ".yaml", ".ndjson"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """A file in which addresses are replaced.

    Attributes:
        path: The file.
        count: How many addresses.
        text: Its text afterwards.
    """

    path: Path
    count: int
    text: str


def rebased(folders: Sequence[Path], old: str, new: str) -> Iterator[Replaced]:
    """Yield every file that has addresses below the old base; nothing is written.

    Args:
        folders: Where to look.
        old: The base in force.
        new: The base to be.

    Raises:
        InvalidRequest: The new base is no address such as ``https://fhir.example.org``.
    """
    new = new.rstrip("/")
    if _BASE.fullmatch(new) is None:
        raise InvalidRequest.of("canonical-base", found=new)
    old = old.rstrip("/")
    if new == old:
        return
    address = re.compile(re.escape(old) + r"(?=[/\"'|#<\s)?&;,]|$)", re.MULTILINE)
    kept = re.compile(re.escape(new)) if new.startswith(old) else None
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in _SUFFIXES and path.is_file():
                yield from _replaced(path, address, new, kept)


def _replaced(
    path: Path, address: re.Pattern[str], new: str, kept: re.Pattern[str] | None
) -> Iterator[Replaced]:
    """Replace in one file; what has the new base already stays, where that begins with the old."""
    text = path.read_text(encoding="utf-8")
    count = 0

    def replace(found: re.Match[str]) -> str:
        nonlocal count
        if kept is not None and kept.match(text, found.start()):
            return found[0]
        count += 1
        return new

    changed = address.sub(replace, text)
    if count:
        yield Replaced(path=path, count=count, text=changed)


def write(replaced: Sequence[Replaced]) -> None:
    """Write the files; each is whole at any time."""
    for one in replaced:
        part = one.path.with_name(one.path.name + ".part")
        part.write_text(one.text, encoding="utf-8")
        part.replace(one.path)
