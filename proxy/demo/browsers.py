"""Simulated browsers: real HTTP clients that get a signature, join with it, and tell what came of it.

They measure and tell as joinwatch's page script does: the same id in every delivery of a result, the age by the
monotonic clock or, from one page to the next, by the wall clock, and again after 429, 503 or no answer.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

import aiohttp

from .backends import BY_GET
from .clock import Clock
from .sdk import OUTCOMES, Failure, failure, local_failure, no_connection
from .signing import CLIENT_ID
from .tally import Tally
from .verifier import GOOD
from .verifier import PATH as ZOOM_PATH
from .visits import Fate, Visit

SILENCE_S: Final = 120.0
"""After so long without a word from the SDK a page tells that there is no result."""

NO_ANSWER: Final = (aiohttp.ClientError, TimeoutError)

LATE_S: Final = 300.0
SLEPT_S: Final = 1.0
SLACK_S: Final = 2.0


class Over(Exception):
    """The world ends: whoever waits goes home."""


@dataclass(slots=True)
class Web:
    """What browsers reach: joinwatch's public listener and Zoom. `ending` ends all waiting; requests are finished."""

    http: aiohttp.ClientSession
    public: str
    zoom: str
    clock: Clock
    ending: asyncio.Event
    tally: Tally
    in_flight: int = 0

    async def wait(self, seconds: float) -> None:
        """Raises Over when the world ends meanwhile."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self.ending.wait()
        except TimeoutError:
            return
        raise Over

    @contextmanager
    def asking(self) -> Iterator[None]:
        """A request is under way."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1


@dataclass(slots=True)
class _Signature:
    """A signature in a page. `sent` is when joinwatch sent it, in true time."""

    token: str
    receipt: str
    sent: float
    mono: float
    wall: float


@dataclass(slots=True)
class _Told:
    """A join as it is told. `sent`: as above; `step_s`: how long joining took."""

    fields: dict[str, Any]
    outcome: str
    sent: float
    age_s: float | None = None
    join_s: float = 0.0


