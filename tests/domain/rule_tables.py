"""What the tables of the rules are made of: a token, the circumstances, and what the rule says of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from proxy.domain.claims import Claims
from proxy.domain.findings import RULES, check
from proxy.domain.ports import Offset
from proxy.domain.rules.base import Circumstances, Severity
from proxy.domain.signature import Format, Signature, decode
from tests.support.tokens import NOW


@dataclass(frozen=True, slots=True)
class Row:
    """One case of a rule. `severity` None: the rule has nothing to say. `says`: a part of the detail."""

    id: str
    token: str | Signature
    severity: Severity | None = None
    says: str = ""
    at: dict[str, Any] = field(default_factory=dict)


Table = dict[str, list[Row]]
"""The cases of each rule, by the rule's id."""


def refused(row_id: str, token: str | Signature, says: str, **at: Any) -> Row:
    """A case that Zoom refuses."""
    return Row(row_id, token, Severity.REFUSED, says, at)


def warns(row_id: str, token: str | Signature, says: str, **at: Any) -> Row:
    """A case of which it is not certain that Zoom minds."""
    return Row(row_id, token, Severity.WARNING, says, at)


def informs(row_id: str, token: str | Signature, says: str, **at: Any) -> Row:
    """A case that is worth knowing."""
    return Row(row_id, token, Severity.INFO, says, at)


def silent(row_id: str, token: str | Signature, **at: Any) -> Row:
    """A case that the rule has nothing to say of."""
    return Row(row_id, token, at=at)


def clock(offset_s: float, bound_s: float) -> Offset:
    """This host's clock as measured: ahead of its reference by offset_s, give or take bound_s."""
    return Offset(offset_s, bound_s, float(NOW))


def look_alike(format_: Format, segments: int = 3) -> Signature:
    """A token of which only its kind was kept."""
    return Signature(format_, Claims.of({}), segments=segments)


def every_row(table: Table) -> pytest.MarkDecorator:
    """Run a test with every row of a table."""
    pairs = [(rule_id, row) for rule_id, rows in table.items() for row in rows]
    return pytest.mark.parametrize(
        ("rule_id", "row"), pairs, ids=[f"{rule_id}-{row.id}" for rule_id, row in pairs]
    )


def assert_row(rule_id: str, row: Row) -> None:
    """The rule says of this case what its row says."""
    signature = decode(row.token) if isinstance(row.token, str) else row.token
    assert signature is not None
    found = {each.id: each for each in check(signature, Circumstances(**{"now": float(NOW)} | row.at))}
    if row.severity is None:
        assert rule_id not in found
        return
    finding, rule = found[rule_id], RULES[rule_id]
    assert finding.severity is row.severity
    assert row.says
    assert row.says in finding.detail
    assert (finding.cause, finding.summary) == (rule.cause, rule.summary)
