"""Offsets between two clocks, from intervals that each must hold the truth: HTTP Date headers, agreement, a window.

Everywhere an offset is remote - local in seconds: positive when the remote clock is ahead.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from .ports import Offset, header

DRIFT = 100e-6
"""Seconds per second that two clocks may move apart: a healthy crystal stays within 100 ppm."""

LATE_S = 0.25
"""How late a Date may commonly be: servers format it once per second by a timer (nodejs/node 17800)."""

VERY_LATE_S = 1.0
"""How late a server that caches its Date for a whole second can be (http4s/http4s 4288)."""

WINDOW_S = 600.0
WINDOW_SAMPLES = 64
_OUTVOTE = 4
_STEP_SAMPLES = 3
_REST_SUPPORT = 0.7
"""Less than usual, as the rest may hold a few samples from after the step, but more than two hosts that answer in turn
have by chance."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The closed interval [lo, hi]. Raises ValueError where lo > hi or either is not a number."""

    lo: float
    hi: float

    def __post_init__(self) -> None:
        if not self.lo <= self.hi:
            raise ValueError(f"an interval needs lo <= hi, not {self.lo} and {self.hi}")

    def widened(self, by: float) -> Interval:
        """The interval with `by` more on either side."""
        return Interval(self.lo - by, self.hi + by)

    def overlaps(self, other: Interval) -> bool:
        """Whether they have a point in common."""
        return self.lo <= other.hi and other.lo <= self.hi


@dataclass(frozen=True, slots=True)
class Agreement:
    """The smallest interval that lies in the most intervals: in `support` out of `of`."""

    interval: Interval
    support: int
    of: int


def marzullo(intervals: Sequence[Interval], min_support: float = 0.8) -> Agreement | None:
    """Where most intervals agree (Marzullo 1984); None for no interval or where fewer than that share agree.

    Of several places with equal support the smallest wins, then the lowest.
    """
    # At one point starts sort before ends, so that intervals that only touch agree in that point.
    edges = sorted([(i.lo, 0) for i in intervals] + [(i.hi, 1) for i in intervals])
    best: Agreement | None = None
    depth = 0
    for (at, kind), (following, _) in pairwise(edges):
        depth += 1 if kind == 0 else -1
        if kind == 0 and (
            best is None or (depth, best.interval.hi - best.interval.lo) > (best.support, following - at)
        ):
            best = Agreement(Interval(at, following), depth, len(intervals))
    return best if best is not None and best.support >= min_support * best.of else None


def http_date_interval(date_epoch: float, sent_wall: float, received_wall: float) -> Interval:
    """Where the remote clock's offset lies, by one Date header.

    `sent_wall`, `received_wall`: local times of the request's writing and the headers' arrival, from one reading of
    the wall clock and a monotonic duration. The Date was written between them when the remote clock stood in
    [D, D + 1): offset in (D - received, D + 1 - sent). A late Date only lowers D, so only the upper end gets LATE_S.
    """
    return Interval(date_epoch - received_wall, date_epoch + 1.0 - sent_wall + LATE_S)


def date_sample(
    headers: Sequence[tuple[str, str]], received_wall: float, duration_s: float
) -> Interval | None:
    """One reply's interval; None where it has no readable Date or came out of a cache."""
    text = header(headers, "date")
    epoch = None if text is None else parse_http_date(text)
    if epoch is None or from_cache(headers):
        return None
    return http_date_interval(epoch, received_wall - max(0.0, duration_s), received_wall)


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2}):(?P<second>\d{2})"
_ZONE = r"(?:\s+(?:gmt|utc?|z|[+-]0000))?"
_DATE_FORMS = (
    # Sun, 06 Nov 1994 08:49:37 GMT, and Sunday, 06-Nov-94 08:49:37 GMT
    re.compile(
        rf"(?:[a-z]+,?\s+)?(?P<day>\d{{1,2}})[\s-]{_MONTH}[a-z]*[\s-](?P<year>\d{{4}}|\d{{2}})\s+{_CLOCK}{_ZONE}",
        re.ASCII | re.IGNORECASE,
    ),
    # Sun Nov  6 08:49:37 1994
    re.compile(
        rf"[a-z]+\s+{_MONTH}\s+(?P<day>\d{{1,2}})\s+{_CLOCK}{_ZONE}\s+(?P<year>\d{{4}})",
        re.ASCII | re.IGNORECASE,
    ),
)


def parse_http_date(text: str) -> float | None:
    """Epoch seconds of an HTTP date in any of the three forms of RFC 9110 section 5.6.7; None for anything else.

    Lenient where the meaning is plain (letter case, a missing or wrong weekday, UTC for GMT). A two-digit year below
    70 is in this century. A leap second (:60) is the next minute's first second.
    """
    if len(text) > 64:
        return None
    match = next((found for form in _DATE_FORMS if (found := form.fullmatch(text.strip()))), None)
    if match is None:
        return None
    year, second = int(match["year"]), int(match["second"])
    if len(match["year"]) == 2:
        year += 2000 if year < 70 else 1900
    if second > 60:
        return None
    try:
        minute = datetime(
            year,
            _MONTHS.index(match["month"].lower()) + 1,
            int(match["day"]),
            int(match["hour"]),
            int(match["minute"]),
            tzinfo=UTC,
        )
        return (minute + timedelta(seconds=second)).timestamp()
    except (ValueError, OverflowError):
        return None


