"""No signature is lost to an observation: whatever observes is made to fail, and the reply goes out as it came."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import pytest
from aiohttp import web

from proxy.domain.claims import Redaction
from proxy.domain.credentials import Credentials
from proxy.domain.ports import Ask, Offset, Reply
from proxy.domain.receipt import Receipts
from proxy.domain.request_facts import parse_source
from proxy.domain.secret import Secret
from proxy.services import observer as module
from proxy.services.backend_clocks import BackendClocks
from proxy.services.diagnosis import Diagnosis
from proxy.services.issuance import IssuanceService
from proxy.services.observer import Observer
from proxy.services.recent import RecentSignatures
from proxy.services.traffic import Route, Traffic
from proxy.telemetry.fail_open import FailOpen
from proxy.telemetry.logs import Logs
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.outcomes import SignatureOutcome, Stage
from proxy.web.bodies import UPLOADS, Uploads
from proxy.web.clients import Clients
from proxy.web.signatures import SignatureRoute
from tests.support.app import MEETING, token
from tests.support.diagnosing import diagnosis
from tests.support.fake_time import FakeTime
from tests.support.secrets import CLIENT_SECRET, KEY, found_in
from tests.support.servers import RawClient

NOW = FakeTime().wall_s
BODY = json.dumps({"signature": token(NOW), "sdkKey": KEY}).encode()
HEADERS = (("Content-Type", "application/json"), ("X-Own", "1"))
ROUTE = Route("/sign", (("java", 1.0),), parse_source("json:/meetingNumber"), parse_source("json:/role"))
ASK = json.dumps({"meetingNumber": MEETING, "role": 0}).encode()
REQUEST = b"POST /sign HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (
    len(ASK),
    ASK,
)


class Ill(Exception):
    """Raised by whatever is made to fail; its text must be seen nowhere."""

    def __init__(self) -> None:
        super().__init__(CLIENT_SECRET)


def raises(*_: Any, **__: Any) -> NoReturn:
    """Stands in for any function."""
    raise Ill


class IllReceipts(Receipts):
    seal = raises


class IllRedaction(Redaction):
    claims = raises


class IllBackendClocks(BackendClocks):
    observe = raises


class IllMetrics(Metrics):
    """Counts nothing but its own failures."""

    signature = signature_issued = backend_answered = raises


class DeadMetrics(IllMetrics):
    """Counts nothing at all."""

    observation_failed = raises


class IllLogs(Logs):
    signature_issued = signature_failed = raises


class DeadLogs(IllLogs):
    trouble = notice = raises


class IllDiagnosis(Diagnosis):
    signature = raises


class HostClock:
    """This host's clock, measured."""

    def best(self) -> Offset | None:
        return Offset(0.001, 0.01, NOW)


class IllHostClock(HostClock):
    best = raises


class Java:
    """A backend that always gives the same reply."""

    name = "java"

    def __init__(self, body: bytes, status: int) -> None:
        self._body, self._status = body, status

    async def sign(self, ask: Ask) -> Reply:
        return Reply(
            status=self._status,
            reason="Fine",
            headers=HEADERS,
            body=self._body,
            began_mono=1000.0,
            headers_mono=1000.0,
            headers_wall=NOW,
        )

    async def aclose(self) -> None:
        """Holds nothing."""


