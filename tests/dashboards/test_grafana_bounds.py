"""The PromQL of shares and their bounds, as Prometheus reckons it, against the product's own Wilson interval."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from dashboards.source.queries import at_least, at_most, share
from proxy.domain.diagnosis.exact import wilson

from ..support.real import require

CASES = [(0, 1), (1, 1), (0, 30), (3, 30), (26, 100), (50, 100), (99, 100), (100, 100), (1, 100_000)]


@pytest.mark.parametrize(("refused", "joins"), CASES)
def test_bounds_are_wilsons(tmp_path: Path, refused: int, joins: int) -> None:
    low, high = wilson(refused, joins)
    pairs = ((at_least, low), (at_most, high), (share, refused / joins))
    near = [f"abs(({expr('refused', 'joins')}) - {value:.17g}) < bool 1e-9" for expr, value in pairs]
    evaluated(tmp_path, refused, joins, near, [{"labels": "{}", "value": 1}])


def test_of_nothing_nothing_is_known(tmp_path: Path) -> None:
    """No joins: absent, neither 0 nor a number that is none."""
    evaluated(tmp_path, 0, 0, [expr("refused", "joins") for expr in (at_least, at_most, share)], [])


def evaluated(folder: Path, refused: int, joins: int, exprs: list[str], samples: list[object]) -> None:
    """Let promtool compare what each expression gives with these samples."""
    test = {
        "input_series": [
            {"series": "refused", "values": str(refused)},
            {"series": "joins", "values": str(joins)},
        ],
        "promql_expr_test": [{"expr": each, "eval_time": "0m", "exp_samples": samples} for each in exprs],
    }
    file = folder / "test.json"
    file.write_text(json.dumps({"evaluation_interval": "1m", "tests": [test]}), encoding="utf-8")
    done = subprocess.run(
        (require("promtool"), "test", "rules", file), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
