"""Real endpoints in their own runtimes behind the real joinwatch: replies, log lines, findings, shares, numbers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ..support.endpoints import HOLD_HEADER, SDK_SECRET, Token
from ..support.joinwatch import LogLine, sample
from ..support.world import (
    MEETING,
    ORIGIN,
    SERVLETS,
    Answer,
    Endpoints,
    Request,
    World,
    all_endpoints,
    asking,
    world,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW_S = 1_795_280_241
BACKENDS = ("java", "servlet", "node", "php", "python")
TEXT = {"Content-Type": "text/plain"}
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Endpoints]:
    """The endpoints, once for this module."""
    async with all_endpoints(tmp_path_factory.getbasetemp()) as endpoints:
        yield endpoints


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def real(running: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One joinwatch for the tests that look at single replies and lines."""
    async with world(running, tmp_path_factory.mktemp("real")) as found:
        yield found


async def issued(real: World, request: Request) -> tuple[Answer, LogLine]:
    """Ask through joinwatch: the reply, and the log line about its signature."""
    answer = await real.proxied(request)
    lines = await real.lines()
    assert len(lines) == len(real.issued)
    return answer, lines[-1]


# Replies


def end_to_end(answer: Answer) -> list[tuple[str, str]]:
    """The headers in order but for Date, for those of one connection, and for those that joinwatch may add."""
    left_out = {"date", "connection", "keep-alive", "transfer-encoding", "content-length", "join-receipt"}
    return [
        (name, value)
        for name, value in answer.headers
        if name.lower() not in left_out
        and (name.lower(), value) != ("access-control-expose-headers", "Join-Receipt")
    ]


@pytest.mark.parametrize(
    ("request_", "receipt"),
    [
        *(pytest.param(asking(backend).at(NOW_S), True, id=backend) for backend in BACKENDS),
        pytest.param(Request("java", "GET", query="role=0").at(NOW_S), True, id="java-only-the-hmac"),
        pytest.param(Request("java", "GET", query="meetingNumber=1&role=host"), False, id="java-empty-200"),
        pytest.param(asking("node", role="0").at(NOW_S), True, id="node-string-role"),
        pytest.param(asking("node").at(NOW_S).with_headers(TEXT), True, id="node-body-not-parsed"),
        pytest.param(
            Request("node", "POST", body=b"{", headers=asking("node").headers), False, id="node-400"
        ),
        pytest.param(Request("node", "OPTIONS", headers=PREFLIGHT), False, id="node-preflight"),
        pytest.param(asking("python", meeting="").at(NOW_S), True, id="python-empty-meeting"),
    ],
)
async def test_reply_is_the_endpoints_own(real: World, request_: Request, receipt: bool) -> None:
    direct, proxied = await real.direct(request_), await real.proxied(request_)
    assert (proxied.status, proxied.reason, proxied.body) == (direct.status, direct.reason, direct.body)
    assert end_to_end(proxied) == end_to_end(direct)
    # An endpoint may end its body by closing the connection; a length that it gives is kept.
    if direct.values("Content-Length"):
        assert proxied.values("Content-Length") == direct.values("Content-Length")
    assert bool(proxied.values("Join-Receipt")) is receipt
    assert proxied.values("Access-Control-Expose-Headers") == ["Join-Receipt"] * receipt
    (date,) = proxied.values("Date")  # the endpoint's, not a second one of joinwatch's own
    assert int(proxied.before) - 1 <= parsedate_to_datetime(date).timestamp() <= proxied.after


# Log lines and findings


