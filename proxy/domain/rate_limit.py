"""How many requests one key may make: the configured limit, and the buckets that keep it in bounded memory."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass

_FORM = re.compile(r"([0-9]{1,7})/([0-9]{0,6})([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`count` requests in any `seconds`; a burst of `count` at once is allowed."""

    count: int
    seconds: float


def parse_rate_limit(text: str) -> RateLimit:
    """Read "60/1m": a count, a slash, a whole number (1 if left out) of s, m, h or d. Raises ValueError."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError("is not a count and a time span")
    count, span = int(found[1]), int(found[2] or "1") * _UNIT_S[found[3]]
    if count < 1:
        raise ValueError("allows no request at all")
    if not 1 <= span <= 86400:
        raise ValueError("has a time span that is not between a second and a day")
    return RateLimit(count, float(span))


class Buckets:
    """A token bucket for each key, `capacity` keys at most: the one not asked for longest is forgotten.

    A bucket is one number, the time at which it will be full again (the "generic cell rate algorithm" of ITU-T I.371
    in its virtual scheduling form), so a refused request costs nothing and does not prolong the wait.
    """

    __slots__ = ("_burst_s", "_capacity", "_full_at", "_spacing_s")

    def __init__(self, limit: RateLimit, capacity: int = 10000) -> None:
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self._spacing_s = limit.seconds / limit.count
        self._burst_s = limit.seconds - self._spacing_s
        self._capacity = capacity
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def allow(self, key: str, now_mono: float) -> float:
        """0.0 and one token taken, or the seconds (> 0) after which the next request of this key is allowed."""
        full_at = max(self._full_at.get(key, now_mono), now_mono)
        wait = full_at - self._burst_s - now_mono
        if wait > _ROUNDING_S:
            self._full_at.move_to_end(key)
            return wait
        self._full_at[key] = full_at + self._spacing_s
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._capacity:
            self._full_at.popitem(last=False)
        return 0.0
