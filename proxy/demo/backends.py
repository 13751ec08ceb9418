"""The signature endpoints: each a real HTTP server, sound but for its one fault."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final

from aiohttp import web

from .clock import Clock
from .faults import HONEST, Faults
from .server import serve
from .signing import CLIENT_SECRET, MARGIN_S, OTHER_SECRET, Asked, Servlet, java_round, jwt, legacy

FAST_S: Final = 45.0
INDIA_S: Final = 19_800
CACHED_FOR_S: Final = 4 * 3600
"""The age of the oldest reply in the cache when the demo begins: half of them have expired."""

REPLICAS: Final = ("replica-1", "replica-2", "replica-3")
BAD_REPLICA: Final = REPLICAS[1]
REPLICA_HEADER: Final = "X-Served-By"

BY_GET: Final = frozenset({"java_rounding", "java_rounding_no_margin", "shared_fields", "cached"})
"""Servlets, and what a cache would keep: asked with a query. All others take JSON, as Zoom's sample does."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A reply: the signature, by which clock it was made (milliseconds), and what a cache or a replica adds."""

    signature: str
    ms: int
    headers: dict[str, str] = field(default_factory=dict)


Code = Callable[[Asked, int, bool], Signed]
"""What a page asks for, true milliseconds, whether the fault is on -> a reply."""


async def start_backends(stack: AsyncExitStack, faults: Faults, clock: Clock, seed: int) -> dict[str, str]:
    """Start all of them on free ports of the loopback interface; their URLs by name."""
    return {
        name: await serve(stack, _endpoint(name, code, faults, clock)) for name, code in _codes(seed).items()
    }


def _codes(seed: int) -> dict[str, Code]:
    return {
        "java_rounding": _stamped(lambda ms: java_round((ms - 30_000) // 1000)),
        "java_rounding_no_margin": _stamped(lambda ms: java_round(ms // 1000)),
        "fast_clock": _fast_clock,
        "timezone": _stamped(lambda ms: ms // 1000 + INDIA_S),
        "milliseconds": _milliseconds,
        "wrong_secret": _wrong_secret,
        "shared_fields": _shared_fields(Servlet(random.Random(f"{seed} shared_fields"))),
        "cached": _Cache(random.Random(f"{seed} cached")).sign,
        "legacy": _legacy,
        "replicas": _Replicas().sign,
        HONEST: _honest,
    }


def _endpoint(name: str, code: Code, faults: Faults, clock: Clock) -> web.Application:
    async def handle(request: web.Request) -> web.Response:
        try:
            source = request.query if request.method == "GET" else await request.json()
            asked = Asked(str(source["meetingNumber"]), int(source["role"]))
        except (KeyError, TypeError, ValueError):
            return web.json_response({"errors": [{"property": "meetingNumber"}]}, status=400)
        signed = code(asked, int(clock.wall() * 1000), faults.is_on(name))
        body = json.dumps({"signature": signed.signature})
        date = formatdate(signed.ms // 1000, usegmt=True)
        headers = {"Date": date, "Cache-Control": "no-store", **signed.headers}
        return web.Response(text=body, content_type="application/json", headers=headers)

    app = web.Application()
    app.router.add_route("GET" if name in BY_GET else "POST", "/", handle)
    return app


def _sound(ms: int) -> int:
    return ms // 1000 - MARGIN_S


def _honest(asked: Asked, ms: int, _faulty: bool) -> Signed:
    return Signed(jwt(asked, _sound(ms)), ms)


def _stamped(wrong: Callable[[int], int]) -> Code:
    """Wrong in its iat only."""
    return lambda asked, ms, faulty: Signed(jwt(asked, wrong(ms) if faulty else _sound(ms)), ms)


def _fast_clock(asked: Asked, ms: int, faulty: bool) -> Signed:
    own = ms + int(FAST_S * 1000) if faulty else ms
    return Signed(jwt(asked, _sound(own)), own)


def _milliseconds(asked: Asked, ms: int, faulty: bool) -> Signed:
    return Signed(jwt(asked, ms, lifetime=7_200_000) if faulty else jwt(asked, _sound(ms)), ms)


def _wrong_secret(asked: Asked, ms: int, faulty: bool) -> Signed:
    return Signed(jwt(asked, _sound(ms), secret=OTHER_SECRET if faulty else CLIENT_SECRET), ms)


def _legacy(asked: Asked, ms: int, faulty: bool) -> Signed:
    return Signed(legacy(asked, ms) if faulty else jwt(asked, _sound(ms)), ms)


def _shared_fields(servlet: Servlet) -> Code:
    def sign(asked: Asked, ms: int, faulty: bool) -> Signed:
        return Signed(servlet.sign(asked, _sound(ms)) if faulty else jwt(asked, _sound(ms)), ms)

    return sign


class _Cache:
    """A cache before a sound endpoint that keeps whatever was asked for before the demo began, for ever."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._kept: dict[Asked, tuple[str, int]] = {}

    def sign(self, asked: Asked, ms: int, faulty: bool) -> Signed:
        """The kept reply, as caches hand it out: its own Date, and its Age."""
        if not faulty:
            return _honest(asked, ms, False)
        if asked not in self._kept:
            made = ms - int(self._rng.random() * CACHED_FOR_S * 1000)
            self._kept[asked] = (jwt(asked, _sound(made)), made)
        token, made = self._kept[asked]
        headers = {
            "Age": str((ms - made) // 1000),
            "Cache-Control": "public, max-age=86400",
            "X-Cache": "HIT",
        }
        return Signed(token, made, headers)


class _Replicas:
    """Three hosts behind one address, in turn; the balancer says which of them answered."""

    def __init__(self) -> None:
        self._asked = 0

    def sign(self, asked: Asked, ms: int, faulty: bool) -> Signed:
        """By the next of them."""
        replica = REPLICAS[self._asked % len(REPLICAS)]
        self._asked += 1
        secret = OTHER_SECRET if faulty and replica == BAD_REPLICA else CLIENT_SECRET
        return Signed(jwt(asked, _sound(ms), secret=secret), ms, {REPLICA_HEADER: replica})
