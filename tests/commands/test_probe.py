"""joinwatch probe on a terminal: its arguments, its progress, and the words and the JSON of its result."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.cli import main
from proxy.commands.probe_run import Meter
from proxy.commands.probe_text import Facts, as_json, as_text
from proxy.domain.diagnosis.base import Cause, Suspicion
from proxy.domain.ports import Offset
from proxy.services.probe import Progress
from proxy.services.probe_report import Ending, Named, Report
from tests.support.secrets import BACKEND_TOKEN, CLIENT_SECRET, KEY

URL = "http://127.0.0.1:9/"


def exit_code(*arguments: str) -> int:
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
        pytest.param((URL, "--for", "soon"), "'soon' is not a time: write 90s, 5m or 1h", id="no time"),
        pytest.param((URL, "--for", "2h"), "'2h' is not between 1 s and 3600 s", id="too long"),
        pytest.param(
            (URL, "--every", "100ms"), "'100ms' is not between 1.5 s and 3600 s", id="too much load"
        ),
        pytest.param(("localhost",), "the URL is not an http:// or https:// one", id="a URL that is none"),
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
    assert exit_code(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert CLIENT_SECRET not in err
    assert BACKEND_TOKEN not in err


def test_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--help") == 0
    out, err = capsys.readouterr()
    assert err == ""
    for word in (
        "{meeting}",
        "--every",
        "--secret-file",
        "Redirects are",
        "Exit codes: 0 nothing found; 1 a cause; 2",
    ):
        assert word in out


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
    findings={"time/iat_ahead": 14, "request/meeting_mismatch": 1},
    failures={"status 503": 2},
    last_failure="status 503, text/plain, 4 bytes; look into its log",
    named=(ROUNDING, UNSURE),
)
FACTS = Facts(
    url="https://example.com/sign",
    host_clock=Offset(0.0012, 0.0151, 1_800_000_000.0),
    verifies=True,
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
            replace(NOTHING, ending=Ending.INTERRUPTED, lead_s=None, stepped=True, formats=("hmac_only",)),
            replace(FACTS, host_clock="it is not synchronised", varies=False, compares=False),
            id="little is known",
        ),
    ],
)
def test_the_result_in_words(
    name: str, report: Report, facts: Facts, golden: Callable[[str, str], None]
) -> None:
    golden(f"{name}.txt", as_text(report, facts) + "\n")


@pytest.mark.parametrize(
    ("change", "verifies", "expected"),
    [
        pytest.param({}, False, "not_checked", id="no secret"),
        pytest.param({}, True, "right", id="right"),
        pytest.param({"findings": {"mac/wrong": 1}}, True, "wrong", id="one is wrong"),
        pytest.param({"findings": {"mac/unknown_key": 1}}, True, "unknown_key", id="another key"),
        pytest.param({"formats": ("oauth",)}, True, "none", id="nothing that has one"),
    ],
)
def test_what_is_said_of_hmacs(change: dict[str, object], verifies: bool, expected: str) -> None:
    report = replace(NOTHING, **change)  # type: ignore[arg-type]  # the table's values have several types
    assert as_json(report, replace(FACTS, verifies=verifies))["hmac"] == expected


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
        "hmac": "right",
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