@dataclass(slots=True)
class Parts:
    """What observes; each kind may be an ill one."""

    metrics_kind: type[Metrics] = Metrics
    logs_kind: type[Logs] = Logs
    receipts_kind: type[Receipts] = Receipts
    clocks_kind: type[BackendClocks] = BackendClocks
    diagnosis_kind: type[Diagnosis] = Diagnosis
    recent: RecentSignatures = field(default_factory=RecentSignatures)
    host_clock: HostClock = field(default_factory=HostClock)
    redaction: Redaction = field(default_factory=Redaction)
    new_id: Callable[[], str] = lambda: "receipt-id-of-22-chars"
    body: bytes = BODY
    status: int = 200
    lines: list[bytes] = field(default_factory=list)
    metrics: Metrics = field(init=False)

    def service(self) -> IssuanceService:
        """All wired up as the application does it."""
        time = FakeTime()
        self.metrics = self.metrics_kind(backends=("java",))
        logs = self.logs_kind(self.lines.append, time=time)
        fail_open = FailOpen(self.metrics, logs)
        return IssuanceService(
            traffic=Traffic(
                {"java": Java(self.body, self.status)},
                random01=lambda: 0.5,
                metrics=self.metrics,
                logs=logs,
                fail_open=fail_open,
                time=time,
            ),
            observer=Observer(
                credentials={"java": (Credentials("app", KEY, Secret(CLIENT_SECRET)),)},
                host_clock=self.host_clock,
                backend_clocks=self.clocks_kind(("java",), metrics=self.metrics),
                observe_max_bytes=65536,
                fail_open=fail_open,
                time=time,
                new_id=self.new_id,
            ),
            diagnosis=diagnosis(self.diagnosis_kind),
            receipts=self.receipts_kind([bytes(32)], 86400.0),
            recent=self.recent,
            redaction=self.redaction,
            metrics=self.metrics,
            logs=logs,
            fail_open=fail_open,
            time=time,
        )

    def failures(self) -> dict[str, float]:
        """The observations lost, by stage."""
        name = "joinwatch_observation_failures_total"
        found = {stage: self.metrics.registry.get_sample_value(name, {"stage": stage}) for stage in Stage}
        return {stage.value: count for stage, count in found.items() if count}


@asynccontextmanager
async def serving(parts: Parts) -> AsyncIterator[int]:
    """The service behind a real listener; its port."""
    app = web.Application()
    app[UPLOADS] = Uploads()
    SignatureRoute(
        ROUTE,
        parts.service(),
        Clients(()),
        methods=(),
        below=True,
        buckets=None,
        request_max_bytes=65536,
        client_timeout_s=5.0,
        time=FakeTime(),
    ).add_to(app.router)
    runner = web.AppRunner(app, handler_cancellation=True, auto_decompress=False, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def reply_of(parts: Parts) -> tuple[list[bytes], bytes]:
    """The lines of the head without the framing, and the body, as a client gets them."""
    async with serving(parts) as port, RawClient(port) as client:
        await client.send(REQUEST)
        got, _ = await client.to_end()
    head, _, body = got.partition(b"\r\n\r\n")
    framing = (b"Connection:", b"Content-Length:")
    return [line for line in head.split(b"\r\n") if not line.startswith(framing)], body


@dataclass(frozen=True, slots=True)
class Illness:
    """What fails, where it is counted, and whether the client still gets a receipt."""

    name: str
    parts: Callable[[], Parts]
    stages: set[str]
    receipt: bool = True
    functions: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


ILLNESSES = (
    Illness("none", Parts, set()),
    Illness("finding the signature", Parts, {"decode"}, receipt=False, functions=("find",)),
    Illness("inflating", Parts, {"decode"}, receipt=False, functions=("content_coding.decode",)),
    Illness("judging", Parts, {"judge"}, receipt=False, functions=("findings.check",)),
    Illness("verifying", Parts, {"judge"}, receipt=False, functions=("findings.check_mac",)),
    Illness("reading the request", Parts, {"request"}, functions=("request_facts.read",)),
    Illness("this host's clock", lambda: Parts(host_clock=IllHostClock()), {"clock"}),
    Illness("the backend's clock", lambda: Parts(clocks_kind=IllBackendClocks), {"clock"}),
    Illness("making an id", lambda: Parts(new_id=raises), {"judge"}, receipt=False),
    Illness("sealing", lambda: Parts(receipts_kind=IllReceipts), {"receipt"}, receipt=False),
    Illness("diagnosing", lambda: Parts(diagnosis_kind=IllDiagnosis), {"diagnosis"}),
    Illness("redacting", lambda: Parts(redaction=IllRedaction()), {"log"}),
    Illness("the log", lambda: Parts(logs_kind=IllLogs), {"log"}),
    Illness("all of the log", lambda: Parts(logs_kind=DeadLogs), {"log"}),
    Illness("the metrics", lambda: Parts(metrics_kind=IllMetrics), {"metric"}),
    Illness("all of the metrics", lambda: Parts(metrics_kind=DeadMetrics), set()),
    Illness(
        "everything",
        lambda: Parts(
            metrics_kind=DeadMetrics,
            logs_kind=DeadLogs,
            receipts_kind=IllReceipts,
            clocks_kind=IllBackendClocks,
            diagnosis_kind=IllDiagnosis,
            host_clock=IllHostClock(),
            redaction=IllRedaction(),
            new_id=raises,
        ),
        set(),
        receipt=False,
        functions=("find", "content_coding.decode", "findings.check", "request_facts.read"),
    ),
)


@pytest.mark.parametrize("illness", ILLNESSES, ids=str)
async def test_the_reply_goes_out_unchanged_whatever_fails(
    illness: Illness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for function in illness.functions:
        monkeypatch.setattr(f"{module.__name__}.{function}", raises)
    parts = illness.parts()
    head, body = await reply_of(parts)
    assert body == BODY
    receipts = [line for line in head if line.startswith(b"Join-Receipt: ")]
    assert len(receipts) == illness.receipt
    added = [b"Access-Control-Expose-Headers: Join-Receipt", *receipts] if receipts else []
    assert head == [b"HTTP/1.1 200 Fine", b"Content-Type: application/json", b"X-Own: 1", *added]
    assert parts.failures().keys() == illness.stages
    for line in parts.lines:
        assert found_in(line.decode()) == []
    told = [json.loads(line) for line in parts.lines]
    troubles = [line for line in told if line["event"] == "observation.failed"]
    if illness.stages and parts.logs_kind is not DeadLogs:
        assert {line["stage"] for line in troubles} == illness.stages
        assert all(line["error"] == "Ill" and ":" in line["at"] for line in troubles)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param(lambda: Parts(metrics_kind=DeadMetrics, logs_kind=DeadLogs, status=401), id="a 401"),
        pytest.param(lambda: Parts(metrics_kind=DeadMetrics, logs_kind=DeadLogs, body=b"<p>"), id="HTML"),
    ],
)
async def test_a_reply_without_a_signature_goes_out_without_metrics_and_log(
    parts: Callable[[], Parts],
) -> None:
    made = parts()
    head, body = await reply_of(made)
    assert head[0] == b"HTTP/1.1 %d Fine" % made.status
    assert body == made.body


