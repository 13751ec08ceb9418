"""The signature routes: a request in, the backend's reply out, with one header more."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

import msgspec
from aiohttp import web

from ..domain.http_headers import end_to_end, forwarded
from ..domain.ports import Ask, Headers, Time
from ..domain.rate_limit import Buckets
from ..domain.routing import stays_below
from ..services.issuance import IssuanceService, Issued
from ..services.traffic import Route, Unserved
from ..telemetry.outcomes import SignatureOutcome
from .bodies import BodyBroken, BodyTooLarge, expect, read_body
from .clients import Clients, peer_of
from .verbatim import Ending, send_verbatim

RECEIPT: Final = "Join-Receipt"
NEVER: Final = frozenset({"TRACE", "CONNECT"})
"""An answer to TRACE repeats the request, with the secret headers that a backend is given (RFC 9110 section 9.3.8)."""

NATIVE_READS: Final = ("Content-Type", "Access-Control-Request-Headers")
EXPOSE: Final = "Access-Control-Expose-Headers"


_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})

_SEE_LOG: Final = "the operator finds the reason in joinwatch's log, under signature.failed"
_UNSERVED: Final = {
    SignatureOutcome.TIMEOUT: (504, "timeout", f"the backend did not answer in time; {_SEE_LOG}"),
    SignatureOutcome.BACKEND_ERROR: (502, "backend_error", f"the backend gave no usable answer; {_SEE_LOG}"),
}
"""What anybody may know of a backend that failed: its name, host and port are for the log."""

_CUT_SHORT: Final = {
    Ending.COMPLETE: None,
    Ending.CLIENT_GONE: SignatureOutcome.CLIENT_GONE,
    Ending.BACKEND_FAILED: SignatureOutcome.BACKEND_ERROR,
}


class _Refused(Exception):
    """joinwatch itself does not take this request."""

    def __init__(self, status: int, code: str, message: str, extra: Mapping[str, str] = _NOTHING) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.extra = extra


class SignatureRoute:
    """One route's handler. `below`: paths under the route's own are served too, for HTTP backends.

    `methods` empty serves every method; OPTIONS is always served.
    """

    def __init__(
        self,
        route: Route,
        service: IssuanceService,
        clients: Clients,
        *,
        methods: Collection[str],
        below: bool,
        buckets: Buckets | None,
        request_max_bytes: int,
        client_timeout_s: float,
        time: Time,
    ) -> None:
        self._route = route
        self._service = service
        self._clients = clients
        self._methods = frozenset({*methods, "OPTIONS"}) if methods else frozenset()
        self._below = below
        self._buckets = buckets
        self._request_max_bytes = request_max_bytes
        self._client_timeout_s = client_timeout_s
        self._time = time

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Serve the route's path, and what lies below it."""
        router.add_route("*", self._route.path, self.handle, expect_handler=expect)
        if self._below:
            below = f"{self._route.path.rstrip('/')}/{{tail:.*}}"
            router.add_route("*", below, self.handle, expect_handler=expect)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one request."""
        try:
            ask = await self._ask(request)
        except _Refused as refused:
            if refused.status != 405:
                self._service.rejected(self._route, refused.status, refused.message)
            return _error(refused.status, refused.code, refused.message, refused.extra)
        except BodyBroken:
            self._service.abandoned(self._route)
            return _error(400, "broken", "the connection ended within the body")
        except asyncio.CancelledError:
            self._service.abandoned(self._route)
            raise
        try:
            issued = await self._service.issue(self._route, ask)
        except Unserved as unserved:
            return _error(*_UNSERVED[unserved.outcome])
        return await self._send(request, issued)

    async def _ask(self, request: web.Request) -> Ask:
        """What to send on. Raises _Refused or BodyBroken."""
        if request.method in NEVER:
            raise _Refused(
                405, "method", "this method is never sent on", {"Allow": "GET, HEAD, POST, OPTIONS"}
            )
        if self._methods and request.method not in self._methods:
            methods = ", ".join(sorted(self._methods))
            raise _Refused(405, "method", f"use {methods}", {"Allow": methods})
        headers = self._headers(request)
        self._keep_limit(request, headers)
        raw_path = request.rel_url.raw_path
        if not raw_path.startswith(self._route.path) or not stays_below(raw_path):
            raise _Refused(400, "path", "write the path plainly, without dot segments or encoded letters")
        try:
            body = await read_body(request, limit=self._request_max_bytes, timeout_s=self._client_timeout_s)
        except BodyTooLarge:
            message = f"the body has more than {self._request_max_bytes} bytes"
            raise _Refused(413, "too_large", message) from None
        except TimeoutError:
            message = f"the body did not arrive within {self._client_timeout_s:g} s"
            raise _Refused(408, "slow", message) from None
        return Ask(
            method=request.method,
            tail=self._tail(raw_path),
            query=request.rel_url.raw_query_string,
            headers=self._onward(request, headers),
            body=body,
            preflight=_is_preflight(request),
        )

    def _headers(self, request: web.Request) -> Headers:
        if self._below or self._buckets is not None:
            return tuple(request.headers.items())
        # The native issuer is the end of the way, and reads only these.
        return tuple((name, request.headers[name]) for name in NATIVE_READS if name in request.headers)

    def _keep_limit(self, request: web.Request, headers: Headers) -> None:
        if self._buckets is None:
            return
        key = self._clients.limit_key(request, headers)
        # A page's preflights must not use up its signatures, nor be a way round the limit.
        key = f"preflight {key}" if _is_preflight(request) else key
        wait_s = self._buckets.allow(key, self._time.mono())
        if wait_s > 0:
            extra = {"Retry-After": str(math.ceil(wait_s)), EXPOSE: "Retry-After"}
            raise _Refused(429, "rate_limited", "too many requests from this address", extra)

    def _tail(self, raw_path: str) -> str:
        """What the path has beyond the route's own: empty, or from a slash on."""
        tail = raw_path[len(self._route.path.rstrip("/")) :]
        return "" if tail == "/" == self._route.path else tail

    async def _send(self, request: web.Request, issued: Issued) -> web.StreamResponse:
        reply = issued.signed.reply
        cut_short: SignatureOutcome | None = SignatureOutcome.CLIENT_GONE
        try:
            response = await send_verbatim(
                request,
                status=reply.status,
                reason=reply.reason,
                headers=with_receipt(reply.headers, issued.receipt) if issued.receipt else reply.headers,
                body=reply.body,
                rest=reply.rest,
            )
            cut_short = _CUT_SHORT[response.ending]
        finally:
            # Also when this handler is cancelled because the client has gone.
            self._service.left(issued, cut_short)
        return response

    def _onward(self, request: web.Request, headers: Headers) -> Headers:
        if not self._below:
            return headers  # The native issuer is the end of the way.
        peer = peer_of(request)
        return forwarded(
            end_to_end(headers), peer, request.scheme, request.host, self._clients.is_trusted(peer)
        )


def _is_preflight(request: web.Request) -> bool:
    """Asks for permission (Fetch standard, CORS preflight): no other OPTIONS goes uncounted."""
    return (
        request.method == "OPTIONS"
        and "Access-Control-Request-Method" in request.headers
        and not request.body_exists
    )


def with_receipt(headers: Headers, receipt: str) -> Headers:
    """The reply's headers with the receipt, which a page of another origin may read."""
    exposed = False
    fields = []
    for name, value in headers:
        lower = name.lower()
        if lower == "join-receipt":
            continue  # Another joinwatch behind this one: results come here, so this one's receipt counts.
        if not exposed and lower == "access-control-expose-headers":
            exposed = True
            fields.append((name, f"{value}, {RECEIPT}" if value.strip() else RECEIPT))
        else:
            fields.append((name, value))
    if not exposed:
        fields.append((EXPOSE, RECEIPT))
    return (*fields, (RECEIPT, receipt))


def _error(status: int, code: str, message: str, extra: Mapping[str, str] = _NOTHING) -> web.Response:
    return web.Response(
        status=status,
        body=msgspec.json.encode({"error": {"code": code, "message": message}}),
        content_type="application/json",
        headers={"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store", **extra},
    )
