"""Files of a bulk export: NDJSON, cut after so many resources, and the manifest that names them.

Spec: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status
"""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from fhir_server.model import JsonObject, encode

FileKind = Literal["output", "deleted", "error"]

RESOURCES_A_FILE = 100_000
"""A client can fetch and load files side by side."""


class ExportFiles:
    """Writes the files of one export, each line a resource.

    Args:
        folder: Theirs alone.
        base_url: Where they can be fetched.
        resources_a_file: After so many the next file begins.
    """

    def __init__(
        self, folder: Path, base_url: str, *, resources_a_file: int = RESOURCES_A_FILE
    ) -> None:
        self._folder = folder
        self._base_url = base_url
        self._limit = resources_a_file
        self._files: dict[FileKind, list[JsonObject]] = {"output": [], "deleted": [], "error": []}
        self.count = 0

    async def add(self, kind: FileKind, resource_type: str, lines: Sequence[bytes]) -> None:
        """Append resources of one type; the writing is done on a thread."""
        start = 0
        while start < len(lines):
            entry = self._current(kind, resource_type)
            end = start + self._limit - entry["count"]
            path = self._folder / str(entry["url"]).rpartition("/")[2]
            part = lines[start:end]
            await asyncio.to_thread(_append, path, part)
            entry["count"] += len(part)
            start = end
        self.count += len(lines)

    def _current(self, kind: FileKind, resource_type: str) -> JsonObject:
        """Return the manifest's entry of the file that is written to."""
        files = self._files[kind]
        last = files[-1] if files and files[-1]["type"] == resource_type else None
        if last is not None and last["count"] < self._limit:
            return last
        number = sum(1 for entry in files if entry["type"] == resource_type) + 1
        name = f"{resource_type}.{kind}.{number}.ndjson"
        made: JsonObject = {"type": resource_type, "url": f"{self._base_url}/{name}", "count": 0}
        files.append(made)
        return made

    def manifest(self, transaction_time: str, request: str) -> bytes:
        """Return the manifest; ``deleted`` only where there is something."""
        made: dict[str, Any] = {
            "transactionTime": transaction_time,
            "request": request,
            "requiresAccessToken": False,
            "output": self._files["output"],
        }
        if self._files["deleted"]:
            made["deleted"] = self._files["deleted"]
        made["error"] = self._files["error"]
        return encode(made)


def _append(path: Path, lines: Iterable[bytes]) -> None:
    with path.open("ab") as file:
        for line in lines:
            file.write(line)
            file.write(b"\n")
