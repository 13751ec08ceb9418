"""What bounds the lead has, when it stands still, and when it falls into groups."""

from __future__ import annotations

import random

import pytest

from proxy.domain.diagnosis.leads import Lead, constant, groups, leads, moved
from proxy.domain.diagnosis.windows import Kept
from proxy.domain.offsets import Interval

from .builders import START, every, floored, lead, signature

YEARS_S = 10 * 365.25 * 86400


def at_leads(*los: float, took: float = 0.0, gap: float = 5.0) -> list[Lead]:
    """Signatures with these leads, one after the other."""
    return [lead(START + gap * n, START + gap * n + lo, took=took) for n, lo in enumerate(los)]


@pytest.mark.parametrize(
    ("iat", "found"),
    [
        pytest.param(START - 60, [(-60.0, -58.0)], id="the exchange bounds it"),
        pytest.param(None, [], id="no iat"),
        pytest.param(START * 1000, [], id="milliseconds are no time"),
        pytest.param(START + YEARS_S + 1, [], id="beyond ten years"),
        pytest.param(START - YEARS_S - 1, [], id="before ten years"),
        pytest.param(1e308, [], id="beyond everything"),
        pytest.param(-1e308, [], id="before everything"),
        pytest.param(START + YEARS_S - 10, [(YEARS_S - 10, YEARS_S - 8)], id="nearly ten years"),
    ],
)
def test_leads(iat: float | None, found: list[tuple[float, float]]) -> None:
    seen = signature(START, iat, took=2)
    assert [(each.lo, each.hi) for each in leads([Kept(START, True, seen)])] == found


def test_an_exchange_of_negative_duration_bounds_as_none() -> None:
    (found,) = leads([Kept(START, True, signature(START, START - 60, took=-1))])
    assert found.lo == found.hi == -60


@pytest.mark.parametrize(
    ("of", "by"),
    [
        pytest.param([], 0.0, id="none"),
        pytest.param(at_leads(-60), 0.0, id="one"),
        pytest.param(at_leads(-60, -50), 10.0, id="two"),
        pytest.param(at_leads(-60, -50, took=4), 6.0, id="less what the exchanges took"),
        pytest.param(at_leads(-60, -50, took=12), -2.0, id="may have stood still"),
    ],
)
def test_moved(of: list[Lead], by: float) -> None:
    assert moved(of) == by


@pytest.mark.parametrize(
    ("of", "stands"),
    [
        pytest.param([], None, id="none"),
        pytest.param(at_leads(-60.5, -60.25), Interval(-60.25, -59.5), id="rounded down"),
        pytest.param(at_leads(-61.5, -60.0), Interval(-60.0, -60.0), id="a second and a half is slack"),
        pytest.param(at_leads(-61.51, -60.0), None, id="more is none"),
        pytest.param(at_leads(-90, -60, took=30), Interval(-60, -59), id="slow exchanges"),
    ],
)
def test_constant(of: list[Lead], stands: Interval | None) -> None:
    assert constant(of) == stands


@pytest.mark.parametrize("margin", [0, 0.4, 59.9, 7200], ids=str)
def test_a_constant_lead_holds_the_truth(margin: float) -> None:
    rng = random.Random(11)
    code = floored(margin)
    for _ in range(300):
        of = []
        for at in every(rng.uniform(0.1, 20), 12):
            took = rng.uniform(0, 3)
            of.append(lead(at, code(at - rng.uniform(0, took)), took=took))
        found = constant(of)
        assert found is not None
        assert found.lo - 1e-6 <= -margin <= found.hi + 1e-6


@pytest.mark.parametrize(
    ("los", "sizes"),
    [
        pytest.param([0, 45] * 6, [6, 6], id="in turn"),
        pytest.param([45, 0, 45, 0, 45, 0, 45], [3, 4], id="three at least"),
        pytest.param([45, 0, 45, 0, 45, 0], [], id="five turns may be chance"),
        pytest.param([45, 0, 45, 0, 0, 0], [], id="two are no group"),
        pytest.param([0] * 10 + [45] * 10, [], id="one after the other: a mended clock"),
        pytest.param([0, 45] * 2 + [0] * 8 + [45] * 8, [], id="as good as one after the other"),
        pytest.param([-0.9, 45, 0, 44.5] * 3, [6, 6], id="with what rounding leaves"),
        pytest.param([0, 10, 20, 30] * 4, [4, 4, 4, 4], id="four"),
        pytest.param([0, 10, 20, 30, 40] * 4, [], id="five are none"),
        pytest.param([0, 45] * 9 + [500, 700], [9, 9], id="a tenth may be odd"),
        pytest.param([0, 45] * 8 + [500, 700], [], id="more may not"),
        pytest.param([0] * 20 + [45] * 3, [], id="a group has 15 percent"),
        pytest.param([0] * 12, [], id="one group is none"),
        pytest.param([], [], id="none"),
    ],
)
def test_groups(los: list[float], sizes: list[int]) -> None:
    assert [len(each) for each in groups(at_leads(*los))] == sizes


def test_a_group_has_fifteen_percent_of_them() -> None:
    assert groups(at_leads(*[0, 0, 0, 45] * 3, *[0] * 9)) == []
    assert [len(each) for each in groups(at_leads(*[0, 0, 0, 45] * 3, *[0] * 6))] == [15, 3]
