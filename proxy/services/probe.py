"""The journey of a probe: which request is sent when, what is made of the replies, and when enough is known."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ..domain.causes import FLEET, Cause, diagnose
from ..domain.diagnosis.windows import BackendWindow
from ..domain.offsets import LATE_S
from ..domain.ports import Ask, Backend, BackendError, BackendTimeout, Reply, Time
from .backend_clocks import BackendClocks
from .observer import Observed, Observer
from .probe_failures import no_answer, without_signature
from .probe_report import MINOR, SURE, Ending, Named, Record, Report
from .probe_request import EVERY_LEAST_S, Plan, Template
from .traffic import Route, Signed

NAME: Final = "probe"
"""What the endpoint is called in messages of the backend and in the windows."""

TIMEOUT_S: Final = 30.0

LAST_LEAST_S: Final = 0.5
"""What the last request is given, even where less than that is left."""

EVERY_MOST_S: Final = 30.0
JITTER: Final = 0.2
EDGE_S: Final = 0.03

BURST: Final = 8
BURST_EVERY_S: Final = 60.0

REPEAT_EVERY: Final = 6
"""So often an earlier meeting is asked for again: a cache would have its token."""

GIVE_UP_AFTER: Final = 3
LOOKS: Final = 2
STEP_S: Final = 0.5

_MEETINGS: Final = 9 * 10**9


@dataclass(frozen=True, slots=True)
class Progress:
    """What a terminal shows meanwhile. `lead_s`: of the newest signature; `suspected`: not yet sure enough."""

    elapsed_s: float
    requests: int
    signatures: int
    distinct_iats: int
    lead_s: float | None
    suspected: tuple[Cause, ...]


class Probe:
    """Asks one endpoint until it knows. `random01` gives numbers in [0, 1); `sleep` waits for so many seconds.

    One `run` per probe; `report` may be asked for at any time.
    """

    def __init__(
        self,
        template: Template,
        plan: Plan,
        *,
        backend: Backend,
        observer: Observer,
        clocks: BackendClocks,
        time: Time,
        sleep: Callable[[float], Awaitable[None]],
        random01: Callable[[], float],
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._template = template
        self._plan = plan
        self._backend = backend
        self._observer = observer
        self._clocks = clocks
        self._time = time
        self._sleep = sleep
        self._random01 = random01
        self._on_progress = on_progress
        self._route = Route("/", ((NAME, 1.0),), template.meeting_from, template.role_from)
        self._window = BackendWindow()
        self._record = Record()
        self._began = time.mono()
        self._wall_minus_mono = time.wall() - time.mono()
        self._every_s = max(EVERY_LEAST_S, plan.every_s)
        self._next_burst = self._began
        self._meetings: list[int] = []
        self._spaced = 0
        self._looked_at = 0
        self._named: dict[Cause, Named] = {}
        self._held: dict[Cause, int] = {}

    async def run(self) -> Report:
        """Probe until a cause is known, nothing can be found any more, or the time is over."""
        self._began = self._time.mono()
        self._next_burst = self._began
        while True:
            await self._one()
            ending = self._ending()
            if ending is None and self._record.signatures and self._is_time_to_burst():
                await self._burst()
                ending = self._ending()
            if ending is not None:
                return self.report(ending)
            pause = self._pause()
            if pause > self._left_s():
                return self.report(Ending.TIME)
            await self._sleep(pause)

    def report(self, ending: Ending) -> Report:
        """What is known so far."""
        return self._record.report(ending, self._time.mono() - self._began, self._named.values())

    # When

    def _pause(self) -> float:
        """Seconds until the next request: about `every`, so that no period of the endpoint is always met alike.

        Of three requests one arrives just before, one just after the endpoint's clock turns a second, as far as that
        is known: these tell most about its offset. A suspicion is looked at again sooner.
        """
        every = self._every_s
        if any(count < LOOKS for count in self._held.values()):
            every = max(EVERY_LEAST_S, every / 2)
        pause = every * (1 + JITTER * (2 * self._random01() - 1))
        clock = self._record.backend_clock
        turn = self._spaced % 3
        if clock is None or turn == 2:
            return pause
        # The upper end of what a Date allows for is LATE_S too high.
        there = self._time.wall() + pause + clock.offset_s - min(LATE_S / 2, clock.bound_s)
        shift = math.floor(there + 0.5) - there + (EDGE_S if turn else -EDGE_S)
        return max(EVERY_LEAST_S / 2, pause + shift)

    def _left_s(self) -> float:
        return self._plan.for_s - (self._time.mono() - self._began)

    def _is_time_to_burst(self) -> bool:
        return self._time.mono() >= self._next_burst and self._left_s() > 0

    def _ending(self) -> Ending | None:
        """Whether enough is known."""
        record = self._record
        if record.signatures == 0:
            return Ending.NO_SIGNATURE if record.requests >= GIVE_UP_AFTER else None
        if any(count >= LOOKS and cause not in MINOR for cause, count in self._held.items()):
            return Ending.CAUSE
        if record.clears():
            if any(each.found for each in self._named.values()):
                return Ending.CAUSE
            return None if self._named else Ending.CLEAR
        return None

    # What

    async def _one(self) -> None:
        """One request, now and then for a meeting that was asked for before."""
        self._spaced += 1
        if self._spaced % REPEAT_EVERY == 0 and self._meetings:
            meeting = self._meetings[int(self._random01() * len(self._meetings))]
        else:
            meeting = self._new_meeting()
        await self._round([meeting])

    async def _burst(self) -> None:
        """Several requests at once, each for a meeting of its own: state that requests share would show."""
        self._next_burst = self._time.mono() + BURST_EVERY_S
        self._record.bursts += 1
        self._record.parallel += BURST
        await self._round([self._new_meeting() for _ in range(BURST)])

    def _new_meeting(self) -> int:
        """Eleven digits, as meetings have today; no request asks for this one again by chance."""
        meeting = 9 * 10**10 + int(self._random01() * _MEETINGS)
        while meeting in self._meetings:
            meeting += 1
        self._meetings.append(meeting)
        return meeting

    async def _round(self, meetings: Sequence[int]) -> None:
        seen = [each for each in await asyncio.gather(*map(self._ask, meetings)) if each is not None]
        self._notice_step()
        # A token for somebody else's meeting is only known for that once the other one's request is.
        for observed in sorted(seen, key=lambda each: each.seen.meeting != each.seen.asked):
            self._window.signature(observed.seen)
        self._look()

    async def _ask(self, meeting: int) -> Observed | None:
        self._record.requests += 1
        ask = self._template.ask(meeting)
        limit_s = min(TIMEOUT_S, max(LAST_LEAST_S, self._left_s()))
        try:
            async with asyncio.timeout(limit_s):
                reply = await self._backend.sign(ask)
        except (BackendTimeout, TimeoutError):
            self._record.failure("timeout", f"no complete answer within {limit_s:.3g} s; look into its log")
            return None
        except BackendError as error:
            self._record.failure("no answer", no_answer(error, NAME))
            return None
        try:
            return self._observe(ask, reply)
        finally:
            if reply.rest is not None:
                await reply.rest.aclose()

    def _observe(self, ask: Ask, reply: Reply) -> Observed | None:
        outcome, signature = self._observer.read(reply)
        if signature is None:
            kind, detail = without_signature(reply, outcome)
            self._record.failure(kind, detail)
            if reply.status == 429:
                self._slow_down()
            return None
        observed = self._observer.observe(self._route, ask, Signed(NAME, NAME, reply), signature)
        if observed is None:
            self._record.failure(
                "not judged", "judging the signature failed: a fault of joinwatch, report it"
            )
            return None
        self._record.signature(observed, reply.headers_wall)
        return observed

    def _slow_down(self) -> None:
        """The endpoint says that this is too much for it."""
        self._every_s = min(2 * self._every_s, max(EVERY_MOST_S, self._plan.every_s))
        self._next_burst = math.inf

    def _notice_step(self) -> None:
        """A laptop's clock is set, or it slept: older leads are of another clock."""
        wall_minus_mono = self._time.wall() - self._time.mono()
        if abs(wall_minus_mono - self._wall_minus_mono) > STEP_S:
            self._window.forget_leads()
            self._clocks.clear()
            self._record.forget_leads()
        self._wall_minus_mono = wall_minus_mono

    # What it means

    def _look(self) -> None:
        if self._window.news != self._looked_at:
            self._looked_at = self._window.news
            now = self._time.wall()
            found = diagnose({NAME: self._window}, now)
            suspicions = {each.cause: each for each in (*found.get(FLEET, ()), *found.get(NAME, ()))}
            self._named = {
                cause: Named(each, self._named[cause].since if cause in self._named else now)
                for cause, each in suspicions.items()
            }
            self._held = {
                cause: self._held.get(cause, 0) + 1
                for cause, each in suspicions.items()
                if each.confidence >= SURE
            }
        record = self._record
        self._on_progress(
            Progress(
                elapsed_s=self._time.mono() - self._began,
                requests=record.requests,
                signatures=record.signatures,
                distinct_iats=len(record.iats),
                lead_s=record.leads[-1] if record.leads else None,
                suspected=tuple(self._named),
            )
        )
