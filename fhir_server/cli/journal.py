"""What ``load`` has done, in a file, so that an interrupted run goes on where it stopped."""

import json
import os
from pathlib import Path


class Journal:
    """Resources done by store and file; a file that changed since is loaded again.

    Use `open`; each `note` is on disk when it returns.
    """

    def __init__(self, path: Path, store: str, entries: dict[str, dict[str, list[int]]]) -> None:
        self._path = path
        self._store = store
        self._entries = entries

    @classmethod
    def open(cls, path: Path, store: str, *, restart: bool) -> "Journal":
        """Read the journal; one that cannot be read is begun anew."""
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            entries = {}
        if restart:
            entries.pop(store, None)
        return cls(path, store, entries)

    def done(self, file: Path) -> int | None:
        """Return how many resources of the file are done; None: all of them."""
        size, modified, count, is_finished = self._entry(file)
        if [size, modified] != _stamp(file):
            return 0
        return None if is_finished else count

    def note(self, file: Path, count: int) -> None:
        """Keep that the first ``count`` resources of the file are done."""
        self._write(file, [*_stamp(file), count, 0])

    def finish(self, file: Path, count: int) -> None:
        """Keep that the whole file is done."""
        self._write(file, [*_stamp(file), count, 1])

    def _entry(self, file: Path) -> list[int]:
        return self._entries.get(self._store, {}).get(str(file.resolve()), [0, 0, 0, 0])

    def _write(self, file: Path, entry: list[int]) -> None:
        self._entries.setdefault(self._store, {})[str(file.resolve())] = entry
        beside = self._path.with_suffix(".part")
        beside.write_text(json.dumps(self._entries), encoding="utf-8")
        os.replace(beside, self._path)  # atomic


def _stamp(file: Path) -> list[int]:
    status = file.stat()
    return [status.st_size, status.st_mtime_ns]
