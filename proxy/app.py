"""The one place where parts meet: settings in, a running joinwatch out."""

from __future__ import annotations

import logging
import random
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from .backends.http import HttpBackend
from .backends.native import NativeBackend
from .clocks.http_date import HttpDateClock
from .clocks.kernel import KernelClock
from .clocks.monitor import ClockMonitor
from .clocks.ntp import NtpClock
from .domain.claims import Redaction, Showing
from .domain.credentials import Credentials
from .domain.ports import Backend, BackendState, LedgerState, Offset, ReferenceClock, Time
from .domain.rate_limit import Buckets
from .domain.receipt import Receipts, decode_key, encode_key
from .domain.secret import Secret
from .ledger.kept_secret import kept_secret
from .ledger.store import Store
from .ledger.writer import LedgerWriter
from .services.backend_clocks import BackendClocks
from .services.diagnosis import Diagnosis
from .services.evidence import EvidenceQuota
from .services.intake import IntakeService
from .services.issuance import IssuanceService
from .services.observer import Observer
from .services.receipt_ids import ReceiptIds
from .services.summary import SummaryService
from .services.traffic import Route, Traffic
from .settings import Address, Settings
from .settings import NativeBackend as NativeSettings
from .telemetry.fail_open import FailOpen
from .telemetry.logs import Level, Logs
from .telemetry.metrics import Metrics
from .telemetry.outcomes import Stage
from .telemetry.sink import LineSink
from .telemetry.stdlib import LibraryHandler
from .web.access import AccessLog
from .web.admin import admin_app
from .web.bodies import UPLOADS, Uploads
from .web.clients import Clients
from .web.join_results import JoinResults
from .web.listener import listen, url_of
from .web.signatures import SignatureRoute


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
class Joinwatch:
    """A running joinwatch. The addresses are those really bound."""

    public: Address
    admin: Address
    health: Health
    logs: Logs


@asynccontextmanager
async def running(settings: Settings, *, time: Time, log_fd: int = 1) -> AsyncIterator[Joinwatch]:
    """Start everything, and on leaving drain it: requests in flight are finished, results flushed.

    Raises OSError where a listener's address cannot be bound. A ledger or a clock that is down raises nothing.
    """
    metrics = Metrics(backends=tuple(settings.backends), origins=settings.results.origins)
    metrics.config_loaded(time.wall())
    async with AsyncExitStack() as stack:
        sink = LineSink(log_fd, on_drop=metrics.log_line_dropped)
        stack.callback(sink.close)
        logs = Logs(sink.write, time=time, level=Level(settings.log.level))
        stack.callback(logs.notice, "stopped")
        stack.callback(_listen_to_libraries(logs, time))
        logs.notice("starting", configuration=settings.source, throwaway_credentials=settings.throwaway)

        parts = await _start_parts(settings, stack, metrics, logs, time)
        stack.push_async_callback(parts.intake.drain)
        admin = await listen(stack, _admin(settings, parts, metrics), settings.listen.admin, None)
        access_log = AccessLog.writing_to(logs) if settings.log.access else None
        public = await listen(stack, _public(settings, parts, time), settings.listen.public, access_log)
        for listener, address in (("public", public), ("admin", admin)):
            logs.notice("listening", listener=listener, url=url_of(address))
        yield Joinwatch(public, admin, parts.health, logs)
        parts.health.draining = True
        logs.notice("draining")


@dataclass(frozen=True, slots=True)
class _Parts:
    issuance: IssuanceService
    intake: IntakeService
    health: Health
    before_scrape: Callable[[], None]
    summary: SummaryService


async def _start_parts(
    settings: Settings, stack: AsyncExitStack, metrics: Metrics, logs: Logs, time: Time
) -> _Parts:
    fail_open = FailOpen(metrics, logs)
    receipts = Receipts(_receipt_keys(settings, logs), settings.receipts.max_age_s)

    ledger = LedgerWriter(
        lambda: Store(f"sqlite:///{settings.ledger.path}"),
        metrics=metrics,
        logs=logs,
        fail_open=fail_open,
        time=time,
        max_per_receipt=settings.results.max_attempts,
        retention_s=settings.ledger.retention_days * 86400,
    )
    await ledger.start()
    stack.push_async_callback(ledger.aclose)

    clocks = ClockMonitor(
        _reference_clocks(settings, time),
        time=time,
        metrics=metrics,
        logs=logs,
        interval_s=settings.clock.interval_s,
    )
    await clocks.start()
    stack.push_async_callback(clocks.aclose)

    backends = {name: _backend(settings, name, time) for name in settings.backends}
    for backend in backends.values():
        stack.push_async_callback(backend.aclose)

    backend_clocks = BackendClocks(
        (name for name, backend in settings.backends.items() if not isinstance(backend, NativeSettings)),
        metrics=metrics,
    )
    clocks.on_step.append(backend_clocks.clear)

    def before_scrape() -> None:
        with fail_open[Stage.CLOCK]:
            backend_clocks.publish(time.wall())

    traffic = Traffic(
        backends, random01=random.random, metrics=metrics, logs=logs, fail_open=fail_open, time=time
    )
    observer = Observer(
        credentials={name: _credentials(settings, name) for name in backends},
        host_clock=clocks,
        backend_clocks=backend_clocks,
        observe_max_bytes=settings.limits.observe_max_bytes,
        fail_open=fail_open,
        time=time,
        new_id=ReceiptIds(secrets.token_bytes).next,
    )
    diagnosis = Diagnosis(backends, ledger=ledger, metrics=metrics, logs=logs, fail_open=fail_open, time=time)
    await diagnosis.start()
    stack.push_async_callback(diagnosis.aclose)
    clocks.on_step.append(diagnosis.clock_stepped)
    issuance = IssuanceService(
        traffic=traffic,
        observer=observer,
        diagnosis=diagnosis,
        receipts=receipts,
        redaction=Redaction(
            meeting_number=Showing(settings.privacy.meeting_number),
            keys=Showing(settings.privacy.keys),
            secrets=[secret.reveal() for secret in settings.secrets()],
        ),
        metrics=metrics,
        logs=logs,
        fail_open=fail_open,
        time=time,
    )
    intake = IntakeService(
        receipts=receipts,
        ledger=ledger,
        evidence=EvidenceQuota(secrets.token_bytes(16)),
        diagnosis=diagnosis,
        metrics=metrics,
        logs=logs,
        fail_open=fail_open,
        time=time,
    )
    summary = SummaryService(
        backends=tuple(backends),
        ledger=ledger,
        suspected=diagnosis,
        host_clock=clocks,
        replica_clocks=backend_clocks,
        verdicts=metrics,
        time=time,
    )
    return _Parts(issuance, intake, Health(ledger, clocks, traffic, time), before_scrape, summary)


