"""A TCP proxy that cuts a connection in the middle of a conversation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(slots=True)
class Cutter:
    """Passes everything on until the client says `at`; then cuts: before the server hears it, or before it can answer.

    `armed` is how many more connections are cut; `cut` how many were.
    """

    port: int = 0
    at: bytes = b"COMMIT\0"
    armed: int = 0
    heard: bool = True
    cut: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def _upwards(
        self, client: asyncio.StreamReader, server: asyncio.StreamWriter, answers: asyncio.Task[None]
    ) -> None:
        while data := await client.read(65536):
            if self.armed and self.at in data:
                self.armed -= 1
                self.cut += 1
                answers.cancel()
                if self.heard:
                    server.write(data)
                    await server.drain()
                return
            server.write(data)
            await server.drain()


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()


@asynccontextmanager
async def cutting(port: int) -> AsyncIterator[Cutter]:
    """In front of a server on loopback."""
    cutter = Cutter()

    async def accept(client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        try:
            server_in, server_out = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            client_out.close()
            return
        answers = asyncio.create_task(_pass_on(server_in, client_out))
        with suppress(ConnectionError):
            await cutter._upwards(client_in, server_out, answers)
        answers.cancel()
        server_out.close()
        client_out.close()

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    cutter.port = listener.sockets[0].getsockname()[1]
    try:
        yield cutter
    finally:
        listener.close()
