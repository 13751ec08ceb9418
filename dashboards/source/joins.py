"""What is asked of joins on every panel about them: the 3712 rate with its bounds, in lines and in tables."""

from __future__ import annotations

from typing import Final

from .looks import AT_LEAST, AT_MOST, RATE_3712
from .model import Query
from .panels import Column
from .queries import RANGE, RATE, at_least, at_most, count, share

JOINED: Final = 'outcome="joined"'
REFUSED: Final = 'outcome="invalid_signature"'
KNOWN: Final = 'outcome!="no_result"'

RATE_IS: Final = (
    "The 3712 rate: joins refused with an invalid signature, of all joins whose result is known. "
)
BOUNDS: Final = (
    "With 95 % certainty the true rate lies between the bounds (Wilson's interval): few joins, wide bounds. "
)
ONE_JOIN: Final = "A small diamond is one join: click it for its story."


def refused(by: str = "", over: str = RANGE) -> str:
    """Joins that Zoom refused with 3712."""
    return count("joins", REFUSED, by=by, over=over)


def known(by: str = "", over: str = RANGE) -> str:
    """Joins whose result is known: all but no_result."""
    return count("joins", KNOWN, by=by, over=over)


def rate_and_bounds(by: str = "") -> tuple[Query, Query, Query]:
    """The 3712 rate of each step, and its bounds, as `band` wants them."""
    part, whole = refused(by, RATE), known(by, RATE)
    return (
        Query(share(part, whole), "3712 rate", step="$window"),
        Query(at_least(part, whole), AT_LEAST, step="$window"),
        Query(at_most(part, whole), AT_MOST, step="$window"),
    )


def rate_columns(metric: str, label: str) -> tuple[Column, ...]:
    """Joins, refused ones, their share, and the lower bound of it, for each value of a label that had joins."""
    part, whole = count(metric, REFUSED, by=label), count(metric, KNOWN, by=label)
    return (
        Column("Joins", f"{whole} > 0"),
        Column("3712", f"{part}\nand on ({label})\n({whole} > 0)"),
        Column("Rate", share(part, whole), "percentunit", 1, RATE_3712),
        Column("At least", at_least(part, whole), "percentunit", 1, RATE_3712),
    )
