"""The command line where its streams fail, and where it is not understood: no traceback, and no value is repeated."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from proxy.cli import main
from tests.support import tokens

REPOSITORY = Path(__file__).parents[2]
PLANTED = "PLANTED-a1b2c3"
POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no such shell, pipes or devices")
PROBE = "probe 'http://127.0.0.1:1/{meeting}' --every 1.5s --for 4s"


def token() -> str:
    """A sound signature."""
    begin = int(time.time()) - 60
    return tokens.signed(tokens.web(iat=begin, exp=begin + 7200, tokenExp=begin + 7200))


def shell(command: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """`joinwatch` in a shell's line; $TOKEN is a signature."""
    function = f'joinwatch() {{ "{sys.executable}" -m proxy "$@"; }}; '
    return subprocess.run(
        ["bash", "-c", function + command],
        capture_output=True,
        cwd=folder,
        text=True,
        timeout=30,
        env={
            "PYTHONPATH": str(REPOSITORY),
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "TOKEN": token(),
            **env,
        },
        check=False,
    )


FULL = "joinwatch: standard output cannot be written (no space left on device)"
CLOSED = "joinwatch: standard output cannot be written (it is closed)"


@POSIX
@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("joinwatch inspect $TOKEN >&-", 2, CLOSED),
        ("joinwatch inspect $TOKEN --json >&-", 2, CLOSED),
        ("joinwatch inspect $TOKEN >&- 2>&-", 2, ""),
        ("joinwatch inspect $TOKEN 2>&-", 0, ""),
        ("joinwatch inspect $TOKEN >/dev/full", 2, FULL),
        ("joinwatch inspect $TOKEN >/dev/full 2>&1", 2, ""),
        ("joinwatch inspect nonsense 2>/dev/full", 2, ""),
        ("joinwatch inspect <&-", 2, "joinwatch inspect: no signature: give one"),
        ("joinwatch inspect - <&-", 2, "joinwatch inspect: no signature: give one"),
        ("joinwatch inspect 0>there", 2, "joinwatch inspect: standard input cannot be read"),
        ("joinwatch inspect $TOKEN | true; exit ${PIPESTATUS[0]}", 0, ""),
        ("joinwatch new-key >/dev/full", 2, FULL),
        ("joinwatch new-key >&-", 2, CLOSED),
        ("joinwatch check-config >/dev/full", 2, FULL),
        ("joinwatch --help >/dev/full", 2, FULL),
        ("joinwatch --version >/dev/full", 2, FULL),
        ("joinwatch --help | true; exit ${PIPESTATUS[0]}", 0, ""),
        (f"joinwatch {PROBE} 2>&-", 2, ""),
        (f"joinwatch {PROBE} 2>/dev/full", 2, ""),
        (f"joinwatch {PROBE} >&-", 2, "joinwatch probe: no signature"),
        (f"joinwatch {PROBE} 2>&1 | true; exit ${{PIPESTATUS[0]}}", 2, ""),
        ("joinwatch probe http://xn--/", 2, "joinwatch probe: the URL is not an http:// or https:// one"),
        ("joinwatch probe http://…/ж --every 1.5s", 2, "joinwatch probe: no signature from"),
        ("joinwatch report --admin http://xn--/", 2, "joinwatch report: --admin is not a URL"),
    ],
    ids=lambda each: each if isinstance(each, str) and "joinwatch " in each[:10] else "",
)
def test_streams_that_fail(tmp_path: Path, command: str, code: int, message: str) -> None:
    ran = shell(command, tmp_path)
    assert "Traceback" not in ran.stderr
    assert "Exception ignored" not in ran.stderr
    assert ran.stderr.startswith(message)
    assert bool(ran.stderr) == bool(message)
    assert ran.returncode == code


@POSIX
@pytest.mark.parametrize(
    "command",
    [
        "joinwatch probe http://127.0.0.1:1/ж --every 1.5s",
        "joinwatch probe --help",
        "joinwatch check-config ж",
        "joinwatch check-config --config ж",
        "joinwatch report --admin http://127.0.0.1:1/ж",
    ],
)
def test_a_terminal_that_knows_no_more_than_ascii(tmp_path: Path, command: str) -> None:
    ran = shell(command, tmp_path, PYTHONIOENCODING="ascii")
    assert "Traceback" not in ran.stderr
    assert (ran.stdout + ran.stderr).isascii()
    assert ran.returncode == (0 if "--help" in command else 1 if "--config" in command else 2)


@POSIX
@pytest.mark.parametrize("command", [("inspect", "x"), ("probe", "http://127.0.0.1:1/", "--key", "k")])
def test_ctrl_c_while_a_secret_is_waited_for_is_130(tmp_path: Path, command: tuple[str, ...]) -> None:
    os.mkfifo(tmp_path / "secret")
    process = subprocess.Popen(
        [sys.executable, "-m", "proxy", *command, "--secret-file", "secret"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"]},
    )
    # It opens the pipe only once it runs: a writer that does not wait is refused until then.
    for _ in range(200):
        try:
            writer = os.open(tmp_path / "secret", os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError:
            time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    os.close(writer)
    assert (process.returncode, out, err) == (130, "", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("inspect", "x", PLANTED, PLANTED),
            "2 arguments were not understood: put the signature into quotation",
        ),
        (("inspect", "x", "--secret", PLANTED), "2 arguments were not understood (options: --secret): put"),
        (("inspect", "x", f"--secret={PLANTED}"), "1 argument was not understood (options: --secret): put"),
        (("inspect", "x", f"-{PLANTED}"), "1 argument was not understood: put"),
        (("inspect", "x", f"--json={PLANTED}"), "argument --json: it takes no value"),
        (("inspect", "x", f"-h{PLANTED}"), "argument -h/--help: it takes no value"),
        (("inspect", "x", "--at", PLANTED), "argument --at: it is not a time in seconds since 1970"),
        (("probe", "http://127.0.0.1:1/", "--for", PLANTED), "argument --for: it is not a time"),
        (("probe", "http://127.0.0.1:1/", PLANTED), "1 argument was not understood\n"),
        (("report", "--since", PLANTED), "argument --since: it is not a time"),
        (("check-config", "--conf", PLANTED), "2 arguments were not understood (options: --conf)\n"),
        (("serve", "--config", "x", PLANTED), "1 argument was not understood\n"),
        ((PLANTED,), "argument COMMAND: there is no such choice: --help lists them"),
        ((f"--version={PLANTED}",), "argument --version: it takes no value"),
        ((f"--vers={PLANTED}", "new-key"), "1 argument was not understood (options: --vers)"),
    ],
    ids=lambda each: " ".join(each).replace(PLANTED, "X") if isinstance(each, tuple) else "",
)
def test_what_is_not_understood_is_not_repeated(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:

    with pytest.raises(SystemExit) as exited:
        main(arguments)
    out, err = capsys.readouterr()
    assert exited.value.code == 2
    assert out == ""
    assert PLANTED not in err
    assert message in err
