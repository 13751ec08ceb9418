"""The summary: whose joins, which rate, which causes and what they cost; whole without a ledger."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy.domain.diagnosis.base import FLEET, Cause
from proxy.domain.join_result import Outcome
from proxy.domain.ports import JoinCounts, Offset, RaisedCause, Tally
from proxy.ledger.store import Store
from proxy.services import summary as module
from proxy.services.summary import Known, SummaryService, parse_period, rate, summarise
from proxy.services.summary_shape import (
    BackendSummary,
    CauseSummary,
    ClockSummary,
    LedgerSummary,
    Summary,
)
from tests.ledger.builders import HINTED, RAISED, record, url_of, writing
from tests.support.fake_time import FakeTime

JOINED, INVALID, EXPIRED = Outcome.JOINED, Outcome.INVALID_SIGNATURE, Outcome.SIGNATURE_EXPIRED
NOW = 1_800_000_000.0
AT = datetime.fromtimestamp(NOW, UTC)
OPEN = replace(RAISED, raised_at=NOW - 60, cleared_at=None)
PAST = replace(RAISED, raised_at=NOW - 600, cleared_at=NOW - 300)


def counts(
    begin: float, end: float, late: Mapping[str, int] | None = None, **joins: tuple[int, int]
) -> JoinCounts:
    """So many joined and refused joins of each signer."""
    found = {
        (name, each): n
        for name, pair in joins.items()
        for each, n in zip((JOINED, INVALID), pair, strict=True)
    }
    return JoinCounts(NOW + begin, NOW + end, found, late or {})


def joins(joined: int = 0, invalid: int = 0, **others: int) -> dict[str, int]:
    """The counts as they are told."""
    zero = {each.value: 0 for each in Outcome}
    return zero | {"joined": joined, "invalid_signature": invalid} | others


def cause(raised: RaisedCause, failed: int | None) -> CauseSummary:
    """What is told of RAISED at another time."""
    return CauseSummary(
        cause="float32_rounding",
        since=datetime.fromtimestamp(raised.raised_at, UTC),
        confidence=0.99,
        evidence=RAISED.suspicion.evidence,
        predicted_failing_share=0.262,
        observed_failing_share=0.25,
        advice=RAISED.suspicion.advice,
        replicas=("pod-1", "10.0.0.7:8443"),
        heals_s=64.0,
        failed_joins=failed,
        until=None if raised.cleared_at is None else datetime.fromtimestamp(raised.cleared_at, UTC),
    )


def test_a_whole_summary() -> None:
    tally = Tally(
        [
            counts(-3600, -600, java=(10, 1), php=(7, 0)),
            counts(-600, -300, java=(0, 20), late={"java": 3, "lost": 1}),
            counts(-300, -60, java=(50, 0)),
            counts(-60, math.inf, java=(5, 4), lost=(0, 2)),
        ],
        [PAST, OPEN],
    )
    known = Known(
        now=NOW,
        since=NOW - 3600,
        tally=tally,
        suspected=[OPEN, replace(HINTED, raised_at=NOW - 60)],
        backends=("java", "php"),
        clock=Offset(-0.00123456789, 0.02, NOW - 5),
        tolerance=(1.5, 4.0),
        replicas={"java": {"pod-1": Offset(45.0, 0.5, NOW - 1), "pod-2": None}, "php": {}},
        verdicts={"java": {"ok": 1, "warning": 2, "refused": 3}},
    )
    fleet = CauseSummary("zoom_side", AT - timedelta(seconds=60), 0.5, "", None, None, "", (), None, 6)
    nothing = BackendSummary(joins(7), 0, rate(0, 7), None, {}, (), ())
    assert summarise(known) == Summary(
        generated_at=AT,
        since=AT - timedelta(hours=1),
        ledger=LedgerSummary(available=True),
        host_clock=ClockSummary(-0.001235, 0.02, AT - timedelta(seconds=5)),
        zoom_tolerance_s=(1.5, 4.0),
        backends={
            "java": BackendSummary(
                joins=joins(65, 25),
                late=3,
                rate_3712=rate(25, 90),
                signatures_since_start={"ok": 1, "warning": 2, "refused": 3},
                replicas={"pod-1": ClockSummary(45.0, 0.5, AT - timedelta(seconds=1)), "pod-2": None},
                causes=(cause(OPEN, 4),),
                cleared_causes=(cause(PAST, 20),),
            ),
            "php": nothing,
            "lost": BackendSummary(joins(0, 2), 1, rate(2, 2), None, {}, (), ()),
            "all": BackendSummary(joins(72, 27), 4, rate(27, 99), None, {}, (fleet,), ()),
        },
    )


def test_without_a_ledger_what_it_would_tell_is_null() -> None:
    known = Known(NOW, NOW - 90, None, [OPEN], "disk full", backends=("java", "php"))
    told = json.loads(msgspec.json.encode(summarise(known)))
    assert told == {
        "generated_at": "2027-01-15T08:00:00Z",
        "since": "2027-01-15T07:58:30Z",
        "ledger": {"available": False, "detail": "disk full"},
        "host_clock": None,
        "zoom_tolerance_s": None,
        "backends": {
            name: {
                "joins": None,
                "late": None,
                "rate_3712": None,
                "signatures_since_start": None,
                "replicas": {},
                "causes": [
                    {
                        "cause": "float32_rounding",
                        "since": "2027-01-15T07:59:00Z",
                        "confidence": 0.99,
                        "evidence": RAISED.suspicion.evidence,
                        "predicted_failing_share": 0.262,
                        "observed_failing_share": 0.25,
                        "advice": RAISED.suspicion.advice,
                        "replicas": ["pod-1", "10.0.0.7:8443"],
                        "heals_s": 64.0,
                        "failed_joins": None,
                    }
                ]
                * (name == "java"),
                "cleared_causes": None,
            }
            for name in ("java", "php", "all")
        },
    }


def test_what_is_told_can_be_read_back() -> None:
    summary = summarise(Known(NOW, NOW - 90, Tally([], [PAST]), [OPEN], tolerance=(1.0, math.inf)))
    assert summary.zoom_tolerance_s is None
    assert msgspec.json.decode(msgspec.json.encode(summary), type=Summary) == summary


NOTHING_BUT_NO_RESULT = {("java", Outcome.NO_RESULT): 9}


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        pytest.param(NOTHING_BUT_NO_RESULT, None, id="no_result alone judges nothing"),
        pytest.param(NOTHING_BUT_NO_RESULT | {("java", INVALID): 1}, (1, 1), id="refused"),
        pytest.param(
            {("java", INVALID): 1, ("java", EXPIRED): 2, ("java", JOINED): 3}, (1, 6), id="of all others"
        ),
        pytest.param({("php", INVALID): 1}, None, id="another's"),
    ],
)
def test_the_3712_rate(found: dict[tuple[str, Outcome], int], wanted: tuple[int, int] | None) -> None:
    tally = Tally([JoinCounts(NOW, math.inf, found, {"java": 50})], [])
    told = summarise(Known(NOW, NOW - 60, tally, [], backends=("java",))).backends["java"].rate_3712
    assert (told and (told.refused, told.judged)) == wanted


@pytest.mark.parametrize(
    ("refused", "judged", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
    ids=str,
)
def test_the_interval_is_wilsons(refused: int, judged: int, low: float, high: float) -> None:
    """R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3."""
    told = rate(refused, judged)
    assert told is not None
    assert (told.share, told.refused, told.judged) == (refused / judged, refused, judged)
    assert (told.low, told.high) == pytest.approx((low, high), abs=5e-5)
    mirrored = rate(judged - refused, judged)
    assert mirrored is not None
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((told.low, told.high))


def test_a_cause_costs_what_failed_on_its_signature_while_it_was_raised() -> None:
    found = {(name, each): 1 for name in ("java", "php") for each in Outcome}
    edges = [-100, -60, -30, 0, 30, math.inf]
    spans = [JoinCounts(NOW + a, NOW + b, found, {"java": 9}) for a, b in itertools.pairwise(edges)]
    cleared = replace(OPEN, cleared_at=NOW)
    everywhere = replace(OPEN, backend=FLEET, suspicion=replace(OPEN.suspicion, cause=Cause.ZOOM_SIDE))
    told = summarise(Known(NOW, NOW - 100, Tally(spans, [cleared]), [OPEN, everywhere])).backends
    assert [each.failed_joins for each in told["java"].causes] == [2 * 4]
    assert [each.failed_joins for each in told["java"].cleared_causes or ()] == [2 * 2]
    assert [each.failed_joins for each in told["all"].causes] == [2 * 2 * 4]


PERIODS = {"90s": 90, "15m": 900, "1h": 3600, "7d": 604800, "1s": 1, "366d": 31622400, "007h": 25200}


@pytest.mark.parametrize(("text", "seconds"), PERIODS.items(), ids=PERIODS.keys())
def test_periods(text: str, seconds: float) -> None:
    assert parse_period(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h",
        "1",
        "1 h",
        "-1h",
        "+1h",
        "1.5h",
        "1H",
        "1w",
        "0s",
        "367d",
        "99999999d",
        "1h\n",
        "１h",
        "1h1m",
        "1e3s",
    ],
)
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(ValueError, match=r"from 1s to 366d: write a whole number and one of s, m, h, d"):
        parse_period(text)


class Live:
    """What else a process knows."""

    tolerance = (2.0, 3.0)

    def raised(self) -> Sequence[RaisedCause]:
        """One cause."""
        return [OPEN]

    def best(self) -> Offset | None:
        """A clock."""
        return Offset(0.25, 0.5, NOW)

    def replicas(self, backend: str, now: float) -> Mapping[str, Offset | None]:
        """One replica of each."""
        assert now == NOW
        return {f"{backend}-1": None}

    def verdicts(self) -> Mapping[str, Mapping[str, int]]:
        """A few."""
        return {"java": {"ok": 5}}


def service(ledger: Any) -> SummaryService:
    """Over this ledger."""
    live = Live()
    return SummaryService(
        backends=("java",),
        ledger=ledger,
        suspected=live,
        host_clock=live,
        replica_clocks=live,
        verdicts=live,
        time=FakeTime(wall_s=NOW),
    )


async def test_the_service_asks_everybody(tmp_path: Path) -> None:
    async with writing(lambda: Store(url_of(tmp_path / "joinwatch.db"))) as watched:
        before = await service(watched.ledger).summary(60)
        assert (before.ledger.available, before.ledger.detail) == (
            False,
            "no results are taken now: it is being opened",
        )
        await watched.until_writable()
        for number, age_s in enumerate((1, 59, 61)):
            await watched.ledger.append(
                record(f"{number}", outcome=INVALID, received_at=NOW - age_s, signer="java", late=False)
            )
        told = await service(watched.ledger).summary(60)
    assert told.ledger == LedgerSummary(available=True)
    assert told.host_clock == ClockSummary(0.25, 0.5, AT)
    assert told.zoom_tolerance_s == (2.0, 3.0)
    java = told.backends["java"]
    assert java.joins == joins(0, 2)
    assert java.signatures_since_start == {"ok": 5}
    assert java.replicas == {"java-1": None}
    assert [each.cause for each in java.causes] == ["float32_rounding"]


async def test_counting_that_takes_too_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEDGER_S", 0.0)
    async with writing(lambda: Store(url_of(tmp_path / "joinwatch.db"))) as watched:
        await watched.until_writable()
        told = await service(watched.ledger).summary(60)
    assert told.ledger == LedgerSummary(False, "counting took longer than 0 s: ask for a shorter time")
    assert told.backends["java"].joins is None
    assert told.backends["java"].causes
