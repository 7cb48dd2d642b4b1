"""The last step of an answer: packed where that pays, whole or piece by piece from a file.

Spec: https://hl7.org/fhir/R4/http.html#compression
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, BinaryIO

from fhir_server.http.compression import compressed, packer
from fhir_server.http.exchange import Reply

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_THREAD_FROM_BYTES = 262_144  # packing this much takes some 5 ms: not on the event loop
_PIECE_BYTES = 131_072


async def send_reply(send: Send, reply: Reply, *, is_head: bool, packs: bool) -> None:
    """Send an answer.

    Args:
        send: ASGI's.
        reply: Its headers are complete but for length and encoding.
        is_head: Leave the body out.
        packs: Pack the body.
    """
    if reply.file is not None:
        await _send_file(send, reply, reply.file, is_head=is_head, packs=packs)
        return
    body = reply.body
    if packs:
        large = len(body) >= _THREAD_FROM_BYTES
        body = await asyncio.to_thread(compressed, body) if large else compressed(body)
        reply.headers.append((b"content-encoding", b"gzip"))
    if reply.status not in {204, 304}:
        reply.headers.append((b"content-length", b"%d" % len(body)))
    await _start(send, reply)
    await send({"type": "http.response.body", "body": b"" if is_head else body})


async def _start(send: Send, reply: Reply) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})


async def _send_file(send: Send, reply: Reply, path: Path, *, is_head: bool, packs: bool) -> None:
    """Send a file; it stays open, so that its deletion meanwhile does no harm."""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        if packs:
            reply.headers.append((b"content-encoding", b"gzip"))
        else:
            length = (await asyncio.to_thread(path.stat)).st_size
            reply.headers.append((b"content-length", b"%d" % length))
        await _start(send, reply)
        if not is_head:
            async for piece in _pieces(file, zlib_packer=packer() if packs else None):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        file.close()


async def _pieces(file: BinaryIO, zlib_packer: "zlib._Compress | None") -> AsyncIterator[bytes]:
    def next_piece() -> tuple[bool, bytes]:
        plain = file.read(_PIECE_BYTES)
        if zlib_packer is None:
            return bool(plain), plain
        return bool(plain), zlib_packer.compress(plain) if plain else zlib_packer.flush()

    more = True
    while more:
        more, piece = await asyncio.to_thread(next_piece)
        if piece:
            yield piece
