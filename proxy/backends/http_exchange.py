"""One exchange with an HTTP backend over aiohttp: sent exactly once, its times and its peer noted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from ..domain.ports import BackendError, Time

_MAX_HEADER = 65536
_MAX_HEADERS = 512
# What aiohttp would add where the client sent none.
_NOT_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


def open_session() -> aiohttp.ClientSession:
    """A pool of connections that adds nothing to requests and takes nothing from replies. Needs a running loop."""
    return aiohttp.ClientSession(
        # No limit: an event stream keeps its connection for as long as the client listens, and under a limit the
        # signatures would wait for the listeners to leave. There are never more than requests were at once.
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        # The time limits are the caller's: they differ for the headers, a held body and a stream.
        timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
        request_class=_Request,
        auto_decompress=False,
        raise_for_status=False,
        trust_env=False,
        skip_auto_headers=_NOT_ADDED,
        max_line_size=_MAX_HEADER,
        max_field_size=_MAX_HEADER,
        max_headers=_MAX_HEADERS,
    )


class Exchange:
    """What is noted on the way. A client middleware for one request of a session of open_session().

    aiohttp repeats an idempotent request by itself when a pooled connection breaks; `explain` makes of that error one
    that aiohttp leaves alone, so that whoever asked decides on the retry and counts it.
    """

    def __init__(self, time: Time, explain: Callable[[Exception], BackendError]) -> None:
        self._time = time
        self._explain = explain
        self._protocol: ResponseHandler | None = None
        self.began_mono = time.mono()
        self.headers_mono = self.began_mono
        self.headers_wall = time.wall()
        self.peer: str | None = None

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Run the request as aiohttp's chain of middlewares asks for it."""
        if isinstance(request, _Request):  # all that open_session() makes are
            request.exchange = self
        try:
            response = await handler(request)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            raise self._explain(error) from error
        self.headers_mono = self._time.mono()
        self.headers_wall = self._time.wall()
        if self._protocol is not None and not response.content.is_eof():
            _end_with(self._protocol, response.content)
        return response

    def writing(self, connection: Connection) -> None:
        """The connection is there and the request is written next."""
        if connection.protocol is not None and connection.protocol.should_close:
            # Bytes came after the reply before: aiohttp's pool does not look, and would take them for this one's reply.
            raise aiohttp.ServerDisconnectedError("the backend sent more than its reply")
        self._protocol = connection.protocol
        if connection.transport is not None:
            self.peer = _address(connection.transport.get_extra_info("peername"))
        self.began_mono = self._time.mono()

    def check_end(self, response: aiohttp.ClientResponse) -> None:
        """Raise ClientPayloadError where a reset ended a body that closing should have ended: aiohttp takes either."""
        if "Content-Length" in response.headers or "Transfer-Encoding" in response.headers:
            return
        if self._protocol is not None and isinstance(self._protocol.exception(), aiohttp.ClientOSError):
            raise aiohttp.ClientPayloadError("the connection was reset within the body")


def _end_with(protocol: ResponseHandler, body: aiohttp.StreamReader) -> None:
    """Let the body fail when its connection is lost.

    aiohttp tells the reader of a body that is cut short, but not of one whose chunks are malformed (3.14.5): it
    closes the connection, and the reader would wait for ever.
    """

    def fail(_: object) -> None:
        if not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("the connection was lost within the body"))

    lost = protocol.closed
    if lost is None:
        fail(None)
        return
    lost.remove_done_callback(_retrieve)
    lost.add_done_callback(_retrieve)
    lost.add_done_callback(fail)
    # The connection may live on: nothing of this body is to stay behind.
    body.on_eof(lambda: _forget(lost, fail))


def _retrieve(lost: asyncio.Future[None]) -> None:
    lost.exception()  # asyncio complains of exceptions that nobody looked at


def _forget(lost: asyncio.Future[None], callback: Callable[[object], None]) -> None:
    lost.remove_done_callback(callback)


class _Request(aiohttp.ClientRequest):
    """Tells its exchange when it is written: only there are the moment and the connection known."""

    exchange: Exchange | None = None

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        if self.exchange is not None:
            self.exchange.writing(conn)
        return await super().send(conn)


def _address(peername: object) -> str | None:
    match peername:
        case (str(host), int(port), *_):
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        case _:
            return None
