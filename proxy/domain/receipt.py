"""What a receipt carries; seal and open, key rotation, age."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Issuance:
    """What joinwatch knew when a signature left: everything that a later join result is judged by.

    Never the signature, a secret, a meeting number or a key. Times are epoch seconds of the proxy's clock, offsets
    seconds with |true - offset| <= bound; None is unknown.
    """

    receipt_id: str
    sent_at: float
    route: str
    asked: str
    """The backend that the route chose."""
    signer: str
    """The backend that signed: another one after a retry."""
    replica: str | None
    format: str
    iat: float | None
    exp: float | None
    iat_offset_s: float | None
    """iat - the proxy's clock when the backend's headers arrived."""
    iat_offset_bound_s: float | None
    clock_offset_s: float | None
    """This host's clock against its reference."""
    clock_bound_s: float | None
    backend_clock_offset_s: float | None
    """The backend's clock against this host's."""
    backend_clock_bound_s: float | None
    findings: tuple[str, ...]