@pytest.mark.parametrize(
    ("backend", "format_", "claims"),
    [
        *(
            pytest.param(
                backend,
                "meeting_sdk",
                {"appKey": "te***_0", "sdkKey": "te***_0", "mn": "98***01", "role": 0}
                | {"iat": 1_795_280_256, "exp": 1_795_287_456, "tokenExp": 1_795_287_456},
                id=backend,
            )
            for backend in SERVLETS
        ),
        pytest.param(
            "node",
            "meeting_sdk",
            {"appKey": "te***_0", "sdkKey": "te***_0", "mn": "98***01", "role": 0}
            | {"iat": NOW_S, "exp": NOW_S + 7200, "tokenExp": NOW_S + 7200},
            id="node",
        ),
        pytest.param(
            "php",
            "legacy",
            {"apiKey": "te***_0", "mn": "98***01", "ts": (NOW_S - 30) * 1000, "role": 0},
            id="php",
        ),
        pytest.param(
            "python",
            "meeting_sdk",
            {"appKey": "te***_0", "mn": "98***01", "role": 0}
            | {"iat": float(NOW_S), "exp": NOW_S + 172_800.0, "tokenExp": NOW_S + 36_000.0},
            id="python",
        ),
    ],
)
async def test_claims_are_logged(real: World, backend: str, format_: str, claims: dict[str, Any]) -> None:
    _, line = await issued(real, asking(backend).at(NOW_S))
    assert line["claims"] == claims
    assert (line["route"], line["backend"], line["asked_backend"]) == (f"/{backend}", backend, backend)
    assert (line["format"], line["status"]) == (format_, 200)


@pytest.mark.parametrize(
    ("backend", "lead_range"),
    [
        # A second below what whole seconds give: now has a fraction, iat has none.
        ("java", (-95, 34)),
        ("servlet", (-65, 64)),
        ("node", (-1, 0)),
        ("php", (-30, -30)),
        ("python", (-1, 0)),
    ],
    ids=BACKENDS,
)
async def test_offset_is_right(real: World, backend: str, lead_range: tuple[int, int]) -> None:
    answer, line = await issued(real, asking(backend))
    exchange_s = answer.after - answer.before
    assert line["iat"] - answer.after - 0.001 <= line["iat_offset_s"] <= line["iat"] - answer.before + 0.001
    assert lead_range[0] - exchange_s - 0.002 <= line["iat_offset_s"] <= lead_range[1] + 0.001
    assert 0 < line["iat_offset_bound_s"] <= exchange_s + 0.001


@pytest.mark.parametrize("backend", BACKENDS)
async def test_backends_clock_is_this_hosts(real: World, backend: str) -> None:
    """All run on one host, whatever their iat says: the offset from their Date headers covers 0."""
    for _ in range(4):
        _, line = await issued(real, asking(backend))
    assert abs(line["backend_clock_offset_s"]) <= line["backend_clock_bound_s"]
    metrics = await real.watch.metrics()
    offset = metrics[sample("joinwatch_backend_clock_offset_seconds", backend=backend)]
    assert abs(offset) <= metrics[sample("joinwatch_backend_clock_offset_bound_seconds", backend=backend)]


HOUR_S = 3600.0


@pytest.mark.parametrize(
    ("request_", "driven_s", "findings"),
    [
        pytest.param(asking("java"), HOUR_S, ["time/iat_ahead"], id="java-ahead"),
        pytest.param(asking("java"), -HOUR_S, [], id="java-behind"),
        pytest.param(asking("java"), -3 * HOUR_S, ["time/expired"], id="java-expired"),
        pytest.param(
            Request("java", "GET", query="role=0"), 0.0, ["format/hmac_only"], id="java-only-the-hmac"
        ),
        pytest.param(asking("servlet"), HOUR_S, ["time/iat_ahead"], id="servlet-ahead"),
        pytest.param(asking("node"), 0.0, [], id="node"),
        pytest.param(asking("node", role="0"), 0.0, ["claims/role_type"], id="node-string-role"),
        pytest.param(
            asking("node").with_headers(TEXT), 0.0, ["request/not_parsed"], id="node-body-not-parsed"
        ),
        pytest.param(asking("php"), 0.0, ["format/legacy"], id="php"),
        pytest.param(asking("php"), HOUR_S, ["time/iat_ahead", "format/legacy"], id="php-ahead"),
        pytest.param(asking("python"), 0.0, ["claims/iat_type", "claims/exp_type"], id="python"),
        pytest.param(
            asking("python", meeting="987 6543"),
            0.0,
            ["claims/iat_type", "claims/exp_type", "claims/mn_type"],
            id="mn",
        ),
        pytest.param(
            Request("python", "POST", body=b"{}"),
            0.0,
            ["claims/iat_type", "claims/exp_type", "format/native"],
            id="python-native",
        ),
    ],
)
async def test_findings(real: World, request_: Request, driven_s: float, findings: list[str]) -> None:
    _, line = await issued(real, request_.at(time.time() + driven_s))
    assert line["findings"] == findings


