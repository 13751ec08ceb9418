"""The parts that do the work, made of the settings, given each other, and started."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from .clocks.monitor import ClockMonitor
from .configured import backend, credentials, receipt_keys, reference_clocks
from .domain.claims import Redaction, Showing
from .domain.ports import Backend, BackendState, LedgerState, Offset, Time
from .domain.receipt import Receipts
from .ledger.looking import Looking
from .ledger.store import Store
from .ledger.writer import LedgerWriter
from .services.backend_clocks import BackendClocks
from .services.diagnosis import Diagnosis
from .services.evidence import EvidenceQuota
from .services.intake import IntakeService
from .services.issuance import IssuanceService
from .services.joins import JoinsService
from .services.observer import Observer
from .services.receipt_ids import ReceiptIds
from .services.recent import RecentSignatures
from .services.summary import SummaryService
from .services.traffic import Traffic
from .settings import NativeBackend as NativeSettings
from .settings import Settings
from .telemetry.fail_open import FailOpen
from .telemetry.logs import Logs
from .telemetry.metrics import Metrics
from .telemetry.outcomes import Stage


@dataclass(slots=True)
class Health:
    """What the process tells of itself."""

    ledger_writer: LedgerWriter
    clocks: ClockMonitor
    traffic: Traffic
    time: Time
    draining: bool = False

    def ledger(self) -> LedgerState:
        """Whether join results can be stored."""
        return self.ledger_writer.state()

    def clock(self) -> Offset | None:
        """This host's clock against its best reference."""
        return self.clocks.best()

    def backends(self) -> dict[str, BackendState]:
        """How each backend was last seen."""
        now = self.time.mono()
        return {
            name: BackendState(None, None)
            if seen is None
            else BackendState(seen.reachable, now - seen.at_mono)
            for name, seen in self.traffic.seen().items()
        }


@dataclass(frozen=True, slots=True)
class Parts:
    """What the listeners serve. `before_scrape` brings up to date what only a reader of metrics needs."""

    issuance: IssuanceService
    intake: IntakeService
    health: Health
    before_scrape: Callable[[], None]
    summary: SummaryService
    joins: JoinsService


@dataclass(frozen=True, slots=True)
class _Process:
    """What nearly every part is made with. What is started is pushed on `stack`, to be closed in reverse order."""

    settings: Settings
    stack: AsyncExitStack
    metrics: Metrics
    logs: Logs
    fail_open: FailOpen
    time: Time


async def start_parts(
    settings: Settings, stack: AsyncExitStack, metrics: Metrics, logs: Logs, time: Time
) -> Parts:
    """Make and start all of them; leaving `stack` closes them. A ledger or a clock that is down raises nothing."""
    process = _Process(settings, stack, metrics, logs, FailOpen(metrics, logs), time)
    receipts = Receipts(receipt_keys(settings, logs), settings.receipts.max_age_s)
    ledger = await _ledger(process)
    clocks = await _clocks(process)
    backends = _backends(process)
    backend_clocks = _backend_clocks(process, clocks)
    traffic = Traffic(
        backends,
        random01=random.random,
        metrics=metrics,
        logs=logs,
        fail_open=process.fail_open,
        time=time,
    )
    observer = _observer(process, clocks, backend_clocks)
    diagnosis = await _diagnosis(process, backends, ledger, clocks)
    recent = RecentSignatures()

    def before_scrape() -> None:
        with process.fail_open[Stage.CLOCK]:
            backend_clocks.publish(time.wall())

    summary = SummaryService(
        backends=tuple(backends),
        ledger=ledger,
        suspected=diagnosis,
        host_clock=clocks,
        replica_clocks=backend_clocks,
        verdicts=metrics,
        time=time,
    )
    return Parts(
        _issuance(process, traffic, observer, diagnosis, receipts, recent=recent),
        _intake(process, receipts, ledger, diagnosis),
        Health(ledger, clocks, traffic, time),
        before_scrape,
        summary,
        JoinsService(Looking(ledger.read), recent, time),
    )


async def _ledger(process: _Process) -> LedgerWriter:
    settings = process.settings
    ledger = LedgerWriter(
        lambda: Store(settings.ledger.place()),
        metrics=process.metrics,
        logs=process.logs,
        fail_open=process.fail_open,
        time=process.time,
        max_per_receipt=settings.results.max_attempts,
        retention_s=settings.ledger.retention_days * 86400,
    )
    await ledger.start()
    process.stack.push_async_callback(ledger.aclose)
    return ledger


async def _clocks(process: _Process) -> ClockMonitor:
    clocks = ClockMonitor(
        reference_clocks(process.settings, process.time),
        time=process.time,
        metrics=process.metrics,
        logs=process.logs,
        interval_s=process.settings.clock.interval_s,
    )
    await clocks.start()
    process.stack.push_async_callback(clocks.aclose)
    return clocks


def _backends(process: _Process) -> dict[str, Backend]:
    backends = {name: backend(process.settings, name, process.time) for name in process.settings.backends}
    for each in backends.values():
        process.stack.push_async_callback(each.aclose)
    return backends


def _backend_clocks(process: _Process, clocks: ClockMonitor) -> BackendClocks:
    configured = process.settings.backends.items()
    backend_clocks = BackendClocks(
        (name for name, each in configured if not isinstance(each, NativeSettings)),
        metrics=process.metrics,
    )
    clocks.on_step.append(backend_clocks.clear)
    return backend_clocks


def _observer(process: _Process, clocks: ClockMonitor, backend_clocks: BackendClocks) -> Observer:
    settings = process.settings
    return Observer(
        credentials={name: credentials(settings, name) for name in settings.backends},
        host_clock=clocks,
        backend_clocks=backend_clocks,
        observe_max_bytes=settings.limits.observe_max_bytes,
        fail_open=process.fail_open,
        time=process.time,
        new_id=ReceiptIds(secrets.token_bytes).next,
    )


async def _diagnosis(
    process: _Process, backends: Mapping[str, Backend], ledger: LedgerWriter, clocks: ClockMonitor
) -> Diagnosis:
    diagnosis = Diagnosis(
        backends,
        ledger=ledger,
        metrics=process.metrics,
        logs=process.logs,
        fail_open=process.fail_open,
        time=process.time,
    )
    await diagnosis.start()
    process.stack.push_async_callback(diagnosis.aclose)
    clocks.on_step.append(diagnosis.clock_stepped)
    return diagnosis


def _issuance(
    process: _Process,
    traffic: Traffic,
    observer: Observer,
    diagnosis: Diagnosis,
    receipts: Receipts,
    *,
    recent: RecentSignatures,
) -> IssuanceService:
    settings = process.settings
    return IssuanceService(
        traffic=traffic,
        observer=observer,
        diagnosis=diagnosis,
        receipts=receipts,
        redaction=Redaction(
            meeting_number=Showing(settings.privacy.meeting_number),
            keys=Showing(settings.privacy.keys),
            secrets=[secret.reveal() for secret in settings.secrets()],
        ),
        recent=recent,
        metrics=process.metrics,
        logs=process.logs,
        fail_open=process.fail_open,
        time=process.time,
    )


def _intake(
    process: _Process, receipts: Receipts, ledger: LedgerWriter, diagnosis: Diagnosis
) -> IntakeService:
    return IntakeService(
        receipts=receipts,
        ledger=ledger,
        evidence=EvidenceQuota(secrets.token_bytes(16)),
        diagnosis=diagnosis,
        metrics=process.metrics,
        logs=process.logs,
        fail_open=process.fail_open,
        time=process.time,
    )
