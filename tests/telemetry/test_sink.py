"""Lines go out whole and in order; a reader that stops costs lines, never time."""

from __future__ import annotations

import asyncio
import os
import pty
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from proxy.telemetry import sink
from proxy.telemetry.sink import LineSink

LINE = b'{"event":"x","fill":"' + b"." * 200 + b'"}'


@dataclass(slots=True)
class Pipe:
    """A real pipe, its reader in the test's hands."""

    reader: int
    writer: int
    dropped: list[None] = field(default_factory=list)

    def drop(self) -> None:
        self.dropped.append(None)

    def sink(self, capacity: int = 10_000) -> LineSink:
        return LineSink(self.writer, on_drop=self.drop, capacity=capacity)

    def read(self) -> bytes:
        """What is there now."""
        taken = b""
        with suppress(BlockingIOError):
            while part := os.read(self.reader, 65536):
                taken += part
        return taken

    def close_reader(self) -> None:
        os.close(self.reader)
        self.reader = -1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    pipe = Pipe(reader, writer)
    yield pipe
    for fd in (pipe.reader, pipe.writer):
        if fd >= 0:
            os.close(fd)


def numbered(count: int) -> list[bytes]:
    return [b"%06d %s" % (number, LINE) for number in range(count)]


async def until(there: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not there():
            await asyncio.sleep(0.005)


def test_without_a_loop_lines_are_written_at_once(pipe: Pipe) -> None:
    out = pipe.sink()
    for line in (b"one", b"", b"three"):
        out.write(line)
        assert pipe.read() == line + b"\n"
    out.close()
    assert not pipe.dropped


async def test_lines_arrive_whole_and_in_order(pipe: Pipe) -> None:
    out, lines, taken = pipe.sink(), numbered(3000), b""
    for line in lines:
        out.write(line)

    def all_there() -> bool:
        nonlocal taken
        taken += pipe.read()
        return taken.count(b"\n") == len(lines)

    await until(all_there)
    assert taken.splitlines() == lines
    out.close()
    assert not pipe.dropped


async def test_lines_are_gathered(pipe: Pipe) -> None:
    out = pipe.sink()
    out.write(b"one")
    await asyncio.sleep(0)
    out.write(b"two")
    assert pipe.read() == b""
    taken = b""

    def something_there() -> bool:
        nonlocal taken
        taken += pipe.read()
        return bool(taken)

    await until(something_there)
    assert taken == b"one\ntwo\n"
    out.close()


async def test_a_line_longer_than_a_pipe_takes_at_once(pipe: Pipe) -> None:
    out, long = pipe.sink(), b"x" * 300_000
    out.write(long)
    out.write(b"short")
    taken = b""

    def both_there() -> bool:
        nonlocal taken
        taken += pipe.read()
        return taken.count(b"\n") == 2

    await until(both_there)
    assert taken == long + b"\nshort\n"
    out.close()
    assert not pipe.dropped


@pytest.mark.parametrize("in_a_loop", [True, False], ids=["loop", "no loop"])
def test_a_reader_that_stops_costs_lines_and_no_time(pipe: Pipe, in_a_loop: bool) -> None:
    lines = numbered(5000)

    async def fill() -> LineSink:
        out = pipe.sink(capacity=1000)
        for line in (*lines, *lines):
            out.write(line)
            await asyncio.sleep(0)
        await asyncio.sleep(3 * sink.GATHER_S)
        return out

    began = time.process_time()
    if in_a_loop:
        out = asyncio.run(fill())
    else:
        out = pipe.sink(capacity=1000)
        for line in (*lines, *lines):
            out.write(line)
    assert time.process_time() - began < 2
    assert len(pipe.dropped) >= 8000
    taken = pipe.read()
    done = threading.Event()

    def read_on() -> None:
        nonlocal taken
        while not done.wait(0.002):
            taken += pipe.read()

    reader = threading.Thread(target=read_on)
    reader.start()
    out.close()
    done.set()
    reader.join()
    taken += pipe.read()
    arrived = taken.splitlines()
    assert set(arrived) <= set(lines)
    assert len(arrived) + len(pipe.dropped) == 10_000


async def test_a_reader_that_comes_back_gets_the_lines_that_waited(pipe: Pipe) -> None:
    out, lines = pipe.sink(), numbered(2000)
    for line in lines:
        out.write(line)
    await asyncio.sleep(3 * sink.GATHER_S)
    taken = pipe.read()
    assert 0 < taken.count(b"\n") < len(lines)

    def all_there() -> bool:
        nonlocal taken
        taken += pipe.read()
        return taken.count(b"\n") == len(lines)

    await until(all_there)
    assert taken.splitlines() == lines
    assert not pipe.dropped
    out.close()


@pytest.mark.parametrize("trickle", [False, True], ids=["stopped", "slow"])
async def test_close_takes_no_longer_than_it_may(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch, trickle: bool
) -> None:
    monkeypatch.setattr(sink, "CLOSE_S", 0.3)
    out, lines = pipe.sink(), numbered(5000)
    for line in lines:
        out.write(line)
    done, taken = threading.Event(), b""

    def read_slowly() -> None:
        nonlocal taken
        while not done.wait(0.02):
            with suppress(BlockingIOError):
                taken += os.read(pipe.reader, 4096) if trickle else b""

    reader = threading.Thread(target=read_slowly)
    reader.start()
    began = time.monotonic()
    out.close()
    took = time.monotonic() - began
    done.set()
    reader.join()
    taken += pipe.read()
    assert 0.2 < took < 1.5
    assert len(pipe.dropped) + taken.count(b"\n") == len(lines)
    assert lines[: taken.count(b"\n")] == taken.splitlines()[: taken.count(b"\n")]


async def test_nobody_reads_any_more(pipe: Pipe) -> None:
    out = pipe.sink()
    out.write(b"before")
    pipe.close_reader()
    for line in numbered(100):
        out.write(line)
    await until(lambda: len(pipe.dropped) == 101)
    out.write(b"after")
    await until(lambda: len(pipe.dropped) == 102)
    out.close()
    out.write(b"after the end")
    assert len(pipe.dropped) == 103


def test_a_closed_descriptor_drops(pipe: Pipe) -> None:
    out = pipe.sink()
    os.close(pipe.writer)
    pipe.writer = -1
    out.write(b"x")
    out.close()
    assert len(pipe.dropped) == 1


def test_close_writes_what_waits_after_the_loop_has_gone(pipe: Pipe) -> None:
    async def start() -> LineSink:
        out = pipe.sink()
        out.write(b"one")
        return out

    out = asyncio.run(start())
    out.write(b"two")
    out.close()
    out.close()
    assert pipe.read() == b"one\ntwo\n"
    assert not pipe.dropped


async def test_threads_may_write(pipe: Pipe) -> None:
    out, taken = pipe.sink(), b""
    await asyncio.gather(*(asyncio.to_thread(out.write, line) for line in numbered(100)))

    def all_there() -> bool:
        nonlocal taken
        taken += pipe.read()
        return taken.count(b"\n") == 100

    await until(all_there)
    assert sorted(taken.splitlines()) == numbered(100)
    out.close()


def open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


@pytest.fixture
def terminal() -> Iterator[Pipe]:
    """A terminal in place of a pipe; nobody reads it but the test."""
    reader, writer = pty.openpty()
    os.set_blocking(reader, False)
    terminal = Pipe(reader, writer)
    yield terminal
    os.close(writer)
    os.close(reader)


async def test_a_terminal_that_nobody_reads_costs_lines_and_no_time(
    terminal: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "CLOSE_S", 0.2)
    descriptors = open_descriptors()
    out, lines = terminal.sink(capacity=1000), numbered(3000)
    longest, last = 0.0, time.monotonic()
    for line in lines:
        out.write(line)
    for _ in range(50):
        await asyncio.sleep(0.01)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    began = time.monotonic()
    out.close()
    took = time.monotonic() - began
    assert longest < 0.2
    assert took < 1
    assert os.get_blocking(terminal.writer)
    assert open_descriptors() == descriptors
    whole = terminal.read().split(b"\r\n")[:-1]
    assert whole == lines[: len(whole)]
    assert len(whole) + len(terminal.dropped) == len(lines)
    out.write(b"after the end")
    assert terminal.read() == b""


async def test_a_terminal_that_is_read_gets_every_line(terminal: Pipe) -> None:
    out, lines, taken = terminal.sink(), numbered(2000), b""
    for line in lines:
        out.write(line)

    def all_there() -> bool:
        nonlocal taken
        taken += terminal.read()
        return taken.count(b"\n") == len(lines)

    await until(all_there)
    assert taken.split(b"\r\n")[:-1] == lines
    out.close()
    assert not terminal.dropped
