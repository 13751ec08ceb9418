"""When a fault is over, and when it only rests."""

from __future__ import annotations

import random

import pytest

from proxy.domain.diagnosis.persistence import goes_on, is_over, still

HIT, SOUND = [True], [False]


@pytest.mark.parametrize(
    ("hits", "of", "share", "may_be"),
    [
        pytest.param(0, 24, 0.25, True, id="none of 24 where a quarter has it"),
        pytest.param(0, 25, 0.25, False, id="none of 25"),
        pytest.param(0, 9, 0.5, True, id="none of 9 where half has it"),
        pytest.param(0, 10, 0.5, False, id="none of 10"),
        pytest.param(24, 24, 0.25, True, id="more than before"),
        pytest.param(0, 0, 1.0, True, id="none"),
    ],
)
def test_still(hits: int, of: int, share: float, may_be: bool) -> None:
    assert still(hits, of, share) is may_be


@pytest.mark.parametrize(
    ("hits", "expected"),
    [
        pytest.param([], True, id="none"),
        pytest.param(HIT * 30, True, id="all"),
        pytest.param(HIT * 30 + SOUND * 7, True, id="seven sound ones are a pause"),
        pytest.param(HIT * 30 + SOUND * 8, False, id="eight are its end"),
        pytest.param(HIT * 30 + SOUND * 500, False, id="and remain its end"),
        pytest.param(HIT * 3 + SOUND * 10, True, id="three and ten"),
        pytest.param(HIT * 3 + SOUND * 11, False, id="three and eleven"),
        pytest.param(HIT * 2 + SOUND * 50, True, id="two say nothing"),
        pytest.param(HIT * 30 + (SOUND * 6 + HIT) * 4, True, id="it has become seldom"),
        pytest.param(HIT * 30 + SOUND * 100 + HIT, True, id="it has come back"),
        pytest.param((HIT + SOUND * 9) * 10, True, id="a tenth"),
        pytest.param((HIT + SOUND * 9) * 10 + SOUND * 90, False, id="a tenth, and then none of 99"),
        pytest.param(SOUND * 50 + HIT * 3, True, id="it has just begun"),
    ],
)
def test_goes_on(hits: list[bool], expected: bool) -> None:
    assert goes_on(hits) is expected


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        pytest.param(SOUND * 20 + HIT + SOUND * 20, False, id="one of 41"),
        pytest.param(SOUND * 4 + (HIT + SOUND * 4) * 8, True, id="a fifth"),
    ],
)
def test_what_looks_like_a_hit_by_chance_is_spared(newest: list[bool], expected: bool) -> None:
    assert goes_on(HIT * 30 + newest, by_chance=1 / 128) is expected


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9], ids=str)
def test_a_steady_share_goes_on(share: float) -> None:
    rng = random.Random(6)
    over = 0
    for _ in range(400):
        over += not goes_on([rng.random() < share for _ in range(160)])
    assert over <= 1


@pytest.mark.parametrize(
    ("before", "of", "sound", "expected"),
    [
        pytest.param(8, 8, 8, True, id="all, and then none of eight"),
        pytest.param(8, 8, 7, False, id="seven are a pause"),
        pytest.param(2, 2, 100, False, id="two say nothing"),
        pytest.param(3, 3, 11, True, id="three"),
        pytest.param(3, 60, 100, False, id="a twentieth"),
        pytest.param(3, 60, 190, True, id="a twentieth, and then none of 190"),
    ],
)
def test_is_over(before: int, of: int, sound: int, expected: bool) -> None:
    assert is_over(before, of, sound) is expected
