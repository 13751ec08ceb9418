"""Replicas raise and clear what is one fault: it is one row, on either database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.ledger.store import Store

from .builders import RAISED
from .homes import Home

OPEN = replace(RAISED, cleared_at=None)


@pytest.mark.parametrize(
    ("kept", "rows"),
    [
        pytest.param([(0, None), (5, None), (9, None)], [(0, None)], id="three raise it"),
        pytest.param([(5, None), (0, None)], [(5, None)], id="the earlier one comes later"),
        pytest.param([(0, None), (5, None), (5, 20)], [(0, 20)], id="another one clears it"),
        pytest.param(
            [(0, None), (5, None), (5, 20), (0, None)], [(0, None)], id="who still suspects it opens it"
        ),
        pytest.param([(0, None), (5, None), (0, 20), (5, 25)], [(0, 25)], id="each clears it"),
        pytest.param(
            [(0, None), (5, None), (5, 25), (0, 20)], [(0, 25)], id="each clears it, the first one later"
        ),
        pytest.param([(0, 20), (5, 25)], [(0, 25)], id="told when it was over"),
        pytest.param([(0, 20), (20, None)], [(0, 20), (20, None)], id="raised again"),
        pytest.param(
            [(0, 20), (30, None), (5, 20)], [(0, 20), (30, None)], id="told twice, and raised again"
        ),
        pytest.param([(0, 20), (30, None), (0, None)], [(0, 20), (30, None)], id="one went on suspecting"),
    ],
)
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
def test_what_replicas_raise_is_one_row_as_long_as_it_lasts(
    store: Store,
    home: Home,
    kept: list[tuple[float, float | None]],
    rows: list[tuple[float, float | None]],
    together: bool,
) -> None:
    raised = [replace(RAISED, raised_at=begin, cleared_at=end) for begin, end in kept]
    for batch in [raised] if together else [[each] for each in raised]:
        store.keep_causes(batch)
    assert home.run("SELECT raised_at, cleared_at FROM causes ORDER BY raised_at") == rows


def test_rows_that_are_open_side_by_side_are_closed_one_by_one(store: Store, home: Home) -> None:
    store.keep_causes([replace(OPEN, backend=name, raised_at=at) for at, name in ((1.0, "a"), (2.0, "b"))])
    home.run("UPDATE causes SET backend = 'a'")  # as an earlier release could leave them
    store.keep_causes([replace(OPEN, backend="a", raised_at=2.0, cleared_at=9.0)])
    found = home.run("SELECT raised_at, cleared_at FROM causes ORDER BY raised_at")
    assert found == [(1.0, None), (2.0, 9.0)]
