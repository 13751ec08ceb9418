"""The report as one HTML document that asks for nothing: its style and its pictures are in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup

from ...domain.diagnosis.base import FLEET
from ...domain.ports import JoinPoint
from ...services.joins import Points
from ...services.summary_shape import Summary
from . import home, picture
from .assets import BODIES, policy_of_style
from .environment import page

_STYLE: Final = "\n" + (BODIES["picture.css"] + BODIES["status.css"]).decode("utf-8")


def document(summary: Summary, points: Points, source: str) -> str:
    """The whole text. `source` is where it came from."""
    length_s = (summary.generated_at - summary.since).total_seconds()
    return page(
        "report",
        summary=summary,
        source=source,
        period_name=home.period_name(length_s),
        answer=home.answer(summary),
        backends=home.backends(summary),
        pictures=_pictures(summary, points),
        complete=points.complete,
        style=Markup(_STYLE),  # noqa: S704  # our own files
        policy=policy_of_style(_STYLE),
    )


def _pictures(summary: Summary, points: Points) -> Mapping[str, Markup]:
    """Of each backend that has joins."""
    found: dict[str, list[JoinPoint]] = {}
    for point in points.joins or ():
        found.setdefault(point.signer, []).append(point)
    end = points.generated_at.timestamp()
    begin = picture.beginning(points.joins or (), points.since.timestamp(), end)
    return {
        name: picture.svg(found[name], begin, end, f"Joins of {name}: leads over time")
        for name in summary.backends
        if name in found and name != FLEET
    }
