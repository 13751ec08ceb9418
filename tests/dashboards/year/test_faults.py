"""Faults are told in time: some of those of docs/alerts.md, with the bounds that it states."""

from __future__ import annotations

import pytest

from proxy.domain.diagnosis.base import Cause

from .faults import KINDS, RATES, Kind, tell
from .late import OUTAGES, redelivered
from .promtool import RULES, alerts, alerts_of

SEEDS = range(1, 3)


def _kind(cause: Cause, name: str) -> Kind:
    return next(kind for kind in KINDS if (kind.cause, kind.name) == (cause, name))


@pytest.mark.parametrize(
    ("cause", "name", "rate", "page_min", "symptoms_min", "signs_min"),
    [
        pytest.param(Cause.FLOAT32_ROUNDING, "round(long), margin inside", "10/min", 10, 8, 4, id="rounding"),
        pytest.param(Cause.WRONG_SECRET, "another app's secret", "1/min", 15, 15, 8, id="wrong secret"),
        pytest.param(
            Cause.UNKNOWN_KEY, "another app's key, no secret configured", "1/min", None, 30, 30, id="3704"
        ),
        pytest.param(Cause.BACKEND_CLOCK_AHEAD, "3607 s", "10/h", None, 90, 60, id="clock ahead"),
    ],
)
def test_a_fault_is_told_in_time(
    cause: Cause, name: str, rate: str, page_min: int | None, symptoms_min: int, signs_min: int
) -> None:
    for run in tell(_kind(cause, name), RATES[rate], SEEDS):
        assert run.symptoms_s is not None
        assert run.symptoms_s <= 60 * symptoms_min
        assert run.signs_s is not None
        assert run.signs_s <= 60 * signs_min
        if page_min is not None:
            assert run.page_s is not None
            assert run.page_s <= 60 * page_min


@pytest.mark.parametrize("fault", ["", ", and every join is refused"])
def test_results_that_come_after_an_outage_call_nobody(fault: str) -> None:
    name = f"the ledger is away for 30 minutes at 10/min{fault}"
    runs = redelivered(next(each for each in OUTAGES if each.id == name), SEEDS)
    assert sum(run.late for run in runs) > 100
    assert sum(run.in_time for run in runs) > 20
    assert not fault or sum(run.late_refused for run in runs) > 200
    assert [run.raised for run in runs] == [()] * len(runs)


def test_no_rule_reads_late_results() -> None:
    assert all("joinwatch_late_results_total" not in file.read_text() for file in RULES.glob("*.yml"))


def test_every_fault_of_the_table_is_played() -> None:
    assert len({kind.id for kind in KINDS}) == len(KINDS)
    assert {kind.cause for kind in KINDS} | {Cause.BACKEND_CLOCK_BEHIND, Cause.WRONG_PRODUCT} == set(Cause)


def test_alerts_are_read_from_the_rules_with_their_severities() -> None:
    named = alerts()
    assert [alert for alert, severity in named.items() if severity == "page"] == ["JoinwatchJoinsRefused"]
    assert set(named.values()) == {"page", "ticket"}
    files = sorted(RULES.glob("alerts_*.yml"))
    assert list(named) == [alert for file in files for alert in alerts_of(file.name)]
