"""A server under measurement: started on a free port, read from /proc, stopped."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.ports import free_port

START_TIMEOUT_S = 120
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the server used up to now: CPU seconds and resident bytes; and its database's CPU."""

    cpu_s: float
    rss_bytes: int
    database_cpu_s: float = 0.0

    @property
    def all_cpu_s(self) -> float:
        """CPU of server and database."""
        return self.cpu_s + self.database_cpu_s


class Server:
    """``fhir-server serve`` as a context manager; ``base_url`` is set when it answers."""

    def __init__(
        self, store: str, *options: str, folder: Path, database_pids: Sequence[int] = ()
    ) -> None:
        self._store = store
        self._database_pids = database_pids
        self._options = options
        self._folder = folder
        self.base_url = ""
        self.start_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the parent."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    def __enter__(self) -> Self:
        port = free_port()
        command = [str(Path(sys.executable).with_name("fhir-server")), "serve"]
        command += ["--port", str(port), "--store", self._store, *self._options]
        log = (self._folder / "server.log").open("wb")
        started = time.perf_counter()
        self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
        self.base_url = f"http://127.0.0.1:{port}/fhir"
        self._wait(started)
        return self

    def _wait(self, started: float) -> None:
        while time.perf_counter() - started < START_TIMEOUT_S:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.base_url}/Patient?_count=1", timeout=5):  # noqa: S310 # loopback
                    self.start_s = time.perf_counter() - started
                    return
            except OSError:
                time.sleep(0.02)
        self.__exit__(None, None, None)
        raise RuntimeError((self._folder / "server.log").read_text())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=30)

    def usage(self) -> Usage:
        """Return what the server and its workers used up to now."""
        pids = _tree(self.pid)
        return Usage(
            cpu_s=sum(map(_cpu_s, pids)),
            rss_bytes=sum(map(_rss_bytes, pids)),
            database_cpu_s=sum(map(_cpu_s, self._database_pids)),
        )


def _tree(pid: int) -> Sequence[int]:
    pids = [pid]
    for parent in pids:
        children = Path(f"/proc/{parent}/task/{parent}/children")
        if children.exists():
            pids.extend(int(child) for child in children.read_text().split())
    return pids


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(fields[i]) for i in (11, 12)) / _TICKS_PER_S


def _rss_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
