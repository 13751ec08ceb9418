"""The day before a test, as Prometheus would have kept it: for what compares today with yesterday."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from ...support.prometheus import instance

DAY_S: Final = 86400
UNTIL_S: Final = 7500
"""It ends more than two hours ago: nothing of it is in the spans that look at now."""

EVERY_S: Final = 300
PER_SAMPLE: Final = 10
HEARD_OF: Final = 0.8


def yesterday(watched: Sequence[str], backends: Sequence[str]) -> str:
    """Signatures of the day before, of which a usual share was heard of again, in OpenMetrics' format."""
    now = int(time.time())
    times = range(now - DAY_S - UNTIL_S, now - UNTIL_S, EVERY_S)
    targets = [f'job="joinwatch",instance="{instance(each)}"' for each in watched]
    lines = ["# TYPE joinwatch_signatures counter"]
    for target in targets:
        for name in backends:
            labels = f'{target},backend="{name}",outcome="issued"'
            lines += [
                f"joinwatch_signatures_total{{{labels}}} {n * PER_SAMPLE} {at}" for n, at in enumerate(times)
            ]
    lines.append("# TYPE joinwatch_signatures_reported counter")
    for target in targets:
        for name in backends:
            labels, each = f'{target},backend="{name}"', PER_SAMPLE * HEARD_OF
            lines += [
                f"joinwatch_signatures_reported_total{{{labels}}} {n * each} {at}"
                for n, at in enumerate(times)
            ]
    return "\n".join([*lines, "# EOF", ""])
