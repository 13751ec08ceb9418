"""What somebody pasted, in any wrapping: a token, several, a URL, JSON, a whole HTTP reply; or what it is instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final
from urllib.parse import unquote

from ..domain.offsets import age_of, parse_http_date
from ..domain.ports import Headers, header
from ..domain.signature import MAX_LENGTH, Format, Signature, decode, find, find_any
from .not_a_token import named

MAX_BYTES: Final = 1 << 20
"""What is larger is no reply of a signature endpoint."""

MAX_TOKENS: Final = 1000
"""How many tokens of one input are judged."""

MAC_BYTES: Final = 32


IN_JSON: Final = "It stands inside JSON: give the SDK the text itself, not the object."


class NotASignature(Exception):
    """There is nothing in it that looks like a signature; the message says what it is instead."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """A signature and the reply that it stood in.

    `date` is the time at which the reply was handed out by its own Date (and Age) header, in epoch seconds and whole;
    None without one. `notes` say what had to be mended to read it.
    """

    signature: Signature
    date: float | None = None
    headers: Headers = ()
    notes: tuple[str, ...] = ()


def text_of(data: bytes) -> str:
    """The text of a file or of standard input, whatever wrote it. Raises NotASignature where it is too large."""
    if len(data) > MAX_BYTES:
        raise NotASignature(f"this is over {MAX_BYTES >> 20} MiB: a signature has 200 to 500 characters")
    for mark, codec in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(codec, "replace")
    if data[1:2] == b"\0" or data[:1] == b"\0":
        return data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-16-be", "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def read(text: str) -> list[Pasted]:
    """Every signature in it, but no more than MAX_TOKENS and one. Raises NotASignature."""
    text = text.strip("\ufeff\0 \t\r\n")
    if len(text) > MAX_BYTES:
        raise NotASignature(f"this is over {MAX_BYTES >> 20} MiB: a signature has 200 to 500 characters")
    replies = list(_replies(text))
    found = [pasted for each in replies if (pasted := _in_reply(each)) is not None]
    if not found and not replies:
        found = _in_lines(text)
        if text[:1] in ("{", "["):
            found = [_in_json(each) for each in found]
    if not found:
        raise NotASignature(
            named(replies[-1].body if replies else text, replies[-1].status if replies else None)
        )
    return found


def _in_json(pasted: Pasted) -> Pasted:
    """Of a bare HMAC the text itself is no signature either, so nothing is said of the object."""
    if pasted.signature.format is Format.HMAC_ONLY:
        return pasted
    return replace(pasted, notes=(*pasted.notes, IN_JSON))


# Whole replies


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: Headers
    body: str


_STATUS_LINE: Final = re.compile(r"^HTTP/\d(?:\.\d)? (\d{3})[^\n]*$", re.MULTILINE)
_CURL_V: Final = re.compile(r"^< HTTP/\d", re.MULTILINE)
_CURL_V_ASIDE: Final = re.compile(r"^(?:[*>{}] ?|[*>] .*|[{}] \[.*)$")


def _replies(text: str) -> Iterator[_Reply]:
    """The replies of one or several requests, as `curl -i` or `curl -v` writes them, redirects too."""
    if _CURL_V.search(text):
        lines = (line for line in text.splitlines() if not _CURL_V_ASIDE.match(line))
        text = "\n".join(line.removeprefix("< ") if line != "<" else "" for line in lines)
    text = text.replace("\r\n", "\n")
    starts = list(islice(_STATUS_LINE.finditer(text), MAX_TOKENS + 1))
    if not starts or text[: starts[0].start()].strip():
        return
    ends = [match.start() for match in starts[1:]] + [len(text)]
    for start, end in zip(starts, ends, strict=True):
        head, _, body = text[start.end() : end].lstrip("\n").partition("\n\n")
        yield _Reply(int(start[1]), _headers(head), body)


def _headers(head: str) -> Headers:
    fields = (line.partition(":") for line in head.split("\n")[:200])
    return tuple((name.strip(), value.strip()) for name, colon, value in fields if colon)


def _in_reply(reply: _Reply) -> Pasted | None:
    found = _one(reply.body) or _one("\n".join(value for _, value in reply.headers))
    if found is None:
        return None
    signature, notes = found
    text = header(reply.headers, "date")
    date = None if text is None else parse_http_date(text)
    if date is not None:
        date += age_of(reply.headers) or 0.0
    return Pasted(signature, date, reply.headers, notes)


# Tokens


def _in_lines(text: str) -> list[Pasted]:
    """A token of each line where several have one, else the one that the whole text has."""
    lines = [line for line in text.splitlines() if len(line) >= 20]
    if len(lines) > 1:
        found = [
            Pasted(one[0], notes=one[1])
            for line in lines[: MAX_TOKENS + 1]
            if (one := _one(line)) is not None
        ]
        if len(found) > 1:
            return found
    one = _one(text)
    return [] if one is None else [Pasted(one[0], notes=one[1])]


_AROUND: Final = "\"'`,; \t\r\n"


def _one(text: str) -> tuple[Signature, tuple[str, ...]] | None:
    """The signature in a text, and what had to be mended to read it."""
    bare = text.strip(_AROUND)
    whole = decode(bare)
    if whole is not None:
        return _with_plus(bare, whole)
    found = find_any(text)
    if found is not None:
        return found, ()
    if "%2e" in text.lower() or "%252" in text:
        found = find_any(unquote(unquote(text)))
        if found is not None:
            return found, ("Its dots are percent-encoded (%2E): decode it before it is given to the SDK.",)
    # Only the name that it stands under in JSON tells a bare HMAC from any other text.
    found = find(text.encode("utf-8", "replace"))
    return None if found is None else (found, ())


def _with_plus(bare: str, whole: Signature) -> tuple[Signature, tuple[str, ...]]:
    """A signature in standard base64 whose + a URL or a form has turned into spaces, with its + again."""
    if " " not in bare or len(whole.mac) == MAC_BYTES or len(bare) > MAX_LENGTH:
        return whole, ()
    again = decode(bare.replace(" ", "+"))
    if again is None or len(again.mac) != MAC_BYTES:
        return whole, ()
    return again, (
        "It has spaces where it had +, as a URL or a form makes of it: it cannot be used like this.",
    )
