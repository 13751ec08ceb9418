"""What a request asked for (meeting number, role): where a route says to look, and reading it without ever failing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote, unquote_plus

import msgspec

MAX_BODY = 65536
"""Bytes; a signature request is a few hundred, and parsing more would hold up the others."""
MAX_QUERY = 8192
MAX_TEXT = 200
_MAX_STEPS = 16
_MAX_INDEX = 31
_EXACT_INT = 2**53
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([A-Za-z0-9_-]{1,20})", re.IGNORECASE)
_CODECS = {"iso-8859-1": "latin-1", "utf-16": "utf-16", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be"}


class SourceKind(StrEnum):
    """Which part of a request is read."""

    JSON = "json"
    QUERY = "query"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class Source:
    """A place in a request. `steps`: a JSON pointer's tokens, one query name, or one 0-based segment number."""

    kind: SourceKind
    steps: tuple[str, ...]

    def __str__(self) -> str:
        if self.kind is SourceKind.JSON:
            return "json:" + "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in self.steps)
        return f"{self.kind}:{self.steps[0]}"


def parse_source(text: str) -> Source:
    """Read "json:/a/b" (an RFC 6901 pointer), "query:name" or "path:n". Raises ValueError with what is wrong."""
    kind, colon, rest = text.partition(":")
    if not colon or kind not in set(SourceKind) or len(text) > MAX_TEXT:
        raise ValueError("does not start with json:, query: or path:")
    match SourceKind(kind):
        case SourceKind.JSON:
            return Source(SourceKind.JSON, _pointer(rest))
        case SourceKind.QUERY:
            if not rest:
                raise ValueError("names no query parameter")
            return Source(SourceKind.QUERY, (rest,))
        case SourceKind.PATH:
            if not re.fullmatch(r"[0-9]{1,2}", rest) or int(rest) > _MAX_INDEX:
                raise ValueError(f"needs the number of a path segment, 0 to {_MAX_INDEX}")
            return Source(SourceKind.PATH, (str(int(rest)),))


def read(source: Source, *, tail: str, query: str, body: bytes, content_type: str | None) -> str | int | None:
    """What the request says there; None when it says nothing usable. Never raises.

    `tail` (the path beyond the route's own) and `query` are still percent-encoded. The content type only gives the
    charset: pages post JSON as text/plain or as a form, and endpoints read it all the same.
    """
    match source.kind:
        case SourceKind.JSON:
            return _scalar(_at(_json(body, content_type), source.steps))
        case SourceKind.QUERY:
            return _scalar(_parameter(query, source.steps[0]))
        case SourceKind.PATH:
            segments = tail.removeprefix("/").split("/", _MAX_INDEX + 1)
            index = int(source.steps[0])
            return _scalar(unquote(segments[index])) if index < len(segments) else None


def _pointer(text: str) -> tuple[str, ...]:
    if not text.startswith("/"):
        raise ValueError("needs a JSON pointer, which starts with a slash")
    raw = text[1:].split("/")
    if len(raw) > _MAX_STEPS:
        raise ValueError(f"goes deeper than {_MAX_STEPS} levels")
    if any(re.search(r"~(?![01])", step) for step in raw):
        raise ValueError("has a ~ that is not ~0 or ~1 (RFC 6901)")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in raw)


def _json(body: bytes, content_type: str | None) -> object:
    if len(body) > MAX_BODY:
        return None
    found = _CHARSET.search(content_type or "")
    codec = _CODECS.get(found[1].lower(), "utf-8") if found else "utf-8"
    try:
        if codec != "utf-8":
            body = body.decode(codec).removeprefix("\ufeff").encode()
        return msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return None


def _at(value: object, steps: tuple[str, ...]) -> object:
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and re.fullmatch(r"0|[1-9][0-9]{0,5}", step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _parameter(query: str, name: str) -> str | None:
    """The value of that name; None where several differ: servlets take the first one, PHP the last."""
    if len(query) > MAX_QUERY:
        return None
    values = set()
    for field in query.split("&"):
        key, _, value = field.partition("=")
        if unquote_plus(key) == name:
            values.add(unquote_plus(value))
    return values.pop() if len(values) == 1 else None


def _scalar(value: object) -> str | int | None:
    if isinstance(value, str):
        return value if 0 < len(value) <= MAX_TEXT else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _EXACT_INT:
        return None
    return int(value) if value == int(value) else None
