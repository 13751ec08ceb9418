"""The picture as SVG, for the report and for browsers without JavaScript: each join a dot, its lead upwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Final

from markupsafe import Markup

from ...domain.join_result import Outcome
from ...domain.ports import JoinPoint
from .scale import LINEAR_S, Extent, place, tick_label

LEAST_S: Final = 300.0
"""No picture is of a shorter time, unless that was asked for. status/live.js does the same."""

WIDTH: Final = 760
HEIGHT: Final = 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 20, 22, 24
_LANE: Final = 16
"""For joins whose lead is not known."""

_SHAPES: Final = {
    Outcome.JOINED: "h0",
    Outcome.INVALID_SIGNATURE: "m-3-3l6 6m0-6l-6 6",
    Outcome.SIGNATURE_EXPIRED: "m0-4l4 4l-4 4l-4-4z",
    Outcome.OTHER_FAILURE: "m-3-3h6v6h-6z",
    Outcome.NO_RESULT: "m-2.6 0a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0-5.2 0",
}
"""What is failed lies above what is joined. The marks of the page's legend have the same shapes."""

_STEPS_S: Final = (60, 300, 600, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800, 2592000)

STYLE: Final = (files(__package__) / "../static/status/picture.css").read_text(encoding="utf-8")
"""Of the dots and lines, here and where the page's script draws them."""


@dataclass(frozen=True, slots=True)
class _Frame:
    begin: float
    end: float
    extent: Extent

    def x(self, at: float) -> float:
        share = (at - self.begin) / (self.end - self.begin)
        return _LEFT + min(1.0, max(0.0, share)) * (WIDTH - _LEFT - _RIGHT)

    def y(self, where: float) -> float:
        share = (where - self.extent.low) / (self.extent.high - self.extent.low)
        return _TOP + (1.0 - share) * (HEIGHT - _TOP - _BOTTOM - _LANE)


def drawn(points: Iterable[JoinPoint]) -> list[JoinPoint]:
    """The joins that a picture shows: all but the late ones, as in the counts."""
    return [point for point in points if not point.late]


def beginning(points: Iterable[JoinPoint], since: float, end: float) -> float:
    """Where a picture of these joins begins: a young ledger fills it, down to five minutes."""
    first = min((_at(point) for point in points if not point.late), default=end)
    return max(since, min(first, end - LEAST_S))


def svg(points: Sequence[JoinPoint], begin: float, end: float, title: str, *, alone: bool = False) -> Markup:
    """The picture of the time from `begin` to `end` (wall times). `alone`: with a style of its own."""
    shown = drawn(points)
    leads = [-point.token_age_s for point in shown if point.token_age_s is not None]
    frame = _Frame(begin, end, Extent.of(leads))
    body = Markup("").join([*_grid(frame), *_dots(shown, frame)])
    head = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" class="picture" viewBox="0 0 {} {}" role="img" aria-label="{}">'
    ).format(WIDTH, HEIGHT, title)
    style = Markup("<style>{}</style>").format(Markup(STYLE)) if alone else Markup("")  # noqa: S704  # our own file
    return head + style + body + Markup("</svg>")


def _grid(frame: _Frame) -> Iterator[Markup]:
    right, floor = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    zero = frame.y(0.0)
    yield _rect("ahead", _LEFT, _TOP, right - _LEFT, zero - _TOP)
    yield _text(_LEFT, _TOP - 8, "start", "↑ iat still ahead of the join")
    per_pixel = (frame.extent.high - frame.extent.low) / (HEIGHT - _TOP - _BOTTOM - _LANE)
    for tick in frame.extent.ticks(18 * per_pixel):
        y = frame.y(place(tick))
        if y > floor - _LANE - 8:
            continue
        yield _line("grid" if tick else "zero", f"M{_LEFT} {y:.1f}H{right}")
        yield _text(_LEFT - 6, y + 4, "end", tick_label(tick))
    for edge in (-LINEAR_S, LINEAR_S):
        if frame.extent.low < edge < frame.extent.high:
            yield _line("grid", f"M{_LEFT - 4} {frame.y(edge) - 2:.1f}h8m-8 4h8")
    yield _line("grid", f"M{_LEFT} {floor - _LANE}H{right}")
    yield _text(_LEFT - 6, floor - _LANE / 2 + 4, "end", "no lead")
    for at in times(frame.begin, frame.end):
        x = frame.x(at)
        yield _line("grid", f"M{x:.1f} {_TOP}V{floor}")
        yield _text(x, HEIGHT - 6, "middle", _time_label(at, frame.end - frame.begin))


def _dots(points: Sequence[JoinPoint], frame: _Frame) -> Iterator[Markup]:
    """One path for each outcome; joins that fall on the same spot are drawn once."""
    lane = HEIGHT - _BOTTOM - _LANE / 2
    spots: dict[Outcome, dict[str, None]] = {outcome: {} for outcome in (Outcome.NO_RESULT, *Outcome)}
    for point in points:
        y = lane if point.token_age_s is None else frame.y(place(-point.token_age_s))
        spots[point.outcome][f"M{frame.x(_at(point)):.0f} {y:.0f}"] = None
    for outcome, found in spots.items():
        if found:
            shape = _SHAPES[outcome]
            yield Markup('<path class="dots {}" d="{}"/>').format(
                outcome.value, "".join(m + shape for m in found)
            )


def _at(point: JoinPoint) -> float:
    return point.received_at if point.joined_at is None else point.joined_at


def times(begin: float, end: float) -> list[float]:
    """Round times in UTC for about six lines."""
    step = next((each for each in _STEPS_S if (end - begin) / each <= 7), _STEPS_S[-1])
    first = -(-begin // step) * step
    return [first + number * step for number in range(int((end - first) // step) + 1)]


def _time_label(at: float, length: float) -> str:
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at)
    return f"{when:%H:%M}" if length <= 2 * 86400 else f"{when:%b} {when.day}"


def _line(kind: str, path: str) -> Markup:
    return Markup('<path class="{}" d="{}"/>').format(kind, path)


def _rect(kind: str, x: float, y: float, width: float, height: float) -> Markup:
    shape = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
    return shape.format(kind, x, y, width, max(0.0, height))


def _text(x: float, y: float, anchor: str, text: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(x, y, anchor, text)
