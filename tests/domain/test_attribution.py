"""Joins in time: placed by durations, checked by the server's own reckoning."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.domain.attribution import Attribution, attribute
from proxy.domain.join_result import JoinResult, Outcome, Reject, Rejected, View
from proxy.domain.receipt import Issuance

SENT = 1_795_280_000.0
HOUR = 3600.0

ISSUANCE = Issuance(
    receipt_id="8f0c2f6bb3f94e7f9d2f1c5a40b7e611",
    sent_at=SENT,
    route="/",
    asked="java",
    signer="java",
    replica=None,
    format="meeting_sdk_web",
    iat=SENT - 30,
    exp=SENT + 7170,
    iat_offset_s=-30.0,
    iat_offset_bound_s=0.1,
    clock_offset_s=None,
    clock_bound_s=None,
    backend_clock_offset_s=None,
    backend_clock_bound_s=None,
    findings=(),
)
RESULT = JoinResult(
    result_id="0" * 32,
    attempt=1,
    outcome=Outcome.INVALID_SIGNATURE,
    code="3712",
    error={},
    age_ms=None,
    asked="seen",
    age_clock="monotonic",
    join_ms=None,
    step=None,
    suspended=False,
    signature_intact=None,
    meeting_matches=None,
    view=View.CLIENT,
    sdk_version=None,
    dropped=0,
)


def placed(elapsed_s: float, **fields: Any) -> Attribution:
    return attribute(ISSUANCE, dataclasses.replace(RESULT, **fields), SENT + elapsed_s)


@pytest.mark.parametrize(
    ("elapsed_s", "fields", "age_s"),
    [
        (3.0, {"age_ms": 812.0, "join_ms": 2000.0}, 0.812),
        (3.0, {"age_ms": 0.0}, 0.0),
        (10.0, {"age_ms": 12_000.0}, 12.0),
        (10.0, {"age_ms": 12_001.0}, None),
        (10.0, {"age_ms": 3_610_000.0}, None),
        (-1.0, {"age_ms": 500.0}, 0.5),
        (-1800.0, {"age_ms": 500.0}, None),
        (HOUR, {"age_ms": None}, None),
        (HOUR, {"age_ms": 1000.0, "suspended": True}, None),
        (10.0, {"age_ms": 9e8, "suspended": True}, None),
        (10.0, {"age_ms": 5000.0, "age_clock": "wall"}, 5.0),
        (10.0, {"age_ms": 12_000.0, "age_clock": "wall"}, 12.0),
        (10.0, {"age_ms": 12_001.0, "age_clock": "wall"}, None),
        (10.0, {"age_ms": 9e8, "age_clock": "wall"}, None),
        (9 * 86400.0, {"age_ms": 9 * 86_400_000.0}, 9 * 86400.0),
    ],
    ids=[
        "usual",
        "at once",
        "2 s more than elapsed",
        "2.001 s more than elapsed",
        "an hour more than elapsed",
        "sent a second ahead",
        "sent half an hour ahead",
        "no age",
        "suspended",
        "suspended and absurd",
        "wall",
        "wall 2 s more",
        "wall 2.001 s more",
        "wall absurd",
        "nine days",
    ],
)
def test_join_time(elapsed_s: float, fields: dict[str, Any], age_s: float | None) -> None:
    found = placed(elapsed_s, **fields)
    if age_s is None:
        assert (found.joined_at, found.token_age_s) == (None, None)
    else:
        assert found.joined_at == pytest.approx(SENT + age_s, abs=1e-6)
        assert found.token_age_s == pytest.approx(age_s + 30, abs=1e-6)


@pytest.mark.parametrize(
    ("elapsed_s", "age_ms"), [(10.0, 3_610_001.0), (0.0, 16 * 86_400_000.0), (-HOUR, 1.0)], ids=str
)
def test_an_age_beyond_the_servers_reckoning_is_impossible(elapsed_s: float, age_ms: float) -> None:
    with pytest.raises(Rejected, match='"age_ms" says') as rejected:
        placed(elapsed_s, age_ms=age_ms)
    assert rejected.value.reason is Reject.IMPOSSIBLE_AGE


@pytest.mark.parametrize(
    ("elapsed_s", "fields", "late"),
    [
        (305.0, {"age_ms": 3000.0, "join_ms": 2000.0}, False),
        (305.5, {"age_ms": 3000.0, "join_ms": 2000.0}, True),
        (7200.0, {"age_ms": 7_100_000.0}, False),
        (7200.0, {"age_ms": 7_100_000.0, "age_clock": "wall"}, False),
        (7200.0, {"age_ms": 1000.0}, True),
        (300.0, {"age_ms": None}, False),
        (300.5, {"age_ms": None}, True),
        (7200.0, {"age_ms": None, "join_ms": 7_000_000.0}, False),
        (7200.0, {"age_ms": 7_100_000.0, "suspended": True}, True),
        (1200.0, {"age_ms": 1_800_000.0}, False),
        (1200.0, {"age_ms": 1_800_000.0, "age_clock": "wall"}, True),
        (-60.0, {"age_ms": None}, False),
    ],
    ids=[
        "300 s",
        "300.5 s",
        "old token, fresh join",
        "the same by wall clock",
        "kept for two hours",
        "no age, 300 s after sending",
        "no age, 300.5 s after sending",
        "no age, a long join",
        "slept",
        "replicas' clocks apart",
        "wall clock turned",
        "sent ahead",
    ],
)
def test_late(elapsed_s: float, fields: dict[str, Any], late: bool) -> None:
    assert placed(elapsed_s, **fields).late is late


@pytest.mark.parametrize(
    ("iat", "token_age_s"),
    [
        (SENT - 30, 35.0),
        (SENT + 34, -29.0),
        (SENT + 5, 0.0),
        (SENT - 7200, 7205.0),
        (None, None),
        (math.nan, None),
        (math.inf, None),
        (SENT * 1000, None),
        (0.0, None),
        (SENT - 9 * 365 * 86400, 5.0 + 9 * 365 * 86400),
        (SENT + 11 * 365 * 86400, None),
    ],
    ids=["margin", "ahead", "now", "hours", "none", "nan", "inf", "ms", "epoch", "9 years", "11 years ahead"],
)
def test_token_age(iat: float | None, token_age_s: float | None) -> None:
    found = attribute(
        msgspec.structs.replace(ISSUANCE, iat=iat), dataclasses.replace(RESULT, age_ms=5000.0), SENT + 6
    )
    assert found.joined_at == SENT + 5
    assert found.token_age_s == token_age_s


_MS = st.none() | st.floats(0, 16 * 86_400_000)


@settings(deadline=None)
@given(
    sent_at=st.floats(0, 2**33),
    iat=st.none() | st.floats(),
    elapsed_s=st.floats(-HOUR, 10 * 86400),
    age_ms=_MS,
    join_ms=_MS,
    suspended=st.booleans(),
    age_clock=st.sampled_from(["monotonic", "wall"]),
)
def test_a_join_is_never_placed_in_the_future_nor_before_the_sending(
    sent_at: float,
    iat: float | None,
    elapsed_s: float,
    age_ms: float | None,
    join_ms: float | None,
    suspended: bool,
    age_clock: str,
) -> None:
    issuance = msgspec.structs.replace(ISSUANCE, sent_at=sent_at, iat=iat)
    result = dataclasses.replace(
        RESULT, age_ms=age_ms, join_ms=join_ms, suspended=suspended, age_clock=age_clock
    )
    if age_ms is not None and age_ms / 1000 > elapsed_s + HOUR - 0.001:
        with contextlib.suppress(Rejected):
            assert attribute(issuance, result, sent_at + elapsed_s).joined_at is None
        return
    found = attribute(issuance, result, sent_at + elapsed_s)
    if found.joined_at is not None:
        assert sent_at <= found.joined_at <= sent_at + elapsed_s + 2.001
    assert found.token_age_s is None or (found.joined_at is not None and math.isfinite(found.token_age_s))
    assert not found.late or elapsed_s > 300
