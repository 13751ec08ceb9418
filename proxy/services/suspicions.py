"""Which causes are raised: from what each look finds, with hysteresis, so that nothing flaps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ..domain.causes import FLEET, Cause, Suspicion
from ..domain.diagnosis.windows import WINDOW_S
from ..domain.ports import RaisedCause

SURE: Final = 0.9
POSSIBLE: Final = 0.5
"""What is less likely is not raised."""

LOOKS: Final = 3
"""What is less than sure must be seen by so many looks in a row, each with news."""

CLEAR_S: Final = 180.0
"""Longer than the 128 s for which a rounded iat stands still."""

CLEAR_NEWS: Final = 16
"""Silence is no proof of health: so many signatures and joins must have come meanwhile."""

REFRESH_S: Final = 300.0
"""How often the ledger learns how the evidence of a raised cause has grown."""

Key = tuple[str, Cause]
"""A backend, or FLEET, and a cause."""


@dataclass(slots=True)
class _Held:
    """A raised cause. `absent_since`: when a look did not find it any more (mono), and the news by then.

    `recalled`: known from before a restart and not seen since.
    """

    raised: RaisedCause
    kept_at: float
    recalled: bool = False
    absent_since: float | None = None
    news_then: int = 0


@dataclass(frozen=True, slots=True)
class _Row:
    """So many looks in a row have found a cause, the last one with so much news."""

    looks: int
    news: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What a look has changed: the causes newly raised, and those cleared."""

    raised: Sequence[RaisedCause]
    cleared: Sequence[RaisedCause]


class Suspicions:
    """The raised causes of all backends, in the order of the configuration."""

    def __init__(self, backends: Iterable[str]) -> None:
        self._order = (*backends, FLEET)
        self._held: dict[Key, _Held] = {}
        self._in_a_row: dict[Key, _Row] = {}
        self._to_keep: dict[tuple[str, Cause, float], RaisedCause] = {}

    def raised(self) -> Sequence[RaisedCause]:
        """What is suspected now, FLEET last; of a backend the surest first."""
        held = sorted(
            self._held.values(),
            key=lambda each: (self._order.index(each.raised.backend), -each.raised.suspicion.confidence),
        )
        return [each.raised for each in held]

    def causes_of(self, backend: str) -> list[Cause]:
        """What a backend, or FLEET, is suspected of now."""
        return [cause for name, cause in self._held if name == backend]

    def update(
        self, found: Mapping[str, Sequence[Suspicion]], news: Mapping[str, int], now: float, mono: float
    ) -> Changes:
        """Take in what a look has found; `news`: how many signatures and joins each backend had so far."""
        present = {(name, each.cause): each for name, causes in found.items() for each in causes}
        self._in_a_row = {key: self._once_more(key, news[key[0]]) for key in present}
        raised = []
        for key, suspicion in present.items():
            held = self._held.get(key)
            if held is not None:
                self._renew(held, suspicion, mono)
            elif self._is_enough(key, suspicion):
                new = RaisedCause(key[0], suspicion, now)
                self._held[key] = _Held(new, kept_at=mono)
                self._note(new)
                raised.append(new)
        gone = [key for key in self._held if key not in present]
        cleared = [each for key in gone if (each := self._cleared(key, news[key[0]], now, mono)) is not None]
        return Changes(raised, cleared)

    def recall(self, opened: Iterable[RaisedCause], now: float, mono: float) -> None:
        """Take over what was raised before a restart."""
        for old in sorted(opened, key=lambda each: each.raised_at):
            key = (old.backend, old.suspicion.cause)
            held = self._held.get(key)
            if old.backend not in self._order:
                self._note(replace(old, cleared_at=now))  # No longer configured: nobody would clear it.
            elif held is None:
                self._held[key] = _Held(old, kept_at=mono, recalled=True)
            elif held.raised.raised_at < old.raised_at:
                self._note(replace(old, cleared_at=now))  # Two rows for one: the older one says since when.
            else:
                self._to_keep.pop((*key, held.raised.raised_at), None)
                held.raised = replace(held.raised, raised_at=old.raised_at)

    def to_keep(self) -> list[RaisedCause]:
        """What the ledger does not know yet."""
        return list(self._to_keep.values())

    def kept(self, causes: Iterable[RaisedCause]) -> None:
        """The ledger knows these now."""
        for each in causes:
            key = (each.backend, each.suspicion.cause, each.raised_at)
            if self._to_keep.get(key) is each:
                del self._to_keep[key]

    def _is_enough(self, key: Key, suspicion: Suspicion) -> bool:
        if suspicion.confidence >= SURE:
            return True
        return suspicion.confidence >= POSSIBLE and self._in_a_row[key].looks >= LOOKS

    def _once_more(self, key: Key, news: int) -> _Row:
        before = self._in_a_row.get(key, _Row(0, -1))
        return before if news == before.news else _Row(before.looks + 1, news)

    def _renew(self, held: _Held, suspicion: Suspicion, mono: float) -> None:
        held.absent_since = None
        held.recalled = False
        held.raised = replace(held.raised, suspicion=suspicion)
        if mono - held.kept_at >= REFRESH_S:
            held.kept_at = mono
            self._note(held.raised)

    def _cleared(self, key: Key, news: int, now: float, mono: float) -> RaisedCause | None:
        held = self._held[key]
        if held.absent_since is None:
            held.absent_since, held.news_then = mono, news
        # What was rare before a restart cannot be missed until it has had as long to show.
        wait_s = WINDOW_S if held.recalled else CLEAR_S
        if mono - held.absent_since < wait_s or news - held.news_then < CLEAR_NEWS:
            return None
        del self._held[key]
        cleared = replace(held.raised, cleared_at=now)
        self._note(cleared)
        return cleared

    def _note(self, raised: RaisedCause) -> None:
        self._to_keep[raised.backend, raised.suspicion.cause, raised.raised_at] = raised
