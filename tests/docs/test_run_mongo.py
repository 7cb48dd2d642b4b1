"""``make run-mongo`` serves on a real MongoDB and keeps what is stored."""

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.test_readme import ROOT, wait_for
from tests.support.mongod import NoMongod, mongod_binary
from tests.support.ports import free_port


@contextmanager
def run_mongo(data: Path) -> Iterator[str]:
    port = free_port()
    command = ["make", "run-mongo", f"DATA={data}", f"OPTIONS=--port {port}"]
    with (data / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(f"http://127.0.0.1:{port}/fhir/Patient?_count=1", server, data / "log")
            yield f"http://127.0.0.1:{port}/fhir"
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=60)


def patients(base: str) -> int:
    with urllib.request.urlopen(f"{base}/Patient?_total=accurate&_count=0") as answer:
        return int(json.load(answer)["total"])


def test_the_demo_is_served_and_what_is_stored_is_kept(tmp_path: Path) -> None:
    try:
        mongod_binary()
    except NoMongod as missing:
        pytest.skip(str(missing))
    bundle = (ROOT / "examples/visit-bundle.json").read_bytes()
    with run_mongo(tmp_path) as base:
        before = patients(base)
        headers = {"Content-Type": "application/fhir+json"}
        with urllib.request.urlopen(urllib.request.Request(base, bundle, headers)) as answer:
            assert json.load(answer)["type"] == "transaction-response"
        assert before > 0
        stored = patients(base)
        assert stored >= before
    with run_mongo(tmp_path) as base:
        assert patients(base) == stored
