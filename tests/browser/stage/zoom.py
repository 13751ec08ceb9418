"""zoom.us and its CDN, played by a real TLS server on loopback: the browser is sent there by its resolver rules."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web

from .files import file_reply
from .meeting import Meetings, accepted
from .sdk import Sdk

KEY: Final = "testSdkKeyNotReal0OfThirtySixLetters"
OTHER_KEY: Final = "testSdkKeyNotReal1OfThirtySixLetters"


class Behaviour(StrEnum):
    """What Zoom does when a page asks to join."""

    REFUSE = "refuse"
    WRONG_KEY = "wrong_key"
    EXPIRED = "expired"
    HTML = "html"
    SILENT = "silent"
    RESET = "reset"
    HTTP_500 = "http_500"
    ACCEPT = "accept"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for /api/v1/wc/info, as it came."""

    method: str
    params: dict[str, str]
    origin: str
    """The page's, without a slash at its end."""
    at: float
    """Epoch seconds when it was read."""

    def claims(self) -> dict[str, Any]:
        """The claims of the signature that was sent, without judging it."""
        claims: dict[str, Any] = json.loads(_unpadded(self.params["signature"].split(".")[1]))
        return claims


@dataclass(slots=True)
class Zoom:
    """The running server; `behaviour` may be changed while it runs."""

    sdk: Sdk
    port: int = 0
    behaviour: Behaviour = Behaviour.REFUSE
    meetings: Meetings = field(default_factory=Meetings)
    asked: list[Asked] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def until_asked(self, count: int = 1, origin: str = "", timeout_s: float = 30.0) -> list[Asked]:
        """The requests so far, of one page's origin or of all, as soon as there are `count` of them."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: len(self.asked_by(origin)) >= count)
        return self.asked_by(origin)

    def asked_by(self, origin: str) -> list[Asked]:
        """The requests of one page's origin, or of all."""
        return [asked for asked in self.asked if origin in {"", asked.origin}]

    def give_up(self) -> None:
        """End the connections on which nothing is answered."""
        self._over.set()
        self._over = asyncio.Event()

    def resolver_rules(self) -> str:
        """For Chromium: both hosts are this server, loopback is loopback, and nothing else can be reached."""
        hosts = ("zoom.us", "*.zoom.us")
        maps = [f"MAP {host}:443 127.0.0.1:{self.port}" for host in hosts]
        return ", ".join([*maps, "MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1"])

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Both hosts."""
        if request.path == "/api/v1/wc/info":
            return await self._info(request)
        if request.host in ("rwc.zoom.us", "rwg.zoom.us"):
            return await self.meetings.serve(request)
        file = self.sdk.cdn_file(request.path) if request.host == "source.zoom.us" else None
        if file is None:
            return web.Response(status=404, headers=_OPEN)
        return file_reply(file, _OPEN)

    async def _info(self, request: web.Request) -> web.StreamResponse:
        form = (await request.text()) if request.method == "POST" else request.query_string
        params = dict(parse_qsl(form, keep_blank_values=True))
        # JSONP has no Origin; the Referer of another origin is no more than that.
        origin = request.headers.get("Origin") or request.headers.get("Referer", "").rstrip("/")
        async with self._changed:
            self.asked.append(Asked(request.method, params, origin, time.time()))
            self._changed.notify_all()
        headers = {
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Cache-Control": "no-store",
        }
        match self.behaviour:
            case Behaviour.SILENT | Behaviour.RESET:
                if self.behaviour is Behaviour.SILENT:
                    await self._over.wait()
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            case Behaviour.HTTP_500:
                return web.Response(status=500, headers=headers)
            case Behaviour.HTML:
                text = "<!doctype html><title>Hotel</title><p>Please sign in to the network</p>"
                return web.Response(text=text, content_type="text/html", headers=headers)
            case _:
                pass
        text = json.dumps(_reply(self.behaviour, params))
        if request.method == "GET":
            text = f"{params['callback']}({text})"
        kind = "application/javascript" if request.method == "GET" else "application/json"
        return web.Response(text=text, content_type=kind, headers=headers)


@asynccontextmanager
async def zoom_us(sdk: Sdk, tls: ssl.SSLContext) -> AsyncIterator[Zoom]:
    """Zoom for one test module."""
    zoom = Zoom(sdk)
    app = web.Application(client_max_size=2**20)
    app.router.add_route("*", "/{path:.*}", zoom.serve)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        zoom.port = runner.addresses[0][1]
        yield zoom
    finally:
        await runner.cleanup()


_OPEN: Final = {"Cross-Origin-Resource-Policy": "cross-origin", "Access-Control-Allow-Origin": "*"}


def _refusal(message: str) -> dict[str, Any]:
    return {"status": False, "errorCode": 200, "errorMessage": message, "result": None}


def _reply(behaviour: Behaviour, params: dict[str, str]) -> dict[str, Any]:
    replies: dict[Behaviour, Callable[[], dict[str, Any]]] = {
        Behaviour.REFUSE: lambda: _refusal("Invalid signature."),
        Behaviour.WRONG_KEY: lambda: _refusal("The api key is wrong."),
        Behaviour.EXPIRED: lambda: _refusal("The signature has expired."),
        Behaviour.ACCEPT: lambda: accepted(params),
    }
    return replies[behaviour]()


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