@pytest.mark.parametrize(
    ("step", "findings"),
    [
        pytest.param("parameters", ["request/meeting_mismatch"], id="the-others-meeting"),
        # H.P.H.P.S: where the HMAC should stand is a header, so that nothing can be said of the HMAC.
        pytest.param("token", ["request/meeting_mismatch", "format/segments"], id="the-others-token"),
    ],
)
async def test_shared_fields_mix_requests(real: World, step: str, findings: list[str]) -> None:
    child = real.endpoints["servlet"].child
    held_before = child.out.count("holding")
    past = time.time() - HOUR_S
    held = asyncio.create_task(real.proxied(asking("servlet").at(past).with_headers({HOLD_HEADER: step})))
    await child.until(lambda: child.out.count("holding") > held_before or None, "held request", timeout_s=5)
    other = await real.proxied(asking("servlet", meeting="11111111111").at(past))
    await held
    lines = (await real.lines())[-2:]
    assert Token.of(other.signature).claims["mn"] == "11111111111"
    assert sorted((line["findings"] for line in lines), key=len) == [[], findings]


async def test_no_secret_and_no_signature_is_logged(real: World) -> None:
    answers = [(await issued(real, asking(backend)))[0] for backend in BACKENDS]
    logged = "\n".join(real.watch.child.out + real.watch.child.err)
    for answer in answers:
        assert answer.signature not in logged
        assert answer.signature.rpartition(".")[2] not in logged
    assert SDK_SECRET not in logged
    assert MEETING not in logged


# Shares


@pytest.mark.parametrize(
    ("backend", "share"), [("java", 67), ("servlet", 127)], ids=["margin-30", "margin-0"]
)
async def test_a_driven_cycle_fails_in_the_predicted_share(
    running: Endpoints, tmp_path: Path, backend: str, share: int
) -> None:
    """Math.round on a long: over each of the 256 s of a cycle, iat is ahead in exactly this many.

    Only the endpoint's time is driven, k seconds ahead of this host's. What joinwatch measures against its own clock
    is therefore the endpoint's error plus k, and is known to within the exchange's duration.
    """
    start_s, ahead = int(time.time()), 0
    async with world(running, tmp_path) as real:
        answers = [await real.proxied(asking(backend).at(start_s + k)) for k in range(256)]
        lines = await real.lines()
        for k, (answer, line) in enumerate(zip(answers, lines, strict=True)):
            lead_s = line["claims"]["iat"] - (start_s + k)
            earliest, latest = (wall - (start_s + k) for wall in (answer.before, answer.after))
            assert earliest - 0.001 <= lead_s - line["iat_offset_s"] <= latest + 0.001
            ahead += lead_s > 0
            assert await real.report(_verdict(answer, lead_s, k)) == 204
        metrics, rows = await real.watch.metrics(), real.watch.ledger_rows()
    assert ahead == share
    joins = {
        outcome: metrics[sample("joinwatch_joins_total", backend=backend, outcome=outcome)]
        for outcome in ("invalid_signature", "joined")
    }
    assert joins == {"invalid_signature": share, "joined": 256 - share}
    assert metrics[sample("joinwatch_join_failures_total", backend=backend, code="3712")] == share
    assert sum(row["outcome"] == "invalid_signature" for row in rows) == share


def _verdict(answer: Answer, lead_s: int, k: int) -> dict[str, Any]:
    """What Zoom would say of a join at the driven time: iat must not be ahead."""
    failed = {"error": {"type": "JOIN_MEETING_FAILED", "reason": "Signature is invalid.", "errorCode": 3712}}
    result = {"outcome": "failed", **failed} if lead_s > 0 else {"outcome": "joined"}
    return {
        "receipt": answer.receipt,
        "id": f"{k:032x}",
        "attempt": 1,
        "age_ms": 0.1,
        "view": "component",
        **result,
    }
