"""Raising and clearing by themselves: what each look has found goes in, what changes comes out."""

from __future__ import annotations

import pytest

from proxy.domain.causes import FLEET, Cause, Suspicion
from proxy.domain.diagnosis.windows import WINDOW_S
from proxy.domain.ports import RaisedCause
from proxy.services.suspicions import (
    CLEAR_NEWS,
    CLEAR_S,
    LOOKS,
    POSSIBLE,
    REFRESH_S,
    SURE,
    Changes,
    Suspicions,
)

CAUSE, OTHER = Cause.MALFORMED_CLAIMS, Cause.NO_MARGIN
BEGAN = 1_790_000_000.0


def suspicion(confidence: float = SURE, cause: Cause = CAUSE, evidence: str = "seen") -> Suspicion:
    """Something that a look has found."""
    return Suspicion(cause, confidence, evidence, "mend it")


def opened(raised_at: float, cause: Cause = CAUSE, backend: str = "java") -> RaisedCause:
    """A row of the ledger that is not cleared."""
    return RaisedCause(backend, suspicion(cause=cause, evidence=f"since {raised_at:g}"), raised_at)


class Looking:
    """Suspicions of java and node, fed with looks a second apart."""

    def __init__(self) -> None:
        self.suspicions = Suspicions(("java", "node"))
        self.mono = 0.0
        self.news = {"java": 0, "node": 0, FLEET: 0}

    @property
    def now(self) -> float:
        """Wall time of the last look."""
        return BEGAN + self.mono

    def look(self, *found: Suspicion, news: int = 1, after_s: float = 1.0, backend: str = "java") -> Changes:
        """One look that has found these at one backend, with so much news since the one before."""
        self.mono += after_s
        self.news[backend] += news
        self.news[FLEET] += news
        return self.suspicions.update({backend: found}, dict(self.news), self.now, self.mono)

    def recall(self, *rows: RaisedCause) -> None:
        """What the ledger had."""
        self.suspicions.recall(rows, self.now, self.mono)

    @property
    def raised(self) -> list[Cause]:
        """The causes that are raised."""
        return [each.suspicion.cause for each in self.suspicions.raised()]


@pytest.mark.parametrize(
    ("confidence", "looks"),
    [(SURE, 1), (1.0, 1), (SURE - 0.01, LOOKS), (POSSIBLE, LOOKS), (POSSIBLE - 0.01, None), (0.0, None)],
    ids=str,
)
def test_how_many_looks_it_takes(confidence: float, looks: int | None) -> None:
    looking = Looking()
    raised_by = [number for number in range(1, 60) if looking.look(suspicion(confidence)).raised]
    assert raised_by == ([] if looks is None else [looks])
    assert bool(looking.suspicions.to_keep()) is (looks is not None)


def test_looks_without_news_do_not_count() -> None:
    looking = Looking()
    for _ in range(20):
        assert not looking.look(suspicion(0.7), news=0).raised
    assert not looking.look(suspicion(0.7)).raised
    assert looking.look(suspicion(0.7)).raised


def test_looks_must_be_in_a_row() -> None:
    looking = Looking()
    for _ in range(20):
        looking.look(suspicion(0.7))
        looking.look(suspicion(0.7))
        looking.look()
    assert looking.raised == []


def test_what_is_raised_and_becomes_less_likely_stays_raised() -> None:
    """It is still seen: a confidence that swings about one half must not make it flap."""
    looking = Looking()
    looking.look(suspicion())
    for _ in range(600):
        changes = looking.look(suspicion(0.4))
        assert not changes.cleared
    assert looking.raised == [CAUSE]


@pytest.mark.parametrize(
    ("wait_s", "news", "cleared"),
    [
        (CLEAR_S, CLEAR_NEWS, True),
        (CLEAR_S - 1, 10 * CLEAR_NEWS, False),
        (10 * CLEAR_S, CLEAR_NEWS - 1, False),
    ],
    ids=["time and news", "too soon", "silence"],
)
def test_what_is_not_seen_is_cleared_after_time_and_news(wait_s: float, news: int, cleared: bool) -> None:
    looking = Looking()
    looking.look(suspicion())
    looking.look()
    changes = looking.look(news=news, after_s=wait_s)
    assert [each.suspicion.cause for each in changes.cleared] == ([CAUSE] if cleared else [])
    assert looking.raised == ([] if cleared else [CAUSE])
    (row,) = looking.suspicions.to_keep()
    assert row.cleared_at == (looking.now if cleared else None)
    assert row.raised_at == BEGAN + 1


def test_seen_again_it_has_to_be_missed_anew() -> None:
    looking = Looking()
    looking.look(suspicion())
    for _ in range(10):
        looking.look()
        assert not looking.look(news=CLEAR_NEWS, after_s=CLEAR_S - 1).cleared
        looking.look(suspicion())
    assert looking.raised == [CAUSE]