def _receipt_keys(settings: Settings, logs: Logs) -> list[bytes]:
    if settings.receipts.keys:
        return [decode_key(key.reveal()) for key in settings.receipts.keys]
    path = receipt_key_path(settings)
    try:
        return [decode_key(kept_secret(path, lambda: encode_key(secrets.token_bytes(32))))]
    except (OSError, ValueError) as error:
        if isinstance(error, OSError):
            mend = "make the ledger's folder writable or configure receipts.keys_file"
        else:
            mend = (
                "the file does not hold a receipt key: restore it, or remove it "
                "(receipts that are out will be refused)"
            )
        # Signatures must go out all the same; their receipts end with this process.
        logs.trouble("receipts.key_not_kept", path=str(path), error=type(error).__name__, mend=mend)
        return [secrets.token_bytes(32)]


def receipt_key_path(settings: Settings) -> Path:
    """Where the receipt key is kept when none is configured."""
    return settings.ledger.path.with_suffix(".receipt-key")


def _reference_clocks(settings: Settings, time: Time) -> list[ReferenceClock]:
    return [
        KernelClock(time=time),
        *(NtpClock(server, time=time) for server in settings.clock.ntp),
        *(HttpDateClock(url, time=time) for url in settings.clock.http_date),
    ]


def _backend(settings: Settings, name: str, time: Time) -> Backend:
    configured = settings.backends[name]
    if isinstance(configured, NativeSettings):
        return NativeBackend(
            name,
            configured.credentials,
            lifetime_s=configured.lifetime_s,
            backdate_s=configured.backdate_s,
            allow_host_role=configured.allow_host_role,
            time=time,
        )
    return HttpBackend(
        name,
        configured.url,
        timeout_s=configured.timeout_s,
        observe_max_bytes=settings.limits.observe_max_bytes,
        time=time,
        preserve_host=configured.preserve_host,
        replica_header=configured.replica_header,
        headers=tuple(
            (field, value.reveal() if isinstance(value, Secret) else value)
            for field, value in configured.headers
        ),
        tls_ca=str(configured.tls_ca) if configured.tls_ca else None,
    )


def _credentials(settings: Settings, name: str) -> tuple[Credentials, ...]:
    configured = settings.backends[name]
    return (configured.credentials,) if isinstance(configured, NativeSettings) else configured.credentials


def _public(settings: Settings, parts: _Parts, time: Time) -> web.Application:
    app = web.Application()
    app[UPLOADS] = Uploads()
    clients = Clients(settings.proxies.trusted)
    limits = settings.limits
    JoinResults(
        parts.intake,
        clients,
        Buckets(settings.results.rate_limit),
        client_timeout_s=limits.client_timeout_s,
        time=time,
    ).add_to(app.router)
    for route in settings.routes:
        forwards = any(not isinstance(settings.backends[name], NativeSettings) for name, _ in route.backends)
        SignatureRoute(
            Route(route.path, route.backends, route.meeting_from, route.role_from),
            parts.issuance,
            clients,
            methods=route.methods,
            below=forwards,
            buckets=Buckets(route.rate_limit) if route.rate_limit else None,
            request_max_bytes=limits.request_max_bytes,
            client_timeout_s=limits.client_timeout_s,
            time=time,
        ).add_to(app.router)
    return app


def _admin(settings: Settings, parts: _Parts, metrics: Metrics) -> web.Application:
    return admin_app(
        registry=metrics.registry,
        health=parts.health,
        before_scrape=parts.before_scrape,
        summary=parts.summary,
        hosts=frozenset(settings.listen.admin_hosts),
        token=settings.listen.admin_token,
    )


def _listen_to_libraries(logs: Logs, time: Time) -> Callable[[], None]:
    handler = LibraryHandler(logs, time)
    root = logging.getLogger()
    root.addHandler(handler)
    return lambda: root.removeHandler(handler)
