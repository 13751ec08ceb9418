"""What is made of the settings alone: backends, clocks, credentials, receipt keys."""

from __future__ import annotations

import secrets

from .backends.http import HttpBackend
from .backends.native import NativeBackend
from .clocks.http_date import HttpDateClock
from .clocks.kernel import KernelClock
from .clocks.ntp import NtpClock
from .domain.credentials import Credentials
from .domain.ports import Backend, ReferenceClock, Time
from .domain.receipt import decode_key, encode_key
from .domain.secret import Secret
from .ledger.kept_secret import kept_secret
from .settings import NativeBackend as NativeSettings
from .settings import Settings
from .telemetry.logs import Logs


def receipt_keys(settings: Settings, logs: Logs) -> list[bytes]:
    """The configured ones, newest first; else the one beside the ledger, which is made there once; else one for now."""
    if settings.receipts.keys or settings.ledger.path is None:  # without keys, the settings take a file only
        return [decode_key(key.reveal()) for key in settings.receipts.keys]
    path = settings.ledger.path.with_suffix(".receipt-key")
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


def reference_clocks(settings: Settings, time: Time) -> list[ReferenceClock]:
    """What this host's clock is compared with, the best first."""
    return [
        KernelClock(time=time),
        *(NtpClock(server, time=time) for server in settings.clock.ntp),
        *(HttpDateClock(url, time=time) for url in settings.clock.http_date),
    ]


def backend(settings: Settings, name: str, time: Time) -> Backend:
    """What signs under this name."""
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


def credentials(settings: Settings, name: str) -> tuple[Credentials, ...]:
    """What a backend's HMACs are verified with; empty where nothing is configured."""
    configured = settings.backends[name]
    return (configured.credentials,) if isinstance(configured, NativeSettings) else configured.credentials
