"""The pair by which Zoom knows an app: what signatures are made and verified with."""

from __future__ import annotations

from dataclasses import dataclass

from .secret import Secret


@dataclass(frozen=True, slots=True)
class Credentials:
    """A client id (formerly SDK key) and its client secret (formerly SDK secret).

    `name` is the configured one; it may appear in metrics and logs, `client_id` only as privacy allows.
    """

    name: str
    client_id: str
    client_secret: Secret
