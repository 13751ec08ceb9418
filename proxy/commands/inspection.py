"""One signature judged for `inspect`: when, what was found, the verdict, and its claims as they may be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from ..domain import findings, mac_probes
from ..domain.claims import FLOAT32_STEP_S, JsonValue, Redaction
from ..domain.credentials import Credentials
from ..domain.ports import Offset
from ..domain.rules.base import DATED, Circumstances, Finding, Mac, Severity, Verdict
from ..domain.signature import Signature
from .pasted import Pasted

EXPIRED: Final = "time/expired"

MIN_COMMON: Final = 4
"""Distinct iats with one residue: by chance one set in two millions."""


class Basis(StrEnum):
    """Where the time comes from at which a signature is judged."""

    GIVEN = "--at"
    DATE = "the reply's Date"
    NOW = "now"


@dataclass(frozen=True, slots=True)
class When:
    """The time at which a signature is judged. `clock`: how far `now` is known to be right; None: nobody knows."""

    basis: Basis
    now: float
    clock: Offset | None

    @property
    def reference(self) -> float:
        """The best guess of the true time."""
        return self.now if self.clock is None else self.now - self.clock.offset_s

    @classmethod
    def of(cls, pasted: Pasted, given: float | None, now: float, host_clock: Offset | None) -> When:
        """`given` by --at, else the reply's Date, which stands for the second that begins there, else now."""
        if given is not None:
            return cls(Basis.GIVEN, given, Offset(0.0, 0.0, given))
        if pasted.date is not None:
            middle = pasted.date + 0.5
            return cls(Basis.DATE, middle, Offset(0.0, 0.5, middle))
        return cls(Basis.NOW, now, host_clock)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is said of one signature. `claims` are redacted."""

    signature: Signature
    when: When
    mac: Mac
    findings: tuple[Finding, ...]
    verdict: Verdict
    claims: dict[str, JsonValue]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The object that --json prints."""
        return {
            "verdict": self.verdict,
            "format": self.signature.format,
            "claims": self.claims,
            "findings": [
                {
                    "id": each.id,
                    "severity": each.severity,
                    "cause": each.cause,
                    "summary": each.summary,
                    "detail": each.detail,
                }
                for each in self.findings
            ],
        }


def inspect(
    pasted: Pasted, when: When, credentials: Sequence[Credentials], redaction: Redaction
) -> Inspection:
    """Judge a signature by its form, its time, its reply and, where there are credentials, its HMAC."""
    signature = pasted.signature
    mac = findings.check_mac(signature, credentials)
    if mac is Mac.NOT_CHECKED and signature.format in DATED:
        explained = mac_probes.key_as_secret(signature)
        if explained is not None:
            mac = Mac(mac.state, explained.flaw, explained.detail)
    found = findings.check(signature, Circumstances(when.now, when.clock, mac=mac, headers=pasted.headers))
    if when.basis is Basis.NOW:
        found = tuple(_aged(each) if each.id == EXPIRED else each for each in found)
    return Inspection(
        signature, when, mac, found, findings.verdict(found), redaction.claims(signature.claims), pasted.notes
    )


def common_residue(signatures: Sequence[Signature]) -> int | None:
    """The one residue modulo FLOAT32_STEP_S of all iats, where at least four distinct ones have it; None otherwise."""
    iats = {iat for each in signatures if (iat := each.claims.iat) is not None}
    residues = {iat % FLOAT32_STEP_S for iat in iats}
    return int(residues.pop()) if len(iats) >= MIN_COMMON and len(residues) == 1 else None


def _aged(finding: Finding) -> Finding:
    """A pasted token has aged: that it has expired by now says nothing of the time when it was handed out."""
    return replace(
        finding,
        severity=Severity.INFO,
        cause=None,
        summary="The signature has expired by now, as every pasted one does.",
        detail=f"{finding.detail} Give --at, or the whole reply with its Date header (curl -i), to judge it as it was.",
    )
