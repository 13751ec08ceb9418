"""Processes of the benchmark's own: pinned to cores, their CPU time read, ended by their pid."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

START_S: Final = 30.0
STOP_S: Final = 15.0

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_T = TypeVar("_T")


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

    def stop(self) -> int:
        """SIGTERM, after STOP_S SIGKILL; the exit code."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._process.wait()

    def _told(self) -> str:
        return self._errors.read_text(errors="replace").strip()[-2000:] or "it wrote nothing"


@contextmanager
def running(
    name: str, command: Iterable[str], *, core: int, folder: Path, env: Mapping[str, str] | None = None
) -> Iterator[tuple[Child, Path]]:
    """A program on one core, and the file in `folder` that its standard output is written to."""
    out, errors = folder / f"{name}.out", folder / f"{name}.err"
    with out.open("ab") as out_file, errors.open("ab") as error_file:
        process = subprocess.Popen(
            ["taskset", "--cpu-list", str(core), *command],
            stdin=subprocess.DEVNULL,
            stdout=out_file,
            stderr=error_file,
            cwd=folder,
            env={"PATH": os.environ.get("PATH", os.defpath), **(env or {})},
        )
    child = Child(name, process, errors)
    try:
        yield child, out
    finally:
        child.stop()


def listening_port(child: Child, out: Path) -> int:
    """The port of a program that prints `listening PORT`."""

    def look() -> int | None:
        words = out.read_text().split()
        return int(words[1]) if len(words) > 1 else None

    return child.until(look, "line `listening PORT`")
