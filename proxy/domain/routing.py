"""Which backend a request goes to, and what may be sent on to it; the random number is handed in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

Weights = Sequence[tuple[str, float]]
"""Backends by name with their weights, >= 0; 0 takes no traffic."""


def choose(weights: Weights, random01: float) -> str:
    """A backend in proportion to its weight; `random01` is uniform in [0, 1).

    Raises ValueError where no weight is positive: settings refuse such a route.
    """
    live = [(name, weight) for name, weight in weights if weight > 0]
    if not live:
        raise ValueError("no backend of the route has a positive weight")
    point = random01 * sum(weight for _, weight in live)
    for name, weight in live:
        point -= weight
        if point < 0:
            return name
    return live[-1][0]  # the weights' sum was rounded up


def choose_other(weights: Weights, exclude: str, random01: float) -> str | None:
    """Like choose(), among the others: where a retry goes. None where no other has a positive weight."""
    others = [(name, weight) for name, weight in weights if name != exclude and weight > 0]
    return choose(others, random01) if others else None


def stays_below(tail: str) -> bool:
    """Whether a path remainder stays below the path that it is appended to.

    Servers resolve dot segments also when percent-encoded, behind a backslash or with a path parameter ("..;"):
    any of these could reach what the backend's URL does not name.
    """
    if "." not in tail and "%" not in tail:
        return True
    segments = re.split(r"[/\\]", unquote(tail, errors="replace"))
    return not any(segment.partition(";")[0] in (".", "..") for segment in segments)
