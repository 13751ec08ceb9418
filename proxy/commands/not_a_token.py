"""What was given instead of a signature, in words; never repeats it, for it may be a secret."""

from __future__ import annotations

import json
import re
from typing import Final

from .terminal import clean

_WORDS: Final = {
    "undefined": "the variable was never set, or the reply has no such field",
    "null": "the variable is empty, or the reply has no such field",
    "none": "the variable is empty, or the reply has no such field",
    "nil": "the variable is empty, or the reply has no such field",
    "nan": "a calculation went wrong",
    "true": "a yes or no was given in its place",
    "false": "a yes or no was given in its place",
    "[object promise]": "await the Promise before it is given to the SDK",
    "[object object]": "an object was turned into text: give its field that holds the signature",
    "[object response]": "read the reply first: (await response.json()).signature",
    "promise {<pending>}": "await the Promise before it is given to the SDK",
    "promise { <pending> }": "await the Promise before it is given to the SDK",
}
_HTML: Final = re.compile(r"<!doctype html|<html[\s>]|<body[\s>]|<head[\s>]", re.IGNORECASE)
_TITLE: Final = re.compile(r"<title[^>]{0,100}>([^<]{1,200})", re.IGNORECASE)
_JWT_START: Final = re.compile(r"(?<![\w+/-])ey[JA-Z][\w+/=-]{8,}")

_OWN_EVENT: Final = re.compile(r'"event": ?"(?:signature\.issued|join\.reported)"')
_FINDING: Final = re.compile(r"[a-z]{2,16}/[a-z0-9_]{2,48}")

MAX_NAMES: Final = 10


def named(text: str, status: int | None = None) -> str:
    """Why there is no signature in a text; `status` where it is the body of a reply."""
    reply = "" if status is None else f"the reply says {status}, and its body is "
    return f"no signature: {reply}{_what(text.strip())}"


def _what(text: str) -> str:
    if not text:
        return "nothing at all: the reply is empty, or the variable was"
    word = _WORDS.get(text.strip("\"'` ").lower())
    if word is not None:
        return f"the text {clean(text)[:40]}: {word}"
    own_lines = [line for line in text.splitlines() if _OWN_EVENT.search(line)]
    if own_lines:
        return _own_log(own_lines)
    if text[0] in "{[":
        return _json(text)
    return _page(text) or _other(text)


def _own_log(lines: list[str]) -> str:
    """joinwatch's own log: what it found is in there, and more is not to be had from it."""
    read = [found for line in lines if (found := _findings(line)) is not None]
    found = list(dict.fromkeys(each for findings in read for each in findings))
    names = ", ".join(found[:MAX_NAMES]) + ("" if len(found) <= MAX_NAMES else ", …")
    said = "is empty: nothing was found" if read else "names what was found, but cannot be read here"
    if found:
        said = f"names what was found: {names} (docs/findings.md)"
    return (
        f"a line of joinwatch's own log, which never holds signatures; its field findings {said}. To inspect a"
        " signature, give the endpoint's reply, as curl -i prints it"
    )


def _findings(line: str) -> list[str] | None:
    """None where the line is cut off or changed."""
    try:
        value: object = json.loads(
            line[line.find("{") :]
        )  # Before it may stand what journald or a container adds.
    except (ValueError, RecursionError):
        return None
    found = value.get("findings") if isinstance(value, dict) else None
    if not isinstance(found, list):
        return None
    known = [each for each in found if isinstance(each, str) and _FINDING.fullmatch(each)]
    return known if len(known) == len(found) else None


def _page(text: str) -> str | None:
    if _HTML.search(text[:20000]):
        title = _TITLE.search(text[:20000])
        said = f' ("{clean(title[1])[:80]}")' if title else ""
        return f"an HTML page{said}: the address is a page, or the endpoint failed; look at the URL and the method"
    return "XML or a piece of HTML: look at the URL and the method" if text.startswith("<") else None


def _other(text: str) -> str:
    if _JWT_START.search(text[:100_000]):
        return (
            "the beginning of a JWT whose header or payload cannot be decoded: it was cut off or changed on its way;"
            " copy it anew, or look for what shortens it (a column, a cookie, a URL)"
        )
    if text.replace(".", "", 1).lstrip("-").isdecimal():
        return "a number"
    if "://" in text[:20]:
        return "an address without a signature in it"
    count = "one character" if len(text) == 1 else f"{len(text):,} characters"
    return f"{count} without the shape of one: header.payload.signature, which starts with ey"


def _json(text: str) -> str:
    try:
        value: object = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return "something like JSON that cannot be read, without a signature in it"
    if isinstance(value, dict):
        names = ", ".join(
            clean(str(name).encode("utf-8", "replace").decode())[:32] for name in list(value)[:MAX_NAMES]
        )
        more = "" if len(value) <= MAX_NAMES else ", …"
        return f"a JSON object without one; its fields are {names}{more}" if value else "an empty JSON object"
    return "a JSON list without one" if value else "an empty JSON list"
