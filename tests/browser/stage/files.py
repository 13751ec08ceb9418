"""Files as replies, from memory: a browser that leaves in the middle of a large one must not leave it open."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from aiohttp import web


def file_reply(file: Path, headers: Mapping[str, str]) -> web.Response:
    """A whole file."""
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return web.Response(body=_bytes(file), content_type=kind, headers=headers)


@cache
def _bytes(file: Path) -> bytes:
    return file.read_bytes()
