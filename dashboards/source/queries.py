"""PromQL as text: selectors with the dashboards' variables, counts, shares, Wilson's bounds, histogram buckets.

Only raw metrics are asked for, so the dashboards need no recording rules. A share of nothing is absent, never 0.
Counters of replicas are added up; of gauges that replicas share the largest is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from prometheus_client.utils import floatToGoString

from proxy.telemetry.manifest import MANIFEST

RATE: Final = "$__rate_interval"
RANGE: Final = "$__range"

Z: Final = 1.96
"""Wilson's interval is right 95 % of the time, as in proxy/domain/diagnosis/exact.py."""


def select(name: str, *matchers: str, suffix: str = "") -> str:
    """The series of a metric, named without joinwatch_ and _total, that the dashboard's variables leave.

    KeyError: the manifest does not have it. Causes of the fleet (backend `all`) stay when one backend is chosen.
    """
    declared = MANIFEST.get(f"joinwatch_{name}") or MANIFEST[f"joinwatch_{name}_total"]
    labels = declared.labels
    chosen = ['job=~"$job"', 'instance=~"$instance"']
    if "backend" in labels:
        chosen.append('backend=~"$backend|all"' if name == "cause_suspected" else 'backend=~"$backend"')
    return f"{declared.name}{suffix}{{{', '.join([*chosen, *matchers])}}}"


def count(name: str, *matchers: str, by: str = "", over: str = RANGE, suffix: str = "") -> str:
    """How much a counter grew over a span, replicas added up."""
    return f"{summed(by)} (increase({select(name, *matchers, suffix=suffix)}[{over}]))"


def per_second(name: str, *matchers: str, by: str = "", suffix: str = "") -> str:
    """How fast a counter grows, replicas added up."""
    return f"{summed(by)} (rate({select(name, *matchers, suffix=suffix)}[{RATE}]))"


def largest(name: str, *matchers: str, by: str) -> str:
    """A gauge that replicas share: whatever one of them says."""
    return f"max by ({by}) ({select(name, *matchers)})"


def summed(by: str) -> str:
    """sum, or sum by labels."""
    return f"sum by ({by})" if by else "sum"


def share(part: str, whole: str) -> str:
    """part of whole; absent where whole is nothing."""
    return f"{part}\n/\n({whole} > 0)"


def at_least(part: str, whole: str) -> str:
    """The lower end of Wilson's 95 % interval for the share part of whole."""
    return f"clamp_min(\n  {_wilson(part, whole, '-')},\n  0\n)"


def at_most(part: str, whole: str) -> str:
    """The upper end of Wilson's 95 % interval for the share part of whole."""
    return f"clamp_max(\n  {_wilson(part, whole, '+')},\n  1\n)"


def _wilson(part: str, whole: str, sign: str) -> str:
    z2 = Z * Z
    spread = f"sqrt({part} * ({whole} - {part}) / ({whole} > 0) + {z2 / 4:.4f})"
    return f"({part} + {z2 / 2:.4f} {sign} {Z} * {spread}) / ({whole} + {z2:.4f})"


def quantile(q: float, name: str, *matchers: str, by: str = "") -> str:
    """A quantile of a histogram; absent where nothing was observed."""
    labels = f"le, {by}" if by else "le"
    found = per_second(name, *matchers, by=labels, suffix="_bucket")
    return f"histogram_quantile({q}, {found}) > 0"


def heat(name: str, *matchers: str) -> str:
    """The observations of each bucket and step."""
    return count(name, *matchers, by="le", over=RATE, suffix="_bucket")


def buckets(name: str) -> Iterator[tuple[str, str, str | None]]:
    """Each bucket of a histogram: how to call it, its upper edge, and the edge below it."""
    edges = MANIFEST[f"joinwatch_{name}"].buckets
    yield f"0–{span(edges[0])}", _le(edges[0]), None
    for low, high in pairwise(edges):
        yield _between(span(low), span(high)), _le(high), _le(low)
    yield f"> {span(edges[-1])}", "+Inf", _le(edges[-1])


def _between(low: str, high: str) -> str:
    """From low to high; the unit once where both have the same."""
    number, _, unit = low.partition(" ")
    return f"{number if high.endswith(f' {unit}') else low}–{high}"


def _le(edge: float) -> str:
    """An edge as the metrics page writes it, and Prometheus keeps it."""
    return str(floatToGoString(edge))  # type: ignore[no-untyped-call]  # prometheus_client leaves it unannotated


def in_bucket(name: str, upper: str, lower: str | None, *matchers: str) -> str:
    """How many observations of the dashboard's range lie between two edges."""

    def upto(edge: str) -> str:
        return count(name, f'le="{edge}"', *matchers, suffix="_bucket")

    return f"clamp_min({upto(upper)} - {upto(lower)}, 0)" if lower else upto(upper)


def span(seconds: float) -> str:
    """An edge as people say it."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
