"""What is seen in a reply on its way out: the signature in it, judged by everything that is known now."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from ..domain import content_coding, findings, request_facts
from ..domain.claims import digest
from ..domain.credentials import Credentials
from ..domain.diagnosis.sightings import SignatureSeen
from ..domain.ports import Ask, Offset, Reply, Time, header
from ..domain.receipt import Issuance
from ..domain.request_facts import Source
from ..domain.rules.base import Circumstances, Finding, Mac
from ..domain.signature import Signature, find
from ..telemetry.fail_open import FailOpen
from ..telemetry.outcomes import SignatureOutcome, Stage
from .backend_clocks import UNDATED, BackendClocks
from .traffic import Route, Signed

A_PART: Final = 16
"""A name this long that is found in the signature is no coincidence."""


class HostClock(Protocol):
    """What is known of this host's own clock."""

    def best(self) -> Offset | None:
        """This host's offset against its best reference; None where nothing was measured. Never blocks."""


class Observed(msgspec.Struct, frozen=True, gc=False):
    """What was seen in a signature on its way out."""

    signature: Signature
    mac: Mac
    findings: tuple[Finding, ...]
    issuance: Issuance
    seen: SignatureSeen


class Observer:
    """Reads and judges replies; whatever fails costs the observation only. `new_id` makes a receipt id."""

    def __init__(
        self,
        *,
        credentials: Mapping[str, tuple[Credentials, ...]],
        host_clock: HostClock,
        backend_clocks: BackendClocks,
        observe_max_bytes: int,
        fail_open: FailOpen,
        time: Time,
        new_id: Callable[[], str],
    ) -> None:
        self._credentials = credentials
        self._all_credentials = tuple(each for of_one in credentials.values() for each in of_one)
        self._host_clock = host_clock
        self._backend_clocks = backend_clocks
        self._observe_max_bytes = observe_max_bytes
        self._reading_clocks = fail_open[Stage.CLOCK]
        self._reading_request = fail_open[Stage.REQUEST]
        self._decoding = fail_open[Stage.DECODE]
        self._judging = fail_open[Stage.JUDGE]
        self._time = time
        self._new_id = new_id

    def read(self, reply: Reply) -> tuple[SignatureOutcome, Signature | None]:
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

    def observe(self, route: Route, ask: Ask, signed: Signed, signature: Signature) -> Observed | None:
        """Judge a signature by everything that is known now. None where judging failed."""
        reply = signed.reply
        clock, dated = None, UNDATED
        with self._reading_clocks:
            clock = self._host_clock.best()
            dated = self._backend_clocks.observe(signed.signer, reply)
        with self._judging:
            circumstances = self._circumstances(route, ask, signed, signature, clock)
            found = findings.check(signature, circumstances, form_known=reply.known is not None)
            claims = signature.claims
            iat, role, backend_clock = claims.iat, claims.role, dated.offset
            issuance = Issuance(
                receipt_id=self._new_id(),
                sent_at=self._time.wall(),
                route=route.path,
                asked=signed.asked,
                signer=signed.signer,
                replica=None if reply.replica is None else _named(reply.replica, signature),
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
                role=int(role) if role in (0, 1) else None,
            )
            asked = circumstances.meeting
            seen = SignatureSeen(
                issuance,
                token=hash(signature.mac),
                meeting=0 if claims.meeting is None else hash(claims.meeting),
                asked=0 if asked is None else hash(asked),
                date=dated.by_itself,
            )
            return Observed(signature, circumstances.mac, found, issuance, seen)
        return None

    def _circumstances(
        self, route: Route, ask: Ask, signed: Signed, signature: Signature, clock: Offset | None
    ) -> Circumstances:
        now = signed.reply.headers_wall
        if signed.reply.known is not None:
            # Made in this process, of what was asked, with the very secret that it would be checked with.
            return Circumstances(now, clock, Mac.RIGHT)
        mac = findings.check_mac(signature, self._credentials.get(signed.signer, ()), self._all_credentials)
        meeting = self._asked_for(route.meeting_from, ask)
        role = self._asked_for(route.role_from, ask)
        return Circumstances(now, clock, mac, meeting, role, signed.reply.headers)

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


def _named(replica: str, signature: Signature) -> str:
    """A replica's name as it may be shown: whoever writes parts of the signature into its header shows a digest."""
    if len(replica) < A_PART:
        return replica
    whole = (
        signature.signed
        + b"."
        + base64.urlsafe_b64encode(signature.mac)
        + b"."
        + signature.mac.hex().encode()
    )
    return digest(replica) if replica.rstrip("=").encode("utf-8", "replace") in whole else replica


def _by_status(reply: Reply) -> SignatureOutcome | None:
    """How the request ended where the body need not be read, or cannot be; None where it must."""
    if reply.status >= 500:
        return SignatureOutcome.BACKEND_ERROR
    if reply.status >= 400:
        return SignatureOutcome.REFUSED
    if reply.status >= 300:
        return SignatureOutcome.NO_SIGNATURE
    return None if reply.rest is None else SignatureOutcome.UNOBSERVED
