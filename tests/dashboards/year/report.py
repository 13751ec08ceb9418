"""What came of it, as tables: for the terminal, and for docs/alerts.md between its marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean, median

from .faults import Kind, Told
from .honest import Plan
from .judge import Judged
from .late import Outage, Redelivered
from .promtool import alerts

PARTS = ("honest", "faults", "late")


def write(path: Path, part: str, text: str) -> None:
    """Put a part between its marks. Raises ValueError where the page has no marks for it."""
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    page = path.read_text(encoding="utf-8")
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{path} needs the lines {begin} and {end}: what is between them is written anew")
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def honest_text(judged: Mapping[Plan, Judged], days: float, *, seed: int, today: str) -> str:
    """Each plan with what fired in it."""
    severities = alerts()
    rows = []
    for plan, each in judged.items():
        pages = Counter(raised.alert for raised in each.raised if severities[raised.alert] == "page")
        tickets = Counter(_named(raised.alert, raised.what) for raised in each.raised) - Counter(
            {_named(alert, ""): count for alert, count in pages.items()}
        )
        visits = round(plan.rate * days * 86400)
        told = ", ".join(f"{alert} {count}" for alert, count in sorted(tickets.items()))
        rows.append((plan.id, f"{visits:,}", str(plan.replicas), str(pages.total()), told or "none"))
    return "\n".join(
        (
            f"Seed {seed}, {days:.0f} days at each rate, {today}.",
            "",
            *_table(("traffic", "visits", "replicas", "pages", "tickets"), rows),
        )
    )


def faults_text(told: Mapping[tuple[Kind, str], Sequence[Told]], *, seeds: int, today: str) -> str:
    """A table for each rate."""
    parts = [f"{seeds} seeds each, {today}. Median, and in 95 of 100 runs; how many runs, where not all."]
    for rate in dict.fromkeys(rate for _, rate in told):
        rows = [
            (
                str(kind.row),
                kind.id,
                f"{mean(run.failing for run in runs):.0%}",
                _when(runs, lambda run: run.signs_s, lambda run: run.sign),
                _when(runs, lambda run: run.symptoms_s, lambda run: run.by),
                _when(runs, lambda run: run.page_s),
                _when(runs, lambda run: run.third_s),
            )
            for (kind, of), runs in told.items()
            if of == rate
        ]
        heads = ("#", "fault", "joins that fail", "by signatures and causes", "by joins alone", "page")
        parts.append(f"### At {rate}\n\n" + "\n".join(_table((*heads, "third refused"), rows)))
    return "\n\n".join(parts)


def late_text(found: Mapping[Outage, Sequence[Redelivered]], *, seeds: int, today: str) -> str:
    """Each outage with what came after it."""
    rows = []
    for outage, runs in found.items():
        raised = Counter(alert for run in runs for alert in run.raised)
        pages = raised.pop("JoinwatchJoinsRefused", 0)
        tickets = ", ".join(f"{_named(alert, '')} {count}" for alert, count in sorted(raised.items()))
        counts = (
            f"{sum(run.late for run in runs):,} ({sum(run.late_refused for run in runs)} refused)",
            f"{sum(run.in_time for run in runs):,} ({sum(run.in_time_refused for run in runs)} refused)",
        )
        rows.append((outage.id, *counts, str(pages), tickets or "none"))
    return "\n".join(
        (
            f"{seeds} seeds each, {today}.",
            "",
            *_table(("outage", "came late", "came in a heap, in time", "pages", "tickets"), rows),
        )
    )


def never_told(told: Mapping[tuple[Kind, str], Sequence[Told]]) -> list[str]:
    """Faults of at least a twentieth of the joins that no alert told of, where five signatures had been refused."""
    return [
        f"{kind.id} at {rate}"
        for (kind, rate), runs in told.items()
        if any(
            run.symptoms_s is None and run.signs_s is None and run.failing >= 0.05 and run.refused >= 5
            for run in runs
        )
    ]


def _named(alert: str, what: str) -> str:
    name = alert.removeprefix("Joinwatch")
    return f"{name} ({what})" if what else name


def _when(
    runs: Sequence[Told],
    when: Callable[[Told], float | None],
    by: Callable[[Told], str] | None = None,
) -> str:
    times = sorted(at for run in runs if (at := when(run)) is not None)
    if not times:
        return "-"
    late = times[round(0.95 * (len(times) - 1))]
    text = f"{_minutes(median(times))}, {_minutes(late)} min"
    if len(times) < len(runs):
        text += f" ({len(times)} of {len(runs)})"
    if by is not None:
        firsts = Counter(_named(by(run), "") for run in runs if when(run) is not None)
        text += f": {', '.join(alert for alert, _ in firsts.most_common())}"
    return text


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}" if seconds < 6000 else f"{seconds / 60:.0f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(heads)} |",
        f"|{' --- |' * len(heads)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
