"""The bounded memory that a diagnosis looks at: one window per backend, its replicas told apart.

Taking in a signature only appends and counts; whatever must be worked out is worked out by those who look.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable
from operator import attrgetter
from typing import Final

import msgspec

from ..attribution import ABSURD_S
from .sightings import UNKNOWN_TOKEN, JoinSeen, SignatureSeen

WINDOW_S: Final = 1800.0
JOINS_WINDOW_S: Final = 3600.0

MAX_REPLICAS: Final = 64
"""Beyond it they are taken together, under OTHERS; one that is gone makes room: pods come and go."""

GONE_S: Final = 180.0
"""A replica that was silent for so long while others answered."""

OTHERS: Final = "(others)"

NEWEST: Final = 32
"""So many signatures of a replica are kept whatever the traffic."""

SPACED: Final = 128
SPACING_S: Final = WINDOW_S / SPACED
"""Of a busy replica one in 14 s is kept beyond the newest: nine for each 128 s that a rounded iat stands still."""

MAX_TOKENS: Final = 4096
"""Tokens remembered per backend, to tell a new one from one that was handed out before."""

MAX_ASKED: Final = 64
SLOT_S: Final = 60.0

JOIN_SLOT_S: Final = 10.0
"""Joins within so many seconds are one moment: what they have in common may be the moment and nothing else."""

JOINS_PER_SLOT: Final = 8
"""So many of each moment are kept, whatever became of them, so that no share is bent; the tallies count all."""

MOMENTS: Final = int(JOINS_WINDOW_S / JOIN_SLOT_S)
LOT: Final = 0x9E3779B97F4A7C15
"""Fibonacci hashing: spreads digests that follow one another over 64 bits (Knuth, TAOCP volume 3, section 6.4)."""

STEPPED_S: Final = 1.0
"""What lies so far in the future is from before this host's clock was set back."""

UNNAMED: Final = ""
"""The replica of which nothing is known."""

REPEATED: Final = "repeated"
SWAPPED: Final = "swapped"
"""Counted beside the findings: a token that was handed out before; one for the meeting that somebody else asked for."""


class Kept(msgspec.Struct, frozen=True, gc=False):
    """A signature in the window. `at`: wall time of its headers. `fresh`: its token was not handed out before."""

    at: float
    fresh: bool
    seen: SignatureSeen


class Slot(msgspec.Struct):
    """The tallies of one minute, or of several: how many, and how many of each kind.

    `after`: how many came in the minutes after the last one of a kind.
    """

    begin: float
    total: int = 0
    counts: Counter[str] = msgspec.field(default_factory=Counter)
    after: dict[str, int] = msgspec.field(default_factory=dict)

    def add(self, other: Slot) -> None:
        """Take in the tallies of other signatures. What any of them still has has not ended."""
        self.total += other.total
        self.counts.update(other.counts)
        for kind, after in other.after.items():
            self.after[kind] = min(after, self.after.get(kind, after))


class Tally:
    """Counts by the minute over a bounded time. Times may step back: what is older counts for the newest minute."""

    __slots__ = ("_slots",)

    def __init__(self, window_s: float) -> None:
        self._slots: deque[Slot] = deque(maxlen=int(window_s / SLOT_S))

    def slot(self, at: float) -> Slot:
        """The minute that this time belongs to, made if it is new."""
        slots = self._slots
        if slots:
            newest = slots[-1]
            if at - newest.begin < SLOT_S:
                return newest
        slot = Slot(at - at % SLOT_S)
        slots.append(slot)
        return slot

    def minutes(self, at: float) -> Counter[float]:
        """How many in each minute from then on."""
        return Counter({slot.begin: slot.total for slot in self._slots if slot.begin >= at})

    def since(self, at: float) -> Slot:
        """Everything counted in the minutes that begin at or after `at`."""
        total = Slot(at)
        until: dict[str, int] = {}
        for slot in self._slots:
            if slot.begin >= at:
                total.total += slot.total
                total.counts.update(slot.counts)
                until.update(dict.fromkeys(slot.counts, total.total))
        total.after = {kind: total.total - count for kind, count in until.items()}
        return total


class ReplicaWindow:
    """What was seen of one replica."""

    __slots__ = ("_spaced_at", "last_at", "newest", "spaced", "tally")

    def __init__(self) -> None:
        self.newest: deque[Kept] = deque(maxlen=NEWEST)
        self.spaced: deque[Kept] = deque(maxlen=SPACED)
        self.tally = Tally(WINDOW_S)
        self.last_at = 0.0
        self._spaced_at: float | None = None

    def add(self, kept: Kept) -> None:
        """Keep it among the newest, and one in SPACING_S for longer. A clock that steps back begins anew."""
        at = self.last_at = kept.at
        self.newest.append(kept)
        if self._spaced_at is None or not 0 <= at - self._spaced_at < SPACING_S:
            self._spaced_at = at
            self.spaced.append(kept)

    def kept(self, now: float) -> list[Kept]:
        """What is in the window, oldest first but for those that came at once, each once."""
        since, until = now - WINDOW_S, now + STEPPED_S
        newest = [kept for kept in self.newest if since <= kept.at <= until]
        oldest = min((kept.at for kept in newest), default=until)
        return [kept for kept in self.spaced if since <= kept.at < oldest] + newest


