"""The command as people run it: it prints the base URL when it answers and stops at SIGTERM."""

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import httpx
import pytest

from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "fhir_server", "serve"]


def start(*flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *flags],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stopped(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    return process.returncode, errors


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_says_where_it_is_and_stops_cleanly(tmp_path, workers) -> None:
    store = f"sqlite:///{tmp_path}/store.sqlite"
    port = str(free_port())
    process = start("--port", port, "--store", store, "--workers", str(workers))
    try:
        base = process.stdout.readline().strip()
        assert base == f"http://127.0.0.1:{port}/fhir"
        made = httpx.post(f"{base}/Patient", json={"resourceType": "Patient", "active": True})
        assert made.status_code == 201
        assert made.headers["Location"].startswith(base)
        assert httpx.get(f"{base}/Patient/{made.json()['id']}").status_code == 200
    finally:
        code, errors = stopped(process)
    assert (code, errors) == (0, "")


def test_workers_end_with_a_parent_that_is_killed(tmp_path) -> None:
    """They went on and kept the port, so that the server could not be started again."""
    port = str(free_port())
    flags = ("--port", port, "--store", f"sqlite:///{tmp_path}/store.sqlite", "--workers", "2")
    process = start(*flags)
    base = process.stdout.readline().strip()
    assert httpx.get(f"{base}/Patient").status_code == 200
    process.kill()
    process.communicate(timeout=30)  # until the workers have let go of the pipes
    again = start(*flags)
    try:
        assert again.stdout.readline().strip() == base
        assert httpx.get(f"{base}/Patient").status_code == 200
    finally:
        assert stopped(again) == (0, "")


def test_a_free_port_can_be_taken(tmp_path) -> None:
    process = start("--port", "0", "--store", f"sqlite:///{tmp_path}/store.sqlite")
    try:
        base = process.stdout.readline().strip()
        with urllib.request.urlopen(f"{base}/metadata") as answer:
            assert answer.status == 200
    finally:
        assert stopped(process)[0] == 0


def test_settings_that_cannot_be_stop_the_start_with_2() -> None:
    done = subprocess.run(
        [*COMMAND, "--store", "postgres://x"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "settings: store:" in done.stderr


def test_demo_data_is_loaded_once_into_an_empty_store(tmp_path) -> None:
    flags = ("--port", "0", "--demo", "--store", f"sqlite:///{tmp_path}/demo.sqlite")
    totals = []
    for _ in range(2):
        process = start(*flags)
        try:
            base = process.stdout.readline().strip()
            totals.append(httpx.get(f"{base}/_history?_count=0").json()["total"])
        finally:
            stopped(process)
    assert totals[0] > 10
    assert totals[0] == totals[1]
