"""Exact tests against exact arithmetic: fractions of whole numbers, with no rounding anywhere."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from fractions import Fraction
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.diagnosis.exact import binomial_head, binomial_tail, fisher, wilson

ACCURACY = 1e-9

Table = tuple[int, int, int, int]


def exact_fisher(a: int, b: int, c: int, d: int) -> Fraction:
    """The share of all ways to deal the failures to which the first row got `a` or more."""
    row, failed, of = a + b, a + c, a + b + c + d
    term = math.comb(failed, a) * math.comb(of - failed, row - a)
    ways = 0
    for x in range(a, min(failed, row) + 1):
        ways += term
        term = term * (failed - x) * (row - x) // ((x + 1) * (of - failed - row + x + 1))
    return Fraction(ways, math.comb(of, row))


def exact_tail(k: int, n: int, p: float) -> Fraction:
    """Summed over k and more, of the very number that the float p is."""
    hit, of = p.as_integer_ratio()
    miss = of - hit
    return Fraction(sum(_terms(max(0, k), n, hit, miss)), of**n)


def _terms(k: int, n: int, hit: int, miss: int) -> Iterator[int]:
    """Of (hit + miss)^n those with `hit` to the power of k and more."""
    if k > n:
        return
    if miss == 0:
        yield hit**n
        return
    term = math.comb(n, k) * hit**k * miss ** (n - k)
    for x in range(k, n + 1):
        yield term
        term = term * (n - x) * hit // ((x + 1) * miss)


def assert_close(found: float, exact: Fraction) -> None:
    """Within ACCURACY of what is right; what no float can hold is 0."""
    if exact < Fraction(1, 10**300):
        assert 0.0 <= found <= 1e-299
    else:
        assert abs(Fraction(found) / exact - 1) <= ACCURACY


TABLES: dict[str, tuple[Table, float]] = {
    # Fisher's tea tasting: all four right, one pair mistaken.
    "tea_all_right": ((4, 0, 0, 4), 1 / 70),
    "tea_three_right": ((3, 1, 1, 3), 17 / 70),
    "nothing": ((0, 0, 0, 0), 1.0),
    "first_row_empty": ((0, 0, 5, 5), 1.0),
    "second_row_empty": ((5, 5, 0, 0), 1.0),
    "no_failures": ((0, 7, 0, 9), 1.0),
    "only_failures": ((7, 0, 9, 0), 1.0),
    "the_other_way_round": ((0, 4, 4, 0), 1.0),
    "one_failure": ((1, 0, 0, 9), 0.1),
}


@pytest.mark.parametrize(("table", "expected"), TABLES.values(), ids=TABLES)
def test_fisher_on_tables_worked_out_by_hand(table: Table, expected: float) -> None:
    assert fisher(*table) == pytest.approx(expected, rel=1e-14)


COUNT = st.integers(0, 60)


@given(COUNT, COUNT, COUNT, COUNT)
def test_fisher_on_small_tables(a: int, b: int, c: int, d: int) -> None:
    assert_close(fisher(a, b, c, d), exact_fisher(a, b, c, d))


LARGE: dict[str, Table] = {
    "even": (1250, 1250, 1250, 1250),
    "slightly_more": (700, 1800, 600, 1900),
    "far_out": (900, 100, 1000, 3000),
    "beyond_every_float": (2500, 0, 0, 2500),
    "rare_failures": (9, 91, 1, 4899),
    "one_in_the_first_row": (1, 0, 40, 4959),
    "far_fewer": (100, 2400, 2400, 100),
    "cells_of_5000": (5000, 4700, 4800, 5000),
    "at_the_edge_of_floats": (560, 0, 0, 560),
    "just_below_it": (500, 0, 0, 500),
}


@pytest.mark.parametrize("table", LARGE.values(), ids=LARGE)
def test_fisher_on_large_tables(table: Table) -> None:
    assert_close(fisher(*table), exact_fisher(*table))


def test_fisher_on_tables_of_every_size() -> None:
    source = random.Random(3712)
    for _ in range(60):
        of = source.choice((100, 1000, 5000))
        row, failing = source.random(), source.random() ** 3
        cells = [0, 0, 0, 0]
        for _ in range(of):
            first = source.random() < row
            failed = source.random() < failing * (1.3 if first else 1.0)
            cells[(0 if first else 2) + (0 if failed else 1)] += 1
        a, b, c, d = cells
        assert_close(fisher(a, b, c, d), exact_fisher(a, b, c, d))


@given(COUNT, COUNT, COUNT, COUNT)
def test_fisher_is_the_same_with_rows_and_columns_exchanged(a: int, b: int, c: int, d: int) -> None:
    p = fisher(a, b, c, d)
    assert fisher(a, c, b, d) == pytest.approx(p, rel=1e-12)
    assert fisher(d, c, b, a) == pytest.approx(p, rel=1e-12)


@given(COUNT, COUNT, COUNT, COUNT)
def test_fishers_two_sides_have_the_table_itself_in_common(a: int, b: int, c: int, d: int) -> None:
    of, row, failed = a + b + c + d, a + b, a + c
    itself = Fraction(math.comb(failed, a) * math.comb(of - failed, row - a), math.comb(of, row))
    assert fisher(a, b, c, d) + fisher(c, d, a, b) == pytest.approx(1.0 + float(itself), rel=1e-12)


@given(COUNT, COUNT, COUNT, COUNT)
def test_a_failure_that_moves_to_the_first_row_makes_fisher_surer(a: int, b: int, c: int, d: int) -> None:
    assert fisher(a + 1, b, c, d + 1) <= fisher(a, b + 1, c + 1, d) * (1 + 1e-12)


@given(COUNT, COUNT, COUNT, COUNT)
def test_a_further_failure_of_the_first_row_makes_fisher_surer(a: int, b: int, c: int, d: int) -> None:
    assert fisher(a + 1, b, c, d) <= fisher(a, b, c, d) * (1 + 1e-12)


@pytest.mark.parametrize("table", [(-1, 2, 3, 4), (1, 2, 3, -4)])
def test_a_table_has_no_negative_counts(table: Table) -> None:
    with pytest.raises(ValueError, match="counts of 0 and more"):
        fisher(*table)


def test_a_table_of_a_thousand_takes_less_than_200_us() -> None:
    tables = [(60, 240, 40, 660), (250, 250, 250, 250), (400, 100, 100, 400), (5, 45, 20, 930)]
    runs, best = 50, math.inf
    for _ in range(5):
        began = process_time()
        for _ in range(runs):
            for table in tables:
                fisher(*table)
        best = min(best, (process_time() - began) / runs / len(tables))
    assert best < 200e-6


# The tails of a binomial

SHARE = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 1.0, 1e-300, 1e-12, 0.5, 1 - 1e-12]))


@given(st.integers(0, 80).flatmap(lambda n: st.tuples(st.integers(-2, n + 2), st.just(n))), SHARE)
def test_the_tails_of_small_binomials(case: tuple[int, int], p: float) -> None:
    k, n = case
    assert_close(binomial_tail(k, n, p), exact_tail(k, n, p))
    assert_close(binomial_head(k, n, p), 1 - exact_tail(k + 1, n, p))


@pytest.mark.parametrize(
    ("k", "n", "p"),
    [
        pytest.param(1320, 5000, 67 / 256, id="near_the_mean"),
        pytest.param(2000, 5000, 67 / 256, id="far_out"),
        pytest.param(4000, 5000, 67 / 256, id="beyond_every_float"),
        pytest.param(800, 5000, 67 / 256, id="far_below"),
        pytest.param(60, 5000, 2.0**-16, id="rare"),
        pytest.param(4999, 5000, 1 - 2.0**-10, id="nearly_all"),
        pytest.param(700, 1000, 0.25, id="tiny"),
        pytest.param(310, 1000, 0.03125, id="tinier"),
        pytest.param(380, 600, 0.262, id="no_round_number"),
        pytest.param(1, 40, 1e-300, id="hardly_ever"),
    ],
)
def test_the_tails_of_large_binomials(k: int, n: int, p: float) -> None:
    assert_close(binomial_tail(k, n, p), exact_tail(k, n, p))
    assert_close(binomial_head(k, n, p), 1 - exact_tail(k + 1, n, p))


@pytest.mark.parametrize(
    ("k", "n", "p", "tail", "head"),
    [
        pytest.param(0, 0, 0.3, 1.0, 1.0, id="no_tries"),
        pytest.param(1, 0, 0.3, 0.0, 1.0, id="one_of_no_tries"),
        pytest.param(0, 9, 0.0, 1.0, 1.0, id="never_and_none"),
        pytest.param(1, 9, 0.0, 0.0, 1.0, id="never_yet_one"),
        pytest.param(9, 9, 1.0, 1.0, 1.0, id="always_and_all"),
        pytest.param(8, 9, 1.0, 1.0, 0.0, id="always_yet_not_all"),
        pytest.param(-3, 9, 0.5, 1.0, 0.0, id="less_than_none"),
        pytest.param(10, 9, 0.5, 0.0, 1.0, id="more_than_all"),
    ],
)
def test_the_ends_of_a_binomial(k: int, n: int, p: float, tail: float, head: float) -> None:
    assert (binomial_tail(k, n, p), binomial_head(k, n, p)) == (tail, head)


@given(st.integers(0, 500), st.integers(0, 500), SHARE)
def test_tail_and_head_are_all_and_fall_and_rise(k: int, n: int, p: float) -> None:
    tail, head = binomial_tail(k, n, p), binomial_head(k, n, p)
    assert 0.0 <= tail <= 1.0
    assert 0.0 <= head <= 1.0
    assert tail + binomial_head(k - 1, n, p) == pytest.approx(1.0, abs=1e-12)
    assert binomial_tail(k + 1, n, p) <= tail * (1 + 1e-12)
    assert binomial_head(k + 1, n, p) >= head * (1 - 1e-12)


@given(st.integers(0, 300), st.integers(0, 300), st.floats(0, 1), st.floats(0, 1))
def test_a_likelier_try_makes_many_likelier(k: int, n: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert binomial_tail(k, n, low) <= binomial_tail(k, n, high) * (1 + 1e-12)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 64))
def test_hits_and_misses_may_be_exchanged(k: int, n: int, p64: int) -> None:
    p = p64 / 64  # So that 1 - p is exact.
    assert binomial_tail(k, n, p) == pytest.approx(binomial_head(n - k, n, 1 - p), rel=1e-12, abs=1e-300)


@pytest.mark.parametrize(
    ("n", "p"), [(-1, 0.5), (3, -0.1), (3, 1.1), (3, math.nan)], ids=["n", "low", "high", "nan"]
)
def test_what_is_no_binomial(n: int, p: float) -> None:
    with pytest.raises(ValueError, match="0 <= p <= 1"):
        binomial_tail(1, n, p)
    with pytest.raises(ValueError, match="0 <= p <= 1"):
        binomial_head(1, n, p)


def test_a_million_tries_are_told_at_once() -> None:
    began = process_time()
    assert binomial_tail(500_000, 1_000_000, 0.5) == pytest.approx(0.5 + 0.5 * 7.9788e-4, rel=1e-6)
    assert binomial_tail(900_000, 1_000_000, 0.5) == 0.0
    assert process_time() - began < 0.5


# The interval of a share


@pytest.mark.parametrize(
    ("k", "n", "expected"),
    [
        pytest.param(0, 0, (0.0, 1.0), id="nothing_known"),
        # z^2 / (n + z^2) is where none of ten ends.
        pytest.param(0, 10, (0.0, 3.8416 / 13.8416), id="none_of_ten"),
        pytest.param(10, 10, (10 / 13.8416, 1.0), id="all_of_ten"),
        # Newcombe 1998, table I, method 3.
        pytest.param(81, 263, (0.2553, 0.3662), id="newcombe_81_of_263"),
        pytest.param(15, 148, (0.0624, 0.1605), id="newcombe_15_of_148"),
    ],
)
def test_wilson(k: int, n: int, expected: tuple[float, float]) -> None:
    assert wilson(k, n) == pytest.approx(expected, abs=5e-5)


@given(st.integers(0, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0, 6))
def test_wilson_holds_the_share_seen_and_mirrors(case: tuple[int, int], z: float) -> None:
    k, n = case
    lo, hi = wilson(k, n, z)
    assert 0.0 <= lo <= hi <= 1.0
    if n:
        assert lo - 1e-12 <= k / n <= hi + 1e-12
    assert wilson(n - k, n, z) == pytest.approx((1 - hi, 1 - lo), abs=1e-12)


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))))
def test_wilson_rises_with_what_is_seen_and_narrows_with_more_of_it(case: tuple[int, int]) -> None:
    k, n = case
    (lo, hi), (more_lo, more_hi) = wilson(k, n), wilson(k + 1, n)
    assert lo <= more_lo
    assert hi <= more_hi
    narrow_lo, narrow_hi = wilson(4 * k, 4 * n)
    assert narrow_hi - narrow_lo < hi - lo


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (4, 3), (0, -1)])
def test_wilson_of_what_cannot_be(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="0 <= k <= n"):
        wilson(k, n)
