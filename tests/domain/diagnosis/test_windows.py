"""The bounded memory: what it keeps, what it forgets, and that nothing makes it grow."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import pytest

from proxy.domain.causes import Cause
from proxy.domain.diagnosis.sightings import JoinSeen, SignatureSeen
from proxy.domain.diagnosis.windows import (
    GONE_S,
    JOINS_PER_SLOT,
    MAX_ASKED,
    MAX_REPLICAS,
    MAX_TOKENS,
    MOMENTS,
    NEWEST,
    OTHERS,
    SLOT_S,
    SPACED,
    SPACING_S,
    SWAPPED,
    BackendWindow,
    ReplicaWindow,
    Tally,
    in_order,
)
from proxy.domain.join_result import Outcome

from .builders import RIGHT, START, Scene, every, floored, join, new_digest, refused, signature

OWN = "format/encoding"


def fed(seen: list[SignatureSeen]) -> BackendWindow:
    """A window that has taken in these."""
    window = BackendWindow()
    for each in seen:
        window.signature(each)
    return window


def only(window: BackendWindow) -> ReplicaWindow:
    """The one replica."""
    (replica,) = window.replicas.values()
    return replica


def test_a_busy_replica_keeps_its_newest_and_one_in_fourteen_seconds() -> None:
    window = fed([signature(at, at - 60) for at in every(0.5, 4000)])
    now = START + 2000
    kept = only(window).kept(now)
    assert (NEWEST, SPACED, SPACING_S) == (32, 128, 14.0625)
    assert len(only(window).newest) == 32
    assert len(only(window).spaced) == 128
    assert [each.at for each in kept[-32:]] == every(0.5, 32, START + 1984)
    gaps = {round(two.at - one.at, 3) for one, two in pairwise(kept[:-32])}
    assert gaps == {14.5}, "the first one of each 14.06 s, where one comes each half second"
    assert now - 1800 <= kept[0].at < now - 1780
    assert len({each.seen.token for each in kept}) == len(kept), "each once"


def test_what_is_older_than_the_window_is_not_shown() -> None:
    window = fed([signature(at, at - 60) for at in every(100, 30)])
    kept = only(window).kept(START + 3000)
    assert [each.at for each in kept] == every(100, 18, START + 1200)
    assert only(window).kept(START + 10_000) == []


def test_signatures_that_came_at_once_are_kept_once_each() -> None:
    times = [START, *(START + 20 - number / 1000 for number in range(40))]
    kept = only(fed([signature(at, at - 60) for at in times])).kept(START + 30)
    assert len(kept) == 33, "the newest 32, and the first of all"
    assert len({each.seen.token for each in kept}) == 33


@pytest.mark.parametrize(
    ("iat", "at"),
    [
        pytest.param(START - 60, START, id="the time of its headers"),
        pytest.param(None, START + 0.001, id="no iat"),
        pytest.param(START * 1e3, START + 0.001, id="milliseconds"),
        pytest.param(1e308, START + 0.001, id="nothing is left of the time beside it"),
        pytest.param(-1e308, START + 0.001, id="nor beside its negative"),
        pytest.param(0.0, START + 0.001, id="zero"),
        pytest.param(-447310725.0, START + 0.001, id="cut to 32 bits"),
    ],
)
def test_when_a_signature_came(iat: float | None, at: float) -> None:
    window = fed([signature(START, iat, findings=[OWN])])
    assert only(window).newest[0].at == pytest.approx(at, abs=1e-6)
    assert only(window).tally.since(START - 1800).counts == {OWN: 1}


def test_a_token_is_fresh_once() -> None:
    window = fed(
        [signature(at, START, token=token) for at, token in zip(every(1, 5), (1, 2, 1, 1, 3), strict=True)]
    )
    assert [each.fresh for each in only(window).newest] == [True, True, False, False, True]
    assert only(window).tally.since(START - 60).counts == {"repeated": 2}
    assert window.first_seen(1) == START + 0.37
    assert window.first_seen(9) is None


def test_a_token_known_from_the_ledger_only_is_neither_fresh_nor_repeated() -> None:
    window = fed([signature(at, START, token=0) for at in every(1, 3)])
    assert [each.fresh for each in only(window).newest] == [False] * 3
    assert only(window).tally.since(START - 60).counts == {}


def test_the_oldest_token_is_forgotten() -> None:
    window = fed([signature(START + n / 100, START, token=n) for n in range(1, MAX_TOKENS + 2)])
    assert window.first_seen(1) is None
    assert window.first_seen(2) == START + 0.02
    assert len(window._tokens) == MAX_TOKENS


def test_a_token_that_is_still_handed_out_is_not_forgotten_nor_when_it_was_first() -> None:
    window = fed([signature(START, START, token=1)])
    for number in range(2, 2 * MAX_TOKENS):
        window.signature(signature(START + number / 100, START, token=number))
        if number % 1000 == 0:
            window.signature(signature(START + number / 100, START, token=1))
    assert window.first_seen(1) == START
    assert window.first_seen(2) is None
    assert len(window._tokens) == MAX_TOKENS


NAMED = MAX_REPLICAS - 1


def full() -> BackendWindow:
    """A window with as many named replicas as it takes, each seen once in their order."""
    return fed([signature(START + n, START, replica=f"r{n}") for n in range(NAMED)])


def test_replicas_beyond_the_most_are_taken_together() -> None:
    window = full()
    for number in range(500):
        window.signature(signature(START + 63 + number / 10, START, replica=f"new{number % 5}"))
    assert window.replicas.keys() == {f"r{n}" for n in range(NAMED)} | {OTHERS}
    assert window.replicas[OTHERS].tally.since(0).total == 500
    assert all(window.replicas[f"r{n}"].tally.since(0).total == 1 for n in range(NAMED))


def test_a_replica_that_is_gone_makes_room() -> None:
    window = full()
    window.signature(signature(START + GONE_S, START, replica="new"))
    assert "r0" in window.replicas, "silent for no more than that"
    window.signature(signature(START + GONE_S + SLOT_S, START, replica="r0"))
    window.signature(signature(START + GONE_S + SLOT_S + 1, START, replica="new"))
    assert "r1" not in window.replicas, "silent for longest, and r0 is back"
    assert {"r0", "r2", "new", OTHERS} < window.replicas.keys()
    assert len(window.replicas) == MAX_REPLICAS


def test_room_is_looked_for_once_a_minute() -> None:
    """Thousands of names a second, made up by somebody: the search must not be done for each."""
    window = full()
    for number in range(1000):
        window.signature(signature(START + 1000 + number / 100, START, replica=f"new{number}"))
    assert window.replicas.keys() == {f"r{n}" for n in range(1, NAMED)} | {"new0", OTHERS}
    window.signature(signature(START + 1000 + SLOT_S, START, replica="later"))
    assert "later" in window.replicas


def test_a_hundred_thousand_replicas_and_meetings_take_no_more_room() -> None:
    rng = random.Random(4)
    window = BackendWindow()
    for number in range(100_000):
        at = START + number / 50
        window.signature(
            signature(at, at - 60, replica=f"10.{rng.getrandbits(24)}", asked=number + 1, findings=[OWN])
        )
    assert len(window.replicas) == MAX_REPLICAS
    assert len(window._tokens) == MAX_TOKENS
    assert len(window._asked) == MAX_ASKED
    assert window.news == 100_000
    assert all(len(each.newest) <= NEWEST for each in window.replicas.values())
    assert sum(each.tally.since(0).total for each in window.replicas.values()) > 80_000, (
        "but for those forgotten"
    )
    assert {len(each.tally._slots) <= 30 for each in window.replicas.values()} == {True}


def test_codes_that_strangers_make_up_take_no_room() -> None:
    window = BackendWindow()
    for number in range(5000):
        window.join(join(START + number / 100, Outcome.OTHER_FAILURE, code=str(number)))
    assert window.join_tally.since(START - 60).counts == {Outcome.OTHER_FAILURE: 5000}


def test_the_tally_counts_by_the_minute() -> None:
    tally = Tally(1800)
    for minute in range(100):
        tally.slot(START + 60 * minute).total += 1
    assert tally.since(START + 60 * 90).total == 10 - 1, "START is no whole minute"
    assert tally.since(0).total == 30


def test_a_tally_takes_what_is_older_for_the_newest_minute() -> None:
    tally = Tally(1800)
    tally.slot(START).total += 1
    tally.slot(START - 3600).total += 1
    assert tally.since(START - 60).total == 2


def test_a_signature_for_what_another_request_asked_is_swapped() -> None:
    wrong = "request/meeting_mismatch"
    window = fed(
        [
            signature(START, START, meeting=1, asked=1),
            signature(START + 1, START, meeting=1, asked=2, findings=[wrong]),
            signature(START + 2, START, meeting=5, asked=3, findings=[wrong]),
            signature(START + 3, START, meeting=0, asked=4, findings=[wrong]),
            signature(START + 4, START, meeting=6, asked=6, findings=[OWN]),
        ]
    )
    assert only(window).tally.since(START - 60).counts == {wrong: 3, SWAPPED: 1, OWN: 1}


def test_in_order() -> None:
    window = fed([signature(at, at, replica=f"r{n % 3}") for n, at in enumerate(every(1, 9))])
    assert [each.at for each in in_order(window.replicas.values(), START + 10)] == every(1, 9)


def test_last() -> None:
    window = fed([signature(at, at, replica=f"r{n % 3}") for n, at in enumerate(every(1, 9))])
    assert [each.at for each in window.last(START + 10)] == [START + 8.37]
    assert window.last(START + 5000) == []
    assert BackendWindow().last(START) == []


def test_joins_of_a_busy_moment_are_drawn_by_lot() -> None:
    """Failures are reported sooner than successes, so that the first ones to be reported would be failures."""
    rng = random.Random(3)
    reports: list[tuple[float, JoinSeen]] = []
    for number in range(60_000):
        seen = join(START + number / 100)
        if rng.random() < 0.3:
            reports.append((seen.at + 0.3, refused(seen)))
        else:
            reports.append((seen.at + rng.uniform(2, 6), seen))
    window = BackendWindow()
    for _, seen in sorted(reports, key=lambda each: each[0]):
        window.join(seen)
    kept = window.recent_joins(START + 600)
    failed = sum(each.outcome is Outcome.INVALID_SIGNATURE for each in kept)
    assert len(kept) == len(window.joins) == 60 * JOINS_PER_SLOT
    assert set(Counter(each.at // 10 for each in kept).values()) == {JOINS_PER_SLOT}
    assert abs(failed / len(kept) - 0.3) < 4 * (0.3 * 0.7 / len(kept)) ** 0.5
    assert [each.at for each in kept] == sorted(each.at for each in kept)
    assert window.join_tally.since(START - 60).total == 60_000


def test_results_of_one_receipt_stay_together() -> None:
    window = BackendWindow()
    for number in range(2000):
        receipt = new_digest()
        window.join(join(START + number / 200, Outcome.INVALID_SIGNATURE, receipt=receipt))
        window.join(join(START + number / 200 + 0.001, receipt=receipt))
    results = Counter(each.receipt for each in window.recent_joins(START + 10))
    assert set(results.values()) == {2}


def test_an_hour_of_joins_is_kept_at_any_rate() -> None:
    window = BackendWindow()
    for number in range(2 * MOMENTS * 20):
        window.join(join(START + number / 2))
    now = START + MOMENTS * 20
    assert len(window.joins) == MOMENTS * JOINS_PER_SLOT
    assert now - 3600 <= window.recent_joins(now)[0].at < now - 3580
    assert window.recent_joins(now + 3600) == []


def test_what_the_ledger_remembers_goes_before_what_has_come_since() -> None:
    window = BackendWindow()
    window.join(join(START + 100))
    for seen in (join(START + 50), refused(join(START + 20))):
        window.join(seen)
    assert [each.at - START for each in window.recent_joins(START + 200)] == [20, 50, 100]
    assert window.join_tally.since(0).total == 3
    assert window.join_tally.since(START - 60).counts == {
        Outcome.JOINED: 2,
        Outcome.INVALID_SIGNATURE: 1,
    }


@pytest.mark.parametrize("noticed", [True, False], ids=["noticed", "not noticed"])
@pytest.mark.parametrize("date", [None, "date"], ids=["no Date", "Date"])
def test_a_clock_that_was_an_hour_fast_and_is_set_back_accuses_nobody(
    noticed: bool, date: str | None
) -> None:
    scene = Scene().sign(floored(3660), every(5, 100), date=(-3600.0, 0.3) if date else None)
    if noticed:
        scene.window.forget_leads()
    later = START + 500 - 3600
    for at in every(5, 60, later):
        scene.sign(floored(60), [at], date=RIGHT if date else None)
        assert scene.named(at + 0.01) == set()


def test_what_came_before_the_clock_was_set_back_is_no_longer_shown() -> None:
    window = fed([signature(at, at - 60, replica="r0") for at in every(5, 100)])
    now = START - 3600
    for at in every(5, 10, now):
        window.signature(signature(at, at - 60, replica="r0"))
    assert [each.at for each in only(window).kept(now + 50)] == every(5, 10, now)
    window.signature(signature(START + 500, START, replica="r1"))
    assert [each.at for each in window.last(now + 50)] == [now + 45.37]


def test_after_a_step_no_token_is_old() -> None:
    """A cache of a minute looks an hour old when the clock is put forward by an hour."""
    scene = Scene()
    for at in every(5, 20):
        scene.add(signature(at, START - 60, token=77))
    scene.window.forget_leads()
    scene.now += 3600
    for at in every(5, 10, scene.now):
        scene.add(signature(at, START + 3540, token=77))
    assert not only(scene.window).newest[0].fresh
    assert Cause.STALE_SIGNATURE not in scene.named()


def test_a_kind_has_ended_only_where_all_have_it_no_more() -> None:
    first, second = Tally(1800), Tally(1800)
    for tally, last in ((first, 2), (second, 5)):
        for minute in range(10):
            slot = tally.slot(START + 60 * minute)
            slot.total += 3
            slot.counts.update([OWN] if minute <= last else [])
    assert first.since(0).after[OWN] == 21
    assert second.since(0).after[OWN] == 12
    both = first.since(0)
    both.add(second.since(0))
    assert (both.total, both.counts[OWN], both.after[OWN]) == (60, 9, 12)