class JoinSample:
    """Of each moment so many joins, drawn by lot: a failure is reported sooner than a success, so that the first to
    come would be failures.
    """

    __slots__ = ("_moments",)

    def __init__(self) -> None:
        self._moments: dict[float, list[tuple[int, JoinSeen]]] = {}

    def add(self, join: JoinSeen) -> None:
        """Keep it if its receipt drew one of the lowest lots of its moment; results of one receipt stay together."""
        moment = join.at // JOIN_SLOT_S
        drawn = self._moments.get(moment)
        if drawn is None:
            if len(self._moments) >= MOMENTS:
                del self._moments[next(iter(self._moments))]
            drawn = self._moments[moment] = []
        drawn.append((join.receipt * LOT % 2**64, join))
        if len(drawn) > JOINS_PER_SLOT:
            drawn.remove(max(drawn, key=_lot))

    def __len__(self) -> int:
        """How many are kept."""
        return sum(map(len, self._moments.values()))

    def since(self, at: float) -> list[JoinSeen]:
        """Those from then on, oldest first."""
        found = (join for drawn in self._moments.values() for _, join in drawn if join.at >= at)
        return sorted(found, key=attrgetter("at"))


def _lot(drawn: tuple[int, JoinSeen]) -> int:
    return drawn[0]


class BackendWindow:
    """What was seen of one backend: its signatures by replica, and its joins."""

    def __init__(self) -> None:
        self.replicas: dict[str, ReplicaWindow] = {}
        self.joins = JoinSample()
        self.join_tally = Tally(JOINS_WINDOW_S)
        self.news = 0
        """How many signatures and joins were taken in so far: a look without news finds nothing new."""
        self._made_room_at = 0.0
        self._tokens: dict[int, float] = {}
        self._asked: deque[int] = deque(maxlen=MAX_ASKED)

    def signature(self, seen: SignatureSeen) -> None:
        """Take in a signature that has left. On the signature's way: nothing is worked out here."""
        self.news += 1
        issuance = seen.issuance
        offset = issuance.iat_offset_s
        # Of an iat beyond all reason nothing is left of the time when it is taken off.
        at = (
            issuance.sent_at
            if offset is None or issuance.iat is None or abs(offset) > ABSURD_S
            else issuance.iat - offset
        )
        replica = self._replica(issuance.replica or UNNAMED, at)
        slot = replica.tally.slot(at)
        slot.total += 1
        token = seen.token
        fresh = token != UNKNOWN_TOKEN and token not in self._tokens
        if fresh:
            self._remember(token, at)
        elif token != UNKNOWN_TOKEN:
            slot.counts[REPEATED] += 1
            self._tokens[token] = self._tokens.pop(token)  # What is still handed out is not forgotten.
        if issuance.findings:
            slot.counts.update(issuance.findings)
            if seen.meeting and seen.meeting != seen.asked and seen.meeting in self._asked:
                slot.counts[SWAPPED] += 1
        if seen.asked:
            self._asked.append(seen.asked)
        replica.add(Kept(at, fresh, seen))

    def join(self, seen: JoinSeen) -> None:
        """Take in a join result that is new to the ledger and counts as evidence."""
        self.news += 1
        slot = self.join_tally.slot(seen.at)
        slot.total += 1
        slot.counts[seen.outcome] += 1
        self.joins.add(seen)

    def last(self, now: float) -> list[Kept]:
        """The newest signature, if one is in the window."""
        newest = [replica.newest[-1] for replica in self.replicas.values() if replica.newest]
        recent = [kept for kept in newest if now - WINDOW_S <= kept.at <= now + STEPPED_S]
        return sorted(recent, key=attrgetter("at"))[-1:]

    def first_seen(self, token: int) -> float | None:
        """When a token was first handed out, as far as is remembered; inf for one from before the clock stepped."""
        return self._tokens.get(token)

    def recent_joins(self, now: float) -> list[JoinSeen]:
        """The joins in the window, oldest first; of a busy moment a sample."""
        return [join for join in self.joins.since(now - JOINS_WINDOW_S) if join.at <= now + STEPPED_S]

    def forget_leads(self) -> None:
        """This host's clock has stepped: leads against it from before mean nothing now, nor does a token's age.

        Nor can the joins of before be told from those that are to come.
        """
        for replica in self.replicas.values():
            replica.newest.clear()
            replica.spaced.clear()
        self.joins, self.join_tally = JoinSample(), Tally(JOINS_WINDOW_S)
        self._tokens = dict.fromkeys(self._tokens, math.inf)

    def _replica(self, name: str, at: float) -> ReplicaWindow:
        window = self.replicas.get(name)
        if window is None:
            if len(self.replicas) >= MAX_REPLICAS - 1 and name != OTHERS and not self._make_room(at):
                return self._replica(OTHERS, at)
            window = self.replicas[name] = ReplicaWindow()
        return window

    def _make_room(self, at: float) -> bool:
        """Forget the replica that was silent for longest, if it is gone; once a minute, for there may be thousands."""
        if abs(at - self._made_room_at) < SLOT_S:
            return False
        self._made_room_at = at
        silent = min(self.replicas, key=lambda each: self.replicas[each].last_at)
        if at - self.replicas[silent].last_at <= GONE_S:
            return False
        del self.replicas[silent]
        return True

    def _remember(self, token: int, at: float) -> None:
        if len(self._tokens) >= MAX_TOKENS:
            del self._tokens[next(iter(self._tokens))]
        self._tokens[token] = at


def in_order(windows: Iterable[ReplicaWindow], now: float) -> list[Kept]:
    """What several replicas have in the window, oldest first."""
    return sorted((kept for window in windows for kept in window.kept(now)), key=attrgetter("at"))
