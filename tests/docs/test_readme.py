"""Every block of README.md and README.uk.md works as pasted, and the two say the same."""

import json
import os
import re
import shlex
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.uk.md")
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
START_TIMEOUT_S = 120
COVERED_ELSEWHERE = {"make run", "make run-mongo", "make test"}
"""The server of these tests is `make run` itself, `make run-mongo` has a module of its own."""


def blocks(name: str) -> list[str]:
    return [block.strip() for block in BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))]


def without_language(block: str) -> str:
    lines = [line for line in block.splitlines() if not line.startswith("#")]
    return re.sub(r"(--lang|Accept-Language:) (uk|en)", r"\1 …", "\n".join(lines))


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory):
    number = free_port()
    data = tmp_path_factory.mktemp("readme")
    command = ["make", "run", f"DATA={data}", f"OPTIONS=--port {number}"]
    with (data / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(f"http://127.0.0.1:{number}/fhir/Patient?_count=1", server, data / "log")
            yield number
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=30)


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8"))


def run(block: str, port: int, folder: Path) -> subprocess.CompletedProcess[str]:
    script = block.replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    script = script.replace("sqlite:///data/", f"sqlite:///{shlex.quote(str(folder))}/")
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_both_languages_have_the_same_blocks_and_headings() -> None:
    first, second = ([without_language(block) for block in blocks(name)] for name in READMES)
    assert first == second
    levels = [
        re.findall(r"^#+(?= )", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        for name in READMES
    ]
    assert levels[0] == levels[1]


@pytest.mark.parametrize("name", READMES)
def test_every_block_works_as_pasted(name: str, port: int, tmp_path: Path) -> None:
    for block in blocks(name):
        if block in COVERED_ELSEWHERE:
            continue
        result = run(block, port, tmp_path)
        assert result.returncode == 0, f"{block}\n{result.stdout}\n{result.stderr}"


def test_the_story_of_the_readme_is_true(port: int, tmp_path: Path) -> None:
    visit, patient, broken, frames = blocks("README.md")[1:5]
    stored = json.loads(run(visit, port, tmp_path).stdout)
    assert stored["type"] == "transaction-response"
    found = json.loads(run(patient, port, tmp_path).stdout)
    assert found["entry"][0]["resource"]["name"][0]["family"] == "Прикладна"
    outcome = json.loads(run(broken, port, tmp_path).stdout)
    assert outcome["resourceType"] == "OperationOutcome"
    errors = [issue for issue in outcome["issue"] if issue["severity"] == "error"]
    assert errors
    assert all(issue["expression"][0].startswith("Bundle.entry[") for issue in errors)
    shown = run(frames, port, tmp_path).stderr
    assert "visit-bundle-broken.json:" in shown
    assert "^" in shown


def test_links_lead_to_files() -> None:
    for name in READMES:
        text = (ROOT / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (ROOT / target).exists(), f"{name}: {target}"
