"""``fhir-server serve`` as a process of its own, to be stopped or killed."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
STOP_TIMEOUT_S = 30


class Serving:
    """A server on its own port, in its own process group; a context manager.

    Args:
        store: Its store.
        flags: More flags of ``serve``.

    Attributes:
        base_url: Of the FHIR API; the same after it was started again.
    """

    def __init__(self, store: str, *flags: str) -> None:
        port = free_port()
        self.base_url = f"http://127.0.0.1:{port}/fhir"
        self._command = [sys.executable, "-m", "fhir_server", "serve", "--port", str(port)]
        self._command += ["--store", store, *flags]
        self._process: subprocess.Popen[str] | None = None

    @property
    def process(self) -> subprocess.Popen[str]:
        """The process that was started last."""
        if self._process is None:
            raise RuntimeError("the server was never started")
        return self._process

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self._wait()

    def start(self) -> None:
        """Start it; return when it answers.

        Raises:
            RuntimeError: It ended instead.
        """
        environment = {**os.environ, "FHIR_SERVER_LOG_LEVEL": "error"}
        with tempfile.TemporaryFile("w+") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
            assert self._process.stdout is not None
            if self._process.stdout.readline().strip() != self.base_url:
                self._wait()
                log.seek(0)
                raise RuntimeError(log.read())

    def kill(self) -> None:
        """End it and its workers without warning."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self._wait()

    def _wait(self) -> None:
        self.process.wait(STOP_TIMEOUT_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
