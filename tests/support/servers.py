"""Real TCP servers and clients that say exactly the given bytes: well-behaved and misbehaving HTTP endpoints."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

LIMIT = 2**20


@dataclass(frozen=True, slots=True)
class RawRequest:
    """One request as it came over the wire."""

    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        """The request line."""
        return self.head.split(b"\r\n", 1)[0].decode("latin-1")

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The header fields in order, their bytes as Latin-1."""
        fields = self.head.decode("latin-1").split("\r\n")[1:]
        return [(name, value.strip()) for name, _, value in (line.partition(":") for line in fields if line)]

    def values(self, name: str) -> list[str]:
        """All values of one field."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Peer:
    """The server's side of one connection, for a conversation to use."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: RawServer) -> None:
        self.reader = reader
        self.writer = writer
        self._server = server

    async def request(self) -> RawRequest | None:
        """The next request with its body (Content-Length or chunked); None when the other side has closed."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        bare = RawRequest(head, b"")
        body = b""
        if lengths := bare.values("content-length"):
            body = await self.reader.readexactly(int(lengths[0]))
        elif bare.values("transfer-encoding"):
            body = await _chunked(self.reader)
        got = RawRequest(head, body)
        self._server.requests.append(got)
        return got

    async def send(self, *pieces: bytes) -> None:
        """Write now."""
        self.writer.writelines(pieces)
        await self.writer.drain()

    async def send_apart(self, *pieces: bytes) -> None:
        """Write the pieces so that they arrive one by one."""
        for piece in pieces:
            await self.send(piece)
            await asyncio.sleep(0.02)

    def reset(self) -> None:
        """End the connection with RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_closed(self) -> None:
        """Wait until the other side is gone."""
        with suppress(ConnectionError):
            while await self.reader.read(65536):
                pass
        self.gone()

    def gone(self) -> None:
        """Note that the other side closed the connection."""
        self._server.closed_by_peer.set()


Conversation = Callable[[Peer], Awaitable[None]]
"""What a server does with one connection; when it returns, the connection is closed."""


@dataclass(slots=True)
class RawServer:
    """A running server: where it is and what has come."""

    port: int = 0
    scheme: str = "http"
    connections: int = 0
    requests: list[RawRequest] = field(default_factory=list)
    closed_by_peer: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return f"{self.scheme}://127.0.0.1:{self.port}"


@asynccontextmanager
async def raw_server(
    conversation: Conversation, tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawServer]:
    """Run a conversation per connection on a free loopback port; ends every connection on leaving."""
    state = RawServer(scheme="https" if tls else "http")
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        state.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await conversation(Peer(reader, writer, state))
        finally:
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()
            tasks.discard(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=LIMIT, ssl=tls)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def replying(*replies: bytes, close: bool = False) -> Conversation:
    """Answer every request of a connection with the next of the replies, the last one for ever."""

    async def conversation(peer: Peer) -> None:
        number = 0
        while await peer.request() is not None:
            await peer.send(replies[min(number, len(replies) - 1)])
            number += 1
            if close:
                return

    return conversation


def hanging_up(*pieces: bytes, reset: bool = False) -> Conversation:
    """Read a request, send the pieces, and close (or reset) the connection without another word."""

    async def conversation(peer: Peer) -> None:
        await peer.request()
        await peer.send_apart(*pieces)
        if reset:
            peer.reset()

    return conversation


def stalling(*pieces: bytes) -> Conversation:
    """Read a request, send the pieces, and stay silent until the other side closes."""

    async def conversation(peer: Peer) -> None:
        await peer.request()
        await peer.send_apart(*pieces)
        await peer.until_closed()

    return conversation


def repeating(head: bytes, piece: bytes, every_s: float = 0.0) -> Conversation:
    """Read a request, send the head, then the piece again and again until the other side closes: an endless body."""

    async def conversation(peer: Peer) -> None:
        await peer.request()
        await peer.send(head)
        try:
            while True:
                await peer.send(piece)
                await asyncio.sleep(every_s)
        except ConnectionError:
            peer.gone()

    return conversation


class RawClient:
    """A client that writes the given bytes and returns what came, as it came."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> RawClient:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=LIMIT)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def send(self, data: bytes) -> None:
        """Write now."""
        self._writer.write(data)
        await self._writer.drain()

    async def until(self, separator: bytes) -> bytes:
        """What comes up to and with the separator."""
        async with asyncio.timeout(5):
            return await self._reader.readuntil(separator)

    async def exactly(self, size: int) -> bytes:
        """The next `size` bytes."""
        async with asyncio.timeout(5):
            return await self._reader.readexactly(size)

    async def to_end(self) -> tuple[bytes, bool]:
        """All that comes until the connection ends, and whether it ended with a reset."""
        got = b""
        async with asyncio.timeout(10):
            try:
                while piece := await self._reader.read(65536):
                    got += piece
            except ConnectionResetError:
                return got, True
        return got, False


def unused_port() -> int:
    """A loopback port on which nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def self_signed(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context for 127.0.0.1, and the PEM file that makes a client trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, secret)
    return context, pem


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body
