"""Which backend is asked, and the one retry: told by who was asked, how often, and what is counted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from proxy.domain.ports import Ask, BackendError, BackendTimeout, Reply
from proxy.services.traffic import Route, Traffic, Unserved
from proxy.telemetry.fail_open import FailOpen
from proxy.telemetry.logs import Logs
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.outcomes import SignatureOutcome
from tests.support.fake_time import FakeTime

ASK = Ask("POST", "", "", (), b"{}")
REPLY = Reply(
    status=200, reason="OK", headers=(), body=b"{}", began_mono=0.0, headers_mono=0.0, headers_wall=0.0
)
REFUSED = BackendError("nothing answers", retryable=True)
BROKEN = BackendError("broke off")
SLOW = BackendTimeout("no answer in time")


@dataclass(slots=True)
class Scripted:
    """A backend whose next answers are known; the last one for ever."""

    name: str
    answers: Sequence[Reply | Exception] = (REPLY,)
    asked: int = 0

    async def sign(self, ask: Ask) -> Reply:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aclose(self) -> None:
        """Holds nothing."""


class Unmeasurable(Metrics):
    """Cannot count a retry."""

    def backend_retried(self, backend: str) -> None:
        raise RuntimeError("metrics are ill")


@dataclass(slots=True)
class Made:
    """Traffic over scripted backends, its random numbers seeded."""

    backends: dict[str, Scripted]
    kind: type[Metrics] = Metrics
    metrics: Metrics = field(init=False)
    traffic: Traffic = field(init=False)
    lines: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.metrics = self.kind(backends=tuple(self.backends))
        logs = Logs(self.lines.append, time=FakeTime())
        self.traffic = Traffic(
            self.backends,
            random01=random.Random(20).random,
            metrics=self.metrics,
            logs=logs,
            fail_open=FailOpen(self.metrics, logs),
            time=FakeTime(),
        )

    def counted(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


def made(*backends: Scripted, kind: type[Metrics] = Metrics) -> Made:
    return Made({backend.name: backend for backend in backends}, kind)


async def test_backends_are_asked_by_their_weights() -> None:
    names = ("a", "b", "c")
    all_of = made(*(Scripted(name) for name in names))
    route = Route("/", (("a", 1.0), ("b", 3.0), ("c", 6.0)))
    signers = Counter(
        [(await all_of.traffic.send(route, all_of.traffic.choose(route), ASK)).signer for _ in range(10_000)]
    )
    # Four standard deviations of a binomial count.
    for name, share in (("a", 0.1), ("b", 0.3), ("c", 0.6)):
        assert abs(signers[name] - 10_000 * share) < 4 * (10_000 * share * (1 - share)) ** 0.5
        assert all_of.backends[name].asked == signers[name]


async def test_a_failed_connection_is_tried_again_once_at_another_backend() -> None:
    three = made(Scripted("dead", (REFUSED,)), Scripted("b"), Scripted("c"))
    route = Route("/", (("dead", 1.0), ("b", 1.0), ("c", 1.0)))
    signers = Counter([(await three.traffic.send(route, "dead", ASK)).signer for _ in range(400)])
    assert signers.keys() == {"b", "c"}
    assert min(signers.values()) > 150
    assert three.backends["dead"].asked == 400
    assert three.counted("joinwatch_backend_retries_total", backend="dead") == 400
    assert three.counted("joinwatch_backend_retries_total", backend="b") == 0


async def test_the_receipt_can_tell_who_was_asked_from_who_signed() -> None:
    two = made(Scripted("dead", (REFUSED,)), Scripted("live"))
    signed = await two.traffic.send(Route("/", (("dead", 1.0), ("live", 1.0))), "dead", ASK)
    assert (signed.asked, signed.signer) == ("dead", "live")


async def test_alone_a_backend_is_asked_again_itself() -> None:
    alone = made(Scripted("only", (REFUSED, REPLY)))
    signed = await alone.traffic.send(Route("/", (("only", 1.0),)), "only", ASK)
    assert (signed.asked, signed.signer, alone.backends["only"].asked) == ("only", "only", 2)


@pytest.mark.parametrize(
    ("answers", "asked", "outcome", "retries"),
    [
        pytest.param((REFUSED,), 2, SignatureOutcome.BACKEND_ERROR, 1, id="refused twice"),
        pytest.param((BROKEN,), 1, SignatureOutcome.BACKEND_ERROR, 0, id="broke off"),
        pytest.param((SLOW,), 1, SignatureOutcome.TIMEOUT, 0, id="slow"),
        pytest.param((REFUSED, SLOW), 2, SignatureOutcome.TIMEOUT, 1, id="refused, then slow"),
        pytest.param((REFUSED, BROKEN), 2, SignatureOutcome.BACKEND_ERROR, 1, id="refused, then broke off"),
        pytest.param((ZeroDivisionError("secret"),), 1, SignatureOutcome.BACKEND_ERROR, 0, id="a fault"),
        pytest.param((REFUSED, KeyError("secret")), 2, SignatureOutcome.BACKEND_ERROR, 1, id="a fault then"),
    ],
)
async def test_what_no_backend_served_says_why_and_who_was_asked_last(
    answers: tuple[Exception, ...], asked: int, outcome: SignatureOutcome, retries: int
) -> None:
    one = made(Scripted("java", answers))
    with pytest.raises(Unserved) as failed:
        await one.traffic.send(Route("/", (("java", 1.0),)), "java", ASK)
    assert (failed.value.backend, failed.value.outcome) == ("java", outcome)
    assert one.backends["java"].asked == asked
    assert one.counted("joinwatch_backend_retries_total", backend="java") == retries
    # The text of an unforeseen exception may quote anything.
    assert "secret" not in str(failed.value)


async def test_a_retry_that_cannot_be_counted_is_made_all_the_same() -> None:
    ill = made(Scripted("dead", (REFUSED,)), Scripted("live"), kind=Unmeasurable)
    signed = await ill.traffic.send(Route("/", (("dead", 1.0), ("live", 1.0))), "dead", ASK)
    assert signed.signer == "live"
    assert ill.counted("joinwatch_observation_failures_total", stage="metric") == 1