@pytest.mark.parametrize(
    ("wait_s", "news", "cleared"),
    [
        (WINDOW_S, CLEAR_NEWS, True),
        (WINDOW_S - 1, 1000, False),
        (CLEAR_S, 1000, False),
        (10 * WINDOW_S, CLEAR_NEWS - 1, False),
    ],
    ids=["a window and news", "too soon", "as soon as what was seen since", "silence"],
)
def test_what_is_recalled_is_cleared_after_a_whole_window_and_news(
    wait_s: float, news: int, cleared: bool
) -> None:
    assert (WINDOW_S, CLEAR_NEWS) == (1800, 16)
    looking = Looking()
    looking.recall(opened(BEGAN - 5000))
    assert not looking.look().cleared
    changes = looking.look(news=news, after_s=wait_s)
    assert [each.suspicion.cause for each in changes.cleared] == ([CAUSE] if cleared else [])
    if cleared:
        (row,) = looking.suspicions.to_keep()
        assert (row.raised_at, row.cleared_at) == (BEGAN - 5000, looking.now)


def test_what_is_recalled_and_seen_since_is_cleared_as_usual() -> None:
    looking = Looking()
    looking.recall(opened(BEGAN - 5000))
    assert not looking.look(suspicion()).raised, "it was raised before"
    looking.look()
    assert looking.look(news=CLEAR_NEWS, after_s=CLEAR_S).cleared


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["older first", "newer first"])
def test_of_two_open_rows_the_older_survives_and_the_other_is_closed(order: tuple[int, int]) -> None:
    rows = (opened(BEGAN - 500), opened(BEGAN - 100))
    looking = Looking()
    looking.recall(*(rows[number] for number in order))
    (held,) = looking.suspicions.raised()
    assert held.raised_at == BEGAN - 500
    (closed,) = looking.suspicions.to_keep()
    assert (closed.raised_at, closed.cleared_at) == (BEGAN - 100, BEGAN)


def test_raised_before_the_ledger_was_read_it_is_the_row_that_the_ledger_has() -> None:
    looking = Looking()
    looking.look(suspicion(evidence="new"))
    looking.recall(opened(BEGAN - 500))
    (held,) = looking.suspicions.raised()
    assert (held.raised_at, held.suspicion.evidence) == (BEGAN - 500, "new")
    assert looking.suspicions.to_keep() == [], "a second row would never be closed"


def test_raised_before_the_ledger_was_read_which_has_two() -> None:
    looking = Looking()
    looking.look(suspicion(evidence="new"))
    looking.recall(opened(BEGAN - 100), opened(BEGAN - 500))
    (held,) = looking.suspicions.raised()
    assert held.raised_at == BEGAN - 500
    assert [(each.raised_at, each.cleared_at) for each in looking.suspicions.to_keep()] == [
        (BEGAN - 100, looking.now)
    ]


def test_a_row_of_a_backend_that_is_not_configured_is_closed() -> None:
    looking = Looking()
    looking.recall(opened(BEGAN - 500, backend="gone"))
    assert looking.suspicions.raised() == []
    (row,) = looking.suspicions.to_keep()
    assert (row.backend, row.cleared_at) == ("gone", BEGAN)


def test_the_ledger_learns_at_once_and_then_now_and_then() -> None:
    looking = Looking()
    looking.look(suspicion(evidence="first"))
    looking.suspicions.kept(looking.suspicions.to_keep())
    looking.look(suspicion(evidence="second"), after_s=REFRESH_S - 1)
    assert looking.suspicions.to_keep() == []
    looking.look(suspicion(evidence="third"))
    assert [each.suspicion.evidence for each in looking.suspicions.to_keep()] == ["third"]


def test_what_changed_while_it_was_being_kept_is_kept_again() -> None:
    looking = Looking()
    looking.look(suspicion())
    being_kept = looking.suspicions.to_keep()
    looking.look()
    looking.look(news=CLEAR_NEWS, after_s=CLEAR_S)
    looking.suspicions.kept(being_kept)
    (row,) = looking.suspicions.to_keep()
    assert row.cleared_at == looking.now


def test_raised_cleared_and_raised_again_are_two_rows() -> None:
    looking = Looking()
    looking.look(suspicion())
    looking.look()
    looking.look(news=CLEAR_NEWS, after_s=CLEAR_S)
    looking.look(suspicion())
    rows = looking.suspicions.to_keep()
    assert [each.cleared_at is None for each in rows] == [False, True]
    assert rows[0].raised_at < rows[1].raised_at


def test_the_order_is_that_of_the_configuration_and_the_surest_comes_first() -> None:
    looking = Looking()
    found = {
        FLEET: [suspicion(cause=Cause.ZOOM_SIDE)],
        "node": [suspicion(0.9)],
        "java": [suspicion(0.91, OTHER), suspicion(0.95)],
    }
    looking.suspicions.update(found, looking.news, BEGAN, 0.0)
    assert [(each.backend, each.suspicion.cause) for each in looking.suspicions.raised()] == [
        ("java", CAUSE),
        ("java", OTHER),
        ("node", CAUSE),
        (FLEET, Cause.ZOOM_SIDE),
    ]
    assert looking.suspicions.causes_of("java") == [OTHER, CAUSE]


def test_news_of_another_backend_clears_nothing() -> None:
    looking = Looking()
    looking.look(suspicion())
    looking.look()
    for _ in range(10):
        looking.look(news=1000, after_s=CLEAR_S, backend="node")
    assert looking.raised == [CAUSE]
