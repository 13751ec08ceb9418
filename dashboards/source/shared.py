"""Panels that more than one dashboard has: suspected causes, and the bars over a histogram's buckets."""

from __future__ import annotations

from collections.abc import Callable

from .furniture import STATUS_PAGE
from .looks import NO_COLOUR, UNKNOWN, VERMILION, fixed
from .model import Json, Panel, Query
from .panels import Steps, ranking, stat
from .queries import buckets, count, in_bucket, largest

SUSPECTED = f"{largest('cause_suspected', by='backend, cause')} == 1"


def suspected_causes(width: int) -> Panel:
    """The answer to: why?"""
    return stat(
        "Why? Suspected causes",
        "Each tile is a backend and the cause that its signatures and joins show, now. `all` stands for all "
        "backends together. Click one for the evidence and what to change; docs/causes.md has a section for "
        "each. Normal: none. None is no proof of health: joinwatch needs signatures and joins to judge from.",
        Query(SUSPECTED, "{{backend}}: {{cause}}", instant=True),
        width=width,
        names=True,
        background=True,
        defaults={"color": fixed(VERMILION)},
        links=(STATUS_PAGE,),
        empty="No cause is suspected",
    )


def bucket_shares(
    title: str,
    description: str,
    histogram: str,
    *,
    width: int,
    steps: Steps,
    part: str,
    far_first: bool = False,
) -> Panel:
    """Of each bucket the share that matches `part`: a curve. `far_first`: the largest values at the left.

    A bucket of nothing is not a number, shown as –: the bars keep their places, under them those of `bucket_counts`.
    """

    def expression(upper: str, lower: str | None) -> str:
        whole = in_bucket(histogram, upper, lower)
        return f"{in_bucket(histogram, upper, lower, part)}\n/\n({whole} >= 0.5)\nor vector(NaN)"

    return ranking(
        title,
        description,
        *_by_bucket(histogram, expression, far_first=far_first),
        width=width,
        unit="percentunit",
        steps=steps,
        ceiling=1,
        upright=True,
        mappings=(UNKNOWN,),
    )


def bucket_counts(
    title: str, description: str, histogram: str, *, width: int, colour: Json, far_first: bool = False
) -> Panel:
    """How much fell into each bucket in the dashboard's range."""

    def expression(upper: str, lower: str | None) -> str:
        return in_bucket(histogram, upper, lower)

    return ranking(
        title,
        description,
        *_by_bucket(histogram, expression, far_first=far_first),
        width=width,
        steps=NO_COLOUR,
        colour=colour,
        upright=True,
    )


def bucket_parts(
    title: str,
    description: str,
    histogram: str,
    others: str,
    *,
    width: int,
    colour: Json,
    far_first: bool = False,
) -> Panel:
    """The same as parts of all that this histogram and another one counted."""
    whole = f"({count(histogram, suffix='_count')} + {count(others, suffix='_count')} > 0)"

    def expression(upper: str, lower: str | None) -> str:
        return f"{in_bucket(histogram, upper, lower)}\n/\n{whole}"

    return ranking(
        title,
        description,
        *_by_bucket(histogram, expression, far_first=far_first),
        width=width,
        unit="percentunit",
        colour=colour,
        decimals=1,
        upright=True,
    )


def _by_bucket(
    histogram: str, expression: Callable[[str, str | None], str], *, far_first: bool
) -> tuple[Query, ...]:
    found = [Query(expression(upper, lower), name, instant=True) for name, upper, lower in buckets(histogram)]
    return tuple(reversed(found)) if far_first else tuple(found)
