"""joinwatch report: from a running joinwatch, from a ledger, and from neither."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from proxy.cli import main
from proxy.commands import report_source
from proxy.commands.report_text import as_text
from proxy.commands.terminal import Paint
from proxy.domain.diagnosis.base import FLEET, Cause, Suspicion
from proxy.domain.join_result import Outcome
from proxy.domain.ports import RaisedCause
from proxy.ledger.store import Store
from proxy.services.summary_shape import (
    BackendSummary,
    CauseSummary,
    ClockSummary,
    LedgerSummary,
    Rate,
    Summary,
)
from tests.ledger.builders import record, url_of
from tests.support.app import ENVIRONMENT, NATIVE, application
from tests.support.joinwatch import joinwatch
from tests.support.secrets import ADMIN_TOKEN, found_in
from tests.support.servers import raw_server, replying, stalling, unused_port

REPOSITORY = Path(__file__).parents[2]
AT = datetime(2026, 11, 21, 16, 57, 21, tzinfo=UTC)
HOSTILE = "pod\x1b]0;owned\x07\x1b[2J\u202e\x9b31m\r\nforged line"


@pytest.fixture(autouse=True)
def _here(nobody_runs: None, tmp_path: Path) -> None:
    (tmp_path / "joinwatch.toml").write_text(f'{NATIVE}[listen]\nadmin = "127.0.0.1:{unused_port()}"\n')


def exit_code(*arguments: str) -> int:
    """What the command returns, or exits with."""
    try:
        return main(("report", *arguments))
    except SystemExit as exited:
        return int(exited.code or 0)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Store]:
    """The ledger of the configuration: three refused joins of four, a cause, and one that is over."""
    now = time.time()
    suspicion = Suspicion(
        Cause.FLOAT32_ROUNDING,
        0.99,
        "4 of 4 iat values ≡ 64",
        "use a double",
        (HOSTILE, "pod-2"),
        0.262,
        0.75,
        64.0,
    )
    over = replace(suspicion, cause=Cause.BACKEND_CLOCK_AHEAD, replicas=())
    with closing(Store(url_of(tmp_path / "var" / "joinwatch.db"))) as store:
        store.keep_causes(
            [
                RaisedCause("native", suspicion, now - 100),
                RaisedCause("native", over, now - 1000, now - 500),
                RaisedCause(FLEET, replace(over, cause=Cause.ZOOM_SIDE, evidence=HOSTILE), now - 50),
            ]
        )
        outcomes = (Outcome.JOINED, *[Outcome.INVALID_SIGNATURE] * 3)
        store.append(
            [
                record(f"{age}", outcome=outcome, received_at=now - age, signer="native", late=False)
                for age, outcome in zip((40, 60, 80, 200), outcomes, strict=True)
            ],
            5,
        )
        yield store


# From a running joinwatch


async def test_the_report_of_a_running_joinwatch(tmp_path: Path) -> None:
    async with application(tmp_path) as app:
        for _ in range(3):
            await app.report(await app.receipt())
        ran = await joinwatch_report("--admin", app.admin)
        assert (ran.returncode, ran.stderr) == (0, "")
        lines = ran.stdout.splitlines()
        assert lines[0] == f"joins from 2027-01-15 07:00:00 UTC to 2027-01-15 08:00:00 UTC, by {app.admin}"
        header, native, fleet = (line.split() for line in lines[-5:-2])
        assert header[:6] == ["backend", "joined", "invalid", "expired", "other", "no"]
        assert native[:7] == ["native", "0", "3", "0", "0", "0", "0"]
        assert fleet[1:] == native[1:]
        assert lines[-1] == "no cause is suspected"
        ran = await joinwatch_report("--admin", f"{app.admin}/", "--json", "--since", "7d")
        answer = await app.ask("GET", f"{app.admin}/api/summary?since=7d")
        assert json.loads(ran.stdout) == json.loads(answer.body)


async def test_the_real_process_is_found_by_its_configuration_and_its_ledger_when_it_is_gone(
    tmp_path: Path,
) -> None:
    port = unused_port()
    place = {
        "JOINWATCH_LISTEN__ADMIN": f"127.0.0.1:{port}",
        "JOINWATCH_LEDGER__URL": f"sqlite:///{tmp_path}/x.db",
    }
    (tmp_path / "token").write_text(ADMIN_TOKEN)
    config = f'{NATIVE}[listen]\nadmin_hosts = ["admin.example"]\nadmin_token_file = "{tmp_path}/token"\n'
    asked = ("--config", str(tmp_path / "joinwatch.toml"))
    async with joinwatch(tmp_path, config, {**ENVIRONMENT, **place}) as watch:
        ran = await joinwatch_report(*asked, **place)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert f", by http://127.0.0.1:{port}" in ran.stdout
        refused = await joinwatch_report("--admin", watch.admin)
        assert refused.returncode == 2
        assert refused.stderr == (
            f"joinwatch report: {watch.admin} answered 401: send Authorization: Bearer with the token of"
            " listen.admin_token_file ($JOINWATCH_ADMIN_TOKEN)\n"
        )
        allowed = await joinwatch_report("--admin", watch.admin, JOINWATCH_ADMIN_TOKEN=ADMIN_TOKEN)
        assert allowed.returncode == 0
        elsewhere = await joinwatch_report(*asked, JOINWATCH_ADMIN_TOKEN="another", **place)
        assert elsewhere.returncode == 0
        assert await watch.terminate() == 0
    ran = await joinwatch_report(*asked, **place)
    assert ran.returncode == 0
    assert ran.stderr == (
        f"joinwatch report: nothing answers at http://127.0.0.1:{port} (connection refused):"
        " reading the ledger instead\n"
    )
    assert f", by the ledger {tmp_path}/x.db" in ran.stdout
    for each in (ran, refused, allowed, elsewhere):
        assert found_in(each.stdout + each.stderr) == []


# From a ledger


@pytest.mark.usefixtures("ledger")
def test_without_a_process_the_ledger_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code() == 0
    out, err = capsys.readouterr()
    assert err.endswith("(connection refused): reading the ledger instead\n")
    text = " ".join(out.split())
    assert "native 1 3 0 0 0 0 75.0 % (30.1 to 95.4 %)" in text
    assert "float32_rounding, confidence 0.99, since " in text
    assert "for 100 s; 2 joins failed on their signature meanwhile" in text
    assert "was backend_clock_ahead, confidence 0.99, from " in text
    assert (
        "evidence 4 of 4 iat values ≡ 64 costs 26.2 % of the joins should fail by it, 75.0 % of the joins were refused"
        " as invalid (3712)" in text
    )
    assert "a refused signature works after at most 64 s" in text
    assert "mend use a double" in text
    assert "all backends zoom_side" in text


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("how", [(), ("--json",)], ids=["text", "json"])
def test_nothing_of_a_ledger_commands_the_terminal(
    how: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*how) == 0
    out = capsys.readouterr().out
    assert [each for each in out if not each.isprintable() and each != "\n"] == []
    assert not any(line.startswith("forged") for line in out.splitlines())
    if how:
        told = json.loads(out)["backends"]["native"]["causes"][0]
        assert told["replicas"] == [HOSTILE, "pod-2"]
    else:
        assert "pod?]0;owned??[2J??31m forged line, pod-2" in " ".join(out.split())


@pytest.mark.usefixtures("ledger")
def test_since_is_how_far_back(capsys: pytest.CaptureFixture[str]) -> None:
    for since, refused in (("70s", 1), ("90s", 2), ("1h", 3)):
        assert exit_code("--json", "--since", since) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["backends"]["native"]["joins"]["invalid_signature"] == refused
        assert (len(told["backends"]["native"]["cleared_causes"]) == 1) == (since == "1h")


def test_reading_leaves_a_ledger_as_it_was(ledger: Store, tmp_path: Path) -> None:
    ledger.close()
    file = tmp_path / "var" / "joinwatch.db"
    before = file.read_bytes()
    assert exit_code() == 0
    assert file.read_bytes() == before


# On a terminal


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    ("environ", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
    ids=["terminal", "NO_COLOR", "dumb"],
)
def test_colours_are_for_terminals(environ: dict[str, str], coloured: bool) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command(), stdout=theirs, stderr=subprocess.DEVNULL, env=environment(**environ)
    ) as child:
        os.close(theirs)
        out = b""
        try:
            while chunk := os.read(ours, 65536):
                out += chunk
        except OSError:  # Linux: the other end was closed.
            pass
        os.close(ours)
        assert child.wait(30) == 0
    assert (b"\x1b[31;1mfloat32_rounding\x1b[0m" in out) == coloured
    assert (b"\x1b" in out) == coloured


@pytest.mark.usefixtures("ledger")
def test_a_terminal_in_plain_ascii_and_a_reader_that_had_enough() -> None:
    ran = subprocess.run(
        command(), capture_output=True, env=environment(PYTHONIOENCODING="ascii"), timeout=30, check=False
    )
    assert ran.returncode == 0
    assert b"4 of 4 iat values ? 64" in ran.stdout
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        command(), stdout=writing, stderr=subprocess.PIPE, env=environment(), timeout=30, check=False
    )
    os.close(writing)
    assert (ran.returncode, b"Traceback" in ran.stderr, b"BrokenPipe" in ran.stderr) == (0, False, False)


# Nothing to report from


def test_neither_a_process_nor_a_ledger_is_2_and_makes_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert exit_code() == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert (
        f"and there is no ledger {tmp_path}/var/joinwatch.db: start joinwatch, or name --config FILE" in err
    )
    assert sorted(tmp_path.rglob("*")) == before


def test_a_ledger_that_cannot_be_read_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "joinwatch.db").write_text("no database " * 100)
    assert exit_code() == 2
    assert "joinwatch.db: file is not a database: move the file away" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["a pipe", "a folder"])
def test_a_ledger_that_is_no_file_is_2_at_once(
    make: Callable[[Path], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "var").mkdir()
    make(tmp_path / "var" / "joinwatch.db")
    assert exit_code() == 2
    assert "joinwatch.db is no file, but a folder, a pipe or a device: correct" in capsys.readouterr().err


def test_a_listener_on_any_port_cannot_be_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "joinwatch.toml").write_text(f'{NATIVE}[listen]\nadmin = "127.0.0.1:0"\n')
    assert exit_code() == 2
    assert "listen.admin leaves the port open" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--since", "soon"), "it is not a time from 1s to 366d"),
        (("--since", "0s"), "it is not a time from 1s to 366d"),
        (("--config", "x", "--admin", "http://127.0.0.1:1"), "not allowed with argument"),
        (("--json", "--html", "x"), "not allowed with argument"),
        (("--html", "report.html"), "nothing answers at"),
        (("--admin", "127.0.0.1:4001"), "--admin is not a URL: write for example http://127.0.0.1:4001"),
        (("--admin", "ftp://127.0.0.1/"), "--admin is not a URL"),
        (("--admin", "http://"), "--admin is not a URL"),
        (("--admin", "http://[::1"), "--admin is not a URL"),
        (("--admin", f"http://x:{ADMIN_TOKEN}@127.0.0.1"), "put the token into JOINWATCH_ADMIN_TOKEN"),
        (("--admin", "http://127.0.0.1:1"), "nothing answers at http://127.0.0.1:1 (connection refused)"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_wrong_use_is_2(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert found_in(err) == []


def test_a_problem_in_the_configuration_is_1_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "joinwatch.toml").write_text("[nonsense]\n")
    assert exit_code() == 1
    err = capsys.readouterr().err
    assert err.startswith("nonsense")
    assert "--admin URL needs none" in err


OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"


def answer(body: bytes) -> bytes:
    """A whole reply."""
    return OK % (len(body), body)


def refusal(message: bytes) -> bytes:
    """A refusal in joinwatch's own shape."""
    body = b'{"error": {"code": "host", "message": "%b"}}' % message
    return b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n", "does not answer as an admin listener does"),
        (answer(b"<html>"), "answered what is no summary"),
        (answer(b"[" * 100_000), "answered what is no summary"),
        (answer(b'{"generated_at": "yesterday"}'), "answered what is no summary"),
        (answer(b"\xff"), "answered what is no summary"),
        (
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            "answered 404: is that the admin listener of this",
        ),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "answered 302"),
        (refusal(b"a\\u001b[2Jb"), "answered 403: a?[2Jb\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nConnection: close\r\n\r\n{", "does not answer as"),
        (b"", "nothing answers at"),
    ],
    ids=[
        "ssh",
        "html",
        "deep",
        "wrong types",
        "not UTF-8",
        "404",
        "redirect",
        "hostile message",
        "cut",
        "hang-up",
    ],
)
async def test_answers_of_strangers(reply: bytes, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with raw_server(replying(reply, close=True)) as server:
        assert await asyncio.to_thread(exit_code, "--admin", server.url) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert "\x1b" not in err
    assert err.count("\n") == 1


async def test_a_stranger_that_never_ends_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_source, "MAX_BYTES", 1000)
    async with raw_server(replying(answer(b" " * 100_000), close=True)) as server:
        assert await asyncio.to_thread(exit_code, "--admin", server.url) == 2
    assert "does not answer as an admin listener does" in capsys.readouterr().err
    monkeypatch.setattr(report_source, "ANSWER_S", 0.2)
    async with raw_server(stalling(b"HTTP/1.1 200 OK\r\n")) as server:
        assert await asyncio.to_thread(exit_code, "--admin", server.url) == 2
    assert "(it took too long)" in capsys.readouterr().err


