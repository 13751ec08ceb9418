"""Chance gives what it is asked for."""

from __future__ import annotations

import random

import pytest

from .chance import busy, poisson


@pytest.mark.parametrize("mean", [0.01, 0.5, 3.0, 29.0, 31.0, 400.0])
def test_poisson_has_its_mean_and_variance(mean: float) -> None:
    rng = random.Random(1)
    draws = [poisson(mean, rng) for _ in range(40_000)]
    found = sum(draws) / len(draws)
    assert found == pytest.approx(mean, rel=0.06)
    assert sum((draw - found) ** 2 for draw in draws) / len(draws) == pytest.approx(mean, rel=0.06)


def test_a_week_is_as_busy_as_its_mean_says_and_has_nights() -> None:
    week = [busy(second) for second in range(0, 7 * 86400, 15)]
    assert sum(week) / len(week) == pytest.approx(1, rel=0.001)
    assert min(week) < 0.02 < 10 < max(week)
