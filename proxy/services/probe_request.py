"""What a probe asks: a request as pages send it, with places for the meeting and the role; how often and how long."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from yarl import URL

from ..domain.ports import Ask, Headers, header
from ..domain.request_facts import Source, SourceKind

MEETING: Final = "{meeting}"
ROLE: Final = "{role}"

DEFAULT_BODY: Final = f'{{"meetingNumber": "{MEETING}", "role": {ROLE}}}'
"""What the page of Zoom's sample sends to its auth endpoint."""

PARTICIPANT: Final = 0

EVERY_LEAST_S: Final = 1.5
"""With what a probe asks at once besides, about 50 requests a minute: a probe is load too."""

_JSON: Final = "application/json"
_BODILESS: Final = frozenset({"GET", "HEAD"})
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_NOT_SENT: Final = frozenset({"content-length", "transfer-encoding", "connection", "expect"})

_FIXED_MEETING: Final = re.compile(r"(?<![0-9])[0-9]{9,11}(?![0-9])")
"""An endpoint that signs for meetings it knows only is asked for one and the same."""

_NO_MEETING: Final = (
    f"the request has no body, and its URL no {MEETING}: it would ask for no meeting; write"
    f" ?meetingNumber={MEETING}&role={ROLE} at the URL's end, with the names that the page uses, and quote the URL for"
    " the shell"
)

_DEEPEST: Final = 16

_MEETING_MARK: Final = 91827364550
_ROLE_MARK: Final = 718293645
"""Stand in for the placeholders while their places are looked for."""


class Unusable(ValueError):
    """The request cannot be sent; the message names the argument and how to mend it, never a header's value."""


@dataclass(frozen=True, slots=True)
class Plan:
    """For how long at most, and how far apart, both in seconds."""

    for_s: float = 300.0
    every_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Template:
    """A request that can be asked for any meeting.

    `base` is the scheme and the host with the URL's user and password, for the backend; `shown` the URL without
    these and without its query. `meeting_from` and `role_from` say where the placeholders stand; None: nowhere that
    could be compared with the signature.
    """

    method: str
    base: str
    shown: str
    url: str
    body: str
    headers: Headers
    meeting_from: Source | None
    role_from: Source | None

    def ask(self, meeting: int, role: int = PARTICIPANT) -> Ask:
        """The request for this meeting."""
        url = URL(_fill(self.url, meeting, role))
        return Ask(
            method=self.method,
            tail=url.raw_path,
            query=url.raw_query_string,
            headers=self.headers,
            body=_fill(self.body, meeting, role).encode("utf-8", "surrogateescape"),
        )

    @property
    def varies(self) -> bool:
        """Whether each request can be for a meeting of its own."""
        return MEETING in self.url or MEETING in self.body


def template(
    url: str, *, method: str | None = None, body: str | None = None, headers: Sequence[str] = ()
) -> Template:
    """Read the command's arguments; each header is "Name: value". Raises Unusable.

    Without a body, DEFAULT_BODY is sent, but not with a method that has none, nor where the URL names the meeting:
    then the method is GET, else POST, unless it is given.
    """
    url = url.partition("#")[0]  # A fragment is never sent, so it asks for nothing.
    if method is None:
        method = "GET" if body is None and MEETING in url else "POST"
    method = method.upper()
    if not _TOKEN.fullmatch(method):
        raise Unusable("--method is not an HTTP method; write POST or GET")
    marked = _parsed(_fill(url, _MEETING_MARK, _ROLE_MARK))
    if body is None:
        body = "" if method in _BODILESS or MEETING in url else DEFAULT_BODY
    if not body and MEETING not in url and not _FIXED_MEETING.search(url):
        raise Unusable(_NO_MEETING)
    fields = tuple(_field(number, text) for number, text in enumerate(headers, start=1))
    value = _json_of(body, fields)
    if body and header(fields, "content-type") is None:
        fields = (("Content-Type", _JSON), *fields)
    return Template(
        method=method,
        base=str(marked.with_path("/").with_query(None).with_fragment(None)),
        shown=f"{marked.origin()}{urlsplit(url).path}",
        url=url,
        body=body,
        headers=fields,
        meeting_from=_place(_MEETING_MARK, url, value),
        role_from=_place(_ROLE_MARK, url, value),
    )


def _parsed(url: str) -> URL:
    wrong = (
        "the URL is not an http:// or https:// one with a host; write it out, as in http://localhost:4000/"
    )
    try:
        host = urlsplit(url).netloc.rpartition("@")[2]
        parsed = URL(url)
        there = bool(parsed.host) and parsed.port != 0
    except ValueError:  # Also of a host that no IDNA name stands for, as "xn--" is.
        raise Unusable(wrong) from None
    if any(str(mark) in host for mark in (_MEETING_MARK, _ROLE_MARK)):
        raise Unusable("the URL has a placeholder in its host; put it into the path or the query")
    if parsed.scheme not in ("http", "https") or not there:
        raise Unusable(wrong)
    return parsed


def _field(number: int, text: str) -> tuple[str, str]:
    """One --header. Its value may be a secret: only its number is ever told."""
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
        raise Unusable(f'--header number {number} is not "Name: value" on one line; quote it for the shell')
    if name.lower() in _NOT_SENT:
        raise Unusable(f"--header number {number} is one that joinwatch writes itself; leave {name} out")
    return name, value


def _json_of(body: str, fields: Headers) -> object:
    """The body's JSON with the marks in it; None where it is not meant to be JSON."""
    if not body:
        return None
    try:
        value: object = msgspec.json.decode(_fill(body, _MEETING_MARK, _ROLE_MARK))
    except (ValueError, RecursionError) as error:
        if header(fields, "content-type") is not None:
            return None
        raise Unusable(
            f"--body is not JSON ({error}); quote it for the shell, or say what it is with --header 'Content-Type: …'"
        ) from None
    return value


def _place(mark: int, url: str, body: object) -> Source | None:
    """Where a placeholder stands alone, in the body, the query or the path."""
    pointer = next((steps for steps, scalar in _scalars(body) if str(scalar) == str(mark)), None)
    if pointer is not None:
        return Source(SourceKind.JSON, pointer)
    split = urlsplit(_fill(url, _MEETING_MARK, _ROLE_MARK))
    for name, value in parse_qsl(split.query):
        if value == str(mark):
            return Source(SourceKind.QUERY, (name,))
    for index, segment in enumerate(split.path.removeprefix("/").split("/")):
        if unquote(segment) == str(mark):
            return Source(SourceKind.PATH, (str(index),))
    return None


def _scalars(value: object, steps: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    if len(steps) >= _DEEPEST:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _scalars(item, (*steps, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _scalars(item, (*steps, str(index)))
    elif steps and isinstance(value, str | int):
        yield steps, value


def _fill(text: str, meeting: int, role: int) -> str:
    return text.replace(MEETING, str(meeting)).replace(ROLE, str(role))
