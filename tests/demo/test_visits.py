"""The seed decides who comes, when, and what becomes of them."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from proxy.demo.faults import BACKENDS
from proxy.demo.visits import MEETINGS, MOST_TRIES, SDKS, Fate, Visit, visits


def some(seed: int, rate: float = 5.0, count: int = 6000) -> list[Visit]:
    """The first visitors."""
    return list(islice(visits(seed, rate), count))


def test_the_same_seed_is_the_same_world() -> None:
    assert some(3) == some(3)
    assert some(3) != some(4)


def test_one_visitor_changes_nothing_for_others() -> None:
    """At another rate the same people come, only at other times."""
    [slow, fast] = [some(3, rate, 50) for rate in (1.0, 2.0)]
    assert [each.fate_s for each in slow] == [each.fate_s for each in fast]
    assert all(abs(one.at_s - 2 * other.at_s) < 1e-6 for one, other in zip(slow, fast, strict=True))


def test_so_many_come_a_second() -> None:
    assert 5.0 * 0.95 < 6000 / some(1)[-1].at_s < 5.0 * 1.05


def test_everything_happens() -> None:
    found = some(1)
    assert {each.backend for each in found} == set(BACKENDS)
    assert {each.fate for each in found} == set(Fate)
    assert {(each.view, each.sdk) for each in found} == set(SDKS)
    assert {each.meeting for each in found} == set(MEETINGS)
    assert {len(each.again) for each in found} == set(range(MOST_TRIES))
    assert {again.reload for each in found for again in each.again} == {True, False}
    assert max(Counter(each.address for each in found).values()) == 1
