"""What commands print for people: colours where a terminal takes them, times, and text that no terminal obeys."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TextIO

WIDTH: Final = 100
"""Longer lines are wrapped."""


class NotWritten(Exception):
    """Standard output cannot be written; the message says why."""


@dataclass(frozen=True, slots=True)
class Paint:
    """ANSI colours, or none."""

    coloured: bool

    @classmethod
    def on(cls, stream: TextIO | None, environ: Mapping[str, str]) -> Paint:
        """Colours on a terminal, unless NO_COLOR (https://no-color.org) or TERM=dumb says that they are not wanted."""
        return cls(is_terminal(stream) and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb")

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


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody sits there; nobody does where the stream is closed."""
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False


def put(text: str) -> None:
    """Print a result; what the stream cannot encode becomes "?", and a reader that has left (`| head`) is no error.

    Raises NotWritten.
    """
    if sys.stdout is None:  # Closed by whoever started the command.
        raise NotWritten("it is closed")
    with _written():
        _print(text, sys.stdout)


def tell(text: str) -> None:
    """Print a message for people on standard error, where that is possible."""
    if sys.stderr is not None:
        try:
            _print(text, sys.stderr)
        except (OSError, ValueError):
            _give_up(sys.stderr)


def flush() -> None:
    """What was printed is out. Raises NotWritten."""
    if sys.stdout is not None:
        with _written():
            sys.stdout.flush()


def _print(text: str, stream: TextIO) -> None:
    encoding = stream.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), file=stream, flush=True)


@contextmanager
def _written() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        _give_up(sys.stdout)
    except (OSError, ValueError) as error:
        _give_up(sys.stdout)
        reason = error.strerror if isinstance(error, OSError) else None
        raise NotWritten((reason or type(error).__name__).lower()) from None


def _give_up(stream: TextIO) -> None:
    """The interpreter flushes once more at its end, and must not fail then."""
    with suppress(OSError, ValueError):
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, stream.fileno())
        os.close(sink)


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
