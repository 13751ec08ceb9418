"""Every event's line, whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from proxy.domain.claims import Claims, Redaction
from proxy.domain.diagnosis.base import Cause, Suspicion
from proxy.domain.join_result import Outcome, Reject
from proxy.domain.ports import Offset, RaisedCause
from proxy.domain.receipt import Issuance
from proxy.telemetry.logs import Level, Logs, _SignatureIssued
from proxy.telemetry.outcomes import SignatureOutcome
from tests.support.fake_time import FakeTime
from tests.support.tokens import NOW, web
from tests.telemetry.records import RECEIPT_ID, issuance, join

AT = "2026-11-21T16:57:21.125Z"
ISSUED: dict[str, Any] = {
    "receipt": RECEIPT_ID,
    "sent_at": float(NOW),
    "route": "/zoom",
    "asked_backend": "java",
    "backend": "java",
    "replica": "pod-1",
    "format": "meeting_sdk",
    "iat": NOW + 12,
    "exp": NOW + 7212,
    "iat_offset_s": 11.75,
    "iat_offset_bound_s": 0.0123456,
    "clock_offset_s": -0.004,
    "clock_bound_s": 0.021,
    "backend_clock_offset_s": 0.5,
    "backend_clock_bound_s": 0.75,
    "findings": ["time/iat_ahead", "claims/role_type"],
    "role": None,
}
REPORTED: dict[str, Any] = ISSUED | {
    "outcome": "invalid_signature",
    "code": "3712",
    "error": {"errorCode": 3712, "result": "Invalid signature."},
    "token_age_s": -11.0,
    "age_s": 0.8124,
    "join_s": 2.21,
    "asked_zoom": "seen",
    "attempt": 2,
    "step": 3,
    "suspended": False,
    "signature_intact": True,
    "meeting_matches": None,
    "view": "client",
    "sdk_version": "2.8.0",
    "origin": "https://a.example",
    "late": False,
    "evidence": True,
}

RAISED = RaisedCause(
    backend="java",
    suspicion=Suspicion(
        cause=Cause.FLOAT32_ROUNDING,
        confidence=0.98765432,
        evidence="5 of 5 iat values are 64 modulo 128",
        advice="use a double",
        replicas=("pod-1", "pod-2"),
        predicted_share=0.262,
        heals_s=64.0,
    ),
    raised_at=NOW - 60.0,
)


def written(event: Callable[[Logs], None], *, level: Level = Level.DEBUG, wall_s: float = NOW + 0.125) -> str:
    """The line that an event writes; "" for none."""
    lines: list[bytes] = []
    event(Logs(lines.append, time=FakeTime(wall_s=wall_s), level=level))
    assert len(lines) < 2
    return lines[0].decode() if lines else ""


def signature_issued(logs: Logs) -> None:
    claims = Redaction().claims(Claims.of(web(role="0", passWord="x")))
    logs.signature_issued(issuance(), claims=claims, verdict="refused", status=200, duration_s=0.0123456789)


def signature_failed(logs: Logs) -> None:
    logs.signature_failed(
        route="/zoom",
        backend="java",
        outcome=SignatureOutcome.BACKEND_ERROR,
        status=502,
        detail="the backend answered with an error",
        duration_s=1.5,
    )


@pytest.mark.parametrize(
    ("event", "level", "name", "fields"),
    [
        pytest.param(
            signature_issued,
            "info",
            "signature.issued",
            ISSUED
            | {
                "claims": {
                    "appKey": "te***_0",
                    "sdkKey": "te***_0",
                    "mn": "98***01",
                    "role": "(text)",
                    "iat": NOW - 60,
                    "exp": NOW + 7140,
                    "tokenExp": NOW + 7140,
                    "unknown": ["passWord"],
                },
                "verdict": "refused",
                "status": 200,
                "duration_s": 0.012346,
            },
            id="signature.issued",
        ),
        pytest.param(
            signature_failed,
            "warning",
            "signature.failed",
            {
                "route": "/zoom",
                "backend": "java",
                "outcome": "backend_error",
                "status": 502,
                "detail": "the backend answered with an error",
                "duration_s": 1.5,
            },
            id="signature.failed",
        ),
        pytest.param(
            lambda logs: logs.join_reported(join()), "info", "join.reported", REPORTED, id="join.reported"
        ),
        pytest.param(
            lambda logs: logs.join_reported(
                join(
                    Outcome.NO_RESULT,
                    token_age_s=None,
                    origin=None,
                    late=True,
                    evidence=False,
                    code=None,
                    error={},
                    age_ms=None,
                    join_ms=None,
                    step=None,
                    sdk_version=None,
                    issuance=issuance(
                        replica=None,
                        iat=None,
                        exp=None,
                        iat_offset_s=None,
                        iat_offset_bound_s=None,
                        clock_offset_s=None,
                        clock_bound_s=None,
                        backend_clock_offset_s=None,
                        backend_clock_bound_s=None,
                        findings=(),
                    ),
                )
            ),
            "info",
            "join.reported",
            REPORTED
            | dict.fromkeys(["replica", "iat", "exp", "iat_offset_s", "iat_offset_bound_s", "clock_offset_s"])
            | dict.fromkeys(["clock_bound_s", "backend_clock_offset_s", "backend_clock_bound_s", "code"])
            | dict.fromkeys(["token_age_s", "age_s", "join_s", "step", "sdk_version", "origin"])
            | {"findings": [], "outcome": "no_result", "error": {}, "late": True, "evidence": False},
            id="join.reported, unknown things",
        ),
        pytest.param(
            lambda logs: logs.join_rejected(
                Reject.IMPOSSIBLE_AGE, "too old", origin="https://a.example", receipt_id=RECEIPT_ID
            ),
            "warning",
            "join.rejected",
            {
                "reason": "impossible_age",
                "message": "too old",
                "origin": "https://a.example",
                "receipt": RECEIPT_ID,
            },
            id="join.rejected",
        ),
        pytest.param(
            lambda logs: logs.clock_measured("ntp:time.example", Offset(-0.0123456789, 0.5, float(NOW))),
            "info",
            "clock.measured",
            {"source": "ntp:time.example", "clock_offset_s": -0.012346, "clock_bound_s": 0.5},
            id="clock.measured",
        ),
        pytest.param(
            lambda logs: logs.clock_stepped(-3600.00000049),
            "warning",
            "clock.stepped",
            {"step_s": -3600.0},
            id="clock.stepped",
        ),
        pytest.param(
            lambda logs: logs.cause_suspected(RAISED),
            "warning",
            "cause.suspected",
            {
                "backend": "java",
                "cause": "float32_rounding",
                "confidence": 0.987654,
                "evidence": "5 of 5 iat values are 64 modulo 128",
                "advice": "use a double",
                "replicas": ["pod-1", "pod-2"],
                "predicted_failing_share": 0.262,
                "observed_failing_share": None,
                "heals_s": 64.0,
            },
            id="cause.suspected",
        ),
        pytest.param(
            lambda logs: logs.cause_cleared(RAISED, 61.00000049),
            "warning",
            "cause.cleared",
            {"backend": "java", "cause": "float32_rounding", "replicas": ["pod-1", "pod-2"], "held_s": 61.0},
            id="cause.cleared",
        ),
        pytest.param(
            lambda logs: logs.notice("ledger.migrated", before=None, after="r0001"),
            "info",
            "ledger.migrated",
            {"before": None, "after": "r0001"},
            id="notice",
        ),
        pytest.param(
            lambda logs: logs.trouble("ledger.unavailable", reason="disk full"),
            "warning",
            "ledger.unavailable",
            {"reason": "disk full"},
            id="trouble",
        ),
        pytest.param(
            lambda logs: logs.access(
                listener="public", method="POST", path="/zoom", status=200, duration_s=0.5
            ),
            "info",
            "access",
            {"listener": "public", "method": "POST", "path": "/zoom", "status": 200, "duration_s": 0.5},
            id="access",
        ),
    ],
)
def test_whole_lines(event: Callable[[Logs], None], level: str, name: str, fields: dict[str, Any]) -> None:
    line = written(event)
    expected = {"timestamp": AT, "level": level, "event": name} | fields
    assert json.loads(line) == expected
    assert list(json.loads(line)) == list(expected)
    assert "\n" not in line


@pytest.mark.parametrize(
    ("level", "writes"),
    [
        (Level.DEBUG, {"info", "warning"}),
        (Level.INFO, {"info", "warning"}),
        (Level.WARNING, {"warning"}),
        (Level.ERROR, set()),
    ],
)
def test_levels(level: Level, writes: set[str]) -> None:
    events: list[Callable[[Logs], None]] = [
        signature_issued,
        signature_failed,
        lambda logs: logs.join_reported(join()),
        lambda logs: logs.clock_stepped(1.0),
        lambda logs: logs.notice("x"),
    ]
    lines = [line for event in events if (line := written(event, level=level))]
    assert {json.loads(line)["level"] for line in lines} == writes


@pytest.mark.parametrize(
    ("wall_s", "stamp"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (NOW + 0.9999, "2026-11-21T16:57:21.999Z"),
        (NOW + 0.0004, "2026-11-21T16:57:21.000Z"),
        (4_102_444_800.5, "2100-01-01T00:00:00.500Z"),
    ],
)
def test_timestamps_are_utc_with_milliseconds(wall_s: float, stamp: str) -> None:
    for event in (signature_issued, signature_failed):
        assert json.loads(written(event, wall_s=wall_s))["timestamp"] == stamp


def test_what_json_does_not_know_is_written_as_text() -> None:
    line = json.loads(written(lambda logs: logs.notice("x", error=ValueError("y"), path=Reject.INTERNAL)))
    assert (line["error"], line["path"]) == ("y", "internal")


def test_the_line_of_a_signature_starts_with_what_its_receipt_holds() -> None:
    """The record takes an issuance by position: a field that moves in one must move in the other."""
    names = {"receipt_id": "receipt", "asked": "asked_backend", "signer": "backend"}
    carried = tuple(names.get(name, name) for name in Issuance.__struct_fields__)
    assert _SignatureIssued.__struct_fields__[: len(carried)] == carried
