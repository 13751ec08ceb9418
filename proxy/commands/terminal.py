"""What commands print for people: colours where a terminal takes them, times, and text that no terminal obeys."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TextIO

WIDTH: Final = 100
"""Longer lines are wrapped."""


@dataclass(frozen=True, slots=True)
class Paint:
    """ANSI colours, or none."""

    coloured: bool

    @classmethod
    def on(cls, stream: TextIO, environ: Mapping[str, str]) -> Paint:
        """Colours on a terminal, unless NO_COLOR (https://no-color.org) or TERM=dumb says that they are not wanted."""
        return cls(stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb")

    def bold(self, text: str) -> str:
        """Headings."""
        return self._in("1", text)

    def red(self, text: str) -> str:
        """What is wrong."""
        return self._in("31;1", text)

    def yellow(self, text: str) -> str:
        """What may be wrong."""
        return self._in("33", text)

    def green(self, text: str) -> str:
        """What is well."""
        return self._in("32", text)

    def dim(self, text: str) -> str:
        """What is beside the point."""
        return self._in("2", text)

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.coloured else text


def clean(text: str) -> str:
    """On one line, without what a terminal would obey: control and formatting characters become "?"."""
    return "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))


def wrapped(text: str, first: str = "", indent: int = 0) -> list[str]:
    """The text, clean, in lines of WIDTH: `first` stands before the first, so many blanks before the others."""
    return textwrap.wrap(
        clean(text), WIDTH, initial_indent=first, subsequent_indent=" " * indent, break_on_hyphens=False
    )


def put(text: str, stream: TextIO) -> None:
    """Print; what the stream cannot encode becomes "?", and a reader that has left (`| head`) is no error."""
    encoding = stream.encoding or "utf-8"
    try:
        print(text.encode(encoding, "replace").decode(encoding), file=stream, flush=True)
    except BrokenPipeError:
        # The interpreter flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def moment(epoch: float) -> str:
    """A time of day in UTC, or that there is none such in the calendar."""
    try:
        return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return "a time beyond the year 9999" if epoch > 0 else "a time before the year 1"


def span(seconds: float) -> str:
    """A duration, as exactly as people need it: seconds up to two minutes, then minutes, hours, days, years."""
    size = abs(seconds)
    for unit, length in (("years", 31_556_952.0), ("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if size >= 2 * length:
            return f"{size / length:,.3g} {unit}" if size < 1e12 else f"{size / length:.2g} {unit}"
    return f"{size:.3g} s"
