"""What surrounds the endpoints: clocks, hosts behind a balancer, the network, Date headers, and who asks when."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from proxy.domain.ports import Headers

from .endpoints import Asked, Signs

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Clock:
    """A host's clock: ahead by `offset_s`, and by `drift` seconds more each second after `since`."""

    offset_s: float = 0.0
    drift: float = 0.0
    since: float = 0.0

    def at(self, true: float) -> float:
        """What it shows at a true time."""
        return true + self.ahead(true)

    def ahead(self, true: float) -> float:
        """How far it is ahead."""
        return self.offset_s + self.drift * max(0.0, true - self.since)


class Dates(Enum):
    """Who writes the Date header, and how exactly."""

    OWN = auto()
    """The host that signs, at the moment of the reply."""
    TIMER = auto()
    """By a timer: one in ten is up to 0.25 s late."""
    SECOND = auto()
    """Formatted once a second, up to a second late."""
    ROUGH = auto()
    """One in ten up to a second late, three in a hundred up to a minute old without saying so."""
    BALANCER = auto()
    """A machine in front of it, whose clock is right."""
    NONE = auto()


@dataclass(slots=True)
class Host:
    """One replica: its clock, its code, and its share of the backend's requests."""

    name: str
    clock: Clock
    signs: Signs
    share: float = 1.0


@dataclass(slots=True)
class Backend:
    """Hosts behind one name. `hidden`: behind one address, too, so that nobody can tell them apart."""

    name: str
    hosts: list[Host]
    hidden: bool = False
    dates: Dates = Dates.OWN
    shape: int = 0


@dataclass(frozen=True, slots=True)
class Network:
    """How long an exchange takes: `fast_s` for most; one in `slow_every` up to `slow_s`."""

    fast_s: float = 0.03
    slow_s: float = 0.0
    slow_every: int = 0

    def takes(self, rng: random.Random) -> tuple[float, float]:
        """Seconds to the signing and from there to the reply."""
        there, back = self._one_way(rng), self._one_way(rng)
        if self.slow_every and rng.randrange(self.slow_every) == 0:
            slow = self.slow_s * rng.random()
            return (there + slow, back) if rng.random() < 0.5 else (there, back + slow)
        return there, back

    def _one_way(self, rng: random.Random) -> float:
        return self.fast_s * (0.3 + rng.expovariate(3.0))


class Rhythm(Enum):
    """How requests follow each other."""

    POISSON = auto()
    STEADY = auto()
    BURSTS = auto()
    """Webinars begin: half a minute of fifty times the rate, then little."""
    PROBE = auto()
    """One every so many seconds to the millisecond, always for the same meeting."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests: `rate` a second. `meetings`: how many there are at a time."""

    rate: float
    rhythm: Rhythm = Rhythm.POISSON
    meetings: int = 400
    hosts_share: float = 0.0
    """The share of requests for role 1."""
    probe_every_s: float = 0.0
    """A monitoring probe beside everything else; 0: none."""

    def times(self, start: float, rng: random.Random) -> Iterator[float]:
        """When pages ask, from `start` on, without end."""
        at = start + rng.random() / self.rate
        burst_ends = start
        while True:
            yield at
            match self.rhythm:
                case Rhythm.POISSON:
                    at += rng.expovariate(self.rate)
                case Rhythm.STEADY:
                    at += (0.95 + 0.1 * rng.random()) / self.rate
                case Rhythm.PROBE:
                    at += 1 / self.rate
                case Rhythm.BURSTS:
                    if at > burst_ends and rng.random() < 0.02:
                        burst_ends = at + 30
                    at += rng.expovariate(self.rate * (20 if at < burst_ends else 0.5))

    def asks(self, rng: random.Random) -> Asked:
        """What the next page asks for; meeting numbers are squares, so that some are wanted more than others."""
        if self.rhythm is Rhythm.PROBE:
            return PROBE
        index = int(self.meetings * rng.random() ** 2)
        return Asked(str(81_000_000_000 + 7919 * index), int(rng.random() < self.hosts_share))


