"""What is known of the clocks at a signature: this host's, and the signer's by its Date headers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from ..offsets import DRIFT, WINDOW_S, Interval
from ..offsets import span as agreement
from .leads import Lead

AGREEING: Final = 3
"""So many measurements must agree: the first Date of a window may come out of a cache."""


def clock_offset(of: Sequence[Lead]) -> Interval | None:
    """The signer's clock against the reference, or against this host's where that is not measured; None: unknown."""
    known = list(islice(filter(None, map(offset_by, reversed(of))), AGREEING))
    if len(known) >= AGREEING and all(known[0].overlaps(each) for each in known):
        return known[0]
    return offset_by_own_dates(of)


def offset_by_own_dates(of: Sequence[Lead]) -> Interval | None:
    """Of one host among several behind one address: what the Dates of its own replies agree on."""
    dates = [lead.kept.seen.date.widened(DRIFT * WINDOW_S) for lead in of if lead.kept.seen.date is not None]
    agreed = agreement(dates, AGREEING)
    if agreed is None:
        return None
    own = host(of[-1])
    return Interval(agreed.lo + own.lo, agreed.hi + own.hi)


def offset_by(lead: Lead) -> Interval | None:
    """The same, by what was known at one signature."""
    issuance, own = lead.kept.seen.issuance, host(lead)
    offset, bound = issuance.backend_clock_offset_s, issuance.backend_clock_bound_s
    if offset is None or bound is None:
        return None
    return Interval(offset - bound + own.lo, offset + bound + own.hi)


def host(lead: Lead) -> Interval:
    """This host's clock against its reference; taken for right where it is not measured."""
    issuance = lead.kept.seen.issuance
    offset, bound = issuance.clock_offset_s, issuance.clock_bound_s
    return Interval(0.0, 0.0) if offset is None or bound is None else Interval(offset - bound, offset + bound)


def host_is_measured(of: Sequence[Lead]) -> bool:
    """Whether anything tells how right this host's clock is."""
    return of[-1].kept.seen.issuance.clock_offset_s is not None
