"""Processes of the benchmark's own: pinned to cores, their CPU time read, ended by their pid."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Final, TypeVar

START_S: Final = 30.0
STOP_S: Final = 15.0

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_T = TypeVar("_T")
_Handler = Callable[[int, FrameType | None], object] | int | None


class BenchError(Exception):
    """The benchmark cannot go on; the message says why and how to mend it."""


class Child:
    """A running process. `errors` is the file with its standard error."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], errors: Path) -> None:
        self.name = name
        self._process = process
        self._errors = errors

    def cpu_s(self) -> float:
        """User and system time of all its threads so far, in seconds (proc(5): fields 14 and 15 of stat)."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def until(self, look: Callable[[], _T | None], what: str, limit_s: float = START_S) -> _T:
        """What `look` finds, asked every few milliseconds. Raises BenchError if it or the process ends before."""
        end = time.monotonic() + limit_s
        while (found := look()) is None:
            if self._process.poll() is not None:
                raise BenchError(f"{self.name} ended ({self._process.returncode}): {self._told()}")
            if time.monotonic() > end:
                raise BenchError(f"{self.name}: no {what} within {limit_s:g} s: {self._told()}")
            time.sleep(0.01)
        return found

    def _told(self) -> str:
        return self._errors.read_text(errors="replace").strip()[-2000:] or "it wrote nothing"


@contextmanager
def running(
    name: str, command: Iterable[str], *, core: int, folder: Path, env: Mapping[str, str] | None = None
) -> Iterator[tuple[Child, Path]]:
    """A program on one core, and the file in `folder` that its standard output is written to."""
    out, errors = folder / f"{name}.out", folder / f"{name}.err"
    with (
        out.open("ab") as out_file,
        errors.open("ab") as error_file,
        _process(
            ["taskset", "--cpu-list", str(core), *command],
            stdout=out_file,
            stderr=error_file,
            cwd=folder,
            env={"PATH": os.environ.get("PATH", os.defpath), **(env or {})},
        ) as process,
    ):
        yield Child(name, process, errors), out


def output(name: str, command: Sequence[str], *, limit_s: float, cwd: Path | None = None) -> str:
    """What a program writes until its end. Raises BenchError if it takes too long or fails."""
    with _process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd) as process:
        try:
            out, errors = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            raise BenchError(f"{name} did not end within {limit_s:g} s") from None
    if process.returncode:
        told = (errors or out).decode(errors="replace").strip()[-2000:] or "it wrote nothing"
        raise BenchError(f"{name} ended ({process.returncode}): {told}")
    return str(out, "utf-8", "replace")


@contextmanager
def _process(
    command: Sequence[str],
    *,
    stdout: IO[bytes] | int,
    stderr: IO[bytes] | int,
    cwd: Path | None,
    env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended on leaving: SIGTERM, after STOP_S SIGKILL.

    SIGINT and SIGTERM wait while it is being started: one that raises then would leave a process that nobody knows.
    """
    waiting: list[int] = []
    handlers: dict[int, _Handler] = {}
    process = None
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            handlers[number] = signal.signal(number, lambda came, _frame: waiting.append(came))
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd=cwd, env=env
        )
        _let_go(handlers, waiting)
        yield process
    finally:
        if process is None:
            _let_go(handlers, waiting)
        else:
            _end(process)


def _let_go(handlers: Mapping[int, _Handler], waiting: Sequence[int]) -> None:
    """Handle signals as before, those first that came meanwhile."""
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for number in waiting:
        signal.raise_signal(number)


def _end(process: subprocess.Popen[bytes]) -> None:
    with process:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def listening_port(child: Child, out: Path) -> int:
    """The port of a program that prints `listening PORT`."""

    def look() -> int | None:
        words = out.read_text().split()
        return int(words[1]) if len(words) > 1 else None

    return child.until(look, "line `listening PORT`")
