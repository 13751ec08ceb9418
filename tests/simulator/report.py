"""What was measured, in words and tables: for the terminal, and for docs/diagnosis.md between its two marks."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from proxy.domain.diagnosis.base import Cause

from .cases import BEFORE, BESIDE, BY_MARGIN, RATES, Case, Replicas
from .faults import Tells
from .honest import Verdict
from .run import FAULTY, HIDDEN_S, RIPENING, ROUNDED, SIGNATURES, Outcome, in_time

BEGIN: Final = "<!-- measured: begin -->"
END: Final = "<!-- measured: end -->"

MAX_LISTED: Final = 100


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that came out of one run."""

    seed: int
    faulty: Sequence[tuple[Case, Outcome]]
    honest: Sequence[Verdict]

    def missed(self) -> list[tuple[Case, Outcome]]:
        """Cases whose cause was not named, or too late."""
        return [
            (case, outcome)
            for case, outcome in self.faulty
            if (case.tells is Tells.SIGNATURES and not in_time(case, outcome))
            or (case.tells is Tells.JOINS and not outcome.named)
        ]

    def wrong(self) -> list[tuple[Case, Outcome]]:
        """Cases in which a cause was named that is not there."""
        return [(case, outcome) for case, outcome in self.faulty if outcome.wrong]

    def false(self) -> list[Verdict]:
        """Honest worlds in which a cause was named."""
        return [verdict for verdict in self.honest if verdict.false]


def as_text(measured: Measured) -> str:
    """The whole report."""
    parts = [
        _summary(measured),
        "### Named from signatures\n\n" + _by_signatures(measured),
        "### Named from joins\n\n" + _by_joins(measured),
        "### Confusion matrix\n\n" + _matrix(measured),
        "### Right beside another cause\n\n" + _beside(),
        "### Honest worlds\n\n" + _honest(measured.honest),
    ]
    troubles = _troubles(measured)
    if troubles:
        parts.append("### Misses and mistakes\n\n" + troubles)
    return "\n\n".join(parts) + "\n"


def write(path: Path, text: str) -> None:
    """Put the report between the marks of a page. Raises ValueError where the page has no marks."""
    page = path.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} needs the lines {BEGIN} and {END}: what is between them is written anew")
    path.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", encoding="utf-8")


def _summary(measured: Measured) -> str:
    must = sum(case.tells is not Tells.NOBODY for case, _ in measured.faulty)
    harmless = len(measured.faulty) - must
    signatures = sum(outcome.total for _, outcome in measured.faulty)
    honest = sum(verdict.signatures for verdict in measured.honest)
    joins = sum(verdict.joins for verdict in measured.honest)
    return "\n".join(
        (
            f"Seed {measured.seed}: {must} faulty worlds, and {harmless} in which the fault does no harm, with",
            f"{signatures:,} signatures; {len(measured.honest)} honest worlds with {honest:,} signatures and",
            f"{joins:,} joins.",
            "",
            f"- missed or late: {len(measured.missed())} of {must}",
            f"- with a wrong cause: {len(measured.wrong())} of {len(measured.faulty)}",
            f"- honest worlds with a false cause: {len(measured.false())} of {len(measured.honest)}",
        )
    )


