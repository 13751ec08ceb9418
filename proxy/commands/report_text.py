"""A summary in words for a terminal. Whatever came from a ledger or a network is stripped of control characters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from ..domain.diagnosis.base import FLEET
from ..domain.join_result import Outcome
from ..services.summary_shape import BackendSummary, CauseSummary, ClockSummary, Rate, Summary
from .terminal import Paint, clean, moment, span, wrapped

UNKNOWN: Final = "?"

_OUTCOMES: Final = {
    Outcome.JOINED: "joined",
    Outcome.INVALID_SIGNATURE: "invalid",
    Outcome.SIGNATURE_EXPIRED: "expired",
    Outcome.OTHER_FAILURE: "other",
    Outcome.NO_RESULT: "no result",
}
_COLUMNS: Final = ("backend", *_OUTCOMES.values(), "late", "3712 rate, 95 % interval")


def as_text(summary: Summary, source: str, paint: Paint) -> str:
    """The whole report. `source` is where it came from."""
    lines = [
        paint.bold(
            f"joins from {_moment(summary.since)} to {_moment(summary.generated_at)}, by {clean(source)}"
        )
    ]
    if not summary.ledger.available:
        lines.append(paint.red(f"the ledger cannot be read: {clean(summary.ledger.detail)}"))
    if summary.host_clock is not None:
        lines.append(f"this host's clock: {_offset(summary.host_clock)}")
    if summary.zoom_tolerance_s is not None:
        low, high = summary.zoom_tolerance_s
        lines.append(
            f"Zoom takes an iat that is {low:.1f} s ahead and refuses one of {high:.1f} s, as joins have shown"
        )
    lines += ["", *_table(summary, paint), ""]
    causes = 0
    for name, backend in summary.backends.items():
        causes += len(backend.causes)
        lines += _backend(name, backend, summary.generated_at, paint)
    if not causes:
        lines.append(paint.green("no cause is suspected"))
    return "\n".join(lines).rstrip("\n")


def _table(summary: Summary, paint: Paint) -> Iterator[str]:
    rows = [_COLUMNS, *(_row(name, backend) for name, backend in summary.backends.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for number, row in enumerate(rows):
        cells = [
            cell.ljust(width) if column in (0, len(row) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        line = "  ".join(cells).rstrip()
        yield paint.bold(line) if number == 0 else line


def _row(name: str, backend: BackendSummary) -> tuple[str, ...]:
    joins = backend.joins
    counts = (UNKNOWN if joins is None else f"{joins.get(outcome, 0):,}" for outcome in _OUTCOMES)
    late = UNKNOWN if backend.late is None else f"{backend.late:,}"
    share = UNKNOWN if joins is None else _rate(backend.rate_3712)
    return clean(name), *counts, late, share


def _rate(rate: Rate | None) -> str:
    if rate is None:
        return "no joins"
    return f"{_percent(rate.share)} ({100 * rate.low:.1f} to {100 * rate.high:.1f} %)"


def _backend(name: str, backend: BackendSummary, now: datetime, paint: Paint) -> Iterator[str]:
    past = backend.cleared_causes or ()
    known = {replica: clock for replica, clock in backend.replicas.items() if clock is not None}
    if not (backend.causes or past or known):
        return
    yield paint.bold("all backends" if name == FLEET else clean(name))
    for replica, clock in sorted(known.items()):
        yield f"  clock of {clean(replica) or 'its host'}: {_offset(clock)}"
    for cause in backend.causes:
        yield from _cause(cause, now, paint)
    for cause in past:
        yield paint.dim(f"  was {_title(cause, now)}")
    yield ""


def _cause(cause: CauseSummary, now: datetime, paint: Paint) -> Iterator[str]:
    yield "  " + paint.red(clean(cause.cause)) + _title(cause, now).removeprefix(clean(cause.cause))
    yield from _wrapped("evidence", cause.evidence)
    shares = [
        f"{_percent(share)} of the joins {verb}"
        for share, verb in (
            (cause.predicted_failing_share, "should fail by it"),
            (cause.observed_failing_share, "were refused as invalid (3712)"),
        )
        if share is not None
    ]
    if cause.heals_s is not None:
        shares.append(f"a refused signature works after at most {cause.heals_s:.0f} s")
    if shares:
        yield from _wrapped("costs", ", ".join(shares))
    if cause.replicas:
        yield from _wrapped("replicas", ", ".join(cause.replicas))
    yield from _wrapped("mend", cause.advice)


def _title(cause: CauseSummary, now: datetime) -> str:
    ended = cause.until or now
    held = span(max(0.0, (ended - cause.since).total_seconds()))
    times = f"since {_moment(cause.since)}" if cause.until is None else f"from {_moment(cause.since)}"
    failed = "" if cause.failed_joins is None else f"; {_failed(cause.failed_joins)} meanwhile"
    return f"{clean(cause.cause)}, confidence {cause.confidence:.2f}, {times}, for {held}{failed}"


def _failed(joins: int) -> str:
    return f"{joins:,} join{'' if joins == 1 else 's'} failed on {'its' if joins == 1 else 'their'} signature"


def _wrapped(label: str, text: str) -> list[str]:
    return wrapped(text, f"    {label:<10}", 14)


def _offset(clock: ClockSummary) -> str:
    return f"{clock.offset_s:+.3f} s ± {clock.bound_s:.3f}"


def _moment(at: datetime) -> str:
    return moment(at.timestamp())


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
