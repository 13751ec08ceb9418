"""The 2x2 tables: what bunched failures are worth, what counts once, and what the correction costs."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from proxy.domain.diagnosis.exact import binomial_tail, fisher
from proxy.domain.diagnosis.sightings import JoinSeen
from proxy.domain.diagnosis.tables import (
    ENOUGH,
    Counts,
    Table,
    counts,
    described,
    once_each,
    refused,
    table,
    too_many,
)
from proxy.domain.join_result import Outcome

from .builders import START, join
from .builders import refused as fails

SPREAD = range(0, 1000, 25)
BUNCHED = [begin + number for begin in (0, 250, 500, 750) for number in range(10)]


def joins(failing: Iterable[int], of: int = 1000, gap_s: float = 3) -> list[JoinSeen]:
    """So many joins, evenly spaced, of which these fail."""
    bad = set(failing)
    sound = [join(START + gap_s * number) for number in range(of)]
    return [fails(each) if number in bad else each for number, each in enumerate(sound)]


def test_failures_in_bunches_are_worth_less() -> None:
    """40 failures of 1000, one each 75 s, or ten in a row within each of four half minutes."""
    spread, bunched = counts(joins(SPREAD)), counts(joins(BUNCHED))
    assert (spread.failed, spread.fine) == (bunched.failed, bunched.fine) == (40, 960)
    assert spread.size == 1000
    assert 280 < bunched.size < 300
    assert too_many(spread, 1) == pytest.approx(binomial_tail(40, 1000, 0.02))
    assert too_many(spread, 1) < 1e-4
    assert too_many(bunched, 1) > 0.03


def test_a_bad_half_minute_is_one_bad_half_minute() -> None:
    """A hundred failures, all within ten seconds, among a thousand."""
    of = counts(joins(range(500, 600), gap_s=0.1))
    assert of.share == 0.1
    assert of.size < 45
    assert too_many(of, 1) > 1e-3


def test_joins_of_one_moment_are_worth_four_at_most() -> None:
    assert counts(joins([], of=3, gap_s=0.1)).size == 3
    assert counts(joins([], of=50, gap_s=0.1)).size == 4
    assert counts(joins(range(100), of=100, gap_s=0.1)).size == 4
    assert counts([]) == Counts(0, 0, 0.0)
    assert counts([]).share == 0


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9], ids=str)
def test_independent_failures_keep_most_of_their_worth(share: float) -> None:
    rng = random.Random(8)
    of = counts(joins([number for number in range(3000) if rng.random() < share], of=3000))
    assert of.size > 0.85 * 3000


def test_the_first_result_of_a_receipt_counts_alone() -> None:
    first, again = join(START, Outcome.INVALID_SIGNATURE, receipt=7), join(START + 30, receipt=7)
    unknown = join(START - 5, Outcome.NO_RESULT, receipt=8)
    later = join(START + 60, Outcome.OTHER_FAILURE, receipt=8)
    assert once_each([unknown, first, again, later]) == [first, later]


@pytest.mark.parametrize("outcome", Outcome, ids=str)
def test_refused(outcome: Outcome) -> None:
    assert refused(join(outcome=outcome)) is (outcome is Outcome.INVALID_SIGNATURE)


def role_is_host(seen: JoinSeen) -> bool | None:
    """Not known where the role is not."""
    return None if seen.role is None else seen.role == 1


def by_role(failing: int, hosts: int, others_failing: int, others: int, unknown: int = 0) -> list[JoinSeen]:
    """Half a minute apart, hosts first."""
    made: list[JoinSeen] = []
    for role, bad, of in ((1, failing, hosts), (0, others_failing, others), (None, unknown, unknown)):
        for number in range(of):
            seen = join(START + 30 * len(made), role=role)
            made.append(fails(seen) if number * bad // of != (number + 1) * bad // of else seen)
    return made


def test_a_table() -> None:
    found = table("the role was 1", role_is_host, by_role(18, 20, 2, 80, unknown=50), tries=7)
    assert (found.true.failed, found.true.fine, found.false.failed, found.false.fine) == (18, 2, 2, 78)
    assert found.p == pytest.approx(7 * fisher(18, 2, 2, 78))
    assert str(found) == (
        "where the role was 1 18 of 20 joins failed, elsewhere 2 of 80 (exact test, corrected: p = 8e-15)"
    )
    assert found.tells


@pytest.mark.parametrize("tries", [0, 1, 10, 1000], ids=str)
def test_what_was_tried_often_needs_more(tries: int) -> None:
    seen = by_role(6, 20, 0, 80)
    assert table("", role_is_host, seen, tries).p == pytest.approx(max(1, tries) * fisher(6, 14, 0, 80))
    assert table("", role_is_host, seen, 10**9).p == 1
    assert too_many(counts(seen), 10**9) == 1


@pytest.mark.parametrize(
    ("failing", "others_failing", "among", "leans"),
    [
        pytest.param(4, 0, 1, True, id="it may yet tell"),
        pytest.param(4, 0, 100, False, id="as one of a hundred it need not"),
        pytest.param(2, 0, 1, False, id="two are chance"),
        pytest.param(10, 4, 1, False, id="others fail too"),
    ],
)
def test_leans(failing: int, others_failing: int, among: int, leans: bool) -> None:
    found = table("", role_is_host, by_role(failing, 10, others_failing, 10), 1)
    assert not found.tells
    assert found.leans(among) is leans


@pytest.mark.parametrize(
    ("true", "false", "p", "tells"),
    [
        pytest.param(Counts(90, 10, 100), Counts(10, 90, 100), 1e-9, True, id="explains and spares"),
        pytest.param(Counts(90, 10, 100), Counts(10, 90, 100), ENOUGH, False, id="not surely"),
        pytest.param(Counts(90, 10, 100), Counts(31, 69, 100), 1e-9, False, id="does not spare"),
        pytest.param(Counts(90, 10, 100), Counts(30, 70, 100), 1e-9, True, id="three times as many"),
    ],
)
def test_tells(true: Counts, false: Counts, p: float, tells: bool) -> None:
    assert Table("", true, false, p).tells is tells


def test_a_table_of_bunches_is_rounded_against_the_predicate() -> None:
    """Hosts all join within one moment: that they fail may be the moment."""
    seen = [fails(join(START + number / 10, role=1)) for number in range(100)]
    seen += [join(START + 60 + 30 * number) for number in range(100)]
    assert table("", role_is_host, seen, 1).p == pytest.approx(fisher(4, 0, 0, 100))


def test_a_table_of_nothing() -> None:
    assert table("", role_is_host, [], 5).p == 1
    assert not table("", role_is_host, [], 5).tells
    assert too_many(counts([]), 5) == 1


def test_described() -> None:
    assert described(Counts(2, 5, 7)) == "2 of 7 joins (28.6 %)"
