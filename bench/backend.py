"""A signature endpoint that costs as little as Python allows, to forward to. Prints `listening PORT`."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import time
from email.utils import formatdate

CLIENT_ID = "bench_client_id_not_real"
CLIENT_SECRET = "bench-client-secret-not-real-0123456789"

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


def signature(now: int) -> str:
    """A Meeting SDK signature as a careful endpoint makes it: half a minute of margin, two hours to live."""
    claims = {
        "appKey": CLIENT_ID,
        "sdkKey": CLIENT_ID,
        "mn": "98765432101",
        "role": 0,
        "iat": now - 30,
        "exp": now + 7200,
        "tokenExp": now + 7200,
    }
    parts = [
        json.dumps(part, separators=(",", ":")).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)
    ]
    signed = ".".join(map(_base64, parts))
    mac = hmac.new(CLIENT_SECRET.encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{_base64(mac.digest())}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Endpoint(asyncio.Protocol):
    """One kept connection. Bodies must come with a Content-Length."""

    _reply = b""
    _reply_second = 0

    def __init__(self) -> None:
        self._held = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._held, 0, end)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._held) < size:
                return
            del self._held[:size]
            self._transport.write(self.reply())

    @classmethod
    def reply(cls) -> bytes:
        """The reply of this second."""
        now = int(time.time())
        if now != Endpoint._reply_second:
            body = json.dumps({"signature": signature(now), "sdkKey": CLIENT_ID}).encode()
            head = (
                f"HTTP/1.1 200 OK\r\nDate: {formatdate(now, usegmt=True)}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            Endpoint._reply, Endpoint._reply_second = head.encode() + body, now
        return Endpoint._reply


async def main() -> None:
    """Serve on a free loopback port until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Endpoint, "127.0.0.1", 0)
    print("listening", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
