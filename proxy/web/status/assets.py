"""The pages' own files, and the headers under which everything here is sent: nothing from elsewhere, nothing inline."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Final

from aiohttp import web

_FOLDER: Final = files(__package__) / "../static/status"
_TYPES: Final = {
    "status.css": "text/css",
    "picture.css": "text/css",
    "icon.svg": "image/svg+xml",
    "live.js": "text/javascript",
    "dots.js": "text/javascript",
    "scale.js": "text/javascript",
    "uPlot.iife.min.js": "text/javascript",
    "uPlot.min.css": "text/css",
    "uPlot.LICENSE": "text/plain",
}
BODIES: Final = {name: (_FOLDER / name).read_bytes() for name in _TYPES}
"""Read with the module: where one is missing, the installation is broken."""

_ETAGS: Final = {name: f'"{hashlib.sha256(body).hexdigest()[:16]}"' for name, body in BODIES.items()}

_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)


def page_headers() -> dict[str, str]:
    """Of every page."""
    return {"Cache-Control": "no-store", "Content-Security-Policy": _PAGE_POLICY, "Vary": "Accept", **_ALWAYS}


def policy_of_style(style: str) -> str:
    """What a document may do that has this style inline and needs nothing else."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def picture_headers(style: str) -> dict[str, str]:
    """Of a picture that stands alone."""
    return {"Cache-Control": "no-store", "Content-Security-Policy": policy_of_style(style), **_ALWAYS}


async def asset(request: web.Request) -> web.Response:
    """One of the files; a browser asks each time whether it is still the same."""
    name = request.match_info["name"]
    if name not in BODIES:
        raise web.HTTPNotFound
    headers = {"Cache-Control": "no-cache", "ETag": _ETAGS[name], **_ALWAYS}
    if request.headers.get("If-None-Match") == _ETAGS[name]:
        return web.Response(status=304, headers=headers)
    return web.Response(body=BODIES[name], content_type=_TYPES[name], charset="utf-8", headers=headers)
