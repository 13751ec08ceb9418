"""Log lines on their way to standard output, without ever making the event loop wait for it."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

GATHER_S: Final = 0.02
"""A line waits this long for others, so that a busy process writes many at once."""

CLOSE_S: Final = 2.0
"""At the end, how long standard output may take for what is left."""


class LineSink:
    """Writes lines to a file descriptor from a thread of its own.

    A reader that stops reading blocks the thread, not the service: beyond `capacity` waiting lines new ones are
    dropped, and `on_drop` is called for each.
    """

    def __init__(self, fd: int, *, on_drop: Callable[[], None], capacity: int = 10_000) -> None:
        self._fd = fd
        self._on_drop = on_drop
        self._capacity = capacity
        self._lines: deque[bytes] = deque()
        self._waiting = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Take one line without its newline. Never blocks, never raises."""
        if len(self._lines) >= self._capacity or self._closing.is_set():
            self._on_drop()
            return
        self._lines.append(line)
        if not self._waiting.is_set():
            self._waiting.set()

    def close(self) -> None:
        """Write what waits, for at most CLOSE_S."""
        self._closing.set()
        self._waiting.set()
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while not (self._closing.is_set() and not self._lines):
            self._waiting.wait()
            self._closing.wait(GATHER_S)
            self._waiting.clear()
            self._write_all()

    def _write_all(self) -> None:
        lines = self._lines
        gathered = [lines.popleft() for _ in range(len(lines))]
        if not gathered:
            return
        data = memoryview(b"\n".join(gathered) + b"\n")
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError:
            # Nobody reads any more (EPIPE) or the disk is full: the lines are lost, the service goes on.
            for _ in gathered:
                self._on_drop()
