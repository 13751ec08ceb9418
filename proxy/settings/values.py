"""The settings as the rest of joinwatch sees them: frozen, typed, checked, every file and variable already read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from ..domain.credentials import Credentials
from ..domain.rate_limit import RateLimit
from ..domain.request_facts import Source
from ..domain.secret import Secret

Address = tuple[str, int]
"""Host (IPv6 without brackets) and port (0: any free one)."""
Network = IPv4Network | IPv6Network
Shown = Literal["masked", "clear", "omitted"]
Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Listen:
    """[listen]"""

    public: Address
    admin: Address
    admin_token: Secret | None
    admin_hosts: tuple[str, ...]
    """Host names beyond loopback that the admin listener answers to: lower case, no port, IPv6 without brackets."""
    drain_delay_s: float


@dataclass(frozen=True, slots=True)
class Proxies:
    """[proxies]"""

    trusted: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """[limits]"""

    observe_max_bytes: int
    request_max_bytes: int
    client_timeout_s: float


@dataclass(frozen=True, slots=True)
class NativeBackend:
    """[backends.NAME] with kind = "native": joinwatch signs."""

    name: str
    credentials: Credentials
    lifetime_s: int
    backdate_s: int
    allow_host_role: bool


@dataclass(frozen=True, slots=True)
class HttpBackend:
    """[backends.NAME] with kind = "http": an endpoint signs. `url` is as configured."""

    name: str
    url: str
    timeout_s: float
    preserve_host: bool
    replica_header: str | None
    headers: tuple[tuple[str, str | Secret], ...]
    tls_ca: Path | None
    credentials: tuple[Credentials, ...]
    """With these the HMACs of its signatures are verified; none: they are not."""


Backend = NativeBackend | HttpBackend


@dataclass(frozen=True, slots=True)
class Route:
    """One entry of [[routes]]: `path` and everything below it, on whole segments."""

    path: str
    methods: tuple[str, ...]
    """Upper case; () is any method. OPTIONS is always served."""
    backends: tuple[tuple[str, float], ...]
    meeting_from: Source | None
    role_from: Source | None
    rate_limit: RateLimit | None
    """For each client address."""


@dataclass(frozen=True, slots=True)
class Receipts:
    """[receipts]. `keys`: receipt keys, newest first; empty: the app makes one and keeps it beside the ledger."""

    keys: tuple[Secret, ...]
    max_age_s: int


@dataclass(frozen=True, slots=True)
class Results:
    """[results]"""

    origins: tuple[str, ...]
    rate_limit: RateLimit
    max_attempts: int


@dataclass(frozen=True, slots=True)
class Clock:
    """[clock]. `ntp`: "host" or "host:port"; `http_date`: URLs."""

    ntp: tuple[str, ...]
    http_date: tuple[str, ...]
    interval_s: float


@dataclass(frozen=True, slots=True)
class LedgerPlace:
    """[ledger]: the SQLite file (absolute) or else the PostgreSQL URL, and how long rows stay."""

    path: Path | None
    retention_days: int
    server: Secret | None = None
    passwords: tuple[Secret, ...] = ()
    """What in the URL is secret in itself."""

    def place(self) -> Path | str:
        """File or URL, for the ledger's eyes only: a password may be in it. Raises ValueError for neither."""
        if self.path is not None:
            return self.path
        if self.server is None:
            raise ValueError("a ledger without a place")
        return self.server.reveal()


@dataclass(frozen=True, slots=True)
class Privacy:
    """[privacy]"""

    meeting_number: Shown
    keys: Shown


@dataclass(frozen=True, slots=True)
class Log:
    """[log]"""

    level: Level
    access: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything configured. `source` says where it came from: a file's name, or "embedded default"."""

    listen: Listen
    proxies: Proxies
    limits: Limits
    credentials: Mapping[str, Credentials]
    backends: Mapping[str, Backend]
    routes: tuple[Route, ...]
    receipts: Receipts
    results: Results
    clock: Clock
    ledger: LedgerPlace
    privacy: Privacy
    log: Log
    throwaway: bool
    """The native issuer signs with made-up credentials: good for a look round, never accepted by Zoom."""
    source: str

    def secrets(self) -> tuple[Secret, ...]:
        """Every secret value in the settings, each once."""
        found: list[Secret] = [pair.client_secret for pair in self.credentials.values()]
        for backend in self.backends.values():
            if isinstance(backend, NativeBackend):
                found.append(backend.credentials.client_secret)
            else:
                found += (pair.client_secret for pair in backend.credentials)
                found += (value for _, value in backend.headers if isinstance(value, Secret))
        found += self.receipts.keys
        found += self.ledger.passwords
        if self.listen.admin_token is not None:
            found.append(self.listen.admin_token)
        return tuple(dict.fromkeys(found))
