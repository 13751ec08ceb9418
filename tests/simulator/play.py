"""Lets a world run: requests, replies, joins and looks in the order of time, and what was named when."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from proxy.domain.diagnosis.base import Cause, Suspicion
from proxy.domain.receipt import Issuance

from .endpoints import Written
from .joins import Habits, use
from .watch import Setting, Watch
from .world import PROBE, Backend, Host, Network, Page, Pages, Traffic, reply_body, reply_headers
from .zoom import Attempt, Zoom

LOOK_S: Final = 1.0
"""The product looks once a second where there is news."""

CLOSE_LOOKS: Final = 60
"""So many signatures after the first faulty one are looked at one by one, so that they are counted to the one."""


@dataclass(slots=True)
class World:
    """Everything there is. Times are true ones."""

    start: float
    backends: list[Backend]
    zoom: Zoom
    traffic: Traffic
    setting: Setting
    network: Network = field(default_factory=Network)
    pages: Pages = field(default_factory=Pages)
    habits: Habits = field(default_factory=Habits)
    ripe: Callable[[str, float], bool] | None = None
    """Asked with each faulty token and its time, until it says that now the fault can be told."""
    onset: float = 0.0
    """When what only joins tell begins; joins are counted from then on."""
    restarts_every_s: float = 0.0
    """How often joinwatch is started anew; 0: never."""
    changes: Callable[[float, random.Random], None] | None = None
    """What happens to the hosts as time goes by, asked once in ten minutes: restarts, new replicas."""


@dataclass(slots=True)
class Named:
    """A cause as it was first named: after how many signatures, faulty ones and joins."""

    backend: str
    cause: Cause
    signatures: int
    faulty: int
    since_faulty: int
    since_ripe: int
    joins: int
    refused: int
    at: float
    evidence: str


@dataclass(slots=True)
class Story:
    """What happened so far. `first_faulty`, `ripe`: how many signatures there had been with
    the first faulty one, and with the one with which the world says that the fault can be told."""

    signatures: int = 0
    faulty: int = 0
    first_faulty: int = 0
    ripe: int = 0
    joins: int = 0
    refused: int = 0
    looks: int = 0
    began: float = 0.0
    named: dict[tuple[str, Cause], Named] = field(default_factory=dict)
    last: dict[str, tuple[Suspicion, ...]] = field(default_factory=dict)
    standing: int = 0
    """How many causes are suspected by the last look."""

    def causes(self) -> set[Cause]:
        """Everything that was named, ever and anywhere."""
        return {cause for _, cause in self.named}


class Player:
    """Runs one world. `step` lets one thing happen."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._world = world
        self._rng = rng
        self.watch = Watch([backend.name for backend in world.backends], world.setting, rng)
        self.story = Story(began=world.start)
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = 0
        self._looked_at = world.start
        self._restarted_at = world.start
        self._changed_at = world.start
        self._times = world.traffic.times(world.start, rng)
        self._turn = 0
        self._next_request()
        if world.traffic.probe_every_s:
            self._at(world.start + 7.3, self._probe)
        self.now = world.start

    def step(self) -> None:
        """The next event."""
        self.now, _, happen = heapq.heappop(self._events)
        happen(self.now)
        self._keep_house()

    def _at(self, when: float, happen: Callable[[float], None]) -> None:
        self._order += 1
        heapq.heappush(self._events, (when, self._order, happen))

    def _next_request(self) -> None:
        self._at(next(self._times), self._request)

    def _request(self, now: float) -> None:
        world = self._world
        self._next_request()
        self._ask(now, world.pages.page(world.traffic.asks(self._rng), self._rng))

    def _probe(self, now: float) -> None:
        self._at(now + self._world.traffic.probe_every_s, self._probe)
        self._ask(now, None)

    def _ask(self, now: float, page: Page | None) -> None:
        """A page asks for a signature; None: a probe, which never joins."""
        world, rng = self._world, self._rng
        asked = PROBE if page is None else page.asked
        self._turn += 1
        backend = world.backends[self._turn % len(world.backends)]
        host = _chosen(backend.hosts, rng)
        there, back = world.network.takes(rng)
        signed_at = now + there
        written = host.signs.sign(asked, int(host.clock.at(signed_at) * 1000))
        headers = reply_headers(backend, host, signed_at, written.cached_for_s, rng)
        came = signed_at + back

        def arrive(at: float) -> None:
            body = reply_body(backend.shape, written.token, "test_sdk_key_not_real_0")
            replica = f"{backend.name}.internal:443" if backend.hidden else host.name
            issuance = self.watch.signature(backend.name, replica, asked, body, headers, at, at - now)
            self._count(written, at)
            if issuance is not None and page is not None:
                self._used(issuance, written, backend, host, page, at)

        self._at(came, arrive)

    def _count(self, written: Written, at: float) -> None:
        story, ripe = self.story, self._world.ripe
        story.signatures += 1
        if written.faulty:
            story.faulty += 1
            if not story.first_faulty:
                story.first_faulty = story.signatures
            if not story.ripe and (ripe is None or ripe(written.token, at)):
                story.ripe = story.signatures
        if self._close(story.signatures):
            self.look()

    def _close(self, signatures: int) -> bool:
        """Whether to look after this very signature: at the beginning, and from the first faulty one on."""
        ripe = self.story.ripe
        return signatures - self.story.first_faulty <= CLOSE_LOOKS or (
            ripe > 0 and signatures - ripe <= CLOSE_LOOKS
        )

    def _used(
        self, issuance: Issuance, written: Written, backend: Backend, host: Host, page: Page, at: float
    ) -> None:
        world, rng = self._world, self._rng
        if rng.random() >= world.habits.joining:
            return
        received = at + world.network.fast_s * (0.5 + rng.random())
        attempt = Attempt(
            received,
            written.token,
            page.joins,
            backend.name,
            host.name,
            page.origin,
            page.owner,
            page.foreign,
        )
        told, reload_at = use(attempt, page, received, world.zoom, world.habits, rng)
        for each in told:

            def arrive(
                now: float, fields: dict[str, object] = each.fields, refused: bool = each.refused
            ) -> None:
                counts = self.watch.join(issuance, fields, origin=page.origin, client=page.address, at=now)
                self.story.joins += now >= world.onset
                self.story.refused += refused and counts and now >= world.onset

            self._at(each.arrives, arrive)
        if reload_at is not None:
            again = Page(
                page.asked,
                page.origin,
                page.address,
                page.view,
                page.joins,
                page.owner,
                page.foreign,
                page.reloads + 1,
            )
            self._at(reload_at, lambda now: self._ask(now, again))

    def _keep_house(self) -> None:
        world, now = self._world, self.now
        if now - self._looked_at >= LOOK_S:
            self.look()
        if world.restarts_every_s and now - self._restarted_at >= world.restarts_every_s:
            self._restarted_at = now
            self.watch.restart()
        if world.changes is not None and now - self._changed_at >= 600:
            self._changed_at = now
            world.changes(now, self._rng)

    def look(self) -> None:
        """See what is suspected now, and note what is new."""
        self._looked_at = self.now
        story = self.story
        story.looks += 1
        story.last = self.watch.look(self.now)
        story.standing = 0
        for backend, suspicions in story.last.items():
            for suspicion in suspicions:
                story.standing += 1
                if (backend, suspicion.cause) not in story.named:
                    story.named[backend, suspicion.cause] = Named(
                        backend,
                        suspicion.cause,
                        story.signatures,
                        story.faulty,
                        _since(story.first_faulty, story.signatures),
                        _since(story.ripe, story.signatures),
                        story.joins,
                        story.refused,
                        self.now,
                        suspicion.evidence,
                    )


def _since(first: int, signatures: int) -> int:
    return signatures - first + 1 if first else 0


def _chosen(hosts: list[Host], rng: random.Random) -> Host:
    if len(hosts) == 1:
        return hosts[0]
    (host,) = rng.choices(hosts, [host.share for host in hosts])
    return host
