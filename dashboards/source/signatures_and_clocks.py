"""Dashboard *Signatures and clocks*: do the signatures leave sound, and which clock or backend is at fault if not?"""

from __future__ import annotations

from typing import Final

from . import clocks
from .clocks import SURELY_OFF, UNKNOWN, proven
from .dashboard import Dashboard, Section, row
from .furniture import STATUS_PAGE, replicas
from .looks import (
    GREEN,
    ORANGE,
    SIGNATURE_OUTCOMES,
    SKY,
    VERDICTS,
    VERMILION,
    coloured,
    fixed,
    mapped,
)
from .model import Link, Panel, Query
from .panels import Column, Steps, bars, heatmap, lines, ranking, stat, states, table
from .queries import RANGE, RATE, count, heat, largest, quantile, select, share
from .shared import bucket_parts, suspected_causes

_REFUSED_SHARE: Final[Steps] = ((0, GREEN), (0.001, ORANGE), (0.01, VERMILION))
_WAY_ON: Final = (
    Link("Its joins", "/d/joinwatch-join-failures?${__url_time_range}&var-backend=${__value.raw}"),
    STATUS_PAGE,
)


def _issued(by: str = "", over: str = RANGE) -> str:
    return count("signatures", 'outcome="issued"', by=by, over=over)


def _ahead(by: str, over: str = RANGE) -> str:
    """The share of signatures whose iat was ahead of joinwatch's clock."""
    ahead = count("signature_iat_lead_seconds", by=by, over=over, suffix="_count")
    behind = count("signature_iat_age_seconds", by=by, over=over, suffix="_count")
    return f"{ahead}\n/\n({ahead} + {behind} > 0)"


def _answer() -> tuple[Panel, ...]:
    verdicts = count("signature_verdicts")
    judged = {
        verdict: share(count("signature_verdicts", f'verdict="{verdict}"'), verdicts) for verdict in VERDICTS
    }
    return (
        stat(
            "Sound signatures?",
            "Of all signatures of the dashboard's time range: those with nothing wrong, those with a "
            "warning, and those that Zoom will refuse as they are. Normal: all ok. – means that none were "
            "issued.",
            *(Query(expr, verdict, instant=True) for verdict, expr in judged.items()),
            width=4,
            unit="percentunit",
            defaults={"decimals": 1, "min": 0, "max": 1},
            overrides=coloured(VERDICTS),
        ),
        _where(),
        stat(
            "Host's clock right?",
            "How far it is surely wrong, and how closely that is known: of the worst replica, against the "
            "worst of its sources. Surely off is the offset less its bound: 0 where the measurement cannot "
            f"tell it from right. Normal: 0, and a bound below 1 s. {UNKNOWN}",
            Query(f"max({proven('clock', 'source')})", "surely off", instant=True),
            Query(f"max({select('clock_offset_bound_seconds')})", "known to ±", instant=True),
            width=4,
            unit="s",
            steps=SURELY_OFF,
            defaults={"decimals": 2},
            empty="not measured",
        ),
        suspected_causes(6),
    )


def _where() -> Panel:
    issued = _issued("backend")
    refused = count("signature_verdicts", 'verdict="refused"', by="backend")
    return table(
        "Which backend?",
        "The dashboard's time range. *Refused*: the share of signatures that Zoom will refuse as they left. "
        "*Ahead*: the share whose iat was ahead of joinwatch's clock. *Clock off*: how far the backend's "
        "clock is surely wrong against this host's; empty where its Date header does not tell. Click a name "
        f"for its joins. {UNKNOWN} Normal: 0 % and 0 s.",
        [("backend", "Backend")],
        Column("Issued", f"{issued} > 0"),
        Column(
            "Refused",
            share(refused, count("signature_verdicts", by="backend")),
            "percentunit",
            1,
            _REFUSED_SHARE,
        ),
        Column("Ahead", _ahead("backend"), "percentunit", 1, _REFUSED_SHARE),
        Column("Clock off", proven("backend_clock", "backend"), "s", 1, SURELY_OFF),
        width=10,
        sort="Refused",
        links=_WAY_ON,
        empty="No signature was issued in this time",
    )


