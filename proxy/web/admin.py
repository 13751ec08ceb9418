"""The admin listener: metrics, health and the summary, for operators only."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Final, Protocol

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.aiohttp import make_aiohttp_handler

from .. import __version__
from ..domain.ports import BackendState, LedgerState, Offset, Time
from ..domain.secret import Secret
from ..services.joins import JoinsService
from ..services.summary import SummaryService
from .status.pages import StatusPages
from .summary import SummaryPage

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

OPEN_PATHS: Final = frozenset({"/livez", "/readyz"})
"""Balancers and orchestrators ask these without a token."""

_HOST: Final = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]+))(?::[0-9]*)?")

_CHALLENGES: Final = ("Bearer", 'Basic realm="joinwatch: the admin token as password", charset="UTF-8"')
"""A browser can send the token only as a password; the name does not matter."""

_INDEX: Final = f"""joinwatch {__version__}

/             the status page, for a browser
/joins        the joins as a table, and each one's own page
/api/joins    the joins of the last hour (?since=, ?backend=) as JSON
/metrics      Prometheus text and OpenMetrics
/api/summary  the causes that are suspected, and the joins of the last hour (?since=90s, 15m, 7d) as JSON
/readyz       ready to serve, and how the ledger and the clock are
/livez        the process answers

The page's script, pinned to this version; write the public listener's own address before the path of src:

{{script_tag}}
"""


class Health(Protocol):
    """What /readyz tells."""

    @property
    def draining(self) -> bool:
        """The process is going down and takes nothing new."""

    def ledger(self) -> LedgerState:
        """Whether join results can be stored."""

    def clock(self) -> Offset | None:
        """This host's clock against its best reference."""

    def backends(self) -> Mapping[str, BackendState]:
        """How each backend was last seen."""


def admin_app(
    *,
    registry: CollectorRegistry,
    health: Health,
    before_scrape: Callable[[], None],
    summary: SummaryService,
    joins: JoinsService,
    time: Time,
    script_tag: str,
    hosts: frozenset[str],
    token: Secret | None,
) -> web.Application:
    """The admin application. `hosts`: names beyond loopback that the Host header may have."""
    app = web.Application(middlewares=[_guard(hosts, token)])
    metrics = make_aiohttp_handler(registry)

    async def scrape(request: web.Request) -> web.StreamResponse:
        before_scrape()
        return await metrics(request)

    async def livez(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_request: web.Request) -> web.Response:
        return _json(503 if health.draining else 200, _readiness(health))

    index = _INDEX.format(script_tag=script_tag)
    StatusPages(summary, joins, script_tag=script_tag, index=index, time=time).add_to(app.router)
    app.router.add_get("/metrics", scrape)
    app.router.add_get("/api/summary", SummaryPage(summary).handle)
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    return app


def _readiness(health: Health) -> dict[str, object]:
    """Only draining makes a process unready: a balancer must not take signatures away because telemetry is ill."""
    ledger, clock = health.ledger(), health.clock()
    return {
        "status": "draining" if health.draining else "ready",
        "ledger": {"writable": ledger.writable, "detail": ledger.detail, "waiting": ledger.waiting},
        "clock": {"offset_s": clock.offset_s, "bound_s": clock.bound_s} if clock else {"offset_s": None},
        "backends": {
            name: {"reachable": state.reachable, "seconds_ago": state.seconds_ago}
            for name, state in health.backends().items()
        },
    }


def _guard(hosts: frozenset[str], token: Secret | None) -> Callable[..., Awaitable[web.StreamResponse]]:
    expected = token.reveal().encode() if token else None

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        # Not request.host: where the header is missing, that is this machine's own name.
        name = _host_name(request.headers.get("Host", ""))
        # Probes come with the address of the pod as their Host; rebinding needs a name.
        probed = request.path in OPEN_PATHS and _is_address(name)
        if not probed and not _is_allowed(name, hosts):
            # DNS rebinding: a page elsewhere could point its own name at this listener.
            message = (
                "this Host is not served: use the loopback address, or add the name to listen.admin_hosts"
            )
            return _json(403, {"error": {"code": "host", "message": message}})
        if expected is None or request.path in OPEN_PATHS:
            return await handler(request)
        given = _given(request.headers.get("Authorization", ""))
        if given is None or not hmac.compare_digest(given, expected):
            message = "send Authorization: Bearer with the token of listen.admin_token_file"
            response = _json(401, {"error": {"code": "token", "message": message}})
            for challenge in _CHALLENGES:
                response.headers.add("WWW-Authenticate", challenge)
            return response
        return await handler(request)

    return guard


def _given(authorization: str) -> bytes | None:
    """The token, also where it comes as a password; None where there is none."""
    scheme, _, value = authorization.partition(" ")
    if scheme == "Bearer":
        return value.encode("utf-8", "surrogateescape")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            return base64.b64decode(value, validate=True).partition(b":")[2]
    return None


def _host_name(host: str) -> str:
    """Without the port; empty where it is not well-formed, as "[::1].evil.example" is not."""
    found = _HOST.fullmatch(host)
    return (found[1] or found[2]).lower() if found else ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_allowed(name: str, hosts: frozenset[str]) -> bool:
    if name in hosts or name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _json(status: int, value: dict[str, object]) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.Response(
        status=status, body=msgspec.json.encode(value), content_type="application/json", headers=headers
    )