@dataclass(slots=True)
class Browser:
    """One visitor. Its clocks: `skew_s` ahead, and the monotonic one stands still while the machine sleeps."""

    visit: Visit
    web: Web
    rng: random.Random
    _asleep_s: float = 0.0
    _skew_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._skew_s = self.visit.skew_s

    async def live(self) -> None:
        """The whole visit."""
        try:
            await self._live()
        except Over:
            return

    async def _live(self) -> None:
        visit, fate = self.visit, self.visit.fate
        signature = await self._ask()
        if fate is Fate.LEAVES or signature is None:
            return
        await self.web.wait(visit.thinks_s)
        refused = await self._join(signature, fate)
        for again in visit.again:
            if not refused:
                return
            await self.web.wait(again.after_s)
            if again.reload:
                signature = await self._ask()
                if signature is None:
                    return
                await self.web.wait(visit.thinks_s)
            refused = await self._join(signature, Fate.NONE)

    # The clocks of this machine

    def _wall(self) -> float:
        return self.web.clock.wall() + self._skew_s

    def _mono(self) -> float:
        return self.web.clock.mono() - self._asleep_s

    async def _ask(self) -> _Signature | None:
        """A signature from the page's own endpoint, through joinwatch; None where there is none."""
        visit, web = self.visit, self.web
        url = f"{web.public}/{visit.backend}"
        asked: dict[str, str | int] = {"meetingNumber": visit.meeting, "role": 0}
        by_get = visit.backend in BY_GET
        body, receipt = b"", None
        with web.asking(), suppress(*NO_ANSWER):
            async with web.http.request(
                "GET" if by_get else "POST",
                url,
                params=asked if by_get else None,
                json=None if by_get else asked,
                headers=self._headers(),
            ) as reply:
                body, receipt = await reply.read(), reply.headers.get("Join-Receipt")
        if receipt is None:
            web.tally.unsigned += 1
            return None
        web.tally.signatures[visit.backend] += 1
        token = json.loads(body)["signature"]
        return _Signature(token, receipt, web.clock.wall(), self._mono(), self._wall())

    async def _join(self, signature: _Signature, fate: Fate) -> bool:
        """One call of join; whether the person was refused and may try again."""
        visit, web = self.visit, self.web
        crosses = fate in (Fate.CROSSES, Fate.CORRECTED)
        if fate is Fate.SLEEPS:
            await web.wait(visit.fate_s)
            self._asleep_s += visit.fate_s
        if crosses:
            await web.wait(visit.fate_s)
            if fate is Fate.CORRECTED:
                self._skew_s = 0.0
        wall, mono = self._wall(), self._mono()
        age_s = wall - signature.wall if crosses else mono - signature.mono
        slept = not crosses and abs(wall - signature.wall - age_s) > SLEPT_S
        code, error = await self._zoom(signature.token)
        takes_s = visit.fate_s if fate is Fate.SILENCE else visit.takes_s
        told = self._told(signature, None if age_s < 0 else age_s, crosses, slept)
        if fate is Fate.CLOSES:
            await web.wait(takes_s * visit.fate_s)
            await self._tell(told, Fate.NONE)
            return False
        if error == {} or takes_s > SILENCE_S:
            await web.wait(SILENCE_S)
            await self._tell(told, Fate.NONE)
            if error == {}:
                return False
            await web.wait(takes_s - SILENCE_S)
            web.tally.told[visit.backend, "no_result"] -= 1
            web.tally.resolved[visit.backend] += 1
        else:
            await web.wait(takes_s)
        await self._tell(self._ended(told, code, error, takes_s), fate)
        return error is not None

    async def _zoom(self, token: str) -> tuple[int, Failure | None]:
        """The code, and the SDK's error object; None: Zoom takes the signature, {}: the SDK never calls back."""
        visit, web = self.visit, self.web
        local = local_failure(token, visit.view, visit.sdk)
        if local is not None:
            return 0, local
        form = {
            "apiKey": CLIENT_ID,
            "signature": token,
            "signatureType": "sdk",
            "meetingNumber": visit.meeting,
            "customerKey": visit.backend,
        }
        try:
            with web.asking():
                async with web.http.post(f"{web.zoom}{ZOOM_PATH}", data=form) as reply:
                    answer = await reply.json()
        except NO_ANSWER:
            return no_connection(visit.view)
        verdict = GOOD if answer["status"] else answer["errorMessage"]
        web.tally.judged[visit.backend, verdict] += 1
        return (0, None) if answer["status"] else failure(answer, visit.view)

    # What the page tells

    def _told(self, signature: _Signature, age_s: float | None, crosses: bool, slept: bool) -> _Told:
        """As it is told where nothing more is known than that there is no result yet."""
        visit = self.visit
        fields = {
            "receipt": signature.receipt,
            "id": f"{self.rng.getrandbits(128):032x}",
            "outcome": "no_result",
            "error": None,
            "age_ms": None if age_s is None else round(age_s * 1000, 1),
            "asked": "seen",
            "age_clock": "wall" if crosses else "monotonic",
            "join_ms": None,
            "step": None if visit.sdk.startswith("2.") else 1,
            "suspended": slept,
            "signature_intact": True,
            "meeting_matches": None,
            "view": visit.view,
            "sdk_version": visit.sdk,
            "dropped": 0,
        }
        return _Told(fields, "no_result", signature.sent, None if slept else age_s)

    def _ended(self, told: _Told, code: int, error: Failure | None, takes_s: float) -> _Told:
        joined = error is None
        fields = told.fields | {
            "outcome": "joined" if joined else "failed",
            "error": error,
            "join_ms": round(takes_s * 1000, 1),
            "step": None if told.fields["step"] is None else 8 if joined else 1,
        }
        outcome = "joined" if joined else OUTCOMES.get(code, "other_failure")
        return replace(told, fields=fields, outcome=outcome, join_s=takes_s)

    async def _tell(self, told: _Told, fate: Fate) -> None:
        """Deliver until it is taken. Who is offline tries in vain first; who hears no answer tells it again."""
        attempt = 1
        if fate is Fate.OFFLINE:
            attempt += 1
            await self.web.wait(self.visit.fate_s)
        while (again_s := await self._deliver(told, attempt)) is not None:
            attempt += 1
            await self.web.wait(again_s)
        if fate is Fate.UNHEARD:
            await self.web.wait(self.visit.fate_s)
            await self._deliver(told, attempt + 1, repeated=True)

    async def _deliver(self, told: _Told, attempt: int, *, repeated: bool = False) -> float | None:
        """One delivery; seconds to wait before the next, None where it was the last."""
        visit, web = self.visit, self.web
        late = self._is_late(told)
        body = json.dumps(told.fields | {"attempt": attempt})
        headers = self._headers() | {"Content-Type": "text/plain;charset=UTF-8"}
        try:
            with web.asking():
                async with web.http.post(f"{web.public}/join-results", data=body, headers=headers) as reply:
                    await reply.read()
        except NO_ANSWER:
            return 2.0**attempt
        if reply.status in (429, 502, 503, 504):
            return float(reply.headers.get("Retry-After", 2**attempt))
        if reply.status != 204:
            web.tally.refused += 1
            return None
        web.tally.deliveries += 1
        if not repeated:
            (web.tally.late if late else web.tally.told)[visit.backend, told.outcome] += 1
        return None

    def _is_late(self, told: _Told) -> bool:
        """Five minutes after its join, as far as anybody can know who was not there (README)."""
        since_s = self.web.clock.wall() - told.sent
        age_s = told.age_s or 0.0
        if told.fields["age_clock"] == "wall" and age_s > since_s + SLACK_S:
            age_s = 0.0
        return since_s - age_s - told.join_s > LATE_S

    def _headers(self) -> dict[str, str]:
        return {"X-Forwarded-For": self.visit.address, "Origin": self.visit.origin}
