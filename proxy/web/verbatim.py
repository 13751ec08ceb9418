"""Replies as a backend gave them: written to the client byte for byte, with the framing that the client understands."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import suppress
from enum import StrEnum

from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

from ..domain.ports import BackendError, Headers
from .bodies import is_closing

_SPACES = str.maketrans("\r\n\0", "   ")
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Ending(StrEnum):
    """How the writing of a reply ended."""

    COMPLETE = "complete"
    CLIENT_GONE = "client_gone"
    BACKEND_FAILED = "backend_failed"
    """The rest of the body failed to come: the client's connection was reset, so that it cannot take it for whole."""


class VerbatimResponse(web.StreamResponse):
    """Sends the status, the reason and the headers that it is given, and nothing of its own but the framing.

    `body` leaves together with the headers. Content-Length is corrected, or added where the whole body is known;
    a body that is `streamed` without one is chunked, or for an HTTP/1.0 client ended by closing. Header text is
    written as UTF-8 with surrogate escapes, the way aiohttp reads it, so any bytes come out as they went in; CR, LF
    and NUL become spaces (RFC 9110 section 5.5). on_response_prepare is not sent: there is nothing to add.
    """

    def __init__(
        self, status: int, reason: str, headers: Headers, body: bytes = b"", *, streamed: bool = False
    ) -> None:
        super().__init__(status=status, reason=reason if reason.isprintable() else reason.translate(_SPACES))
        self._fields = headers
        self._held = body
        self._streamed = streamed
        self.ending = Ending.COMPLETE

    async def _start(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Write the head; in place of aiohttp's, which adds its defaults and leaves out bytes that are not UTF-8."""
        self._req = request
        writer = self._payload_writer = request.writer
        fields = self._framed(request)
        major, minor = request.version
        text = "\r\n".join([f"HTTP/{major}.{minor} {self.status} {self.reason}", *fields])
        if text.count("\r") != len(fields) or text.count("\n") != len(fields) or "\0" in text:
            text = "\r\n".join([text.partition("\r\n")[0], *(field.translate(_SPACES) for field in fields)])
        head = f"{text}\r\n\r\n".encode("utf-8", "surrogateescape")
        held = b"" if self._must_be_empty_body else self._held
        if not self._chunked:
            await writer.write(head + held)
            # A client that asks on and never reads must not make us hold its replies.
            await writer.drain()
            return writer
        await writer.write(head)
        writer.enable_chunking()
        if held:
            await writer.write(held)
        return writer

    def _framed(self, request: web.BaseRequest) -> list[str]:
        """The header lines, with those that tell where the body ends and whether the connection stays."""
        empty = self._must_be_empty_body
        known = None if empty or self._streamed else str(len(self._held))
        has_length = False
        lines = []
        for name, value in self._fields:
            if name.lower() == "content-length":
                if known is not None and (has_length or value != known):
                    continue
                if empty and self.status == 204 and value != "0":
                    continue  # RFC 9110 section 8.6; some clients would wait for that body
                has_length = True
            lines.append(f"{name}: {value}")
        if known is not None and not has_length:
            lines.append(f"Content-Length: {known}")
        keep_alive = request.keep_alive if self._keep_alive is None else self._keep_alive
        if self._streamed and not empty and not has_length:
            if request.version >= HttpVersion11:
                lines.append("Transfer-Encoding: chunked")
                self._chunked = True
            else:
                keep_alive = False
        if not keep_alive and request.version >= HttpVersion11:
            lines.append("Connection: close")
        elif keep_alive and request.version == HttpVersion10:
            lines.append("Connection: keep-alive")
        self._keep_alive = keep_alive
        return lines


async def send_verbatim(
    request: web.BaseRequest,
    *,
    status: int,
    reason: str,
    headers: Headers,
    body: bytes,
    rest: AsyncGenerator[bytes, None] | None,
) -> VerbatimResponse:
    """Write a whole reply; `ending` of what is returned says how that went. The handler returns it as it is.

    Closes `rest` whatever happens. Where `rest` fails, the client's connection is reset. Raises nothing but
    cancellation: a stream may be silent for hours, so that only `handler_cancellation` tells that its client left.
    """
    response = VerbatimResponse(status, reason, headers, body, streamed=rest is not None)
    if is_closing(request):
        response.force_close()
    try:
        await response.prepare(request)
        if rest is not None:
            async for chunk in rest:
                await response.write(chunk)
        await response.write_eof()
    except BackendError:
        response.ending = Ending.BACKEND_FAILED
        response.force_close()
        _reset(request)
    except ConnectionError:
        response.ending = Ending.CLIENT_GONE
        response.force_close()
    finally:
        if rest is not None:
            await rest.aclose()
    return response


def _reset(request: web.BaseRequest) -> None:
    """Close with RST instead of FIN: where the end of the connection ends the body, FIN would say "complete"."""
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    with suppress(OSError, AttributeError):  # already closed, or not TCP
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
