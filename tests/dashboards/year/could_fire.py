"""Where in a world an alert could fire at all: cheap, generous, and never the verdict.

Only these stretches are handed to promtool. Counts between two scrapes stand in for increase(): the whole of a share is
taken as `low`, its part as `high`, times the most that increase() can stretch it by where scrapes are missing. What
lets an alert rest (`unless`, `for`) is left out. test_could_fire.py holds all of it against promtool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat
from operator import sub
from typing import Final

from .samples import ABSENT, FAILED, Key, Merged, World, merged

MINUTE, HOUR, DAY = 60, 3600, 86400

OUTCOMES: Final = ("joined", "invalid_signature", "signature_expired", "other_failure")
CODES: Final = ("local", "3704", "3705", "3706", "3707", "3708", "3709", "3710", "3711", "3713")
FAILING: Final = ("backend_error", "timeout", "no_signature")
TURNED: Final = ("rejected", "deferred")

_RECEIVED: Final = {
    "accepted": ("join_results_received_total", 'result="accepted",reason="new"'),
    "rejected": ("join_results_received_total", 'result="rejected",reason="bad_receipt"'),
    "deferred": ("join_results_received_total", 'result="deferred",reason="unavailable"'),
}


def joins(outcome: str) -> Key:
    """The series of join results with an outcome."""
    return "joins_total", f'outcome="{outcome}"'


def failures(code: str) -> Key:
    """The series of joins that failed with a code."""
    return "join_failures_total", f'code="{code}"'


def signatures(outcome: str) -> Key:
    """The series of requests for signatures that ended so."""
    return "signatures_total", f'outcome="{outcome}"'


def received(result: str) -> Key:
    """A series of deliveries of join results."""
    return _RECEIVED[result]


REFUSED: Final[Key] = ("signatures_refused_total", "")
REPORTED: Final[Key] = ("signatures_reported_total", "")

WANTED: Final[dict[str, Sequence[Key]]] = {
    "joins": [joins(outcome) for outcome in OUTCOMES],
    "invalid": [joins("invalid_signature")],
    "refused": [REFUSED],
    "issued": [signatures("issued")],
    "reported": [REPORTED],
    "failing": [signatures(outcome) for outcome in FAILING],
    "asked": [signatures(outcome) for outcome in ("issued", "refused", "unobserved", *FAILING)],
    **{result: [received(result)] for result in TURNED},
    "received": [received(result) for result in _RECEIVED],
    **{code: [failures(code)] for code in CODES},
}

Flags = bytearray
"""For each scrape 1 where something could hold."""


@dataclass(frozen=True, slots=True)
class Span:
    """An alert could fire from one scrape to another, both included."""

    alert: str
    first: int
    last: int


class Scan:
    """One world's sums, and what could hold of them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sums: Merged = merged(world, WANTED)
        self._stretched: dict[int, Sequence[float]] = {}

    def spans(self) -> list[Span]:
        """Every stretch that any alert about counts could fire in."""
        conditions: dict[str, Callable[[], Iterable[Flags]]] = {
            "JoinwatchJoinsRefused": self._page,
            "JoinwatchRefusalBursts": self._bursts,
            "JoinwatchRefusalsFast": self._fast,
            "JoinwatchRefusalsSlow": self._slow,
            "JoinwatchJoinsFailWithCode": self._codes,
            "JoinwatchBackendFailing": self._failing,
            "JoinwatchResultsTurnedAway": self._turned,
            "JoinwatchResultsStopped": self._stopped,
            "JoinwatchCoverageFell": self._coverage,
            "JoinwatchDown": self._down,
            "JoinwatchMissing": self._missing,
        }
        return [
            Span(alert, first, last)
            for alert, condition in conditions.items()
            for first, last in _runs(_any(condition()))
        ]

    def _page(self) -> Iterator[Flags]:
        yield _all(
            self._part("invalid", "joins", 0.1, 15 * MINUTE),
            self._part("invalid", "joins", 0.1, 5 * MINUTE),
            self._reaches("refused", 5, 15 * MINUTE),
        )

    def _fast(self) -> Iterator[Flags]:
        for share, span in ((0.144, HOUR), (0.06, 6 * HOUR)):
            yield _all(self._part("invalid", "joins", share, span), self._reaches("refused", 5, span))

    def _slow(self) -> Iterator[Flags]:
        for share, span in ((0.03, DAY), (0.01, 3 * DAY)):
            yield _all(self._part("refused", "joins", share, span), self._reaches("refused", 5, span))

    def _codes(self) -> Iterator[Flags]:
        for code in CODES:
            if self._sums.high[code][-1] < 3:  # 3.2 is the most that increase() makes of one
                continue
            for span in (HOUR, DAY):
                yield _all(self._reaches(code, 10, span), self._part(code, "joins", 0.05, span))

    def _failing(self) -> Iterator[Flags]:
        yield _all(self._reaches("failing", 5, 15 * MINUTE), self._part("failing", "asked", 0.1, 15 * MINUTE))

    def _turned(self) -> Iterator[Flags]:
        for result in TURNED:
            yield _all(
                self._reaches(result, 10, 15 * MINUTE), self._part(result, "received", 0.1, 15 * MINUTE)
            )

    def _stopped(self) -> Iterator[Flags]:
        yield Flags(
            now == 0 and then * share * stretch >= 10
            for now, then, share, stretch in zip(
                self._over("low", "reported", 30 * MINUTE),
                self._over("high", "issued", 30 * MINUTE),
                self._coverage_of_the_day(),
                self._stretch(30 * MINUTE),
                strict=True,
            )
        )

    def _coverage(self) -> Iterator[Flags]:
        yield Flags(
            now < 0.5 * share * then * stretch and then * share * stretch >= 20
            for now, then, share, stretch in zip(
                self._over("low", "reported", HOUR),
                self._over("high", "issued", HOUR),
                self._coverage_of_the_day(),
                self._stretch(HOUR),
                strict=True,
            )
        )

    def _coverage_of_the_day(self) -> Iterator[float]:
        """The most that the share of the day before, two hours ago, can be."""
        late = self._width(2 * HOUR)
        shares = (
            (min(_MOST_REPORTED, stretch * reported / surely) if surely else _MOST_REPORTED)
            if issued
            else 0.0
            for reported, issued, surely, stretch in zip(
                self._over("high", "reported", DAY),
                self._over("high", "issued", DAY),
                self._over("low", "issued", DAY),
                self._stretch(DAY),
                strict=True,
            )
        )
        return islice(chain(repeat(0.0, late), shares), self._world.scrapes)

    def _bursts(self) -> Iterator[Flags]:
        """Two bursts within half an hour, and possibly none between them."""
        could = _all(self._reaches("refused", 3, MINUTE), self._part("invalid", "joins", 0.2, MINUTE))
        surely = Flags(
            stretch == 1.0 and refused >= 3 and invalid >= 0.2 * of
            for refused, invalid, of, stretch in zip(
                self._over("low", "refused", MINUTE),
                self._over("low", "invalid", MINUTE),
                self._over("high", "joins", MINUTE),
                self._stretch(MINUTE),
                strict=True,
            )
        )
        found = Flags(len(could))
        within, on = self._width(30 * MINUTE) + 1, self._width(5 * MINUTE) + 1
        burst = before = -within - 1
        for at, (may, must) in enumerate(zip(could, surely, strict=True)):
            if may and at - before <= within:
                found[at : at + on] = b"\1" * len(found[at : at + on])
            if not must:
                before = burst
            if may:
                burst = at
        yield found

    def _down(self) -> Iterator[Flags]:
        for instance in self._world.instances:
            flags = Flags(flag == FAILED for flag in instance.scrapes)
            yield _lasting(flags, self._width(2 * MINUTE))

    def _missing(self) -> Iterator[Flags]:
        flags = Flags(
            all(flag == ABSENT for flag in each)
            for each in zip(*(instance.scrapes for instance in self._world.instances), strict=True)
        )
        yield _lasting(flags, self._width(5 * MINUTE))

    # What the conditions are made of

    def _part(self, name: str, of: str, share: float, span_s: int) -> Flags:
        return Flags(
            part > 0 and part * stretch >= share * whole
            for part, whole, stretch in zip(
                self._over("high", name, span_s),
                self._over("low", of, span_s),
                self._stretch(span_s),
                strict=True,
            )
        )

    def _reaches(self, name: str, floor: float, span_s: int) -> Flags:
        return Flags(
            count * stretch >= floor
            for count, stretch in zip(self._over("high", name, span_s), self._stretch(span_s), strict=True)
        )

    def _over(self, which: str, name: str, span_s: int) -> Iterator[int]:
        """For each scrape what was counted in the span that it ends."""
        return _windows((self._sums.high if which == "high" else self._sums.low)[name], self._width(span_s))

    def _stretch(self, span_s: int) -> Sequence[float]:
        """The most that increase() can stretch a count by: 1.1 intervals at either end, if a scrape is missing."""
        width = self._width(span_s)
        if width not in self._stretched:
            missed = _windows(self._sums.missed, width + 1)
            self._stretched[width] = [
                1.0 if not lost and at >= width else _A_BIT + 2.2 / max(1, min(at, width) - lost)
                for at, lost in enumerate(missed)
            ]
        return self._stretched[width]

    def _width(self, span_s: int) -> int:
        return max(1, span_s // self._world.step_s)


_A_BIT: Final = 1.000001
_MOST_REPORTED: Final = 1.2
"""Results come for signatures that went out before the span began, so that more can be reported in it than issued."""


def _windows(sums: Sequence[int], width: int) -> Iterator[int]:
    """Sums over the last `width`, for each."""
    return map(sub, sums[1:], chain(repeat(0, width - 1), sums))


def _all(*flags: Flags) -> Flags:
    size = len(flags[0])
    together = int.from_bytes(flags[0], "big")
    for each in flags[1:]:
        together &= int.from_bytes(each, "big")
    return Flags(together.to_bytes(size, "big"))


def _any(flags: Iterable[Flags]) -> Flags:
    together, size = 0, 0
    for each in flags:
        together |= int.from_bytes(each, "big")
        size = len(each)
    return Flags(together.to_bytes(size, "big"))


def _runs(flags: Flags) -> Iterator[tuple[int, int]]:
    first = flags.find(1)
    while first >= 0:
        end = flags.find(0, first)
        last = (len(flags) if end < 0 else end) - 1
        yield first, last
        first = flags.find(1, last + 1)


def _lasting(flags: Flags, length: int) -> Flags:
    """Only runs of at least `length`, with the scrape after each."""
    found = Flags(len(flags))
    for first, last in _runs(flags):
        if last - first + 1 >= length:
            found[first : last + 2] = b"\1" * len(found[first : last + 2])
    return found
