"""joinwatch probe on a terminal: its arguments, its progress, and the words and the JSON of its result."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.cli import main
from proxy.commands.probe_run import Meter, exit_code
from proxy.commands.probe_text import Facts, as_json, as_text
from proxy.commands.terminal import WIDTH, Paint
from proxy.domain.diagnosis.base import Cause, Suspicion
from proxy.domain.ports import Offset
from proxy.services.probe import Progress
from proxy.services.probe_report import Ending, Hmac, Named, Report
from tests.support.secrets import BACKEND_TOKEN, CLIENT_SECRET, KEY

URL = "http://127.0.0.1:9/"


PLAIN = Paint(coloured=False)


def ran(*arguments: str) -> int:
    """What the command returns, or exits with."""
    try:
        return main(("probe", *arguments))
    except SystemExit as exited:
        return int(exited.code or 0)


# Arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param((), "the following arguments are required: URL", id="no URL"),
        pytest.param((URL, "--for", "soon"), "it is not a time: write 90s, 5m or 1h", id="no time"),
        pytest.param((URL, "--for", "2h"), "it is not between 1 s and 3600 s", id="too long"),
        pytest.param((URL, "--every", "100ms"), "it is not between 1.5 s and 3600 s", id="too much load"),
        pytest.param(("localhost",), "the URL is not an http:// or https:// one", id="a URL that is none"),
        pytest.param(
            (URL, "--method", "GET"),
            "write ?meetingNumber={meeting}&role={role} at the URL's end, with the names that the page uses",
            id="GET for no meeting",
        ),
        pytest.param((URL, "--body", "{"), "--body is not JSON", id="a body that is none"),
        pytest.param(
            (URL, "--header", BACKEND_TOKEN), "--header number 1 is not", id="a header that is none"
        ),
        pytest.param((URL, "--key", KEY), "--key and --secret-file go together", id="a key alone"),
        pytest.param(
            (URL, "--secret-file", "secret"), "--key and --secret-file go together", id="a secret alone"
        ),
        pytest.param(
            (URL, "--key", KEY, "--secret-file", "missing"),
            "--secret-file missing cannot be read (no such file or directory); create it",
            id="no file",
        ),
        pytest.param(
            (URL, "--key", KEY, "--secret-file", "spaced"),
            "--secret-file spaced gives a value with white space in it; remove",
            id="a damaged secret",
        ),
        pytest.param(
            (URL, "--key", KEY, "--secret-file", "binary"), "--secret-file binary is not UTF-8", id="binary"
        ),
    ],
)
def test_wrong_use_is_2_and_says_what_to_do(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spaced").write_text(f" {CLIENT_SECRET}\n")
    Path("binary").write_bytes(b"\xff\xfe")
    assert ran(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert CLIENT_SECRET not in err
    assert BACKEND_TOKEN not in err


def test_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("--help") == 0
    out, err = capsys.readouterr()
    assert err == ""
    for word in (
        "{meeting}",
        "--every",
        "--secret-file",
        "Redirects are",
        "Exit codes: 0 nothing found; 1 a cause; 2",
        "'https://example.com/sign?meetingNumber={meeting}&role={role}'",
        "default: POST, but GET where the URL has {meeting} and there is no --body",
    ):
        assert word in " ".join(out.split())


# The result

NOTHING = Report(
    ending=Ending.CLEAR,
    elapsed_s=166.4,
    requests=57,
    signatures=57,
    distinct_iats=33,
    lead_s=(-1.0, -0.0199),
    steady=True,
    phases=128,
    bursts=3,
    parallel=24,
    repeated=0,
    replicas=("192.0.2.1:443",),
    formats=("meeting_sdk",),
    backend_clock=Offset(0.1234, 0.1466, 1_800_000_160.0),
    hmacs={Hmac.RIGHT: 57},
    findings={},
    failures={},
    last_failure=None,
    named=(),
    stepped=False,
)
ROUNDING = Named(
    Suspicion(
        Cause.FLOAT32_ROUNDING,
        0.95,
        "2 of 2 distinct iat are 0 modulo 128 s.",
        "Divide in integers.",
        predicted_share=0.26171875,
        heals_s=34.0,
    ),
    since=1_800_000_100.5,
)
AHEAD = Named(
    Suspicion(
        Cause.BACKEND_CLOCK_AHEAD, 0.6, "By its Date headers the clock is 45.00 s ahead.", "Set it right."
    ),
    since=1_800_000_100.5,
)
UNSURE = Named(
    Suspicion(Cause.BACKEND_CLOCK_AHEAD, 0.4, "One \x1b[31mreply.", "Look again."), 1_800_000_100.5
)
FOUND = replace(
    NOTHING,
    ending=Ending.CAUSE,
    elapsed_s=116.0,
    requests=43,
    signatures=41,
    distinct_iats=2,
    lead_s=(-92.05, 30.18),
    steady=False,
    phases=124,
    bursts=2,
    parallel=16,
    repeated=3,
    backend_clock=None,
    hmacs={Hmac.RIGHT: 38, Hmac.WRONG: 3},
    findings={"time/iat_ahead": 14, "request/meeting_mismatch": 1},
    failures={"status 503": 2},
    last_failure="status 503, text/plain, 4 bytes; look into its log",
    named=(ROUNDING, UNSURE),
)
FACTS = Facts(
    url="https://example.com/sign",
    host_clock=Offset(0.0012, 0.0151, 1_800_000_000.0),
    varies=True,
    compares=True,
)


@pytest.mark.parametrize(
    ("name", "report", "facts"),
    [
        pytest.param("probe_nothing", NOTHING, FACTS, id="nothing found"),
        pytest.param("probe_found", FOUND, FACTS, id="a cause"),
        pytest.param(
            "probe_unmeasured",
            replace(
                NOTHING,
                ending=Ending.INTERRUPTED,
                lead_s=None,
                stepped=True,
                formats=("hmac_only",),
                hmacs={Hmac.NONE: 57},
            ),
            replace(FACTS, host_clock="it is not synchronised", varies=False, compares=False),
            id="little is known",
        ),
        pytest.param(
            "probe_two_clocks",
            replace(NOTHING, named=(AHEAD, UNSURE)),
            replace(FACTS, host_clock="it is not synchronised"),
            id="one of two clocks",
        ),
    ],
)
def test_the_result_in_words(
    name: str, report: Report, facts: Facts, golden: Callable[[str, str], None]
) -> None:
    golden(f"{name}.txt", as_text(report, facts, PLAIN) + "\n")


MEASURED = FACTS.host_clock
UNMEASURED = "it is not synchronised"


@pytest.mark.parametrize("confidence", [0.4, 0.9], ids=["doubted", "found"])
@pytest.mark.parametrize(
    ("cause", "host_clock", "says"),
    [
        pytest.param(
            Cause.BACKEND_CLOCK_AHEAD,
            UNMEASURED,
            "not measured: one of two clocks is wrong",
            id="ahead, unmeasured",
        ),
        pytest.param(
            Cause.BACKEND_CLOCK_BEHIND,
            UNMEASURED,
            "not measured: one of two clocks is wrong",
            id="behind, unmeasured",
        ),
        pytest.param(
            Cause.NO_MARGIN,
            UNMEASURED,
            "not measured: iat has no margin, or one of two clocks is wrong",
            id="no margin, unmeasured",
        ),
        pytest.param(Cause.BACKEND_CLOCK_AHEAD, MEASURED, None, id="ahead, measured"),
        pytest.param(Cause.NO_MARGIN, MEASURED, None, id="no margin, measured"),
        pytest.param(Cause.WRONG_SECRET, UNMEASURED, None, id="what no clock has to do with"),
    ],
)
def test_which_clock_is_wrong_is_left_open_where_this_hosts_is_not_measured(
    cause: Cause, host_clock: Offset | str, says: str | None, confidence: float
) -> None:
    named = Named(Suspicion(cause, confidence, "Seen.", "Mend."), 1_800_000_100.5)
    text = as_text(replace(NOTHING, named=(named,)), replace(FACTS, host_clock=host_clock), PLAIN)
    flat = " ".join(text.split())
    assert ("one of two clocks" in flat) is (says is not None)
    assert ("`chronyc tracking` or `timedatectl`" in flat) is (says is not None)
    if says is not None:
        assert says in flat


def test_a_terminal_gets_colours_around_the_same_words() -> None:
    coloured = as_text(FOUND, FACTS, Paint(coloured=True))
    assert "\x1b[31;1mfloat32_rounding\x1b[0m: iat is" in coloured
    assert "\x1b[33mnot sure:\x1b[0m backend_clock_ahead" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == as_text(FOUND, FACTS, PLAIN)
    assert "\x1b[32mnothing found\x1b[0m" in as_text(NOTHING, FACTS, Paint(coloured=True))


def test_what_came_from_the_endpoint_cannot_command_the_terminal() -> None:
    evil = "\x1b[2J\nx\u202e"
    named = Named(Suspicion(Cause.WRONG_SECRET, 0.9, evil, evil, replicas=(evil,)), 0.0)
    report = replace(FOUND, named=(named,), failures={evil: 1}, last_failure=evil, findings={evil: 1})
    text = as_text(report, replace(FACTS, url=evil, host_clock=evil), PLAIN)
    assert not {"\x1b", "\u202e"} & set(text)
    nothing = as_text(replace(report, named=()), replace(FACTS, url=evil), PLAIN)
    assert not {"\x1b", "\u202e"} & set(nothing)
    assert all(len(line) <= WIDTH for line in text.splitlines() if not line.startswith("    "))


@pytest.mark.parametrize(
    ("named", "ending", "signatures", "code"),
    [
        pytest.param((), Ending.CLEAR, 57, 0, id="nothing"),
        pytest.param((0.4,), Ending.TIME, 57, 0, id="only a doubt"),
        pytest.param((0.49,), Ending.INTERRUPTED, 57, 130, id="a doubt, then interrupted"),
        pytest.param((0.5,), Ending.TIME, 57, 1, id="just likely"),
        pytest.param((0.8, 0.4), Ending.CAUSE, 57, 1, id="a cause and a doubt"),
        pytest.param((0.97,), Ending.INTERRUPTED, 57, 1, id="a cause, then interrupted"),
        pytest.param((), Ending.INTERRUPTED, 0, 130, id="interrupted before the first"),
        pytest.param((), Ending.NO_SIGNATURE, 0, 2, id="no signature"),
    ],
)
def test_a_doubt_is_no_cause_for_the_exit_code(
    named: tuple[float, ...], ending: Ending, signatures: int, code: int
) -> None:
    causes = tuple(Named(Suspicion(Cause.NO_MARGIN, each, "Seen.", "Mend."), 0.0) for each in named)
    report = replace(NOTHING, ending=ending, signatures=signatures, named=causes)
    assert exit_code(report) == code
    assert len(report.causes) + len(report.doubted) == len(named)
    text = as_text(report, FACTS, PLAIN)
    assert ("not sure: no_margin" in text) is bool(report.doubted)
    assert text.startswith("no_margin: ") is bool(report.causes)


@pytest.mark.parametrize(
    ("hmacs", "told", "words"),
    [
        pytest.param({Hmac.RIGHT: 9}, "right", "right in all of them", id="right"),
        pytest.param({Hmac.RIGHT: 8, Hmac.NONE: 1}, "right", "right in 8 of 9", id="right, and others"),
        pytest.param({Hmac.WRONG: 9}, "wrong", "wrong in all of them", id="wrong"),
        pytest.param({Hmac.RIGHT: 8, Hmac.WRONG: 1}, "wrong", "wrong in 1 of 9", id="one is wrong"),
        pytest.param(
            {Hmac.UNKNOWN_KEY: 8, Hmac.WRONG: 1}, "wrong", "wrong in 1 of 9", id="wrong, and another key"
        ),
        pytest.param(
            {Hmac.UNKNOWN_KEY: 1, Hmac.RIGHT: 8},
            "unknown_key",
            "not checked in 1 of 9: another key than --key stands there, or none",
            id="another key",
        ),
        pytest.param(
            {Hmac.NOT_CHECKED: 9}, "not_checked", "not checked; give --key and --secret-file", id="no secret"
        ),
        pytest.param(
            {Hmac.NONE: 9}, "none", "not checked: none is a Meeting SDK or legacy signature", id="no HMAC"
        ),
        pytest.param({}, "none", "not checked: none is a Meeting SDK or legacy signature", id="no signature"),
    ],
)
def test_what_is_said_of_hmacs(hmacs: dict[Hmac, int], told: str, words: str) -> None:
    report = replace(NOTHING, hmacs=hmacs)
    assert as_json(report, FACTS)["hmac"] == told
    assert f"  HMAC: {words}" in as_text(report, FACTS, PLAIN).splitlines()


def test_the_result_as_json() -> None:
    assert json.loads(json.dumps(as_json(FOUND, FACTS))) == {
        "url": "https://example.com/sign",
        "ending": "cause",
        "elapsed_s": 116.0,
        "requests": 43,
        "signatures": 41,
        "no_signature": {"status 503": 2},
        "distinct_iats": 2,
        "lead_s": [-92.05, 30.18],
        "phases_s": 124,
        "parallel": 16,
        "replicas": ["192.0.2.1:443"],
        "clock": {"backend_offset_s": None, "bound_s": None, "host_offset_s": 0.0012, "host_bound_s": 0.0151},
        "hmac": "wrong",
        "findings": {"time/iat_ahead": 14, "request/meeting_mismatch": 1},
        "causes": [
            {
                "cause": "float32_rounding",
                "since": "2027-01-15T08:01:40Z",
                "confidence": 0.95,
                "evidence": "2 of 2 distinct iat are 0 modulo 128 s.",
                "predicted_failing_share": 0.26171875,
                "observed_failing_share": None,
                "advice": "Divide in integers.",
            },
            {
                "cause": "backend_clock_ahead",
                "since": "2027-01-15T08:01:40Z",
                "confidence": 0.4,
                "evidence": "One \x1b[31mreply.",
                "predicted_failing_share": None,
                "observed_failing_share": None,
                "advice": "Look again.",
            },
        ],
    }


# Progress


class Terminal(io.StringIO):
    """What says that it is one."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def steps() -> list[Progress]:
    """Five looks in 28 s."""
    found = [Progress(at, 9, 8, 2, -30.25, ()) for at in (1.0, 7.0, 16.0, 22.0)]
    return [*found, Progress(28.0, 10, 9, 2, None, (Cause.NO_MARGIN,))]


def test_a_terminal_has_one_line_that_is_renewed_and_goes() -> None:
    out = Terminal()
    meter = Meter(out, 300.0)
    for step in steps():
        meter.show(step)
    meter.clear()
    text = out.getvalue()
    assert "\n" not in text
    assert text.count("\r") == 6
    assert text.endswith("\r\x1b[K")
    assert (
        "\r1 of at most 300 s: 8 signatures of 9 requests, 2 distinct iat, iat -30.2 s from now\x1b[K" in text
    )
    assert "28 of at most 300 s: 9 signatures of 10 requests, 2 distinct iat, perhaps no_margin" in text


def test_a_file_has_a_line_now_and_then() -> None:
    out = io.StringIO()
    meter = Meter(out, 300.0)
    for step in steps():
        meter.show(step)
    meter.clear()
    assert out.getvalue() == (
        "16 of at most 300 s: 8 signatures of 9 requests, 2 distinct iat, iat -30.2 s from now\n"
    )
