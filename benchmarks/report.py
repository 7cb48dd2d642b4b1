"""Tables for people, JSON for programs, the budgets of the design page beside both."""

import json
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.load import Call, run
from benchmarks.process import Server

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured line; ``per_cpu_s`` counts right answers (or resources) a second of CPU."""

    name: str
    per_cpu_s: float
    per_s: float
    p50_ms: float
    p99_ms: float
    errors: int
    budget: str
    server_us: float = 0.0
    database_us: float = 0.0

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        numbers = (f"{self.per_cpu_s:,.0f}", f"{self.per_s:,.0f}", f"{self.p50_ms:.1f}")
        split = (f"{self.server_us:,.0f}", f"{self.database_us:,.0f}")
        return (self.name, *numbers, f"{self.p99_ms:.1f}", *split, str(self.errors), self.budget)


SPLIT = ("server µs", "database µs")
HEADINGS = ("what", "per CPU-s", "per s", "p50 ms", "p99 ms", *SPLIT, "errors", "budget")


def measure(
    name: str,
    server: Server,
    calls: Callable[[], Iterator[Call]],
    *,
    budget: str,
    connections: int = 32,
    seconds: float = 8.0,
    warm_s: float = 2.0,
) -> Row:
    """Warm up, then measure one kind of request; wrong answers are counted, the first is told."""
    stream = calls()
    run(server.base_url, stream, connections=connections, seconds=warm_s)
    before = server.usage()
    result = run(server.base_url, stream, connections=connections, seconds=seconds)
    after = server.usage()
    cpu_s = max(after.all_cpu_s - before.all_cpu_s, 1e-9)
    done = max(result.done_weight, 1)
    if result.errors:
        Console(stderr=True).print(f"{name}: {result.errors[0]}", markup=False)
    return Row(
        name=name,
        per_cpu_s=result.done_weight / cpu_s,
        per_s=result.done_weight / result.wall_s,
        p50_ms=result.percentile(0.5),
        p99_ms=result.percentile(0.99),
        errors=len(result.errors),
        budget=budget,
        server_us=(after.cpu_s - before.cpu_s) / done * 1e6,
        database_us=(after.database_cpu_s - before.database_cpu_s) / done * 1e6,
    )


def show(title: str, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print one table."""
    table = Table(title=title)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)


def save(question: str, rows: list[Row], **facts: object) -> None:
    """Write ``results/<question>.json`` with the machine and the time."""
    RESULTS.mkdir(exist_ok=True)
    content = {
        "question": question,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"python": platform.python_version(), "processor": platform.machine()},
        "rows": [asdict(row) for row in rows],
        **facts,
    }
    (RESULTS / f"{question}.json").write_text(json.dumps(content, indent=1) + "\n")
