"""The command line: exit codes, and messages that say what to do."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from proxy import __version__
from proxy.cli import main
from tests.support.app import ENVIRONMENT, NATIVE
from tests.support.secrets import CLIENT_SECRET, found_in

REPOSITORY = Path(__file__).parents[2]
COMMANDS = ("serve", "check-config", "new-key", "demo", "inspect", "probe", "report")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and an environment of our own."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("JOINWATCH", "ZOOM")):
            monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """joinwatch as a program."""
    return subprocess.run(
        [sys.executable, "-m", "proxy", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"], **ENVIRONMENT, **env},
        check=False,
    )


def exit_code(*arguments: str) -> int:
    """What a command returns, or exits with."""
    try:
        return main(arguments)
    except SystemExit as exited:
        return int(exited.code or 0)


@pytest.mark.parametrize("command", [(), *((each,) for each in COMMANDS)], ids=" ".join)
def test_every_command_has_help(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(*command, "--help") == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: joinwatch")
    assert err == ""
    for name in COMMANDS if not command else ():
        assert re.search(rf"^ +{name}\s+\S", out, re.MULTILINE), name


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--version") == 0
    assert capsys.readouterr().out == f"joinwatch {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), id="nothing"),
        pytest.param(("explode",), id="an unknown command"),
        pytest.param(("check-config", "--confg", "x"), id="an unknown option"),
        pytest.param(("check-config", "--config"), id="an option without its value"),
        pytest.param(("serve", "extra"), id="an argument too many"),
    ],
)
def test_wrong_use_is_2_and_says_how_to(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: joinwatch")


def test_a_sound_configuration_is_0_and_sketched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "joinwatch.toml").write_text(NATIVE)
    assert exit_code("check-config") == 0
    assert capsys.readouterr().out == "joinwatch.toml: no problems; routes: / to native\n"


def test_checking_leaves_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("check-config") == 0
    assert capsys.readouterr().out.startswith("embedded default: no problems")
    assert list(tmp_path.iterdir()) == []


def test_every_problem_is_told_at_once_with_its_mend_and_without_the_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "joinwatch.toml").write_text(
        f"""
        [listen]
        public = "nowhere"
        [credentials.app]
        client_id = "x"
        client_secret = "{CLIENT_SECRET}"
        [results]
        max_attempts = 0
        [nonsense]
        """
    )
    for command in ("check-config", "serve"):
        assert exit_code(command) == 1
        out, err = capsys.readouterr()
        assert out == ""
        *problems, last = err.splitlines()
        assert re.fullmatch(r"\d+ problems in the configuration; nothing was started", last)
        assert len(problems) >= 4
        for place in ("listen.public", "credentials.app.client_secret", "results.max_attempts", "nonsense"):
            assert any(problem.startswith(place) for problem in problems), place
        assert found_in(err) == []


def test_a_file_that_is_not_there_is_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("check-config", "--config", "missing.toml") == 1
    assert capsys.readouterr().err.startswith("missing.toml")


def test_a_new_key_is_one_that_the_settings_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert exit_code("new-key") == 0
    keys = capsys.readouterr().out
    assert len(set(keys.split())) == 2
    (tmp_path / "keys").write_text(keys)
    (tmp_path / "joinwatch.toml").write_text(NATIVE + '[receipts]\nkeys_file = "keys"\n')
    assert exit_code("check-config") == 0


@pytest.mark.parametrize("listener", ["public", "admin"])
def test_a_port_in_use_is_1_and_named(tmp_path: Path, listener: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        other = "admin" if listener == "public" else "public"
        (tmp_path / "joinwatch.toml").write_text(
            f'[listen]\n{listener} = "127.0.0.1:{port}"\n{other} = "127.0.0.1:0"\n'
        )
        ran = run("serve")
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert line.startswith("cannot listen: ")
    assert str(port) in line
    assert f"listen.{listener}" in line
    assert '"event":"listening"' not in ran.stdout
    # It had got as far as making credentials, which are kept for the owner alone.
    kept = tmp_path / "var" / "throwaway-client-secret"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text().strip() not in ran.stdout + ran.stderr
