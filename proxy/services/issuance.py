"""The journey of a signature: ask a backend, read what it signed, judge it, seal a receipt, record.

Asking is the only await and the only thing that can fail a request. Everything else observes, and fails open.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from ..domain import findings
from ..domain.claims import Redaction
from ..domain.ports import Ask, Time
from ..domain.rate_limit import Buckets
from ..domain.receipt import Receipts
from ..telemetry.fail_open import FailOpen
from ..telemetry.logs import FAILURE_LINES, Logs
from ..telemetry.metrics import Metrics
from ..telemetry.outcomes import SignatureOutcome, Stage
from .diagnosis import Diagnosis
from .observer import Observed, Observer
from .recent import RecentSignatures, Remembered
from .traffic import Route, Signed, Traffic, Unserved


class Issued(msgspec.Struct, frozen=True, gc=False):
    """A reply ready to be sent. `receipt` is the value of the Join-Receipt header, None where there is none."""

    route: Route
    signed: Signed
    outcome: SignatureOutcome | None
    """None for a preflight, which is not counted."""
    observed: Observed | None
    receipt: str | None
    began: float
    answered_s: float = 0.0


class IssuanceService:
    """Issues signatures through the backends of a route."""

    def __init__(
        self,
        *,
        traffic: Traffic,
        observer: Observer,
        diagnosis: Diagnosis,
        receipts: Receipts,
        redaction: Redaction,
        recent: RecentSignatures,
        metrics: Metrics,
        logs: Logs,
        fail_open: FailOpen,
        time: Time,
    ) -> None:
        self._traffic = traffic
        self._observer = observer
        self._diagnosis = diagnosis
        self._receipts = receipts
        self._redaction = redaction
        self._recent = recent
        self._metrics = metrics
        self._logs = logs
        self._counting = fail_open[Stage.METRIC]
        self._writing = fail_open[Stage.LOG]
        self._sealing = fail_open[Stage.RECEIPT]
        self._diagnosing = fail_open[Stage.DIAGNOSIS]
        self._failures = Buckets(FAILURE_LINES)
        self._time = time

    async def issue(self, route: Route, ask: Ask) -> Issued:
        """Ask a backend and observe its reply. Raises traffic.Unserved where no backend answered."""
        began = self._time.mono()
        asked = self._traffic.choose(route)
        if ask.preflight:
            return Issued(route, await self._traffic.send(route, asked, ask), None, None, None, began)
        try:
            signed = await self._traffic.send(route, asked, ask)
        except Unserved as unserved:
            self._failed(route, unserved.backend, unserved.outcome, detail=str(unserved), began=began)
            raise
        except asyncio.CancelledError:
            gone = SignatureOutcome.CLIENT_GONE
            self._failed(
                route, asked, gone, detail="the client left before the backend answered", began=began
            )
            raise
        answered_s = self._time.mono() - signed.reply.began_mono
        outcome, signature = self._observer.read(signed.reply)
        observed, receipt = None, None
        if signature is not None:
            observed = self._observer.observe(route, ask, signed, signature)
        if observed is not None:
            with self._sealing:
                receipt = self._receipts.seal(observed.issuance)
        return Issued(route, signed, outcome, observed, receipt, began, answered_s)

    def left(self, issued: Issued, cut_short: SignatureOutcome | None) -> None:
        """The reply has been written: count it and write its line. `cut_short`: why it was not written whole."""
        outcome = issued.outcome
        if outcome is None:
            return
        signed, observed = issued.signed, issued.observed
        reply, answered_s = signed.reply, issued.answered_s
        if cut_short is not None or outcome is not SignatureOutcome.ISSUED:
            with self._counting:
                self._metrics.backend_answered(signed.signer, answered_s)
            self._failed(
                issued.route,
                signed.signer,
                cut_short or outcome,
                status=reply.status,
                detail=_CUT_SHORT[cut_short] if cut_short else _DETAILS[outcome],
                began=issued.began,
            )
            return
        if observed is None:  # Judging it has failed, and was counted.
            with self._counting:
                self._metrics.signature(signed.signer, outcome)
            return
        verdict = findings.verdict(observed.findings)
        with self._counting:
            self._metrics.signature_issued(observed.issuance, verdict, observed.findings, answered_s)
        with self._writing:
            claims = self._redaction.claims(observed.signature.claims)
            duration_s = self._time.mono() - issued.began
            self._recent.keep(Remembered(observed.issuance, claims, verdict, reply.status, duration_s))
            self._logs.signature_issued(
                observed.issuance, claims=claims, verdict=verdict, status=reply.status, duration_s=duration_s
            )
        with self._diagnosing:
            self._diagnosis.signature(signed.signer, observed.seen)

    def rejected(self, route: Route, status: int, detail: str) -> None:
        """joinwatch itself refused a request of this route."""
        self._unasked(route, SignatureOutcome.REJECTED, detail, status)

    def abandoned(self, route: Route) -> None:
        """The client left before its request was complete."""
        self._unasked(route, SignatureOutcome.CLIENT_GONE, "the client left within its request")

    def _unasked(
        self, route: Route, outcome: SignatureOutcome, detail: str, status: int | None = None
    ) -> None:
        backend = self._traffic.choose(route)
        self._failed(route, backend, outcome, status=status, detail=detail, began=self._time.mono())

    def _failed(
        self,
        route: Route,
        backend: str,
        outcome: SignatureOutcome,
        *,
        detail: str,
        began: float,
        status: int | None = None,
    ) -> None:
        with self._counting:
            self._metrics.signature(backend, outcome)
        now = self._time.mono()
        with self._writing:
            if self._failures.allow(f"{backend} {outcome}", now) > 0:
                return
            self._logs.signature_failed(
                route=route.path,
                backend=backend,
                outcome=outcome,
                status=status,
                detail=detail,
                duration_s=now - began,
            )


_DETAILS: Final = {
    SignatureOutcome.REFUSED: "the backend refused the request",
    SignatureOutcome.NO_SIGNATURE: "the reply holds nothing that has the shape of a signature",
    SignatureOutcome.UNOBSERVED: "the reply was passed on unread: a stream, too large, or not decodable",
    SignatureOutcome.BACKEND_ERROR: "the backend answered with an error",
}
_CUT_SHORT: Final = {
    SignatureOutcome.CLIENT_GONE: "the client left before the reply was written",
    SignatureOutcome.BACKEND_ERROR: "the backend broke off within its reply",
}