def _signatures() -> tuple[Panel, ...]:
    findings = count("signature_findings", by="finding")
    verdicts, judged = (
        count("signature_verdicts", by="verdict", over=RATE),
        count("signature_verdicts", over=RATE),
    )
    return (
        bars(
            "How did the requests for signatures end?",
            "issued: a signature left. refused: the backend answered 4xx. no_signature: an answer without "
            "one. unobserved: passed on unread (large or streamed). rejected: joinwatch's own limit. Normal: "
            "nearly all issued.",
            Query(count("signatures", by="outcome", over=RATE), "{{outcome}}", step="1m"),
            width=12,
            overrides=coloured(SIGNATURE_OUTCOMES),
        ),
        bars(
            "What share of the signatures is sound?",
            "Signatures by the worst that was found in them, as parts of all. refused: Zoom will not take "
            "them as they are. Normal: all green. Blocks of another colour, two minutes apart, are a rounded "
            "iat.",
            Query(
                f"{verdicts}\n/ ignoring (verdict) group_left ()\n({judged} > 0)", "{{verdict}}", step="1m"
            ),
            width=12,
            unit="percentunit",
            ceiling=1,
            overrides=coloured(VERDICTS),
        ),
        ranking(
            "What was found in them?",
            "Findings of the dashboard's time range, the most frequent on top; docs/findings.md has a "
            "section for each. One signature can have several. Normal: none, or `info` ones.",
            Query(f"sort_desc({findings} >= 0.5)", "{{finding}}", instant=True),
            width=8,
            colour=fixed(ORANGE),
            empty="Nothing was found",
        ),
        bars(
            "When was it found?",
            "Findings in each step. One that begins at a deploy came with it. Normal: empty.",
            Query(f"{count('signature_findings', by='finding', over=RATE)} > 0", "{{finding}}", step="1m"),
            width=16,
            empty="Nothing was found",
        ),
    )


def _leads() -> tuple[Panel, ...]:
    lead, age = "signature_iat_lead_seconds", "signature_iat_age_seconds"
    return (
        bucket_parts(
            "How far ahead of the clock was iat at issue?",
            "Of all signatures of the dashboard's range, the share in each bucket. Together with the panel "
            "at its right it is one axis from far ahead to long ago. Spread over 0 to 34 s or 64 s: a "
            "rounded iat. All in one bucket: a fast clock, or the wrong time zone above 900 s. Normal: empty.",
            lead,
            age,
            width=12,
            colour=fixed(VERMILION),
            far_first=True,
        ),
        bucket_parts(
            "How far behind was it?",
            "Of all signatures of the dashboard's range, the share in each bucket. Normal: all in one "
            "bucket, at the margin that the endpoint leaves (30 s to 120 s). Old ones were cached.",
            age,
            lead,
            width=12,
            colour=fixed(SKY),
        ),
        lines(
            "Which backend runs ahead?",
            "The share of each backend's signatures whose iat was ahead of joinwatch's clock. Normal: 0.",
            Query(_ahead("backend", RATE), "{{backend}}", step="1m"),
            width=12,
            unit="percentunit",
            ceiling=1,
            empty="No signature was issued",
        ),
        lines(
            "By how much?",
            "Of the signatures whose iat was ahead: the lead that half of them, and that one in twenty, "
            "exceed. Estimated within the buckets 1, 2, 5, 10, 15, 30, 34, 64, 128, 900, 3600 s. Normal: no "
            "line, for none is ahead.",
            Query(quantile(0.5, lead, by="backend"), "{{backend}}, median", step="1m"),
            Query(quantile(0.95, lead, by="backend"), "{{backend}}, 95th percentile", step="1m"),
            width=12,
            unit="s",
            empty="No iat was ahead",
        ),
        heatmap(
            "iat ahead of the clock, over time",
            "Signatures by how far iat was ahead at issue. A rounded iat is a saw-tooth: the buckets fill "
            "and empty every 128 s. A fast clock is one flat line. The darker, the more. Normal: empty.",
            Query(heat(lead), "{{le}}", shape="heatmap", step="15s"),
            width=12,
        ),
        heatmap(
            "iat behind the clock, over time",
            "Signatures by how far iat was behind at issue: the margin of the endpoint is one flat line, a "
            "cached signature climbs. The darker, the more. Normal: one flat line.",
            Query(heat(age), "{{le}}", shape="heatmap", step="15s"),
            width=12,
            scheme="Blues",
        ),
    )


def _causes() -> Panel:
    return states(
        "Which cause was suspected of which backend, and when?",
        "A bar from the time that joinwatch raised a cause to the time that it cleared it. `all` is all "
        "backends together. Two causes that begin together are often one fault. Normal: empty.",
        Query(f"{largest('cause_suspected', by='backend, cause')} == 1", "{{backend}}: {{cause}}"),
        width=24,
        mappings=mapped((1, "suspected", VERMILION)),
        empty="No cause was suspected in this time",
        links=(STATUS_PAGE,),
    )


_SOUND, _LEADS = _signatures(), _leads()

DASHBOARD: Final = Dashboard(
    uid="joinwatch-signatures-clocks",
    file="signatures-and-clocks.json",
    title="joinwatch: Signatures and clocks",
    question="Do the signatures leave sound, and if not: which backend, which clock, which cause?",
    version=1,
    variables=(replicas("source", "Clock source", "joinwatch_clock_offset_seconds"),),
    sections=(
        Section("", (row(9, *_answer()),)),
        Section("Which cause, since when?", (row(8, _causes()),)),
        Section("Is iat ahead?", (row(9, *_LEADS[:2]), row(8, *_LEADS[2:4]), row(8, *_LEADS[4:]))),
        Section("Are the clocks right?", clocks.clocks()),
        Section("What is in the signatures?", (row(8, *_SOUND[:2]), row(8, *_SOUND[2:]))),
        Section("Do the backends answer?", clocks.backends()),
    ),
)
