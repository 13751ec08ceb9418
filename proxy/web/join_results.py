"""POST /join-results: from any page, checked in the order of what it costs, answered so that the page may read it."""

from __future__ import annotations

import asyncio
import math
import re
from typing import Final

import msgspec
from aiohttp import web

from ..domain import content_coding
from ..domain.join_result import Reject, Rejected
from ..domain.ports import Time
from ..domain.rate_limit import Buckets
from ..services.intake import RETRY_AFTER_S, Deferred, IntakeService
from .bodies import BodyBroken, BodyTooLarge, expect, read_body
from .clients import Clients

PATH: Final = "/join-results"
MAX_BYTES: Final = 8192
"""As it comes, and also after inflation."""

CONTENT_TYPES: Final = frozenset({"application/json", "text/plain"})

_BROKEN: Final = "the connection ended within the body"

_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]{0,20}://[a-z0-9.\-\[\]:]{1,200}")

_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "no-store",
}
_PREFLIGHT: Final = (
    _HEADERS
    | {
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "content-type, content-encoding, *",  # Tracing adds its own to every request.
        "Access-Control-Max-Age": "86400",
    }
)


class JoinResults:
    """The handler. The receipt inside the body is the gate: every origin is answered, no cookie is looked at."""

    def __init__(
        self,
        intake: IntakeService,
        clients: Clients,
        buckets: Buckets,
        *,
        client_timeout_s: float,
        time: Time,
    ) -> None:
        self._intake = intake
        self._clients = clients
        self._buckets = buckets
        self._client_timeout_s = client_timeout_s
        self._time = time

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Serve the path; methods other than POST and OPTIONS get a 405 that the page may read."""
        router.add_route("*", PATH, self.handle, expect_handler=expect)

    async def handle(self, request: web.Request) -> web.Response:
        """Serve one request. 204 is a promise: the result is durably stored."""
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=_PREFLIGHT)
        if request.method != "POST":
            return _reply(405, "method", "use POST", {"Allow": "POST, OPTIONS"})
        try:
            await self._deliver(request, _origin(request))
        except Rejected as rejected:
            return _refusal(rejected)
        return web.Response(status=204, headers=_HEADERS)

    async def _deliver(self, request: web.Request, origin: str | None) -> None:
        """Raises Rejected, already counted: whatever fails, the delivery ends in one outcome."""
        try:
            client = self._clients.limit_key(request, tuple(request.headers.items()))
            body = await self._received(request, client, origin)
            await self._intake.take(body, origin=origin, client=client)
        except Rejected:
            raise
        except Exception as error:
            internal = Deferred(Reject.INTERNAL, f"joinwatch failed ({type(error).__name__})", RETRY_AFTER_S)
            self._intake.refused(internal, origin)
            raise internal from error

    async def _received(self, request: web.Request, client: str, origin: str | None) -> bytes:
        """The body, inflated. Raises Rejected, already counted."""
        try:
            return await self._body(request, client)
        except Rejected as rejected:
            self._intake.refused(rejected, origin)
            raise
        except asyncio.CancelledError:
            self._intake.refused(_incomplete(_BROKEN), origin)
            raise

    async def _body(self, request: web.Request, client: str) -> bytes:
        """The body, inflated. Raises Rejected."""
        # Not request.content_type: the parser behind it takes half a second, or fails, where a stranger wants it to.
        if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() not in CONTENT_TYPES:
            message = f"the content type must be one of {', '.join(sorted(CONTENT_TYPES))}"
            raise Rejected(Reject.CONTENT_TYPE, message)
        if (request.content_length or 0) > MAX_BYTES:
            raise _too_large()
        wait_s = self._buckets.allow(client, self._time.mono())
        if wait_s > 0:
            message = "too many results from this address (results.rate_limit)"
            raise Deferred(Reject.RATE_LIMITED, message, math.ceil(wait_s))
        try:
            body = await read_body(request, limit=MAX_BYTES, timeout_s=self._client_timeout_s)
            return content_coding.decode(body, request.headers.get("Content-Encoding"), MAX_BYTES)
        except (BodyTooLarge, content_coding.TooLarge):
            raise _too_large() from None
        except content_coding.NotDecodable as error:
            raise Rejected(Reject.CONTENT_ENCODING, str(error)) from None
        except TimeoutError:
            raise _incomplete(f"the body did not arrive within {self._client_timeout_s:g} s") from None
        except BodyBroken:
            raise _incomplete(_BROKEN) from None


def _too_large() -> Rejected:
    return Rejected(Reject.TOO_LARGE, f"the body has more than {MAX_BYTES} bytes")


def _incomplete(message: str) -> Deferred:
    return Deferred(Reject.INCOMPLETE, message, RETRY_AFTER_S)


def _origin(request: web.Request) -> str | None:
    """The page's origin if it looks like one: what a stranger sends is kept only in that shape."""
    origin = request.headers.get("Origin", "").lower()
    return origin if _ORIGIN.fullmatch(origin) else None


def _refusal(rejected: Rejected) -> web.Response:
    extra = {"Retry-After": str(rejected.retry_after_s)} if isinstance(rejected, Deferred) else {}
    return _reply(rejected.reason.status, rejected.reason, str(rejected), extra)


def _reply(status: int, code: str, message: str, extra: dict[str, str]) -> web.Response:
    body = msgspec.json.encode({"error": {"code": code, "message": message}})
    return web.Response(status=status, body=body, headers=_HEADERS | extra, content_type="application/json")
