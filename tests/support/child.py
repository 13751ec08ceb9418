"""Real programs as child processes of a test: started, read line by line, stopped by their own id."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")
_LINE_LIMIT = 1 << 20


class ChildError(Exception):
    """A program did not do what the test waited for; the message has its command and its standard error."""


class Child:
    """A running program; `out` and `err` are the lines that it has written so far."""

    def __init__(self, command: tuple[str, ...], process: asyncio.subprocess.Process) -> None:
        self.out: list[str] = []
        self.err: list[str] = []
        self._command = command
        self._process = process
        self._changed = asyncio.Condition()
        self._open = 2
        self._readers = [
            asyncio.create_task(self._read(process.stdout, self.out)),
            asyncio.create_task(self._read(process.stderr, self.err)),
        ]

    @property
    def pid(self) -> int:
        """The process id; the id of its group too."""
        return self._process.pid

    async def until(self, look: Callable[[], _T | None], what: str, timeout_s: float) -> _T:
        """What `look` finds, asked again after each line. Raises ChildError if time or output ends before."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                while (found := look()) is None:
                    if not self._open:
                        raise ChildError(self._report(f"ended without {what}"))
                    await self._changed.wait()
                return found
        except TimeoutError:
            raise ChildError(self._report(f"no {what} within {timeout_s:g} s")) from None

    async def match(self, pattern: str, timeout_s: float = 30.0) -> re.Match[str]:
        """The first line of either stream in which the pattern is found."""

        def look() -> re.Match[str] | None:
            return next(filter(None, (re.search(pattern, line) for line in (*self.out, *self.err))), None)

        return await self.until(look, f"line like {pattern!r}", timeout_s)

    async def stop(self, sent: signal.Signals = signal.SIGTERM, timeout_s: float = 15.0) -> int:
        """Send a signal, wait for the end and the last lines; the exit code, or -N after signal N.

        A program that still runs after `timeout_s` is killed, and that is a ChildError.
        """
        if self._process.returncode is None:
            self._process.send_signal(sent)
        try:
            return await asyncio.wait_for(self._process.wait(), timeout_s)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            raise ChildError(self._report(f"still ran {timeout_s:g} s after {sent.name}")) from None
        finally:
            await asyncio.gather(*self._readers)

    async def _read(self, stream: asyncio.StreamReader | None, lines: list[str]) -> None:
        assert stream is not None
        async for raw in stream:
            lines.append(raw.decode(errors="replace").rstrip("\r\n"))
            await self._wake()
        self._open -= 1
        await self._wake()

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _report(self, what: str) -> str:
        told = "\n".join(self.err[-30:]) or "(nothing)"
        return f"{' '.join(self._command)}: {what}; its standard error:\n{told}"


@asynccontextmanager
async def running(*command: str, env: Mapping[str, str], cwd: Path | None = None) -> AsyncIterator[Child]:
    """A program in a process group of its own, its environment PATH and `env` alone; stopped at the end."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", **env},
        cwd=cwd,
        limit=_LINE_LIMIT,
        start_new_session=True,
    )
    child = Child(command, process)
    try:
        yield child
    finally:
        await child.stop()
        # Into the test's own output, which is searched for secrets (tests/conftest.py).
        print(*child.out, *child.err, sep="\n")