# The text


def test_a_whole_report() -> None:
    java = BackendSummary(
        joins={"joined": 894, "invalid_signature": 320, "no_result": 20, "other_failure": 1000},
        late=2,
        rate_3712=Rate(0.1446, 0.1306, 0.1598, 320, 2214),
        signatures_since_start={"ok": 1},
        replicas={"pod-1": ClockSummary(45.0, 0.5, AT), "pod-2": None},
        causes=(
            CauseSummary(
                "float32_rounding",
                AT - timedelta(minutes=45),
                0.99,
                "the evidence " * 9,
                0.262,
                None,
                "use a double",
                ("pod-1",),
                64.0,
                320,
            ),
        ),
        cleared_causes=(
            CauseSummary(
                "no_margin",
                AT - timedelta(days=3),
                0.9,
                "",
                None,
                None,
                "",
                (),
                None,
                1,
                AT - timedelta(hours=5),
            ),
        ),
    )
    nothing = BackendSummary(dict.fromkeys(Outcome, 0), 0, None, None, {}, (), ())
    summary = Summary(
        generated_at=AT,
        since=AT - timedelta(hours=1),
        ledger=LedgerSummary(available=True),
        host_clock=ClockSummary(-0.0012, 0.02, AT),
        zoom_tolerance_s=(1.5, 4.0),
        backends={"java": java, "node": nothing},
    )
    assert as_text(summary, "a test", Paint(False)).splitlines() == [
        "joins from 2026-11-21 15:57:21 UTC to 2026-11-21 16:57:21 UTC, by a test",
        "this host's clock: -0.001 s ± 0.020",
        "Zoom takes an iat that is 1.5 s ahead and refuses one of 4.0 s, as joins have shown",
        "",
        "backend  joined  invalid  expired  other  no result  late  3712 rate, 95 % interval",
        "java        894      320        0  1,000         20     2  14.5 % (13.1 to 16.0 %)",
        "node          0        0        0      0          0     0  no joins",
        "",
        "java",
        "  clock of pod-1: +45.000 s ± 0.500",
        "  float32_rounding, confidence 0.99, since 2026-11-21 16:12:21 UTC, for 45 min; 320 joins failed on"
        " their signature meanwhile",
        "    evidence  the evidence the evidence the evidence the evidence the evidence the evidence the",
        "              evidence the evidence the evidence",
        "    costs     26.2 % of the joins should fail by it, a refused signature works after at most 64 s",
        "    replicas  pod-1",
        "    mend      use a double",
        "  was no_margin, confidence 0.90, from 2026-11-18 16:57:21 UTC, for 2.79 days; 1 join failed on its"
        " signature meanwhile",
    ]


