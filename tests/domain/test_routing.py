"""The weighted choice of a backend, and which path remainders may be sent on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.routing import choose, choose_other, stays_below

THREE = [("java", 1.0), ("node", 3.0), ("php", 0.0)]
ALMOST_ONE = 1 - 2**-53


@pytest.mark.parametrize(
    ("weights", "random01", "chosen"),
    [
        pytest.param([("java", 1)], 0.0, "java", id="the only one, lowest"),
        pytest.param([("java", 1)], ALMOST_ONE, "java", id="the only one, highest"),
        pytest.param(THREE, 0.0, "java", id="start of the first"),
        pytest.param(THREE, 0.2499, "java", id="end of the first"),
        pytest.param(THREE, 0.25, "node", id="start of the second"),
        pytest.param(THREE, ALMOST_ONE, "node", id="weight 0 takes nothing, even last"),
        pytest.param([("php", 0), ("java", 1)], 0.0, "java", id="weight 0 takes nothing, even first"),
        pytest.param([("a", 0.1)] * 9 + [("b", 0.1)], ALMOST_ONE, "b", id="rounded sums"),
    ],
)
def test_choose(weights: list[tuple[str, float]], random01: float, chosen: str) -> None:
    assert choose(weights, random01) == chosen


@pytest.mark.parametrize("weights", [[], [("java", 0.0)]], ids=["none", "all 0"])
def test_choose_without_a_positive_weight(weights: list[tuple[str, float]]) -> None:
    with pytest.raises(ValueError, match="no backend of the route has a positive weight"):
        choose(weights, 0.5)


@given(
    weights=st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 1e6)), min_size=1, max_size=8),
    random01=st.floats(0, 1, exclude_max=True),
)
def test_what_is_chosen_has_a_positive_weight(weights: list[tuple[str, float]], random01: float) -> None:
    live = {name for name, weight in weights if weight > 0}
    if live:
        assert choose(weights, random01) in live


def test_shares_follow_the_weights() -> None:
    steps = 1000
    chosen = [choose([("java", 1), ("node", 2), ("php", 7)], step / steps) for step in range(steps)]
    assert [chosen.count(name) for name in ("java", "node", "php")] == [100, 200, 700]


@pytest.mark.parametrize(
    ("weights", "exclude", "random01", "chosen"),
    [
        pytest.param([("java", 1)], "java", 0.5, None, id="no other"),
        pytest.param(THREE, "java", 0.0, "node", id="the other"),
        pytest.param(THREE, "node", 0.9, "java", id="not the one with weight 0"),
        pytest.param([("java", 1), ("php", 0)], "java", 0.5, None, id="the only other has weight 0"),
        pytest.param([("a", 1), ("b", 1), ("c", 1)], "b", 0.49, "a", id="below the middle"),
        pytest.param([("a", 1), ("b", 1), ("c", 1)], "b", 0.5, "c", id="from the middle on"),
    ],
)
def test_choose_other(
    weights: list[tuple[str, float]], exclude: str, random01: float, chosen: str | None
) -> None:
    assert choose_other(weights, exclude, random01) == chosen


@pytest.mark.parametrize(
    ("tail", "below"),
    [
        ("", True),
        ("/", True),
        ("/a/b", True),
        ("//a", True),
        ("/a..b/...", True),
        ("/.well-known", True),
        ("/a%20b", True),
        ("/%ff", True),
        ("/..", False),
        ("/../admin", False),
        ("/a/./b", False),
        ("/%2e%2e/admin", False),
        ("/.%2E/admin", False),
        ("/..%2fadmin", False),
        ("/..\\admin", False),
        ("/..%5Cadmin", False),
        ("/..;/admin", False),
        ("/..;x=1/admin", False),
        ("/..%3B/admin", False),
    ],
)
def test_stays_below(tail: str, below: bool) -> None:
    assert stays_below(tail) is below
