"""Honest traffic calls nobody: some weeks of the year that docs/alerts.md is about."""

from __future__ import annotations

import pytest

from .honest import PLANS, STEP_S, WEEK, honest
from .judge import judge
from .promtool import alerts
from .samples import ABSENT, FAILED

ISSUE = {plan.id: plan for plan in PLANS if "," not in plan.id}


@pytest.mark.parametrize(
    ("plan", "weeks"), [("10/h", 5), ("1/min", 4), ("10/min", 2), ("1/s", 0.5), ("10/s", 0.2)]
)
def test_honest_weeks_call_nobody_and_raise_no_ticket(plan: str, weeks: float) -> None:
    judged = judge(honest(ISSUE[plan], 1, int(weeks * WEEK)), jobs=2)
    assert [each for each in judged.raised if alerts()[each.alert] == "page"] == []
    assert judged.raised == ()


def test_honest_is_not_quiet() -> None:
    """Refused visitors, other failures, restarts and lost scrapes are all in it, in the shares that are said."""
    plan = ISSUE["10/min"]
    world = honest(plan, 1, 3 * WEEK)
    total = {
        key: sum(sum(instance.counts[key]) for instance in world.instances)
        for key in world.instances[0].counts
    }
    visits = total["signatures_total", 'outcome="issued"']
    assert visits == pytest.approx(plan.rate * 3 * WEEK * STEP_S, rel=0.05)
    refused = total["signatures_refused_total", ""]
    assert refused == pytest.approx(plan.refused * plan.told * visits, rel=0.3)
    assert 2 < total["joins_total", 'outcome="invalid_signature"'] / refused < 5
    assert all(count > 0 for count in total.values())
    flags = b"".join(instance.scrapes for instance in world.instances)
    assert FAILED in flags
    assert ABSENT in flags
    assert any(instance.begun for instance in world.instances)