def test_a_report_without_a_ledger() -> None:
    unknown = BackendSummary(None, None, None, None, {}, (), None)
    summary = Summary(AT, AT, LedgerSummary(False, "disk\nfull"), None, None, {"java": unknown})
    lines = as_text(summary, "a test", Paint(False)).splitlines()
    assert lines[1] == "the ledger cannot be read: disk full"
    assert lines[4].split() == ["java", *"??????", "?"]
    assert lines[-1] == "no cause is suspected"


def test_dates_of_strangers_need_a_zone_and_may_be_at_the_end_of_the_calendar() -> None:
    told = Summary(AT, AT, LedgerSummary(True), None, None, {})
    encoded = msgspec.json.encode(told)
    edge = encoded.replace(b"2026-11-21T16:57:21Z", b"0001-01-01T00:00:00+14:00")
    assert "joins from a time before the year 1 to a time before the year 1" in as_text(
        msgspec.json.decode(edge, type=Summary), "x", Paint(False)
    )
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(encoded.replace(b"21Z", b"21"), type=Summary)


def command(*arguments: str) -> list[str]:
    """joinwatch report as a program."""
    return [sys.executable, "-m", "proxy", "report", *arguments]


def environment(**more: str) -> dict[str, str]:
    """Of our own."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(REPOSITORY),
        **ENVIRONMENT,
        **more,
    }


async def joinwatch_report(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The program, run to its end beside this event loop."""
    return await asyncio.to_thread(
        subprocess.run,
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(**env),
        check=False,
    )
