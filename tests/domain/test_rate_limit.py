"""The configured limit, and the buckets: never more than allowed, never a wait too long, never too many keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.rate_limit import Buckets, RateLimit, parse_rate_limit


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("60/1m", RateLimit(60, 60.0)),
        ("5/s", RateLimit(5, 1.0)),
        ("1/90s", RateLimit(1, 90.0)),
        ("1000/24h", RateLimit(1000, 86400.0)),
        ("1/1d", RateLimit(1, 86400.0)),
    ],
)
def test_parse(text: str, limit: RateLimit) -> None:
    assert parse_rate_limit(text) == limit


@pytest.mark.parametrize(
    "text", ["", "60", "60/", "/1m", "0/1m", "60/0s", "60/2d", "-1/s", "1.5/s", "60/1m ", "٣/s", "6/1M"]
)
def test_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|allows|has) "):
        parse_rate_limit(text)


@given(st.text(max_size=12))
def test_parser_returns_or_raises_value_error(text: str) -> None:
    try:
        limit = parse_rate_limit(text)
    except ValueError:
        return
    assert limit.count >= 1
    assert 1 <= limit.seconds <= 86400


def test_a_burst_then_one_at_a_time() -> None:
    buckets = Buckets(RateLimit(3, 30.0))
    assert [buckets.allow("a", 100.0) for _ in range(5)] == [0.0, 0.0, 0.0, 10.0, 10.0]
    assert buckets.allow("b", 100.0) == 0.0, "another key has its own bucket"
    assert buckets.allow("a", 109.0) == 1.0
    assert buckets.allow("a", 110.0) == 0.0
    assert buckets.allow("a", 110.0) == 10.0
    assert [buckets.allow("a", 1000.0) for _ in range(4)] == [0.0, 0.0, 0.0, 10.0], (
        "a bucket holds no more than count"
    )


limits = st.builds(RateLimit, st.integers(1, 50), st.floats(1, 86400))


@given(limits, st.floats(0, 1e6), st.lists(st.floats(0, 100), max_size=200))
def test_never_more_than_a_burst_and_the_refill(limit: RateLimit, start: float, gaps: list[float]) -> None:
    buckets, now, allowed = Buckets(limit), start, 0
    for gap in gaps:
        now += gap
        allowed += buckets.allow("a", now) == 0.0
        assert allowed <= limit.count + (now - start) * limit.count / limit.seconds + 1e-3


@given(limits, st.floats(0, 1e6), st.integers(0, 120))
def test_who_waits_as_told_is_let_through(limit: RateLimit, now: float, tries: int) -> None:
    buckets = Buckets(limit)
    for _ in range(tries):
        wait = buckets.allow("a", now)
        assert 0 <= wait <= limit.seconds / limit.count + 1e-6
        if wait:
            now += wait
            assert buckets.allow("a", now) == 0.0


def test_memory_is_bounded_and_the_key_idle_longest_goes_first() -> None:
    buckets = Buckets(RateLimit(1, 60.0), capacity=3)
    for key in "abc":
        assert buckets.allow(key, 0.0) == 0.0
    assert buckets.allow("a", 1.0) > 0
    assert buckets.allow("d", 2.0) == 0.0
    assert len(buckets) == 3
    assert buckets.allow("a", 3.0) > 0, "asked for lately, so remembered"
    assert buckets.allow("b", 3.0) == 0.0, "forgotten"
    assert len(buckets) == 3


def test_capacity_must_be_positive() -> None:
    with pytest.raises(ValueError, match="capacity"):
        Buckets(RateLimit(1, 1.0), capacity=0)
