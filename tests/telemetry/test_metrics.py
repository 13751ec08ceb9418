"""The metrics page: whole at the start, and what each event moves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from prometheus_client import generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.parser import text_string_to_metric_families

from proxy.domain.diagnosis.base import Cause
from proxy.domain.findings import RULES
from proxy.domain.join_result import Outcome, Reject
from proxy.domain.ports import Offset
from proxy.domain.rules.base import Finding, Severity, Verdict
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.outcomes import Accepted, Received, SignatureOutcome, Stage
from tests.telemetry.records import RECEIPT_ID, issuance, join

JAVA = {"backend": "java"}
ORIGIN = "https://a.example"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(backends=("java", "php"), origins=(ORIGIN,))


def samples(metrics: Metrics) -> Samples:
    page = generate_latest(metrics.registry).decode()
    return {
        (sample.name.removeprefix("joinwatch_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }


def open_metrics(metrics: Metrics) -> str:
    """The page as Prometheus asks for it, with exemplars."""
    encode, content_type = choose_encoder("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    return encode(metrics.registry).decode()


@contextmanager
def moving(metrics: Metrics, *expected: tuple[str, dict[str, str], float]) -> Iterator[None]:
    """What happens inside moves these samples by so much, and no others (buckets apart)."""
    before = samples(metrics)
    yield
    after = samples(metrics)
    moved = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key)}
    assert moved == {
        (name, frozenset(labels.items())): pytest.approx(amount) for name, labels, amount in expected
    }
    assert before.keys() <= after.keys()


def test_a_fresh_page(golden: Callable[[str, str], None]) -> None:
    page = generate_latest(Metrics(backends=("java",)).registry).decode()
    golden("metrics.txt", re.sub(r'(python|version)="[^"]+"', r'\1="…"', page))


def test_samples_of_one_backend() -> None:
    metrics = Metrics(backends=("java",))
    metrics.backend_clock_measured("java", Offset(0.5, 0.75, 1.0))
    count = Counter(
        family.name.removeprefix("joinwatch_")
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.labels.get("backend") == "java"
    )
    print(*sorted(count.items()), sum(count.values()), sep="\n")  # pytest -s shows the figures
    assert count == {
        "signatures": len(SignatureOutcome),
        "signature_verdicts": 3,
        "signature_findings": len(RULES),
        "signature_iat_lead_seconds": 14,
        "signature_iat_age_seconds": 14,
        "backend_request_duration_seconds": 13,
        "backend_retries": 1,
        "signatures_reported": 1,
        "signatures_refused": 1,
        "joins": 5,
        "join_failures": 17,
        "join_token_age_seconds": 28,
        "join_token_lead_seconds": 28,
        "join_duration_seconds": 13,
        "late_results": 5,
        "no_result_resolved": 1,
        "cause_suspected": 28,
        "backend_clock_offset_seconds": 1,
        "backend_clock_offset_bound_seconds": 1,
        "backend_clock_measured_timestamp_seconds": 1,
    }
    assert sum(count.values()) == 183 + len(RULES)


def test_no_created_samples_on_either_page(metrics: Metrics) -> None:
    metrics.joined(join(), first=True, resolved=False)
    assert b"_created" not in generate_latest(metrics.registry)
    assert "_created" not in open_metrics(metrics)


def test_clocks_are_absent_until_measured(metrics: Metrics) -> None:
    assert not [name for name, _ in samples(metrics) if "clock_" in name and name != "clock_steps_total"]


@pytest.mark.parametrize("outcome", SignatureOutcome)
def test_signature(metrics: Metrics, outcome: SignatureOutcome) -> None:
    with moving(metrics, ("signatures_total", JAVA | {"outcome": outcome}, 1)):
        metrics.signature("java", outcome)


@pytest.mark.parametrize(
    ("offset_s", "observed"),
    [
        (11.75, "iat_lead"),
        (0.001, "iat_lead"),
        (0.0, "iat_age"),
        (-30.5, "iat_age"),
        (None, None),
    ],
)
def test_signature_issued(metrics: Metrics, offset_s: float | None, observed: str | None) -> None:
    found = [Finding(each, Severity.WARNING, None, "", "") for each in ("time/iat_ahead", "claims/role_type")]
    duration = "backend_request_duration_seconds"
    expected = [
        ("signatures_total", JAVA | {"outcome": "issued"}, 1.0),
        (f"{duration}_count", JAVA, 1.0),
        (f"{duration}_sum", JAVA, 0.1),
        ("signature_verdicts_total", JAVA | {"verdict": "warning"}, 1.0),
        *(("signature_findings_total", JAVA | {"finding": each.id}, 1.0) for each in found),
    ]
    if observed is not None and offset_s is not None:
        expected.append((f"signature_{observed}_seconds_count", JAVA, 1.0))
        if offset_s:
            expected.append((f"signature_{observed}_seconds_sum", JAVA, abs(offset_s)))
    with moving(metrics, *expected):
        metrics.signature_issued(issuance(iat_offset_s=offset_s), Verdict.WARNING, found, 0.1)


def test_backends(metrics: Metrics) -> None:
    name = "backend_request_duration_seconds"
    with moving(metrics, (f"{name}_count", JAVA, 1), (f"{name}_sum", JAVA, 0.3)):
        metrics.backend_answered("java", 0.3)
    with moving(metrics, ("backend_retries_total", {"backend": "php"}, 1)):
        metrics.backend_retried("php")


CLIENT = {"view": "client", "sdk": "2"}


def test_a_refused_join(metrics: Metrics) -> None:
    outcome = {"outcome": "invalid_signature"}
    with moving(
        metrics,
        ("signatures_reported_total", JAVA, 1),
        ("signatures_refused_total", JAVA, 1),
        ("joins_total", JAVA | outcome, 1),
        ("join_failures_total", JAVA | {"code": "3712"}, 1),
        ("join_token_lead_seconds_count", JAVA | outcome, 1),
        ("join_token_lead_seconds_sum", JAVA | outcome, 11),
        ("join_duration_seconds_count", JAVA, 1),
        ("join_duration_seconds_sum", JAVA, 2.21),
        ("joins_by_origin_total", {"origin": ORIGIN} | outcome, 1),
        ("joins_by_client_total", CLIENT | outcome, 1),
    ):
        metrics.joined(join(), first=True, resolved=False)


def test_a_join_that_succeeds_as_the_second_of_its_signature(metrics: Metrics) -> None:
    outcome = {"outcome": "joined"}
    with moving(
        metrics,
        ("joins_total", JAVA | outcome, 1),
        ("join_token_age_seconds_count", JAVA | outcome, 1),
        ("join_token_age_seconds_sum", JAVA | outcome, 31),
        ("join_duration_seconds_count", JAVA, 1),
        ("join_duration_seconds_sum", JAVA, 2.21),
        ("joins_by_origin_total", {"origin": "other"} | outcome, 1),
        ("joins_by_client_total", CLIENT | outcome, 1),
    ):
        metrics.joined(
            join(Outcome.JOINED, token_age_s=31.0, origin="https://elsewhere.example", code=None),
            first=False,
            resolved=False,
        )


@pytest.mark.parametrize(
    ("first", "resolved", "counted"),
    [
        pytest.param(True, False, 1, id="its first result"),
        pytest.param(False, True, 1, id="what became of its first result"),
        pytest.param(False, False, 0, id="tried again with the same signature"),
    ],
)
def test_a_refused_signature_counts_once(metrics: Metrics, first: bool, resolved: bool, counted: int) -> None:
    before = samples(metrics)
    metrics.joined(join(), first=first, resolved=resolved)
    after = samples(metrics)
    key = ("signatures_refused_total", frozenset(JAVA.items()))
    assert after[key] - before[key] == counted


def test_a_page_that_was_closed_and_then_reported_after_all(metrics: Metrics) -> None:
    first, later = {"outcome": "no_result"}, {"outcome": "other_failure"}
    with moving(
        metrics,
        ("signatures_reported_total", JAVA, 1),
        ("joins_total", JAVA | first, 1),
        ("joins_by_origin_total", {"origin": "other"} | first, 1),
        ("joins_by_client_total", CLIENT | first, 1),
    ):
        metrics.joined(join(Outcome.NO_RESULT, origin=None, code=None), first=True, resolved=False)
    with moving(
        metrics,
        ("no_result_resolved_total", JAVA, 1),
        ("joins_total", JAVA | later, 1),
        ("join_failures_total", JAVA | {"code": "other"}, 1),
        ("joins_by_origin_total", {"origin": "other"} | later, 1),
        ("joins_by_client_total", {"view": "client", "sdk": "other"} | later, 1),
    ):
        metrics.joined(
            join(Outcome.OTHER_FAILURE, origin=None, code="99999", suspended=True, sdk_version=None),
            first=False,
            resolved=True,
        )


def test_a_late_result_counts_apart(metrics: Metrics) -> None:
    with moving(
        metrics,
        ("late_results_total", JAVA | {"outcome": "invalid_signature"}, 1),
    ):
        metrics.joined(join(late=True), first=True, resolved=True)


def test_a_backend_that_the_configuration_lost_is_other(metrics: Metrics) -> None:
    record = join(token_age_s=None, join_ms=None, issuance=issuance(signer="lost"))
    before = samples(metrics)
    metrics.joined(record, first=True, resolved=False)
    after = samples(metrics)
    moved = {labels for (_, labels), value in after.items() if value != before[_, labels]}
    assert {dict(labels)["backend"] for labels in moved if "backend" in dict(labels)} == {"other"}
    assert after.keys() == before.keys()


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (Received.ACCEPTED, Accepted.NEW),
        (Received.ACCEPTED, Accepted.RESOLVED),
        (Received.ACCEPTED, Accepted.LATE),
        (Received.DUPLICATE, Accepted.SAME_ID),
        *((Received.REJECTED if each.final else Received.DEFERRED, each) for each in Reject),
    ],
)
def test_received(metrics: Metrics, result: Received, reason: Accepted | Reject) -> None:
    with moving(metrics, ("join_results_received_total", {"result": result, "reason": reason}, 1)):
        metrics.received(result, reason)


def test_clocks(metrics: Metrics) -> None:
    source = {"source": "kernel"}
    with moving(
        metrics,
        ("clock_offset_seconds", source, -0.25),
        ("clock_offset_bound_seconds", source, 0.5),
        ("clock_measured_timestamp_seconds", source, 1_795_280_241.5),
        ("backend_clock_offset_seconds", JAVA, 31),
        ("backend_clock_offset_bound_seconds", JAVA, 0.75),
        ("backend_clock_measured_timestamp_seconds", JAVA, 1_795_280_242),
        ("clock_steps_total", {}, 1),
    ):
        metrics.clock_measured("kernel", Offset(-0.25, 0.5, 1_795_280_241.5))
        metrics.backend_clock_measured("java", Offset(31.0, 0.75, 1_795_280_242.0))
        metrics.clock_stepped()
    measured = samples(metrics)
    for _ in range(2):
        metrics.clock_unmeasured("kernel")
        metrics.backend_clock_measured("java", None)
    gone = {name for name, _ in measured.keys() - samples(metrics).keys()}
    assert gone == {
        f"{clock}_{what}_seconds"
        for clock in ("clock", "backend_clock")
        for what in ("offset", "offset_bound", "measured_timestamp")
    }


def test_causes_are_suspected_and_cleared(metrics: Metrics) -> None:
    name = "cause_suspected"
    every = {labels for each, labels in samples(metrics) if each == name}
    assert every == {
        frozenset({("backend", backend), ("cause", cause.value)})
        for backend in ("java", "php", "all")
        for cause in Cause
    }
    shifted, rounded = {"cause": "timezone_shift"}, {"cause": "float32_rounding"}
    with moving(metrics, (name, JAVA | shifted, 1), (name, JAVA | rounded, 1)):
        metrics.causes_suspected("java", {Cause.TIMEZONE_SHIFT, Cause.FLOAT32_ROUNDING})
    with moving(metrics, (name, {"backend": "all", "cause": "zoom_side"}, 1)):
        metrics.causes_suspected("all", [Cause.ZOOM_SIDE])
    with moving(metrics, (name, JAVA | shifted, -1)):
        metrics.causes_suspected("java", (Cause.FLOAT32_ROUNDING,))
    with pytest.raises(KeyError):
        metrics.causes_suspected("lost", ())


def test_verdicts_can_be_asked_for(metrics: Metrics) -> None:
    metrics.signature_issued(issuance(), Verdict.WARNING, (), 0.1)
    none = {"ok": 0, "warning": 0, "refused": 0}
    assert metrics.verdicts() == {"java": none | {"warning": 1}, "php": none}


def test_joinwatch_itself(metrics: Metrics) -> None:
    with moving(
        metrics,
        ("ledger_writable", {}, 1),
        ("ledger_commit_duration_seconds_count", {}, 1),
        ("ledger_commit_duration_seconds_sum", {}, 0.004),
        ("observation_failures_total", {"stage": "decode"}, 1),
        ("log_lines_dropped_total", {}, 1),
        ("client_dropped_results_total", {}, 3),
        ("config_last_reload_successful", {}, 1),
        ("config_last_reload_timestamp_seconds", {}, 1_795_280_241),
    ):
        metrics.ledger_writable(ok=True)
        metrics.ledger_committed(0.004)
        metrics.observation_failed(Stage.DECODE)
        metrics.log_line_dropped()
        metrics.client_dropped(3)
        metrics.config_loaded(1_795_280_241.0)
    with moving(metrics, ("ledger_writable", {}, -1)):
        metrics.ledger_writable(ok=False)


@pytest.mark.parametrize(
    ("age_s", "name", "edge"),
    [
        (-34.0, "lead", "34.0"),
        (-34.5, "lead", "64.0"),
        (-4000.0, "lead", "+Inf"),
        (0.0, "age", "5.0"),
        (7200.5, "age", "86400.0"),
    ],
)
def test_a_join_leaves_its_receipt_as_exemplar(metrics: Metrics, age_s: float, name: str, edge: str) -> None:
    metrics.joined(join(token_age_s=age_s), first=True, resolved=False)
    page = open_metrics(metrics)
    exemplars = re.findall(r'^joinwatch_(\w+)\{(.*)\} 1\.0 # \{receipt="(.+)"\} (\S+)', page, re.MULTILINE)
    outcome = 'backend="java",outcome="invalid_signature"'
    by_page = [each for each in exemplars if each[0].startswith("joins_by_")]
    assert {(name, each_id) for name, _, each_id, _ in by_page} == {
        ("joins_by_origin_total", RECEIPT_ID),
        ("joins_by_client_total", RECEIPT_ID),
    }
    assert exemplars == [
        ("signatures_reported_total", 'backend="java"', RECEIPT_ID, "1.0"),
        ("signatures_refused_total", 'backend="java"', RECEIPT_ID, "1.0"),
        ("joins_total", outcome, RECEIPT_ID, "1.0"),
        ("join_failures_total", 'backend="java",code="3712"', RECEIPT_ID, "1.0"),
        (
            f"join_token_{name}_seconds_bucket",
            f'backend="java",le="{edge}",outcome="invalid_signature"',
            RECEIPT_ID,
            str(abs(age_s)),
        ),
        ("join_duration_seconds_bucket", 'backend="java",le="2.5"', RECEIPT_ID, "2.21"),
        *by_page,
    ]
    assert page.count(" # {") == len(exemplars)


def test_no_label_comes_from_a_client_or_a_backend(metrics: Metrics) -> None:
    hostile = 'x"} 1\n#'
    metrics.joined(
        join(
            origin=hostile,
            code=hostile,
            sdk_version=hostile,
            issuance=issuance(signer=hostile, asked=hostile, replica=hostile, route=hostile),
        ),
        first=True,
        resolved=True,
    )
    assert "#" not in "".join(value for _, labels in samples(metrics) for _, value in labels)
    with pytest.raises(KeyError):
        metrics.signature(hostile, SignatureOutcome.ISSUED)


def test_samples_per_backend_have_a_ceiling() -> None:
    """Every series that can be known is there from the start; docs/decisions.md says why that is more than 150."""
    families = Metrics(backends=("java",)).registry.collect()
    of_java = [each for family in families for each in family.samples if each.labels.get("backend") == "java"]
    assert len(of_java) <= 227
