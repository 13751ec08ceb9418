"""The lead of iat over the clock: what bounds it has in one signature, and how it goes over many.

lead = offset of the signer's clock + bias of its code + quantisation. A sound signer's lead stands still: whole seconds
are never off by more than one. A rounded iat makes it a saw-tooth; a clock or a time zone moves it as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from ..attribution import ABSURD_S
from ..offsets import Interval
from .windows import Kept

SECOND_S: Final = 1.0
"""iat has whole seconds: rounded down, up or to the nearest, the lead moves within one second."""

SLACK_S: Final = 0.5
"""What two readings of a clock, its drift in half an hour and its slewing may add."""

MANY: Final = 12
GROUP_MIN: Final = 3
GROUP_SHARE: Final = 0.15
GROUPS_COVER: Final = 0.9
MAX_GROUPS: Final = 4
INTERLEAVED: Final = 3


class Lead(msgspec.Struct, frozen=True, gc=False):
    """iat - the time of signing by this host's clock: between `lo` and `hi`, for the exchange took hi - lo."""

    at: float
    lo: float
    hi: float
    iat: float
    token: int
    fresh: bool
    kept: Kept


def leads(kept: Iterable[Kept]) -> list[Lead]:
    """The leads of signatures whose iat is a time at all."""
    found = []
    for each in kept:
        issuance = each.seen.issuance
        lo, iat = issuance.iat_offset_s, issuance.iat
        if lo is None or iat is None or abs(lo) > ABSURD_S:
            continue
        took = issuance.iat_offset_bound_s or 0.0
        found.append(Lead(each.at, lo, lo + max(0.0, took), iat, each.seen.token, each.fresh, each))
    return found


def moved(of: Sequence[Lead]) -> float:
    """By how much the lead has surely moved among these; negative where it may have stood still."""
    return max(lead.lo for lead in of) - min(lead.hi for lead in of) if of else 0.0


def surely_moved(of: Sequence[Lead]) -> float:
    """The same without the outermost one at either end, or two of many: an old token taken for new is no movement."""
    outer = 1 if len(of) < MANY else 2
    if len(of) < 2 * outer + 2:
        return 0.0
    return sorted(lead.lo for lead in of)[-1 - outer] - sorted(lead.hi for lead in of)[outer]


def constant(of: Sequence[Lead]) -> Interval | None:
    """The one lead that all these can have had, for an iat that is rounded down; None where it has moved.

    With l = clock offset + bias, an iat rounded down lies in (t + l - 1, t + l]: l is at least every lead, and less
    than every lead + 1.
    """
    if not of or moved(of) > SECOND_S + SLACK_S:
        return None
    lowest = max(lead.lo for lead in of)
    return Interval(lowest, max(lowest, min(lead.hi for lead in of) + SECOND_S))


def groups(of: Sequence[Lead]) -> list[list[Lead]]:
    """Hosts behind one address whose leads differ, told apart: each group constant, and seen in turn with the others.

    Empty where the leads do not fall into a few groups, or where one follows the other, as after a mended clock.
    """
    found: list[list[Lead]] = []
    for lead in sorted(of, key=lambda each: each.lo):
        if found and moved([*found[-1], lead]) <= SECOND_S + SLACK_S:
            found[-1].append(lead)
        else:
            found.append([lead])
    needed = max(GROUP_MIN, GROUP_SHARE * len(of))
    found = [group for group in found if len(group) >= needed]
    covered = sum(map(len, found))
    if not 2 <= len(found) <= MAX_GROUPS or covered < GROUPS_COVER * len(of):
        return []
    return found if _turns(found) >= INTERLEAVED * len(found) else []


def _turns(of: Sequence[Sequence[Lead]]) -> int:
    """How often another group answers than before."""
    order = sorted((lead.at, number) for number, group in enumerate(of) for lead in group)
    return sum(one[1] != other[1] for one, other in pairwise(order))
