"""What a PromQL expression asks for: its selectors, the functions around them, and the labels that it groups by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import promql_parser as promql


@dataclass(frozen=True, slots=True)
class Selector:
    """Series of one metric; `span` is the range and `function` the call directly around it, where there are any."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]
    span: timedelta | None = None
    function: str | None = None

    def matcher(self, label: str) -> str | None:
        """The first matcher of a label as it is written: =~".+"."""
        return next((f'{op}"{value}"' for name, op, value in self.matchers if name == label), None)


@dataclass(frozen=True, slots=True)
class Grouping:
    """Labels named by an aggregation or by the matching of two sides, and the selectors that they are taken from."""

    labels: tuple[str, ...]
    selectors: tuple[Selector, ...]


def selectors(expr: str) -> tuple[Selector, ...]:
    """Every selector of an expression. ValueError: it is no PromQL."""
    return tuple(_selectors(promql.parse(expr), None))


def groupings(expr: str) -> tuple[Grouping, ...]:
    """Every by, without, on, ignoring, group_left and group_right. ValueError: it is no PromQL."""
    return tuple(_groupings(promql.parse(expr)))


def _selectors(node: Any, function: str | None) -> Iterator[Selector]:
    if isinstance(node, promql.VectorSelector):
        yield _selector(node, None, function)
    elif isinstance(node, promql.MatrixSelector):
        yield _selector(node.vector_selector, node.range, function)
    else:
        within = node.func.name if isinstance(node, promql.Call) else None
        for child in _children(node):
            yield from _selectors(child, within)


def _selector(node: promql.VectorSelector, span: timedelta | None, function: str | None) -> Selector:
    return Selector(node.name or "", tuple(map(_matcher, node.matchers.matchers)), span, function)


def _matcher(matcher: promql.Matcher) -> tuple[str, str, str]:
    """Label, operator and value; the parser's operators are no keys of a dict."""
    operator = str(matcher).removeprefix(matcher.name).partition('"')[0]
    return matcher.name, operator, matcher.value


def _groupings(node: Any) -> Iterator[Grouping]:
    labels: list[str] = []
    modifier = getattr(node, "modifier", None)
    if isinstance(node, promql.AggregateExpr) and modifier:
        labels = modifier.labels
    elif isinstance(node, promql.BinaryExpr) and modifier:
        labels = [*(modifier.matching.labels if modifier.matching else ()), *(modifier.group_labels or ())]
    if labels:
        yield Grouping(tuple(labels), tuple(_selectors(node, None)))
    for child in _children(node):
        yield from _groupings(child)


def _children(node: Any) -> Iterator[Any]:
    if isinstance(node, promql.BinaryExpr):
        yield from (node.lhs, node.rhs)
    elif isinstance(node, promql.Call):
        yield from node.args
    elif isinstance(node, promql.MatrixSelector):
        yield node.vector_selector
    elif hasattr(node, "expr"):
        yield node.expr