def _by_signatures(measured: Measured) -> str:
    rows = [
        "| cause | replicas | worlds | named in time | signatures, median | worst | faulty ones, median | worst |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    groups: defaultdict[tuple[Cause, Replicas], list[tuple[Case, Outcome]]] = defaultdict(list)
    for case, outcome in measured.faulty:
        if case.tells is Tells.SIGNATURES:
            groups[case.fault.cause, case.replicas].append((case, outcome))
    for (cause, replicas), group in groups.items():
        counted = [outcome.since_ripe if cause in RIPENING else outcome.signatures for _, outcome in group]
        timely = sum(in_time(case, outcome) for case, outcome in group)
        rows.append(
            f"| `{cause}` | {replicas} | {len(group)} | {timely}"
            f" | {_middle(counted)} | {_worst(counted)}"
            f" | {_middle(outcome.faulty for _, outcome in group)} | {_worst(outcome.faulty for _, outcome in group)} |"
        )
    note = f"""\
Signatures are counted from the first faulty one to the one with which the cause is named, both included; in time is
within {SIGNATURES}, or with two replicas by the faulty one number {FAULTY}. Of `float32_rounding` they are counted from
the one with which two distinct values of iat and a lead that moved by 3 s had been seen (0: named before that), and in
time is within {ROUNDED}, with two replicas within {SIGNATURES}, with two behind one address within {2 * SIGNATURES} or
{HIDDEN_S:g} s (four values of a rounded iat); of `shared_state` from the one with which there were
three bad ones, one of them with more than a bad HMAC. Traffic of 1 a minute and of 1, 10 and 100 a second."""
    return "\n".join(rows) + f"\n\n{note}"


def _by_joins(measured: Measured) -> str:
    rates = tuple(RATES)
    rows = [
        "| cause | variant | " + " | ".join(rates) + " |",
        "| --- | --- | " + " | ".join("---:" for _ in rates) + " |",
    ]
    groups: defaultdict[tuple[Cause, str], defaultdict[str, list[Outcome]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for case, outcome in measured.faulty:
        if case.tells is Tells.JOINS:
            groups[case.fault.cause, case.fault.name][case.rate].append(outcome)
    for (cause, name), by_rate in groups.items():
        cells = [_joins_cell(by_rate[rate]) for rate in rates]
        rows.append(f"| `{cause}` | {name} | " + " | ".join(cells) + " |")
    return (
        "\n".join(rows)
        + "\n\nJoins until named, worst of the margins, and in brackets how many of them were refused as invalid"
        " signatures and counted; then the time that it took. Many joins within seconds say little more than one."
    )


def _joins_cell(outcomes: Sequence[Outcome]) -> str:
    if not outcomes:
        return ""
    if not all(outcome.named for outcome in outcomes):
        return "missed"
    worst = max(outcomes, key=lambda outcome: outcome.joins or 0)
    return f"{worst.joins} ({worst.refused}), {_duration(worst.seconds or 0.0)}"


def _matrix(measured: Measured) -> str:
    causes = list(Cause)
    number = {cause: index for index, cause in enumerate(causes, 1)}
    counts: dict[Cause, Counter[Cause]] = {cause: Counter() for cause in causes}
    worlds: Counter[Cause] = Counter()
    for case, outcome in measured.faulty:
        if case.tells is Tells.NOBODY:
            continue
        row = counts[case.fault.cause]
        worlds[case.fault.cause] += 1
        row[case.fault.cause] += outcome.named
        row.update(set(outcome.beside))
        row.update({cause for cause, _ in outcome.wrong} - set(outcome.beside))
    named = Counter(cause for verdict in measured.honest for cause in {each for each, _ in verdict.false})
    width = max(4, *(len(str(worlds[cause])) + 1 for cause in causes))
    head = f"{'':26}{'worlds':>7} |" + "".join(f"{index:>{width}}" for index in number.values())
    lines = [head]
    for cause in causes:
        cells = "".join(f"{counts[cause][each] or '.':>{width}}" for each in causes)
        lines.append(f"{number[cause]:>2} {cause:<23}{worlds[cause]:>7} |{cells}")
    cells = "".join(f"{named[each] or '.':>{width}}" for each in causes)
    lines.append(f"   {'(honest)':<23}{len(measured.honest):>7} |{cells}")
    return (
        "Each row is a fault, each column a cause by the row's number: in how many worlds it was named, at any time and"
        " at any backend.\n\n```text\n" + "\n".join(lines) + "\n```"
    )


def _beside() -> str:
    rows = ["| fault | may be named beside it | why |", "| --- | --- | --- |"]
    rows += [
        f"| `{cause}` | `{each}` | {why} |" for cause, those in BESIDE.items() for each, why in those.items()
    ]
    rows += [
        f"| `{cause}`, told by joins | `{each}`, before it | {why} |"
        for cause, those in BEFORE.items()
        for each, why in those.items()
    ]
    rows += [
        f"| any, margin {margin} s | `{each}` | {why} |"
        for margin, by in BY_MARGIN.items()
        for each, why in by.items()
    ]
    rows.append("| one of two replicas, told apart | `replica_specific` | it says which one |")
    return "\n".join(rows)


def _honest(verdicts: Sequence[Verdict]) -> str:
    if not verdicts:
        return "None were run."
    right = sum(verdict.right > 0 for verdict in verdicts)
    return (
        f"{len(verdicts)} worlds, {sum(each.signatures for each in verdicts):,} signatures,"
        f" {sum(each.joins for each in verdicts):,} joins, {sum(each.looks for each in verdicts):,} looks:"
        f" {sum(bool(each.false) for each in verdicts)} with a false cause. In {right} `no_margin` was named with iat"
        " ahead of the clock by less than 3 s, or what follows from that, which is right."
    )


def _troubles(measured: Measured) -> str:
    lines = [
        f"- false: honest world {verdict.world}: {cause} ({evidence}); {verdict.told}"
        for verdict in measured.false()
        for cause, evidence in verdict.false
    ]
    lines += [
        f"- wrong: {case.id}: {cause} ({evidence})"
        for case, outcome in measured.wrong()
        for cause, evidence in outcome.wrong
    ]
    lines += [f"- missed or late: {case.id}{_how_late(outcome)}" for case, outcome in measured.missed()]
    if len(lines) > MAX_LISTED:
        lines = [*lines[:MAX_LISTED], f"- … and {len(lines) - MAX_LISTED} more"]
    return "\n".join(lines)


def _how_late(outcome: Outcome) -> str:
    if not outcome.named:
        return f" (never, in {outcome.total} signatures)"
    return f" (after {outcome.signatures} signatures, {outcome.faulty} faulty)"


def _middle(values: Iterable[int | None]) -> str:
    known = [math.inf if value is None else value for value in values]
    return _shown(median(known)) if known else ""


def _worst(values: Iterable[int | None]) -> str:
    known = [math.inf if value is None else value for value in values]
    return _shown(max(known)) if known else ""


def _shown(value: float) -> str:
    return "never" if math.isinf(value) else f"{value:g}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
