"""Dashboard *Telemetry health*: may the figures of the other dashboards be believed?"""

from __future__ import annotations

from typing import Final

from .dashboard import Dashboard, Section, row
from .furniture import WINDOW
from .looks import (
    BLUE,
    GREEN,
    GREY,
    JOIN_OUTCOMES,
    LOSS,
    ORANGE,
    RECEIVED,
    VERMILION,
    coloured,
    mapped,
)
from .model import Panel, Query
from .panels import Column, Steps, bars, heatmap, lines, stat, states, table
from .queries import RANGE, RATE, count, heat, quantile, select, share

_COVERAGE: Final[Steps] = ((0, VERMILION), (0.3, ORANGE), (0.6, GREEN))
_TURNED_AWAY: Final[Steps] = ((0, GREEN), (0.01, ORANGE), (0.1, VERMILION))
_UP: Final = 'up{job=~"$job", instance=~"$instance"}'
_NO_BACKEND: Final = "Not split by backend. "


def _coverage(by: str = "", over: str = RANGE) -> str:
    issued = count("signatures", 'outcome="issued"', by=by, over=over)
    return share(count("signatures_reported", by=by, over=over), issued)


def _answer() -> tuple[Panel, ...]:
    received = count("join_results_received")
    away = count("join_results_received", 'result=~"rejected|deferred"')
    return (
        stat(
            "Joins heard of?",
            "Coverage: of the signatures that left, how many were heard of again, over the dashboard's time "
            "range. All join figures rest on it. Ad blockers, closed laptops and people who do not join "
            "leave a part unheard. Normal: what it was last week. – means that no signature left.",
            Query(_coverage(), "coverage", instant=True),
            width=4,
            unit="percentunit",
            steps=_COVERAGE,
            background=True,
            defaults={"decimals": 0, "min": 0, "max": 1},
        ),
        stat(
            "Turned away?",
            "The share of deliveries that were rejected for good, or asked to come again. "
            f"{_NO_BACKEND}Normal: below 1 %.",
            Query(share(away, received), "turned away", instant=True),
            width=4,
            unit="percentunit",
            steps=_TURNED_AWAY,
            background=True,
            defaults={"decimals": 1, "min": 0, "max": 1},
        ),
        stat(
            "Ledger writable?",
            "The worst replica, now. While it refuses, browsers get 503 and deliver again later; signatures "
            "go on. Normal: writable.",
            Query(f"min({select('ledger_writable')})", "ledger", instant=True),
            width=4,
            unit="none",
            background=True,
            defaults={"mappings": mapped((1, "writable", GREEN), (0, "refusing", VERMILION))},
            empty="unknown",
        ),
        stat(
            "Observations lost?",
            "Observations that a fault of joinwatch itself lost in the dashboard's time range. The "
            "signatures left all the same. Normal: 0; if not, report it to those who make joinwatch.",
            Query(count("observation_failures"), "lost", instant=True),
            width=4,
            steps=LOSS,
            background=True,
            defaults={"decimals": 0},
        ),
        stat(
            "Log lines lost?",
            "Log lines that standard output did not take in time, in the dashboard's time range. Normal: 0.",
            Query(count("log_lines_dropped"), "dropped", instant=True),
            width=4,
            steps=LOSS,
            background=True,
            defaults={"decimals": 0},
        ),
        stat(
            "Replicas down?",
            "Replicas that Prometheus cannot scrape now. A replica that nobody scrapes is missing from every "
            "figure. Normal: 0.",
            Query(f"count({_UP}) - sum({_UP})", "down", instant=True),
            width=4,
            steps=LOSS,
            background=True,
            defaults={"decimals": 0},
            empty="none is known",
        ),
    )


def _heard() -> tuple[Panel, ...]:
    return (
        lines(
            "How many of each backend's signatures are heard of again?",
            "Coverage by backend, in steps of at least the time chosen under *Share over at least*. A result "
            "comes minutes after its signature, so a short step can exceed 100 %. A fall to nothing: the "
            "page lost its script, or something takes the Join-Receipt header away. Normal: level lines.",
            Query(_coverage("backend", RATE), "{{backend}}", step="$window"),
            width=12,
            unit="percentunit",
            empty="No signature left",
        ),
        bars(
            "How many joins end without a result?",
            "no_result: the page was closed, or silent for two minutes. *resolved*: it told its result later "
            "after all. They are not in the 3712 rate. Normal: a few, and steady: if it grows with 3712, "
            "people give up.",
            Query(count("joins", 'outcome="no_result"', over=RATE), "no_result", step="$window"),
            Query(count("no_result_resolved", over=RATE), "resolved", step="$window"),
            width=12,
            overrides=coloured({"no_result": GREY, "resolved": GREEN}),
        ),
    )


