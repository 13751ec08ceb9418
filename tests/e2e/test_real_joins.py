"""Join results for signatures of real endpoints: log, metrics and ledger agree with what was sent, to the number."""

from __future__ import annotations

import json
import math
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ..support.joinwatch import Key, LogLine, Samples, sample
from ..support.world import ORIGIN, Answer, Endpoints, World, all_endpoints, asking, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

ELSEWHERE = "https://elsewhere.example"
LEADS = (1, 2, 5, 10, 15, 30, 34, 64, 128, 900, 3600)
AGES = (5, 30, 60, 120, 300, 900, 1800, 3600, 7200, 86400, 172800)
DURATIONS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

SIGNATURES = {"ahead": 3600.0, "joined": -600.0, "expired": -1200.0, "closed": -600.0, "unused": -600.0}
"""What is asked of every backend: a name, and how far its time is driven."""

CLIENT_VIEW = {"view": "client", "sdk_version": "2.8.0"}
COMPONENT_VIEW = {"view": "component", "sdk_version": "5.1.0"}
REFUSED = {
    "method": "join",
    "status": False,
    "result": "Invalid signature.",
    "errorCode": 3712,
    "errorMessage": "Signature is invalid.",
}
EXPIRED = {"type": "JOIN_MEETING_FAILED", "reason": "The signature has expired.", "errorCode": 3705}


Rows = dict[tuple[str, str], dict[str, Any]]
"""By receipt id and result id."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One post to /join-results about the signature of that name, and what must become of it."""

    signature: str
    number: int
    result: dict[str, Any]
    outcome: str
    received: tuple[str, str] = ("accepted", "new")
    code: str | None = None
    origin: str = ORIGIN
    first: bool = False

    @property
    def result_id(self) -> str:
        """Its 128 bits."""
        return f"{self.number:032x}"


_REFUSED = {"outcome": "failed", "error": REFUSED, "join_ms": 3.25, "attempt": 1, **CLIENT_VIEW}
_JOINED = {"outcome": "joined", "join_ms": 40.5, "step": 8, **COMPONENT_VIEW}
DELIVERIES = (
    Delivery("ahead", 1, _REFUSED, "invalid_signature", code="3712", first=True),
    Delivery(
        "ahead", 1, _REFUSED | {"attempt": 2}, "invalid_signature", ("duplicate", "same_id"), code="3712"
    ),
    Delivery("ahead", 2, {"outcome": "joined", "join_ms": 8.0, **CLIENT_VIEW}, "joined"),
    Delivery("joined", 3, _JOINED | {"dropped": 2}, "joined", origin=ELSEWHERE, first=True),
    Delivery(
        "expired",
        4,
        {"outcome": "failed", "error": EXPIRED, "join_ms": 7.5, **COMPONENT_VIEW},
        "signature_expired",
        code="3705",
        first=True,
    ),
    Delivery("closed", 5, {"outcome": "no_result", **COMPONENT_VIEW}, "no_result", first=True),
    Delivery("closed", 5, _JOINED, "joined", ("accepted", "resolved")),
)


