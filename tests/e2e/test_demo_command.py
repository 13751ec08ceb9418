"""`joinwatch demo` in real time: to its end, to Ctrl-C, with keys at a real terminal, and where it cannot start."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from proxy.cli import main
from proxy.commands.demo_keys import KEYS
from proxy.demo.faults import PLANTED

from ..support.child import Child, running
from ..support.real import require

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENT = {
    "JOINWATCH_LISTEN__PUBLIC": "127.0.0.1:0",
    "JOINWATCH_LISTEN__ADMIN": "127.0.0.1:0",
    "PYTHONPATH": str(REPOSITORY),
}
COMMAND = (sys.executable, "-m", "proxy", "demo")
KEY_OF = {name: key for key, name in KEYS.items()}
CLOSED_EYES_S = 30.0


async def ended(child: Child, timeout_s: float) -> int:
    """The exit code of a program that ends by itself."""
    await child.until(
        lambda: True if re.search("ended after", "\n".join(child.err)) else None, "the end", timeout_s
    )
    return await child.stop(signal.SIGCONT, 15.0)


async def test_by_itself(tmp_path: Path) -> None:
    """Quick ones are named within seconds; the counts agree, or the code would be 1."""
    command = (*COMMAND, "--duration", "15", "--rate", "20", "--seed", "3")
    async with running(*command, env=ENVIRONMENT | {"TMPDIR": str(tmp_path)}, cwd=tmp_path) as child:
        assert await ended(child, 60.0) == 0
        told = "\n".join(child.err)
        lines = [json.loads(line) for line in child.out]
    for name in ("fast_clock", "timezone", "milliseconds", "legacy"):
        assert re.search(rf"^\d:\d\d  {name}: \w+ named$", told, re.MULTILINE), told
        assert re.search(rf"^  {name} .*\w+ after 0:\d\d$", told, re.MULTILINE), told
    assert re.search(r"^  honest +nothing +nothing$", told, re.MULTILINE), told
    assert "not planted" not in told
    found = re.search(r"([\d,]+) signatures, ([\d,]+) joins", told)
    assert found is not None
    events = [line["event"] for line in lines]
    assert events.count("signature.issued") == int(found[1].replace(",", ""))
    assert events.count("join.reported") >= int(found[2].replace(",", "")) > 50
    assert events[-2:] == ["draining", "stopped"]
    assert list(tmp_path.iterdir()) == []  # the ledger and all else in between are gone


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=["Ctrl-C", "SIGTERM", "SIGHUP"]
)
async def test_ended_from_outside(tmp_path: Path, number: signal.Signals) -> None:
    async with running(*COMMAND, env=ENVIRONMENT | {"TMPDIR": str(tmp_path)}, cwd=tmp_path) as child:
        admin = await child.match(r"status +(http://[0-9.:]+)/")
        async with aiohttp.ClientSession() as http:
            headers = {"Joinwatch-Demo": "1"}
            async with http.post(
                f"{admin[1]}/demo/faults/cached", json={"on": False}, headers=headers
            ) as reply:
                assert reply.status == 200
        await child.match("cached: mended: ")
        assert await child.stop(number) == 0
        told = "\n".join(child.err)
    assert "ended after 0:" in told
    assert list(tmp_path.iterdir()) == []
    assert "Traceback" not in told


# At a terminal


class Terminal:
    """A program at a terminal of its own: what it shows, and keys for it."""

    def __init__(self, process: subprocess.Popen[bytes], fd: int) -> None:
        self.process = process
        self.fd = fd
        self.shown = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def press(self, keys: str) -> None:
        """Without Enter."""
        os.write(self.fd, keys.encode())

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait for it."""
        deadline = time.monotonic() + CLOSED_EYES_S
        while not holds():
            assert time.monotonic() < deadline, f"no {what}; it showed\n{self.shown}"
            time.sleep(0.02)

    def modes(self) -> int:
        """The terminal's local modes: ECHO, ICANON."""
        modes: int = termios.tcgetattr(self.fd)[3]
        return modes

    def close(self) -> None:
        """End the program if it has not."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        os.close(self.fd)

    def _read(self) -> None:
        with suppress(OSError):  # its other end is closed
            while data := os.read(self.fd, 4096):
                self.shown += data.decode(errors="replace")


@contextmanager
def terminal(folder: Path, *arguments: str) -> Iterator[Terminal]:
    """The demo at a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (40, 100))
    process = subprocess.Popen(
        # Standard input becomes the controlling terminal, as a shell's job has it.
        [require("setsid"), "--ctty", *COMMAND, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8", **ENVIRONMENT},
    )
    one = Terminal(process, ours)
    try:
        yield one
    finally:
        os.close(theirs)
        one.close()


def test_keys(tmp_path: Path) -> None:
    with terminal(tmp_path, "--rate", "20") as one:
        before = one.modes()
        one.until(lambda: "mend a fault" in one.shown, "hint")
        for fault in PLANTED:
            assert f"{KEY_OF[fault.name]} {fault.name}" in one.shown
        one.until(lambda: re.search(r"\r\x1b\[K0:\d\d  \d+ joins, .* faults named", one.shown), "status line")
        assert not one.modes() & termios.ECHO
        one.press(KEY_OF["milliseconds"])
        one.until(lambda: "milliseconds: mended: " in one.shown, "mending")
        one.press(KEY_OF["milliseconds"].upper())
        one.until(lambda: "milliseconds: planted: " in one.shown, "planting")
        one.press("?0zq")
        assert one.process.wait(CLOSED_EYES_S) == 0
        one.until(lambda: "ended after" in one.shown, "summary")
        assert one.modes() == before
        assert '{"timestamp"' not in one.shown


def test_ctrl_c_at_a_terminal(tmp_path: Path) -> None:
    with terminal(tmp_path) as one:
        before = one.modes()
        one.until(lambda: "mend a fault" in one.shown, "hint")
        one.press("\x03")
        assert one.process.wait(CLOSED_EYES_S) == 0
        one.until(lambda: "ended after" in one.shown, "summary")
        assert one.modes() == before


# Where it cannot start


@pytest.mark.parametrize("listener", ["PUBLIC", "ADMIN"])
def test_a_taken_port(
    listener: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PUBLIC", "ADMIN"):
        monkeypatch.setenv(f"JOINWATCH_LISTEN__{name}", "127.0.0.1:0")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv(f"JOINWATCH_LISTEN__{listener}", f"127.0.0.1:{taken.getsockname()[1]}")
        assert main(["demo", "--duration", "1"]) == 1
        told = capsys.readouterr().err
    assert "already in use" in told
    assert "JOINWATCH_LISTEN__ADMIN=127.0.0.1:4101" in told


def test_a_wrong_setting(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOINWATCH_LISTEN__PUBLIC", "nowhere")
    monkeypatch.setenv("JOINWATCH_LEDGER__URL", "is not read by the demo")
    assert main(["demo"]) == 1
    told = capsys.readouterr().err
    assert told.startswith('listen.public: is "nowhere"')
    assert "LEDGER" not in told


@pytest.mark.parametrize(
    "arguments",
    [
        ("--rate", "0"),
        ("--rate", "51"),
        ("--rate", "nan"),
        ("--duration", "0"),
        ("--duration", "1e9"),
        ("--seed", "x"),
    ],
    ids=" ".join,
)
def test_wrong_use(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["demo", *arguments])
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_where_everybody_is_listened_to_it_asks_loopback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container."""
    for name in ("PUBLIC", "ADMIN"):
        monkeypatch.setenv(f"JOINWATCH_LISTEN__{name}", "0.0.0.0:0")
    assert main(["demo", "--duration", "2", "--rate", "10"]) == 0
    assert "status       http://127.0.0.1:" in capsys.readouterr().err


async def test_two_beside_one_another(tmp_path: Path) -> None:
    """Each has a folder and ports of its own."""
    command = (*COMMAND, "--duration", "4", "--rate", "5")
    async with (
        running(*command, env=ENVIRONMENT, cwd=tmp_path) as one,
        running(*command, env=ENVIRONMENT, cwd=tmp_path) as other,
    ):
        assert await ended(one, 30.0) == 0
        assert await ended(other, 30.0) == 0
