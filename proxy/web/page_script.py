"""GET /join-results.js: the page's script as it was built, under its plain and its pinned path.

All that is sent is made once, at the start: no request costs more than choosing among three bodies.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Final

import brotli  # type: ignore[import-untyped]  # ships no types
import msgspec
from aiohttp import web

from .bodies import expect

PATH: Final = "/join-results.js"
BUILT: Final = (files(__package__) / "static" / "join-results.js").read_bytes()
"""Read with the module: where it is missing, the installation is broken as it is without a module."""

_PINNED: Final = "/join-results-{hash:[^/]*}.js"
_METHODS: Final = ("GET", "HEAD")
_FIVE_MINUTES: Final = "public, max-age=300, stale-while-revalidate=86400"
"""After five minutes a page uses what it has and the browser asks meanwhile, so that no page waits for joinwatch."""
_FOR_GOOD: Final = "public, max-age=31536000, immutable"

_ANY_PAGE: Final = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
"""A browser that checks `integrity` fetches with CORS; a page under COEP embeds only what says that it may be."""

_QVALUE: Final = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Representation:
    """The script in one coding; the tag is strong, for these very bytes (RFC 9110 section 8.8.3)."""

    coding: str
    body: bytes
    etag: str


class PageScript:
    """The handler of both paths, and the tag for whoever writes the page."""

    def __init__(self, script: bytes) -> None:
        bodies = {
            # In this order of preference where a client has none.
            "br": brotli.compress(script, mode=brotli.MODE_TEXT),
            "gzip": gzip.compress(script, mtime=0),
            "identity": script,
        }
        self._representations = {
            coding: _Representation(coding, body, f'"{_hash(body)}"') for coding, body in bodies.items()
        }
        self._hash = _hash(script)
        self._integrity = f"sha384-{base64.b64encode(hashlib.sha384(script).digest()).decode()}"

    def tag(self, public: str = "") -> str:
        """The pinned script element, for `public`: how pages reach the public listener, without a slash at its end."""
        src = f"{public}/join-results-{self._hash}.js"
        return f'<script src="{src}" integrity="{self._integrity}" crossorigin="anonymous"></script>'

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Serve both paths; routes that are added later serve what lies below theirs, but not these."""
        router.add_route("*", PATH, self.handle, expect_handler=expect)
        router.add_route("*", _PINNED, self.handle, expect_handler=expect)

    async def handle(self, request: web.Request) -> web.Response:
        """Serve one request."""
        pinned = request.match_info.get("hash")
        if pinned not in (None, self._hash):
            message = (
                "this tag belongs to another version of joinwatch than the one that is running: take its tag from "
                f"the admin page, or use {PATH}"
            )
            return _error(404, "unknown_script", message)
        if request.method not in _METHODS:
            return _error(405, "method", "use GET", {"Allow": ", ".join(_METHODS)})
        chosen = self._representations[
            preferred(_field(request, "Accept-Encoding"), tuple(self._representations))
        ]
        headers = {
            "Cache-Control": _FIVE_MINUTES if pinned is None else _FOR_GOOD,
            "ETag": chosen.etag,
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
            **_ANY_PAGE,
        }
        if _has(_field(request, "If-None-Match"), chosen.etag):
            return web.Response(status=304, headers=headers)
        headers["Content-Type"] = "text/javascript; charset=utf-8"
        if chosen.coding != "identity":
            headers["Content-Encoding"] = chosen.coding
        return web.Response(body=chosen.body, headers=headers)


def preferred(accept_encoding: str | None, available: Collection[str]) -> str:
    """Which of the codings to send (RFC 9110 section 12.5.3): the first of those that weigh most.

    `identity` is among them. It is sent where nothing else is acceptable, also where it was refused itself: a script
    that arrives is of more use than a 406. An element that cannot be read is passed over.
    """
    if accept_encoding is None:
        return "identity"
    weights: dict[str, float] = {}
    for element in accept_encoding.lower().split(","):
        coding, *parameters = (part.strip(" \t") for part in element.split(";"))
        weight = _weight(parameters)
        if weight is not None:
            weights["gzip" if coding == "x-gzip" else coding] = weight
    rest = weights.get("*", 0.0)
    weighed = {coding: weights.get(coding, rest) for coding in available if coding != "identity"}
    best = max(weighed, key=lambda coding: weighed[coding], default="identity")
    # Where nothing is said of it, identity is acceptable, and the last choice.
    plain = weights.get("identity", rest)
    return best if weighed.get(best, 0.0) >= max(plain, 0.001) else "identity"


def _weight(parameters: list[str]) -> float | None:
    """None where it is none: a q out of range, or anything but a q."""
    if not parameters:
        return 1.0
    name, _, value = parameters[0].partition("=")
    return float(value) if len(parameters) == 1 and name == "q" and _QVALUE.fullmatch(value) else None


def _field(request: web.Request, name: str) -> str | None:
    """All lines of a field as one."""
    lines = request.headers.getall(name, None)
    return None if lines is None else ",".join(lines)


def _has(if_none_match: str | None, etag: str) -> bool:
    """By the weak comparison that GET wants: whoever passes a reply on may have weakened its tag."""
    tags = [tag.strip(" \t").removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return etag in tags or tags == ["*"]


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


def _error(status: int, code: str, message: str, extra: Mapping[str, str] = _NOTHING) -> web.Response:
    return web.Response(
        status=status,
        body=msgspec.json.encode({"error": {"code": code, "message": message}}),
        content_type="application/json",
        headers={"Cache-Control": "no-store", **_ANY_PAGE, **extra},
    )