@dataclass(slots=True)
class Told:
    """What was sent to one joinwatch, and what must be seen of it."""

    lines: dict[tuple[str, str], LogLine] = field(default_factory=dict)
    """The line about each signature, by backend and name."""
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    stored: Rows = field(default_factory=dict)
    """What the ledger's row must have, by receipt id and result id: the last delivery that counted."""
    joined_at: dict[tuple[str, str], float] = field(default_factory=dict)
    """When each join really began: the pages run on joinwatch's own host here."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Endpoints]:
    """The endpoints, once for this module."""
    async with all_endpoints(tmp_path_factory.getbasetemp()) as endpoints:
        yield endpoints


async def test_log_metrics_and_ledger_agree_with_what_was_sent(running: Endpoints, tmp_path: Path) -> None:
    async with world(running, tmp_path) as real:
        told = Told()
        await _ask_for_signatures(real, told)
        for backend in running:
            for delivery in DELIVERIES:
                await _deliver(real, told, backend, delivery)
        counted = sum(delivery.received[0] == "accepted" for delivery in DELIVERIES) * len(running)
        reported = await real.watch.logged("join.reported", counted)
        rows = {(row["receipt_id"], row["result_id"]): row for row in real.watch.ledger_rows()}
        metrics = await real.watch.metrics()

        _check_rows(rows, told)
        _check_lines(reported, rows, told)
        _check_metrics(metrics, rows, told)

        assert await real.watch.terminate() == 0
        assert {(row["receipt_id"], row["result_id"]): row for row in real.watch.ledger_rows()} == rows


async def test_a_result_survives_kill_9_and_counts_once(running: Endpoints, tmp_path: Path) -> None:
    async with world(running, tmp_path) as real:
        answer = await real.proxied(asking("java").at(time.time() + 3600))
        result = {**_REFUSED, "receipt": answer.receipt, "id": f"{1:032x}", "age_ms": 1.0}
        assert await real.report(result) == 204
        await real.watch.kill()
    async with world(running, tmp_path) as real:
        assert await real.report({**result, "attempt": 2}) == 204
        metrics = await real.watch.metrics()
        (row,) = real.watch.ledger_rows()
    assert (row["signer"], row["code"], row["attempt"]) == ("java", "3712", 1)
    received = sample("joinwatch_join_results_received_total", result="duplicate", reason="same_id")
    assert metrics[received] == 1
    assert metrics[sample("joinwatch_joins_total", backend="java", outcome="invalid_signature")] == 0


async def _ask_for_signatures(real: World, told: Told) -> None:
    for backend in real.endpoints:
        for name, driven_s in SIGNATURES.items():
            told.answers[backend, name] = await real.proxied(asking(backend).at(time.time() + driven_s))
    told.lines.update(zip(told.answers, await real.lines(), strict=True))


async def _deliver(real: World, told: Told, backend: str, delivery: Delivery) -> None:
    answer, line = told.answers[backend, delivery.signature], told.lines[backend, delivery.signature]
    joined_at = time.time()
    result = {
        "attempt": 1,
        "age_ms": (joined_at - answer.after) * 1000,
        "asked": "seen",
        "age_clock": "monotonic",
        "suspended": False,
        "signature_intact": True,
        "meeting_matches": True,
        **delivery.result,
    }
    sent = {"receipt": answer.receipt, "id": delivery.result_id, **result}
    assert await real.report(sent, delivery.origin) == 204
    if delivery.received[0] != "accepted":
        return
    told.joined_at[line["receipt"], delivery.result_id] = joined_at
    told.stored[line["receipt"], delivery.result_id] = {
        **{name: line[name] for name in ("route", "replica", "format", "iat", "exp")},
        "signer": backend,
        "asked": backend,
        "findings": line["findings"],
        "origin": delivery.origin,
        "outcome": delivery.outcome,
        "code": delivery.code,
        "error": result.get("error", {}),
        **{
            name: result.get(name) for name in ("attempt", "age_ms", "join_ms", "step", "view", "sdk_version")
        },
        "signature_intact": 1,
        "meeting_matches": 1,
        "suspended": 0,
        "dropped": result.get("dropped", 0),
        "age_asked": "seen",
        "age_clock": "monotonic",
        "late": 0,
    }


def _check_rows(rows: Rows, told: Told) -> None:
    shown = {
        key: {
            name: json.loads(row[name]) if name in {"findings", "error"} else row[name]
            for name in told.stored[key]
        }
        for key, row in rows.items()
    }
    assert shown == told.stored
    answers = {line["receipt"]: told.answers[key] for key, line in told.lines.items()}
    for key, row in rows.items():
        answer = answers[row["receipt_id"]]
        assert answer.before <= row["sent_at"] <= answer.after
        # The age counts from the reply's arrival, the server's time from its sending: off by at most the way between.
        assert -0.002 <= told.joined_at[key] - row["joined_at"] <= answer.after - answer.before + 0.002
        assert row["token_age_s"] == pytest.approx(row["joined_at"] - row["iat"], abs=1e-6)


def _check_lines(reported: list[LogLine], rows: Rows, told: Told) -> None:
    per_receipt = Counter(line["receipt"] for line in reported)
    # "ahead" was joined twice, "closed" was resolved: two lines each, and nothing at all for "unused".
    expected = {"ahead": 2, "joined": 1, "expired": 1, "closed": 2, "unused": 0}
    assert {key: per_receipt[line["receipt"]] for key, line in told.lines.items()} == {
        key: expected[key[1]] for key in told.lines
    }
    ages = {(row["receipt_id"], row["outcome"]): row["token_age_s"] for row in rows.values()}
    for line in reported:
        if line["outcome"] != "no_result":
            assert line["token_age_s"] == pytest.approx(ages[line["receipt"], line["outcome"]], abs=1e-6)


# The metrics page

PREFIXES = tuple(
    f"joinwatch_{name}"
    for name in (
        "signature",
        "join",
        "late_",
        "no_result_",
        "client_dropped_",
        "observation_",
        "backend_retries_",
    )
)


def _check_metrics(
    metrics: Samples,
    rows: Rows,
    told: Told,
) -> None:
    expected = _Expected()
    for (backend, _), line in told.lines.items():
        _expect_signature(expected, backend, line)
        for delivery in (each for each in DELIVERIES if told.lines[backend, each.signature] is line):
            row = rows[line["receipt"], delivery.result_id]
            _expect_delivery(expected, backend, delivery, row["token_age_s"])
    shown = {
        key: value
        for key, value in metrics.items()
        if key[0].startswith(PREFIXES) and value != 0 and not key[0].endswith("_sum")
    }
    assert shown == expected.samples
    for key, total in expected.sums.items():
        assert metrics[key] == pytest.approx(total, abs=1e-3)


class _Expected:
    """The samples that must not be 0, and what the sums of the histograms must be."""

    def __init__(self) -> None:
        self.samples: defaultdict[Key, float] = defaultdict(float)
        self.sums: defaultdict[Key, float] = defaultdict(float)

    def count(self, name: str, by: int = 1, **labels: str) -> None:
        if by:
            self.samples[sample(f"joinwatch_{name}_total", **labels)] += by

    def observe(self, name: str, edges: tuple[float, ...], value: float, **labels: str) -> None:
        name = f"joinwatch_{name}_seconds"
        for edge in (*edges, math.inf):
            if value <= edge:
                text = "+Inf" if edge == math.inf else str(float(edge))
                self.samples[sample(f"{name}_bucket", le=text, **labels)] += 1
        self.samples[sample(f"{name}_count", **labels)] += 1
        self.sums[sample(f"{name}_sum", **labels)] += value


def _expect_signature(expected: _Expected, backend: str, line: LogLine) -> None:
    expected.count("signatures", backend=backend, outcome="issued")
    expected.count("signature_verdicts", backend=backend, verdict=line["verdict"])
    for finding in line["findings"]:
        expected.count("signature_findings", backend=backend, finding=finding)
    offset = line["iat_offset_s"]
    name, edges = ("signature_iat_lead", LEADS) if offset > 0 else ("signature_iat_age", AGES)
    expected.observe(name, edges, abs(offset), backend=backend)


def _expect_delivery(expected: _Expected, backend: str, delivery: Delivery, token_age_s: float) -> None:
    result, reason = delivery.received
    expected.count("join_results_received", result=result, reason=reason)
    if result != "accepted":
        return
    outcome = delivery.outcome
    expected.count("joins", backend=backend, outcome=outcome)
    expected.count("signatures_reported", by=int(delivery.first), backend=backend)
    refused = outcome == "invalid_signature" and (delivery.first or reason == "resolved")
    expected.count("signatures_refused", by=int(refused), backend=backend)
    expected.count("no_result_resolved", by=int(reason == "resolved"), backend=backend)
    expected.count("client_dropped_results", by=delivery.result.get("dropped", 0))
    if delivery.code is not None:
        expected.count("join_failures", backend=backend, code=delivery.code)
    if outcome in {"joined", "invalid_signature"}:
        name, edges = ("join_token_lead", LEADS) if token_age_s < 0 else ("join_token_age", AGES)
        expected.observe(name, edges, abs(token_age_s), backend=backend, outcome=outcome)
    if "join_ms" in delivery.result:
        expected.observe("join_duration", DURATIONS, delivery.result["join_ms"] / 1000, backend=backend)
    expected.count(
        "joins_by_origin", origin=ORIGIN if delivery.origin == ORIGIN else "other", outcome=outcome
    )
    major = delivery.result["sdk_version"][0]
    expected.count("joins_by_client", view=delivery.result["view"], sdk=major, outcome=outcome)
