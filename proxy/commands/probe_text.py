"""A probe's result in words and as JSON: what was found, else how much was covered and what cannot be seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ..domain.diagnosis.base import Cause
from ..domain.diagnosis.mends import MENDS
from ..domain.ports import Offset
from ..services.probe_report import CYCLE_S, Ending, Hmac, Named, Report
from .terminal import Paint, clean, wrapped

OTHER_MEETING: Final = "request/meeting_mismatch"

BY_THIS_CLOCK: Final = frozenset({Cause.BACKEND_CLOCK_AHEAD, Cause.BACKEND_CLOCK_BEHIND, Cause.NO_MARGIN})
"""What is told by this host's clock, so that it may be the one to blame."""

_UNSEEN: Final = (
    "Not visible from here: hosts that the balancer sent none of these requests to, what pages do with the signature, "
    "and what Zoom says of it."
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was known before the first request. `host_clock`: this host's own, or why it is not measured."""

    url: str
    host_clock: Offset | str
    varies: bool
    """Each request was for another meeting."""
    compares: bool
    """It is known where the request names the meeting."""


def as_json(report: Report, facts: Facts) -> dict[str, object]:
    """The object that --json prints. Times are seconds; `since` is UTC."""
    clock = report.backend_clock
    host = facts.host_clock if isinstance(facts.host_clock, Offset) else None
    return {
        "url": facts.url,
        "ending": report.ending,
        "elapsed_s": round(report.elapsed_s, 3),
        "requests": report.requests,
        "signatures": report.signatures,
        "no_signature": report.failures,
        "distinct_iats": report.distinct_iats,
        "lead_s": None if report.lead_s is None else [round(each, 3) for each in report.lead_s],
        "phases_s": report.phases,
        "parallel": report.parallel,
        "replicas": list(report.replicas),
        "clock": {
            "backend_offset_s": None if clock is None else round(clock.offset_s, 3),
            "bound_s": None if clock is None else round(clock.bound_s, 3),
            "host_offset_s": None if host is None else round(host.offset_s, 6),
            "host_bound_s": None if host is None else round(host.bound_s, 6),
        },
        "hmac": report.hmac,
        "findings": report.findings,
        "causes": [_cause_json(each) for each in report.named],
    }


def as_text(report: Report, facts: Facts, paint: Paint) -> str:
    """What is printed for people."""
    lines: list[str] = []
    for each in report.causes:
        lines += [*_cause(each, facts, paint), ""]
    if not report.causes:
        lines += [_nothing(report, facts, paint), ""]
    elif report.ending is Ending.CAUSE and len(report.causes) == 1:
        lines += [
            *wrapped(
                "The probe stopped here. Mend this and probe again: something else may stand behind it."
            ),
            "",
        ]
    for each in report.doubted:
        lines += [*_doubt(each, facts, paint), ""]
    for line in _covered(report, facts):
        lines += wrapped(line, "  ", 4)
    lines += wrapped(_UNSEEN)
    return "\n".join(lines)


def _nothing(report: Report, facts: Facts, paint: Paint) -> str:
    found = paint.yellow("nothing sure found") if report.doubted else paint.green("nothing found")
    return f"{found} at {clean(facts.url)}{_cut_short(report)}"


def _cut_short(report: Report) -> str:
    return (
        f" in the {report.elapsed_s:.0f} s until it was stopped"
        if report.ending is Ending.INTERRUPTED
        else ""
    )


def _cause(named: Named, facts: Facts, paint: Paint) -> Iterator[str]:
    suspicion = named.suspicion
    mend = MENDS[suspicion.cause]
    yield f"{paint.red(suspicion.cause)}: {mend.title} (confidence {suspicion.confidence:.2f})"
    yield from _labelled("seen", suspicion.evidence)
    yield from _two_clocks(named, facts)
    if suspicion.replicas:
        yield from _labelled("only at", ", ".join(suspicion.replicas))
    yield from _labelled("means", mend.meaning)
    if suspicion.predicted_share is not None:
        share = f"{suspicion.predicted_share * 100:.1f} % of the joins fail"
        yield from _labelled("predicts", f"{share}{_heals(suspicion.heals_s)}")
    yield from _labelled("mend", suspicion.advice)
    for language, fix in mend.lines.items():
        yield f"    {language:<11} {fix.wrong}"
        yield f"    {'':<8}->  {fix.right}"


def _doubt(named: Named, facts: Facts, paint: Paint) -> Iterator[str]:
    suspicion = named.suspicion
    title = MENDS[suspicion.cause].title
    yield f"{paint.yellow('not sure:')} {suspicion.cause}: {title} (confidence {suspicion.confidence:.2f})"
    yield from _labelled("seen", suspicion.evidence)
    yield from _two_clocks(named, facts)


def _two_clocks(named: Named, facts: Facts) -> Iterator[str]:
    """A clock can only be accused by another one: which of them is wrong nobody knows where this one is unmeasured."""
    if named.suspicion.cause not in BY_THIS_CLOCK or isinstance(facts.host_clock, Offset):
        return
    wrong = "one of two clocks is wrong, the endpoint's or this one"
    if named.suspicion.cause is Cause.NO_MARGIN:
        wrong = f"iat has no margin, or {wrong}"
    yield from _labelled(
        "but",
        f"this host's clock is not measured: {wrong}. `chronyc tracking` or `timedatectl` on either host tells which: "
        "see its offset, and whether it is synchronised.",
    )


def _labelled(label: str, text: str) -> list[str]:
    return wrapped(text, f"  {label:<10}", 12)


def _heals(heals_s: float | None) -> str:
    return "" if heals_s is None else f"; a refused signature works after at most {heals_s:.0f} s"


def _covered(report: Report, facts: Facts) -> Iterator[str]:
    every = "" if report.signatures == report.requests else f" of {report.requests} requests"
    yield f"{report.signatures} signatures{every} in {report.elapsed_s:.0f} s, {report.distinct_iats} distinct iat"
    if report.failures:
        counts = ", ".join(f"{kind}: {count}" for kind, count in report.failures.items())
        yield f"without a signature: {counts}; the last: {report.last_failure}"
    if report.lead_s is None:
        yield "no iat that is a time"
    else:
        lo, hi = report.lead_s
        steady = "as steady as whole seconds are" if report.steady else "not steady"
        yield f"iat between {lo:+.2f} and {hi:+.2f} s from this host's time, {steady}"
    yield f"requests in {report.phases} of the {CYCLE_S} s for which a time rounded to a 32-bit float stands still"
    yield _backend_clock(report)
    yield _host_clock(report, facts)
    yield f"HMAC: {_hmac(report)}"
    yield _parallel(report, facts)
    if report.repeated:
        yield f"{report.repeated} replies had a token that had been handed out seconds before"
    if report.findings:
        counts = ", ".join(f"{finding}: {count}" for finding, count in report.findings.items())
        yield f"about single signatures: {counts}"


def _backend_clock(report: Report) -> str:
    clock = report.backend_clock
    if clock is None:
        return "the endpoint's clock: unknown, its replies have no Date, a cached one, or one that contradicts itself"
    offset = f"{clock.offset_s:+.2f} s from this host's, give or take {clock.bound_s:.2f} s"
    return f"the endpoint's clock by its Date: {offset}"


def _host_clock(report: Report, facts: Facts) -> str:
    clock = facts.host_clock
    if isinstance(clock, str):
        text = f"this host's own clock is not measured, so all leads are relative to it: {clock}"
    else:
        text = f"this host's own clock by its kernel: {clock.offset_s:+.3f} s, give or take {clock.bound_s:.3f} s"
    return f"{text} (it was set meanwhile: leads from before were dropped)" if report.stepped else text


def _hmac(report: Report) -> str:
    hmac = report.hmac
    count, of = report.hmacs.get(hmac, 0), sum(report.hmacs.values())
    part = "all of them" if count == of else f"{count} of {of}"
    match hmac:
        case Hmac.WRONG | Hmac.RIGHT:
            return f"{hmac} in {part}"
        case Hmac.UNKNOWN_KEY:
            return f"not checked in {part}: another key than --key stands there, or none"
        case Hmac.NOT_CHECKED:
            return "not checked; give --key and --secret-file"
        case Hmac.NONE:
            return "not checked: none is a Meeting SDK or legacy signature"


def _parallel(report: Report, facts: Facts) -> str:
    if not report.bursts:
        return "no parallel requests"
    asked = f"{report.parallel} requests in {report.bursts} bursts"
    if not facts.varies:
        return f"{asked}, all for one meeting: write {{meeting}} in the body or the URL to tell shared state"
    if not facts.compares:
        return (
            f"{asked}; whether each got its own meeting cannot be told, as {{meeting}} does not stand alone in JSON,"
            " a query field or a path segment"
        )
    others = report.findings.get(OTHER_MEETING, 0)
    return f"{asked}; signatures that name another meeting than asked for: {others or 'none'}"


def _cause_json(named: Named) -> dict[str, object]:
    suspicion = named.suspicion
    return {
        "cause": suspicion.cause,
        "since": datetime.fromtimestamp(named.since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "confidence": suspicion.confidence,
        "evidence": suspicion.evidence,
        "predicted_failing_share": suspicion.predicted_share,
        "observed_failing_share": suspicion.observed_share,
        "advice": suspicion.advice,
    }
