"""Every expression of the dashboards and of the rules, asked of a Prometheus that watches a fault: all must answer."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Final

import promql_parser

from ...support.prometheus import Prometheus, QueryError
from ..expressions import Expression, expressions

STEP_S: Final = 15.0

LEAD: Final = "join-failures: Refused while iat is still ahead? 3712 rate by lead at the join"
AGE: Final = "join-failures: Or at an age? 3712 rate by age of the token at the join"

NO_DATA: Final[Mapping[str, str]] = {
    **{f"{LEAD} ({ref})": "rounding leaves iat ahead by 34 s at most here" for ref in "ABCDE"},
    **{
        f"{AGE} ({ref})": "everybody joins at once, with an iat that is 94 s old at most"
        for ref in "EFGHIJKL"
    },
    "join-failures: annotation: Clock steps (Anno)": "nobody sets the clock",
    "signatures-and-clocks: annotation: Clock steps (Anno)": "nobody sets the clock",
    "telemetry-health: annotation: Clock steps (Anno)": "nobody sets the clock",
    "telemetry-health: At which stage were observations lost? (A)": "none is lost",
    "telemetry-health: Why are results turned away? (A)": "none is",
}
"""What has nothing to show while a backend rounds and all else is well, and why: panel and query."""

BY_CHANCE: Final[Mapping[str, str]] = {
    f"{LEAD} ({ref})": "a second wide, and a visitor comes every one and a half" for ref in "KL"
}
"""What may have nothing to show, and why."""


async def panels_without_data(server: Prometheus, begin: float) -> set[str]:
    """The queries of panels, annotations and variables that give no number. AssertionError: one is wrong."""
    return {str(each) for each in expressions() if not await _answers(server, each, begin)}


async def check_rules(server: Prometheus) -> None:
    """Every recording rule records, and every selector of every alert finds series."""
    for rule in await server.rules():
        assert (rule.health, rule.problem) == ("ok", ""), rule.name
        if rule.alerting:
            await server.query(rule.query)
            missing = [selector for selector in queries(rule.query) if not await server.query(selector)]
            assert missing == [], rule.name
        else:
            assert await server.query(rule.query), rule.name
            assert await server.query(rule.name), rule.name


def queries(expression: str) -> list[str]:
    """The selectors of an expression as queries that give something wherever one finds a sample."""
    ranges: list[str] = []
    instants: list[str] = []
    inner: list[str] = []

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.MatrixSelector):
            ranges.append(f"count_over_time({node.prettify()})")
            inner.append(node.vector_selector.prettify())
        elif isinstance(node, promql_parser.VectorSelector):
            instants.append(node.prettify())

    promql_parser.walk(promql_parser.parse(expression), visit)
    for each in inner:
        instants.remove(each)
    return sorted({*ranges, *instants})


async def _answers(server: Prometheus, each: Expression, begin: float) -> bool:
    try:
        if each.instant:
            found = await server.query(each.expr)
        else:
            found = await server.query_range(each.expr, begin, time.time(), STEP_S)
    except QueryError as error:
        raise AssertionError(f"{each}: {error}") from error
    return any(not math.isnan(series.value) for series in found)
