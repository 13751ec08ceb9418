"""The lower half of *Signatures and clocks*: clocks with their bounds, and how the backends answer."""

from __future__ import annotations

from typing import Final

from .dashboard import Row, row
from .looks import AT_LEAST, AT_MOST, BLUE, GREEN, ORANGE, VERMILION, band
from .model import Panel, Query
from .panels import Steps, bars, heatmap, lines
from .queries import RATE, count, heat, quantile, select, share

_BOUND: Final = (
    "The true offset lies between the bounds; where both are on one side of 0, the clock is provably wrong. "
)
UNKNOWN: Final = "Unknown is absent, never 0."

SURELY_OFF: Final[Steps] = ((0, GREEN), (1, ORANGE), (5, VERMILION))
"""Seconds that a clock is surely off: Zoom's tolerance for iat ahead looks like 0, and iat tells whole seconds."""


def proven(kind: str, by: str) -> str:
    """How far a clock is off at least: its offset less what the measurement cannot tell."""
    offset, bound = select(f"{kind}_offset_seconds"), select(f"{kind}_offset_bound_seconds")
    return f"max by ({by}) (clamp_min(abs({offset}) - {bound}, 0))"


def clocks() -> tuple[Row, ...]:
    """Each clock with its bounds, the age of what is known, and steps."""
    host = _clock(
        "clock",
        "source",
        "This host's clock against $source",
        "How far the clock of the host that joinwatch runs on is ahead of the source.",
        "source",
    )
    backend = _clock(
        "backend_clock",
        "backend",
        "The clock of $backend against this host's",
        "How far the backend's clock is ahead of this host's, from the Date of its answers: whole seconds, so "
        "the band needs several.",
        "backend",
    )
    return row(8, host), row(8, backend), row(7, *_measurements())


def backends() -> tuple[Row, ...]:
    """How fast, and how reliably, the backends answer."""
    asked = _backends()
    return row(8, *asked[:2]), row(8, *asked[2:])


def _clock(kind: str, label: str, title: str, reading: str, repeat: str) -> Panel:
    """An offset with its bounds. Of several replicas each has its line, and the band takes in all of them."""
    chosen = () if label == "backend" else (f'{label}=~"${label}"',)
    offset = select(f"{kind}_offset_seconds", *chosen)
    bound = select(f"{kind}_offset_bound_seconds", *chosen)
    return lines(
        title,
        f"{reading} {_BOUND}Of several replicas the band takes in all. Normal: 0 within the band. {UNKNOWN}",
        Query(f"avg by ({label}) ({offset})", "offset"),
        Query(f"min by ({label}) ({offset} - {bound})", AT_LEAST),
        Query(f"max by ({label}) ({offset} + {bound})", AT_MOST),
        width=24,
        unit="s",
        floor=None,
        overrides=band(BLUE, "offset"),
        repeat=repeat,
        empty="not measured",
    )


def _measurements() -> tuple[Panel, ...]:
    return (
        lines(
            "How old are the measurements?",
            "The time since each clock was last measured. A line that climbs has no news: a source that does "
            "not answer, a backend without traffic. Normal: below a few minutes.",
            Query(
                f"time() - max by (source) ({select('clock_measured_timestamp_seconds')})",
                "this host against {{source}}",
            ),
            Query(
                f"time() - max by (backend) ({select('backend_clock_measured_timestamp_seconds')})",
                "{{backend}}",
            ),
            width=12,
            unit="s",
            empty="no clock is measured",
        ),
        bars(
            "Was this host's clock set?",
            "Steps of the wall clock by more than half a second while joinwatch ran, by replica. What was "
            "measured before is void then. Normal: none.",
            Query(count("clock_steps", by="instance", over=RATE), "{{instance}}", step="1m"),
            width=12,
        ),
    )


def _backends() -> tuple[Panel, ...]:
    duration = "backend_request_duration_seconds"
    failed = 'outcome=~"backend_error|timeout|no_signature|refused"'
    asked = count("signatures", 'outcome!="rejected"', by="backend", over=RATE)
    return (
        lines(
            "How long do the backends take?",
            "From asking a backend to its whole answer: the median and the 95th percentile of each. The user "
            "waits as long. Normal: well below a second.",
            Query(quantile(0.5, duration, by="backend"), "{{backend}}, median", step="1m"),
            Query(quantile(0.95, duration, by="backend"), "{{backend}}, 95th percentile", step="1m"),
            width=12,
            unit="s",
            empty="No backend was asked",
        ),
        heatmap(
            "Answers by their duration",
            "All answers of the chosen backends. Two bands one above the other are two kinds of answers, or "
            "two replicas. The darker, the more. Normal: one band.",
            Query(heat(duration), "{{le}}", shape="heatmap", step="1m"),
            width=12,
            scheme="Blues",
        ),
        lines(
            "What share of the requests got no signature?",
            "Errors, timeouts, refusals (4xx) and answers without a signature, of all requests that were "
            "passed on. Normal: 0.",
            Query(
                share(count("signatures", failed, by="backend", over=RATE), asked), "{{backend}}", step="1m"
            ),
            width=12,
            unit="percentunit",
            ceiling=1,
            empty="No backend was asked",
        ),
        bars(
            "Which backend had to be asked twice?",
            "Connections that failed before an answer, so that the request was tried again: users do not see "
            "it, but a replica is ill. Normal: none.",
            Query(count("backend_retries", by="backend", over=RATE), "{{backend}}", step="1m"),
            width=12,
        ),
    )