async def test_a_stage_that_always_fails_does_not_flood_the_log() -> None:
    parts = Parts(host_clock=IllHostClock())
    service = parts.service()
    for _ in range(500):
        issued = await service.issue(ROUTE, Ask("POST", "", "", (), ASK))
        service.left(issued, None)
    assert parts.failures() == {"clock": 500}
    assert sum(b"observation.failed" in line for line in parts.lines) == 20


async def test_an_unmeasured_clock_is_null_and_never_zero() -> None:
    parts = Parts(host_clock=IllHostClock())
    service = parts.service()
    service.left(await service.issue(ROUTE, Ask("POST", "", "", (), ASK)), None)
    (line,) = [json.loads(each) for each in parts.lines if b"signature.issued" in each]
    assert (line["clock_offset_s"], line["clock_bound_s"]) == (None, None)


HUGE = {
    "an iat of 1e300": {"iat": 1e300},
    "an iat of 30 digits": {"iat": 10**30},
    "an iat of 400 digits": {"iat": 10**400},
    "an infinite exp": {"exp": float("inf")},
    "half a surrogate for a key": {"appKey": "\ud800" + "x" * 20},
    "half a surrogate for a name": {"\ud800": 1},
    "lists within lists": {"mn": [[[[[1]]]]], "role": {"a": {"b": 1}}},
    "300 claims": {f"claim{number}": number for number in range(300)},
    "a name of 4000 characters": {"n" * 4000: 1},
}


@pytest.mark.parametrize("claims", HUGE.values(), ids=HUGE)
async def test_claims_beyond_all_sense_cost_no_reply_and_are_counted_as_issued(
    claims: dict[str, Any],
) -> None:
    body = json.dumps({"signature": token(NOW, **claims)}).encode()
    parts = Parts(body=body)
    head, got = await reply_of(parts)
    assert got == body
    assert (
        parts.metrics.registry.get_sample_value(
            "joinwatch_signatures_total", {"backend": "java", "outcome": SignatureOutcome.ISSUED}
        )
        == 1
    )
    assert sum(line.startswith(b"Join-Receipt: ") for line in head) == 1
    assert all(len(line) < 1100 for line in head)
    assert all(len(line) < 3000 for line in parts.lines)