_HIT_HEADERS = frozenset({"cache-status", "cf-cache-status", "x-cache", "x-cache-status", "x-proxy-cache"})
_HIT = re.compile(r"(?<![a-z])(?:refresh)?hit(?![a-z])|\b(?:stale|updating|revalidated)\b", re.IGNORECASE)


def age_of(headers: Sequence[tuple[str, str]]) -> float | None:
    """Seconds that a reply has lain in caches by its Age header (RFC 9111 section 5.1): 0 without one, None where it
    cannot be read."""
    text = header(headers, "age")
    if text is None:
        return 0.0
    text = text.strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


def from_cache(headers: Sequence[tuple[str, str]]) -> bool:
    """Whether the reply lay in a cache, so that its Date says when it was made, not what time it is."""
    if age_of(headers) != 0.0:
        return True
    return any(name.lower() in _HIT_HEADERS and _HIT.search(value) is not None for name, value in headers)


class OffsetWindow:
    """The last samples of one remote clock, and the offset that they agree on.

    At most 64 samples of the last ten minutes count, each widened by 100 ppm of its age. Times are local wall times:
    call `clear` when the local clock has been stepped. A remote step is noticed when the newest three samples agree
    with one another and not with the rest, which is then dropped; `steps` counts the times that the offset jumped.
    """

    def __init__(self, *, min_samples: int = 1) -> None:
        """`min_samples`: how many must agree; 2 or more where caches may answer, as one cached Date looks sound."""
        self._samples: deque[tuple[float, Interval]] = deque(maxlen=WINDOW_SAMPLES)
        self._min_samples = min_samples
        self._estimate: Offset | None = None
        self._computed_at: float | None = None
        self._last_known: Offset | None = None
        self.steps = 0

    def __len__(self) -> int:
        return len(self._samples)

    def add(self, interval: Interval, at: float) -> None:
        """Keep a sample taken at local time `at`; cheap enough for every reply."""
        self._samples.append((at, interval))

    def clear(self) -> None:
        """Forget everything: the local clock was set, so no sample says anything about it any more."""
        self._samples.clear()
        self._estimate = self._computed_at = self._last_known = None

    def estimate(self, now: float) -> Offset | None:
        """The offset by now, or None while nothing is known or the samples contradict each other.

        Worked out at most once a second. `measured_at` is the newest sample's time.
        """
        if self._computed_at is None or abs(now - self._computed_at) >= 1.0:
            self._estimate = self._compute(now)
            self._computed_at = now if self._samples else None
        return self._estimate

    def _compute(self, now: float) -> Offset | None:
        samples = self._samples
        while samples and now - samples[0][0] > WINDOW_S:
            samples.popleft()
        intervals = [interval.widened(DRIFT * max(0.0, now - at)) for at, interval in samples]
        if _has_stepped(intervals):
            intervals = intervals[-_STEP_SAMPLES:]
            newest = list(samples)[-_STEP_SAMPLES:]
            samples.clear()
            samples.extend(newest)
        agreed = span(intervals, self._min_samples)
        if agreed is None:
            return None
        offset = Offset((agreed.lo + agreed.hi) / 2, (agreed.hi - agreed.lo) / 2, samples[-1][0])
        last = self._last_known
        if last is not None:
            reach = last.bound_s + DRIFT * max(0.0, now - last.measured_at)
            self.steps += abs(offset.offset_s - last.offset_s) > offset.bound_s + reach
        self._last_known = offset
        return offset


def _has_stepped(intervals: Sequence[Interval]) -> bool:
    older, newest = intervals[:-_STEP_SAMPLES], intervals[-_STEP_SAMPLES:]
    before, after = marzullo(older, min_support=_REST_SUPPORT), marzullo(newest, min_support=1.0)
    return before is not None and after is not None and not before.interval.overlaps(after.interval)


def span(intervals: Sequence[Interval], min_samples: int) -> Interval | None:
    """What the agreement of intervals says, given that some of them may be too low, but none too high.

    A Date that is later than LATE_S allows for gives an interval below the truth that may still overlap the sound
    ones and cut the truth off their agreement. So the lower end is that of the agreement, while the upper end is the
    fourth tightest, which holds unless four of those that agree were late; fewer than four are too few to outvote
    anything, and are given the most that a Date can be late.
    """
    agreement = marzullo(intervals)
    if agreement is None or agreement.support < min_samples:
        return None
    lo = agreement.interval.lo
    uppers = sorted(i.hi for i in intervals if i.lo <= lo <= i.hi)
    if len(uppers) < _OUTVOTE:
        return Interval(lo, uppers[-1] + VERY_LATE_S - LATE_S)
    return Interval(lo, uppers[_OUTVOTE - 1])
