"""Run the suites of a conformance folder against a fresh server; fail where a score falls.

``python -m tests.conformance.scores FOLDER [--update]`` starts ``fhir-server serve`` on an empty
SQLite file and a free port, runs FOLDER/run.py over all groups (FHIRPath through the importable
door), prints the table beside the recorded scores, and stops the server. ``--update`` records
higher scores.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
RECORDED = Path(__file__).with_name("scores.json")
START_TIMEOUT_S = 120


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when no score fell, 1 when one did, 2 when the server did not start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--update", action="store_true", help="record what is higher now")
    parser.add_argument("--report", type=Path, default=Path("conformance-report.json"))
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = _measure(options.folder.resolve(), Path(folder), options.report.resolve())
    if not found:
        sys.stderr.write("the server did not start\n")
        return 2
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    fallen = _compare(found, recorded)
    if options.update:
        best = {group: max(score, recorded.get(group, 0)) for group, score in found.items()}
        RECORDED.write_text(json.dumps(best, indent=1, sort_keys=True) + "\n")
    return 1 if fallen else 0


def _measure(suites: Path, folder: Path, report: Path) -> dict[str, int]:
    """Return passed cases by group; empty when the server does not answer."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("fhir-server")), "serve", "--port", str(port)]
    command += ["--store", f"sqlite:///{folder / 'conformance.sqlite'}"]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)  # our own command
        try:
            base = f"http://127.0.0.1:{port}/fhir"
            if not _is_answering(base, server):
                sys.stderr.write((folder / "server.log").read_text())
                return {}
            return _run(suites / "run.py", base, report)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=30)


def _run(runner: Path, base: str, report: Path) -> dict[str, int]:
    command = [sys.executable, str(runner), base, "--report", str(report), "--show-failures"]
    command += ["--fhirpath", "fhir_server.fhirpath:evaluate"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=ROOT, env=env, check=False, timeout=3600)  # the given suite
    return {
        group: score["passed"]
        for group, score in json.loads(report.read_text())["summary"].items()
        if ":" not in group
    }


def _compare(found: dict[str, int], recorded: dict[str, int]) -> list[str]:
    fallen = [group for group, score in recorded.items() if found.get(group, 0) < score]
    for group in sorted(found | recorded):
        mark = "  FELL" if group in fallen else ""
        sys.stdout.write(
            f"{group}: {found.get(group, 0)} (recorded {recorded.get(group, 0)}){mark}\n"
        )
    return fallen


def _is_answering(base: str, server: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{base}/metadata", timeout=5):
                return True
        except OSError:
            time.sleep(0.2)
    return False


if __name__ == "__main__":
    sys.exit(main())
