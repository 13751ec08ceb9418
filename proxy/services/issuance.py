"""The journey of a signature: ask a backend, read what it signed, judge it, seal a receipt, record.

Asking is the only await and the only thing that can fail a request. Everything else observes, and fails open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from ..domain import content_coding, findings, request_facts
from ..domain.claims import Redaction
from ..domain.credentials import Credentials
from ..domain.ports import Ask, Offset, Reply, Time, header
from ..domain.rate_limit import Buckets
from ..domain.receipt import Issuance, Receipts
from ..domain.request_facts import Source
from ..domain.rules.base import Circumstances, Finding, Mac
from ..domain.signature import Signature, find
from ..telemetry.fail_open import FailOpen
from ..telemetry.logs import FAILURE_LINES, Logs
from ..telemetry.metrics import Metrics
from ..telemetry.outcomes import SignatureOutcome, Stage
from .backend_clocks import BackendClocks
from .traffic import Route, Signed, Traffic, Unserved


class HostClock(Protocol):
    """What is known of this host's own clock."""

    def best(self) -> Offset | None:
        """This host's offset against its best reference; None where nothing was measured. Never blocks."""


class Observed(msgspec.Struct, frozen=True, gc=False):
    """What was seen in a signature on its way out."""

    signature: Signature
    findings: tuple[Finding, ...]
    issuance: Issuance


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
    """Issues signatures through the backends of a route. `new_id` makes a receipt id of 128 random bits."""

    def __init__(
        self,
        *,
        traffic: Traffic,
        credentials: Mapping[str, tuple[Credentials, ...]],
        receipts: Receipts,
        host_clock: HostClock,
        backend_clocks: BackendClocks,
        redaction: Redaction,
        observe_max_bytes: int,
        metrics: Metrics,
        logs: Logs,
        fail_open: FailOpen,
        time: Time,
        new_id: Callable[[], str],
    ) -> None:
        self._traffic = traffic
        self._credentials = credentials
        self._receipts = receipts
        self._host_clock = host_clock
        self._backend_clocks = backend_clocks
        self._redaction = redaction
        self._observe_max_bytes = observe_max_bytes
        self._metrics = metrics
        self._logs = logs
        self._counting = fail_open[Stage.METRIC]
        self._writing = fail_open[Stage.LOG]
        self._reading_clocks = fail_open[Stage.CLOCK]
        self._reading_request = fail_open[Stage.REQUEST]
        self._decoding = fail_open[Stage.DECODE]
        self._judging = fail_open[Stage.JUDGE]
        self._sealing = fail_open[Stage.RECEIPT]
        self._failures = Buckets(FAILURE_LINES)
        self._time = time
        self._new_id = new_id

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
        outcome, signature = self._read(signed.reply)
        observed, receipt = None, None
        if signature is not None:
            observed = self._observe(route, ask, signed, signature)
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
            self._logs.signature_issued(
                observed.issuance,
                claims=self._redaction.claims(observed.signature.claims),
                verdict=verdict,
                status=reply.status,
                duration_s=self._time.mono() - issued.began,
            )

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

    def _read(self, reply: Reply) -> tuple[SignatureOutcome, Signature | None]:
        """How the request ended, by the reply, and the signature in it."""
        outcome = _by_status(reply)
        if outcome is not None:
            return outcome, None
        if reply.known is not None:
            return SignatureOutcome.ISSUED, reply.known
        with self._decoding:
            coding = header(reply.headers, "content-encoding")
            try:
                body = content_coding.decode(reply.body, coding, self._observe_max_bytes)
            except (content_coding.NotDecodable, content_coding.TooLarge):
                return SignatureOutcome.UNOBSERVED, None
            signature = find(body)
            return (
                SignatureOutcome.NO_SIGNATURE if signature is None else SignatureOutcome.ISSUED
            ), signature
        return SignatureOutcome.UNOBSERVED, None

    def _observe(self, route: Route, ask: Ask, signed: Signed, signature: Signature) -> Observed | None:
        """Judge a signature by everything that is known now. None where judging failed."""
        reply = signed.reply
        clock = backend_clock = None
        with self._reading_clocks:
            clock = self._host_clock.best()
            backend_clock = self._backend_clocks.observe(signed.signer, reply)
        with self._judging:
            circumstances = self._circumstances(route, ask, signed, signature, clock)
            found = findings.check(signature, circumstances, form_known=reply.known is not None)
            claims = signature.claims
            iat = claims.iat
            issuance = Issuance(
                receipt_id=self._new_id(),
                sent_at=self._time.wall(),
                route=route.path,
                asked=signed.asked,
                signer=signed.signer,
                replica=reply.replica,
                format=signature.format,
                iat=iat,
                exp=claims.exp,
                iat_offset_s=None if iat is None else round(iat - reply.headers_wall, 6),
                iat_offset_bound_s=None if iat is None else round(reply.headers_mono - reply.began_mono, 6),
                clock_offset_s=round(clock.offset_s, 6) if clock else None,
                clock_bound_s=round(clock.bound_s, 6) if clock else None,
                backend_clock_offset_s=round(backend_clock.offset_s, 6) if backend_clock else None,
                backend_clock_bound_s=round(backend_clock.bound_s, 6) if backend_clock else None,
                findings=tuple(finding.id for finding in found),
            )
            return Observed(signature, found, issuance)
        return None

    def _circumstances(
        self, route: Route, ask: Ask, signed: Signed, signature: Signature, clock: Offset | None
    ) -> Circumstances:
        now = signed.reply.headers_wall
        if signed.reply.known is not None:
            # Made in this process, of what was asked, with the very secret that it would be checked with.
            return Circumstances(now, clock, Mac.RIGHT)
        mac = findings.check_mac(signature, self._credentials.get(signed.signer, ()))
        meeting = self._asked_for(route.meeting_from, ask)
        return Circumstances(now, clock, mac, meeting, self._asked_for(route.role_from, ask))

    def _asked_for(self, source: Source | None, ask: Ask) -> str | None:
        if source is None:
            return None
        with self._reading_request:
            value = request_facts.read(
                source,
                tail=ask.tail,
                query=ask.query,
                body=ask.body,
                content_type=header(ask.headers, "content-type"),
            )
            return None if value is None else str(value)
        return None

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


def _by_status(reply: Reply) -> SignatureOutcome | None:
    """How the request ended where the body need not be read, or cannot be; None where it must."""
    if reply.status >= 500:
        return SignatureOutcome.BACKEND_ERROR
    if reply.status >= 400:
        return SignatureOutcome.REFUSED
    if reply.status >= 300:
        return SignatureOutcome.NO_SIGNATURE
    return None if reply.rest is None else SignatureOutcome.UNOBSERVED


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
