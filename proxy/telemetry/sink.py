"""Log lines on their way to standard output, without ever making the event loop wait for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import time
from collections import deque
from collections.abc import Callable
from typing import Final

GATHER_S: Final = 0.02
"""A line waits this long for others, so that a busy process writes many at once."""

STALLED_S: Final = 0.1
"""How long to leave a reader alone that does not take anything."""

CHUNK_BYTES: Final = select.PIPE_BUF
"""What can be written to a pipe without blocking once poll says that it is writable (POSIX write, poll)."""

CLOSE_S: Final = 2.0
"""At the end, how long standard output may take for what is left."""


class LineSink:
    """Writes lines to a file descriptor, from the event loop that it is made in; without one, at once.

    Writes only what fits without waiting. A reader that stops reading costs lines, not service: beyond `capacity`
    waiting lines new ones are dropped, and `on_drop` is called for each. No thread does this: handing the interpreter
    lock back and forth costs more than all else about a line. No O_NONBLOCK on `fd` either: it would hold for
    everybody who shares it. A terminal is opened anew instead, because poll does not tell how much it takes; only one
    that cannot be opened makes its writer wait.
    """

    def __init__(self, fd: int, *, on_drop: Callable[[], None], capacity: int = 10_000) -> None:
        self._terminal = _opened_anew(fd)
        self._fd = fd if self._terminal is None else self._terminal
        self._on_drop = on_drop
        self._capacity = capacity
        self._lines: deque[bytes] = deque()
        self._rest = b""
        """What is left of a chunk that was written in part."""
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLOUT)
        self._loop: asyncio.AbstractEventLoop | None = None
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()
        self._scheduled = False

    def write(self, line: bytes) -> None:
        """Take one line without its newline, from any thread. Never blocks, never raises."""
        if len(self._lines) >= self._capacity:
            self._on_drop()
            return
        self._lines.append(line)
        if self._loop is None:
            self._flush()
        elif not self._scheduled:
            self._scheduled = True
            with contextlib.suppress(RuntimeError):  # The loop is closed: close() writes what waits.
                self._loop.call_soon_threadsafe(self._later, GATHER_S)

    def close(self) -> None:
        """Write what waits. What the reader has not taken after CLOSE_S is lost, and so is what comes later."""
        self._loop = None
        if not self._flush(until=time.monotonic() + CLOSE_S):
            self._lose()
        self._capacity = 0
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal, self._fd = None, -1

    def _later(self, delay_s: float) -> None:
        if self._loop is not None:
            self._loop.call_later(delay_s, self._gathered)

    def _gathered(self) -> None:
        self._scheduled = False
        if self._loop is not None and not self._flush() and not self._scheduled:
            self._scheduled = True
            self._later(STALLED_S)

    def _flush(self, *, until: float = 0.0) -> bool:
        """Whether everything is written. Waits for the reader `until` then, by the monotonic clock."""
        try:
            while self._rest or self._lines:
                wait_s = max(0.0, until - time.monotonic()) if until else 0.0
                if not self._poll.poll(wait_s * 1000):
                    return False
                if not self._rest:
                    self._rest = self._chunk()
                try:
                    self._rest = self._rest[os.write(self._fd, self._rest[:CHUNK_BYTES]) :]
                except BlockingIOError:
                    # poll calls a terminal writable that has no room for the next character.
                    if not wait_s:
                        return False
                    time.sleep(GATHER_S)
        except OSError:
            # Nobody reads any more (EPIPE), or the disk is full: these lines are lost, the service goes on.
            self._lose()
        return True

    def _lose(self) -> None:
        lost = self._rest.count(b"\n") + len(self._lines)
        self._rest = b""
        self._lines.clear()
        for _ in range(lost):
            self._on_drop()

    def _chunk(self) -> bytes:
        """Whole lines of together about CHUNK_BYTES; a longer line goes alone."""
        lines = [self._lines.popleft()]
        size = len(lines[0]) + 1
        while self._lines and size + len(self._lines[0]) < CHUNK_BYTES:
            lines.append(self._lines.popleft())
            size += len(lines[-1]) + 1
        return b"\n".join(lines) + b"\n"


def _opened_anew(fd: int) -> int | None:
    """The terminal behind `fd`, never to be waited for: its flags are ours alone. None for all else."""
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return None
