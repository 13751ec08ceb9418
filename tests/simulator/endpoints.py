"""Who signs: what an endpoint's code makes of a request and of its host's clock, honest or with one real bug."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from .tokens import Claims, Pair, jwt

Stamp = Callable[[int], Any]
"""The host's clock in milliseconds -> the claim iat."""

Write = Callable[[Mapping[str, Any], bytes], str]


class Asked(NamedTuple):
    """What a page asks for."""

    meeting: str
    role: int = 0


class Written(NamedTuple):
    """What the endpoint answers. `faulty`: somebody who knows the bug sees it in this one."""

    token: str
    faulty: bool
    cached_for_s: float = 0.0


class Signs(Protocol):
    """Any endpoint's code."""

    def sign(self, asked: Asked, ms: int) -> Written:
        """A signature. `ms` is the time by the clock of the host that the code runs on."""


def floored(margin: int) -> Stamp:
    """Whole seconds, rounded down, some back."""
    return lambda ms: ms // 1000 - margin


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Claims made anew for every request. `change` has the last word on them; `shows` sees the bug in a token."""

    pair: Pair
    iat: Stamp
    lifetime: int = 7200
    change: Callable[[Claims], Claims] | None = None
    write: Write = jwt
    shows: Callable[[str], bool] | None = None

    def sign(self, asked: Asked, ms: int) -> Written:
        """Sign with the claims in the official sample's order."""
        iat = self.iat(ms)
        exp = iat + self.lifetime
        key = self.pair.key
        claims: Claims = {
            "appKey": key,
            "sdkKey": key,
            "mn": asked.meeting,
            "role": asked.role,
            "iat": iat,
            "exp": exp,
            "tokenExp": exp,
        }
        if self.change is not None:
            claims = self.change(claims)
        token = self.write(claims, self.pair.secret)
        return Written(token, self.shows is not None and self.shows(token))


def always(_token: str) -> bool:
    """Every token shows the bug."""
    return True


def faulty(endpoint: Endpoint, shows: Callable[[str], bool] = always) -> Endpoint:
    """The same endpoint, known to be faulty."""
    return replace(endpoint, shows=shows)


@dataclass(slots=True)
class Cached:
    """Keeps a signature per meeting and role for a while. Honest, unless it outlives the signature.

    `faulty_after_s`: handed out so long after it was made, a signature shows the bug. `born_s`: how old what it holds
    is when it is first asked for.
    """

    inner: Signs
    keep_s: float
    faulty_after_s: float | None = None
    born_s: float = 0.0
    _kept: dict[Asked, tuple[int, str]] = field(default_factory=dict)

    def sign(self, asked: Asked, ms: int) -> Written:
        """The kept one while it is young enough, else a new one."""
        made_ms, token = self._kept.get(asked, (None, ""))
        if made_ms is None or (ms - made_ms) / 1000 >= self.keep_s:
            made_ms = ms - int(self.born_s * 1000)
            token = self.inner.sign(asked, made_ms).token
            self._kept[asked] = (made_ms, token)
        age_s = max(0.0, (ms - made_ms) / 1000)
        return Written(token, self.faulty_after_s is not None and age_s > self.faulty_after_s, age_s)

    def clear(self) -> None:
        """The process was started anew."""
        self._kept.clear()


@dataclass(slots=True)
class SharedFields:
    """A servlet that keeps the request in its own fields, so that requests at the same time write into each other.

    Shares of what goes wrong are those measured with two threads in a tight loop, scaled by `share`: of 15 bad ones
    13 have a wrong HMAC, 1.6 another's meeting, 0.7 more than three segments (Zoom devforum 70827 has the code).
    `forgetful`: the share of requests without a meeting number, which get the payload before once more.
    """

    inner: Signs
    random: random.Random
    share: float
    forgetful: float = 0.0
    _before: tuple[Asked, str] | None = None

    def sign(self, asked: Asked, ms: int) -> Written:
        """Sign what the fields hold."""
        token = self.inner.sign(asked, ms).token
        before, self._before = self._before, (asked, token)
        if before is None:
            return Written(token, False)
        if self.random.random() < self.forgetful:
            self._before = before
            return Written(before[1], True)
        if self.random.random() >= self.share:
            return Written(token, False)
        mixed = self._mixed(asked, token, *before, ms)
        return Written(mixed, mixed != token)

    def _mixed(self, asked: Asked, token: str, other: Asked, other_token: str, ms: int) -> str:
        kind = self.random.random() * 15.3
        head, payload, mac = token.split(".")
        if kind < 13.0:  # The payload was set anew between writing and signing.
            return f"{head}.{payload}.{other_token.rpartition('.')[2]}"
        if kind < 14.6 and other.meeting != asked.meeting:
            return self.inner.sign(other, ms).token
        return f"{head}.{payload}.{head}.{payload}.{mac}"


@dataclass(slots=True)
class Rotating:
    """Signs with one pair until a moment, then with another: a key rotation."""

    old: Signs
    new: Signs
    at_ms: int

    def sign(self, asked: Asked, ms: int) -> Written:
        """By the clock of the host."""
        return (self.old if ms < self.at_ms else self.new).sign(asked, ms)
