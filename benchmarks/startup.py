"""Start-up: cold compile of the definitions, warm start to the first answer, memory after it."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.process import Server
from benchmarks.report import save, show

RUNS = 5


def main(_: list[str]) -> None:
    """Measure and print."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["HOME"] = str(folder)  # where the cache of definitions lies
        with Server(f"sqlite:///{folder / 'a.sqlite'}", folder=folder) as server:
            rows.append(("cold start, R4 compiled", f"{server.start_s:.2f} s", "≤ 20 s"))
        starts, memory = [], 0
        for run in range(RUNS):
            with Server(f"sqlite:///{folder / f'{run}.sqlite'}", folder=folder) as server:
                starts.append(server.start_s)
                memory = server.usage().rss_bytes
        rows.append(("warm start to first answer", f"{sorted(starts)[RUNS // 2]:.2f} s", "≤ 1.5 s"))
        rows.append(("memory after start", f"{memory / 1e6:.0f} MB", "≤ 150 MB"))
    rows.append(("fhir-server --help", f"{_help_s() * 1000:.0f} ms", "≤ 150 ms"))
    show("start", ("what", "measured", "budget"), rows)
    save("startup", [], measured=dict(row[:2] for row in rows))


def _help_s() -> float:
    """Median wall time of the command's help."""
    command = [str(Path(sys.executable).with_name("fhir-server")), "--help"]
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return sorted(times)[RUNS // 2]
