"""A loopback wire to a mongod that can lose replies: the command is done, nobody hears of it.

Reference: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
"""

import asyncio
import contextlib
import struct
from types import TracebackType
from typing import Self

_HEADER = struct.Struct("<iiii")
_OP_MSG = 2013
_FIRST_NAME = _HEADER.size + 4 + 1 + 4 + 1
"""Of OP_MSG: flags, kind of the section, length of the document, type of its first element."""


class Wire:
    """Forwards connections to ``port``; an asynchronous context manager.

    Attributes:
        port: Where clients connect.
        lost: For each command, how many of its next replies are lost, with their connection.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.lost: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
            for end in list(self._ends):
                end.close()
            await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        asked: dict[int, str] = {}
        ends = {writer, to_server}
        self._ends |= ends
        pumps = (
            self._requests(reader, to_server, asked),
            self._replies(from_server, writer, asked),
        )
        tasks = [asyncio.create_task(pump) for pump in pumps]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._ends -= ends
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for end in ends:
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: dict[int, str]
    ) -> None:
        while True:
            number, _, message = await _message(reader)
            asked[number] = _command(message)
            writer.write(message)
            await writer.drain()

    async def _replies(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: dict[int, str]
    ) -> None:
        while True:
            _, answered, message = await _message(reader)
            command = asked.pop(answered, "")
            if self.lost.get(command, 0) > 0:
                self.lost[command] -= 1
                return
            writer.write(message)
            await writer.drain()


async def _message(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
    """Read one message: its number, the number that it answers, all of its bytes."""
    header = await reader.readexactly(_HEADER.size)
    length, number, answered, _ = _HEADER.unpack(header)
    return number, answered, header + await reader.readexactly(length - _HEADER.size)


def _command(message: bytes) -> str:
    if _HEADER.unpack_from(message)[3] != _OP_MSG:
        return ""
    return message[_FIRST_NAME : message.index(b"\0", _FIRST_NAME)].decode()
