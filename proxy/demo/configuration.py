"""The settings of the joinwatch in the middle: as somebody would write them who has these backends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..settings import Settings, from_mapping
from .backends import BY_GET, REPLICA_HEADER
from .signing import CLIENT_ID, CLIENT_SECRET
from .visits import ORIGINS

LEDGER: Final = "joinwatch.db"
_OVERRIDABLE: Final = ("JOINWATCH_LISTEN__", "JOINWATCH_LOG__")
_SECRET_FILE: Final = "client-secret"  # noqa: S105  # where it is, not what it is
_WITHOUT_SECRET: Final = "replicas"  # noqa: S105  # a backend's name
"""Of this one joinwatch knows no secret, so that only the joins tell."""


def settings_for(backends: Mapping[str, str], folder: Path, environ: Mapping[str, str]) -> Settings:
    """Of the environment only the listeners and the log are read. Raises SettingsError."""
    secret = folder / _SECRET_FILE
    secret.touch(mode=0o600)
    secret.write_text(CLIENT_SECRET, encoding="utf-8")
    mapping = {
        # The demo's browsers say who they are in X-Forwarded-For, as behind a balancer.
        "proxies": {"trusted": ["127.0.0.0/8", "::1"]},
        "credentials": {"demo": {"client_id": CLIENT_ID, "client_secret_file": str(secret)}},
        "backends": {name: _backend(name, url) for name, url in backends.items()},
        "routes": [_route(name) for name in backends],
        "results": {"origins": list(ORIGINS), "rate_limit": "600/1m"},
        "ledger": {"url": f"sqlite:///{folder / LEDGER}"},
    }
    ours = {name: value for name, value in environ.items() if name.upper().startswith(_OVERRIDABLE)}
    return from_mapping(mapping, ours, Path.cwd(), source="the demo")


def _backend(name: str, url: str) -> dict[str, object]:
    backend: dict[str, object] = {"kind": "http", "url": url, "replica_header": REPLICA_HEADER}
    if name != _WITHOUT_SECRET:
        backend["credentials"] = "demo"
    return backend


def _route(name: str) -> dict[str, object]:
    where = "query:{}" if name in BY_GET else "json:/{}"
    return {
        "path": f"/{name}",
        "backends": {name: 1},
        "methods": ["GET" if name in BY_GET else "POST"],
        "meeting_from": where.format("meetingNumber"),
        "role_from": where.format("role"),
    }
