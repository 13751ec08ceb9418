"""The parts meet the listeners: settings in, a running joinwatch out."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from .domain.ports import Time
from .domain.rate_limit import Buckets
from .parts import Health, Parts, start_parts
from .services.traffic import Route
from .settings import Address, Settings
from .settings import NativeBackend as NativeSettings
from .telemetry.logs import Level, Logs
from .telemetry.metrics import Metrics
from .telemetry.sink import LineSink
from .telemetry.stdlib import LibraryHandler
from .web.access import AccessLog
from .web.admin import admin_app
from .web.bodies import UPLOADS, Uploads
from .web.clients import Clients
from .web.join_results import JoinResults
from .web.listener import listen, url_of
from .web.page_script import BUILT, PageScript
from .web.signatures import SignatureRoute


@dataclass(frozen=True, slots=True)
class Joinwatch:
    """A running joinwatch. The addresses are those really bound."""

    public: Address
    admin: Address
    health: Health
    logs: Logs


@asynccontextmanager
async def running(
    settings: Settings, *, time: Time, log_fd: int = 1, admin_routes: Iterable[web.RouteDef] = ()
) -> AsyncIterator[Joinwatch]:
    """Start everything, and on leaving drain it: requests in flight are finished, results flushed.

    `admin_routes` are served by the admin listener besides its own, behind the same guard.
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

        parts = await start_parts(settings, stack, metrics, logs, time)
        stack.push_async_callback(parts.intake.drain)
        script = PageScript(BUILT)
        admin_listener = _admin(settings, parts, metrics, script, time)
        admin_listener.router.add_routes(admin_routes)
        admin = await listen(stack, admin_listener, settings.listen.admin, None)
        access_log = AccessLog.writing_to(logs) if settings.log.access else None
        public = await listen(
            stack, _public(settings, parts, script, time), settings.listen.public, access_log
        )
        for listener, address in (("public", public), ("admin", admin)):
            logs.notice("listening", listener=listener, url=url_of(address))
        yield Joinwatch(public, admin, parts.health, logs)
        parts.health.draining = True
        logs.notice("draining")


def _public(settings: Settings, parts: Parts, script: PageScript, time: Time) -> web.Application:
    app = web.Application()
    app[UPLOADS] = Uploads()
    clients = Clients(settings.proxies.trusted)
    limits = settings.limits
    # Before the routes: one with the path "/" would take what is below it.
    script.add_to(app.router)
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


def _admin(
    settings: Settings, parts: Parts, metrics: Metrics, script: PageScript, time: Time
) -> web.Application:
    return admin_app(
        registry=metrics.registry,
        health=parts.health,
        before_scrape=parts.before_scrape,
        summary=parts.summary,
        joins=parts.joins,
        time=time,
        script_tag=script.tag(),
        hosts=frozenset(settings.listen.admin_hosts),
        token=settings.listen.admin_token,
    )


def _listen_to_libraries(logs: Logs, time: Time) -> Callable[[], None]:
    handler = LibraryHandler(logs, time)
    root = logging.getLogger()
    root.addHandler(handler)
    return lambda: root.removeHandler(handler)
