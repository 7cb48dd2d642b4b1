"""A small closed-loop HTTP load: N keep-alive connections, every answer checked, latencies kept.

Plain asyncio streams instead of a client library, so that the load takes as little as possible of
the two cores that it shares with the server; what is reported is the CPU of the server alone.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request and what makes its answer right."""

    method: str
    path: str
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    is_right: Callable[[int, bytes], bool] = field(default=lambda status, _: status in {200, 201})
    weight: int = 1


@dataclass(slots=True, kw_only=True)
class Result:
    """What a run gave: ``latencies_ms`` of right answers, ``errors`` of wrong ones, wall time."""

    latencies_ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    done_weight: int = 0
    wall_s: float = 0.0

    def percentile(self, share: float) -> float:
        """Return the latency that ``share`` of the right answers stayed within, in milliseconds."""
        ordered = sorted(self.latencies_ms)
        return (
            ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
        )


def run(base_url: str, calls: Iterator[Call], *, connections: int, seconds: float) -> Result:
    """Send ``calls`` over ``connections`` until ``seconds`` are over or there are no more."""
    return asyncio.run(_run(base_url, calls, connections, seconds))


async def _run(base_url: str, calls: Iterator[Call], connections: int, seconds: float) -> Result:
    result = Result()
    started = time.perf_counter()
    end = started + seconds
    await asyncio.gather(*(_worker(base_url, calls, end, result) for _ in range(connections)))
    result.wall_s = time.perf_counter() - started
    return result


async def _worker(base_url: str, calls: Iterator[Call], end: float, result: Result) -> None:
    url = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port, limit=2**26)
    try:
        while time.perf_counter() < end:
            call = next(calls, None)
            if call is None:
                return
            sent = time.perf_counter()
            writer.write(_encode(call, url.path, url.netloc))
            status, body = await _answer(reader)
            if call.is_right(status, body):
                result.latencies_ms.append((time.perf_counter() - sent) * 1000)
                result.done_weight += call.weight
            else:
                result.errors.append(f"{call.method} {call.path}: {status} {body[:200]!r}")
    finally:
        writer.close()


def _encode(call: Call, prefix: str, host: str) -> bytes:
    path = f"{prefix}/{call.path}" if call.path else prefix
    lines = [f"{call.method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in call.headers]
    body = call.body or b""
    if call.body is not None:
        lines += ["Content-Type: application/fhir+json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    lowered = head.lower()
    at = lowered.find(b"content-length:")
    if at >= 0:
        length = int(lowered[at + 15 : lowered.index(b"\r\n", at)])
        return status, await reader.readexactly(length)
    if b"transfer-encoding: chunked" in lowered:
        return status, await _chunks(reader)
    return status, b""


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(parts)