PROBE: Final = Asked("99999999999", 0)


def reply_body(shape: int, token: str, key: str) -> bytes:
    """The forms in which endpoints were seen to answer."""
    match shape:
        case 0:
            return f'{{"signature":"{_escaped(token)}","sdkKey":"{_escaped(key)}"}}'.encode()
        case 1:
            return json.dumps({"status": 1, "data": {"jwt_token": token}}).encode()
        case 2:
            return json.dumps({"data": {"zoom": {"signature": token}}}).encode()
        case 3:
            return token.encode()
        case _:
            return json.dumps({"signature": token}).encode()


def _escaped(text: str) -> str:
    return text if text.isascii() and text.isprintable() and '"' not in text else json.dumps(text)[1:-1]


def reply_headers(
    backend: Backend, host: Host, written: float, cached_for_s: float, rng: random.Random
) -> Headers:
    """The reply's headers, its Date written at true time `written`."""
    clock = host.clock.at(written)
    match backend.dates:
        case Dates.NONE:
            return _JSON
        case Dates.BALANCER:
            clock = written
        case Dates.TIMER:
            clock -= 0.25 * rng.random() if rng.random() < 0.1 else 0.0
        case Dates.SECOND:
            clock -= rng.random()
        case Dates.ROUGH:
            kind = rng.random()
            clock -= 60 * rng.random() if kind < 0.03 else rng.random() if kind < 0.13 else 0.0
        case Dates.OWN:
            pass
    if backend.shape == 3 and cached_for_s:  # A shared cache in front of it says so, and keeps the Date.
        return (*_JSON, ("Date", _http_date(int(clock - cached_for_s))), ("Age", str(int(cached_for_s))))
    return (*_JSON, ("Date", _http_date(int(clock))))


_JSON: Final = (("Content-Type", "application/json; charset=utf-8"), ("X-Powered-By", "Express"))


@lru_cache(maxsize=256)
def _http_date(epoch: int) -> str:
    at = datetime.fromtimestamp(epoch, UTC)
    return f"{_DAYS[at.weekday()]}, {at.day:02d} {_MONTHS[at.month - 1]} {at.year} {at:%H:%M:%S} GMT"


@dataclass(frozen=True, slots=True)
class Page:
    """Who asked: a browser, from where, and whether it may host."""

    asked: Asked
    origin: str
    address: str
    view: str
    joins: str
    """The meeting that it joins."""
    owner: bool = True
    foreign: bool = False
    reloads: int = 0


@dataclass(frozen=True, slots=True)
class Pages:
    """Who the users are. `origins` with their weights; `nat`: the share of users behind one address."""

    origins: tuple[tuple[str, float], ...] = (("https://app.example", 1.0),)
    nat: float = 0.1
    owners: float = 1.0
    """The share of those who ask for role 1 and may host."""
    foreign: float = 0.0
    mistaken: float = 0.0
    """The share of pages that join another meeting than they asked for."""
    views: tuple[str, ...] = ("client", "component")
    crowd: list[str] = field(default_factory=lambda: [f"198.51.100.{index}" for index in range(3)])

    def page(self, asked: Asked, rng: random.Random) -> Page:
        """Somebody."""
        origin = self.origins[0][0]
        if len(self.origins) > 1:
            names, weights = zip(*self.origins, strict=True)
            (origin,) = rng.choices(names, weights)
        at_office = rng.random() < self.nat
        address = rng.choice(self.crowd) if at_office else f"2001:db8:{rng.getrandbits(32):x}::"
        return Page(
            asked,
            origin,
            address,
            rng.choice(self.views),
            PROBE.meeting if rng.random() < self.mistaken else asked.meeting,
            owner=asked.role == 0 or rng.random() < self.owners,
            foreign=self.foreign > 0 and rng.random() < self.foreign,
        )