def _arrives() -> tuple[Panel, ...]:
    reasons = count("join_results_received", 'result=~"rejected|deferred"', by="result, reason", over=RATE)
    return (
        bars(
            "What becomes of the results that arrive?",
            "Deliveries to /join-results in each step. accepted: in the ledger. duplicate: it was there "
            "already, a browser that did not see our answer. deferred: asked to come again. rejected: lost. "
            f"{_NO_BACKEND}Normal: accepted, with a few duplicates.",
            Query(count("join_results_received", by="result", over=RATE), "{{result}}", step="1m"),
            width=12,
            overrides=coloured(RECEIVED),
        ),
        bars(
            "Why are results turned away?",
            "The reasons. no_receipt: the page got its signature in a way that the script does not see, or "
            "the header was taken away. bad_receipt: another replica's key. rate_limited: many people behind "
            "one address, or proxies.trusted is not set. ledger_unavailable: see the ledger below. "
            f"{_NO_BACKEND}Normal: empty.",
            Query(f"{reasons} > 0", "{{result}}: {{reason}}", step="1m"),
            width=12,
            empty="Nothing was turned away",
        ),
        bars(
            "Which results came too late?",
            "Results over five minutes after their join: in the ledger, but not in the live figures. A heap "
            "of them follows an outage of ours, or a network that was down. Normal: a few.",
            Query(count("late_results", by="outcome", over=RATE), "{{outcome}}", step="1m"),
            width=12,
            overrides=coloured(JOIN_OUTCOMES),
        ),
        bars(
            "How many results did browsers give up?",
            "As browsers report it themselves with the next result: their store was full or too old. "
            f"{_NO_BACKEND}Normal: none.",
            Query(count("client_dropped_results", over=RATE), "given up", step="1m"),
            width=12,
            overrides=coloured({"given up": VERMILION}),
        ),
    )


def _ledger() -> tuple[Panel, ...]:
    duration = "ledger_commit_duration_seconds"
    return (
        states(
            "Did the ledger take results?",
            "By replica: green while results are written, vermilion while they are refused with 503. "
            f"{_NO_BACKEND}Normal: green.",
            Query(f"max by (instance) ({select('ledger_writable')})", "{{instance}}"),
            width=8,
            mappings=mapped((1, "writable", GREEN), (0, "refusing results", VERMILION)),
            empty="unknown",
        ),
        lines(
            "How long does a durable commit take?",
            f"The median and the 95th percentile: what the disk takes for an fsync. {_NO_BACKEND}Normal: a "
            "few milliseconds to 100.",
            Query(quantile(0.5, duration), "median", step="1m"),
            Query(quantile(0.95, duration), "95th percentile", step="1m"),
            width=8,
            unit="s",
            overrides=coloured({"median": GREEN, "95th percentile": BLUE}),
            empty="Nothing was written",
        ),
        heatmap(
            "Commits by their duration",
            f"Each is a group of results. {_NO_BACKEND}The darker, the more. Normal: one low band.",
            Query(heat(duration), "{{le}}", shape="heatmap", step="1m"),
            width=8,
            scheme="Blues",
        ),
    )


def _itself() -> tuple[Panel, ...]:
    build = f"max by (instance, version, python) ({select('build_info')})"
    loaded = f"1000 * max by (instance) ({select('config_last_reload_timestamp_seconds')})"
    ok = f"min by (instance) ({select('config_last_reload_successful')})"
    on_build = f"on (instance) group_left (version, python) {build}"
    return (
        states(
            "Was every replica there?",
            f"By replica, as Prometheus saw it: green while its metrics could be read. {_NO_BACKEND}Normal: green.",
            Query(f"max by (instance) ({_UP})", "{{instance}}"),
            width=12,
            mappings=mapped((1, "up", GREEN), (0, "down", VERMILION)),
            empty="Prometheus knows no replica",
        ),
        table(
            "What runs where?",
            "Each replica with its version, Python, when it loaded its configuration (its last start) and "
            "whether that went well. Normal: one version everywhere, but while you deploy.",
            [("instance", "Instance"), ("version", "Version"), ("python", "Python")],
            Column("Started", f"({loaded}) * {on_build}", "dateTimeAsIso", None),
            Column(
                "Configuration",
                f"({ok}) * {on_build}",
                "none",
                0,
                ((0, VERMILION), (1, GREEN)),
                mapped((1, "loaded", GREEN), (0, "failed", VERMILION)),
            ),
            width=12,
            sort="Started",
            empty="No replica is known",
        ),
        bars(
            "At which stage were observations lost?",
            f"By stage of the work: joinwatch's own faults. {_NO_BACKEND}Normal: empty.",
            Query(f"{count('observation_failures', by='stage', over=RATE)} > 0", "{{stage}}", step="1m"),
            width=12,
            empty="No observation was lost",
        ),
        bars(
            "When was the log incomplete?",
            f"Lines that standard output did not take in time, by replica. {_NO_BACKEND}Normal: none.",
            Query(count("log_lines_dropped", by="instance", over=RATE), "{{instance}}", step="1m"),
            width=12,
        ),
    )


_ARRIVES, _ITSELF = _arrives(), _itself()

DASHBOARD: Final = Dashboard(
    uid="joinwatch-telemetry-health",
    file="telemetry-health.json",
    title="joinwatch: Telemetry health",
    question="May the figures be believed: do results arrive, are they kept, does joinwatch itself work?",
    version=1,
    variables=(WINDOW,),
    sections=(
        Section("", (row(5, *_answer()),)),
        Section("Do we hear of the joins?", (row(8, *_heard()),)),
        Section("What arrives?", (row(8, *_ARRIVES[:2]), row(7, *_ARRIVES[2:]))),
        Section("Does the ledger keep up?", (row(8, *_ledger()),)),
        Section("Does joinwatch itself work?", (row(7, *_ITSELF[:2]), row(7, *_ITSELF[2:]))),
    ),
)
