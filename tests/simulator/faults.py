"""Every fault of the world, by the cause that it has: what the code, the host, the page or Zoom does wrong."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from proxy.domain.diagnosis.base import Cause
from tests.support.secrets import CLIENT_SECRET, KEY, OTHER_CLIENT_SECRET

from . import tokens
from .endpoints import Cached, Endpoint, Rotating, SharedFields, Signs, Stamp, always, faulty, floored
from .play import World
from .tokens import Claims, Pair, float32, java_round
from .world import Clock, Dates
from .zoom import Attempt

PAIR: Final = Pair(KEY, CLIENT_SECRET.encode())
STRANGER: Final = Pair("test_sdk_key_not_real_of_another_app", OTHER_CLIENT_SECRET.encode())

ZONES: Final = {"+9h": 32400, "+5:30": 19800, "+5:45": 20700, "+5h": 18000, "-3h": -10800, "-5h": -18000}
MARGINS: Final = (0, 10, 30, 60, 120, 7200)
CALM_S: Final = 600.0
"""How long a world is sound whose fault begins at some time."""
SOME_MARGINS: Final = (0, 30, 7200)


class Tells(StrEnum):
    """Who tells of a fault."""

    SIGNATURES = "signatures"
    JOINS = "joins"
    NOBODY = "nobody"
    """It does no harm: naming it and keeping silent are both right."""


@dataclass(frozen=True, slots=True)
class Making:
    """What an endpoint is made for."""

    margin: int
    random: random.Random
    start: float


Code = Callable[[Making], Signs]


@dataclass(frozen=True, slots=True)
class Fault:
    """One variant of a cause. `mixes`: one of two replicas may have it alone.

    `tune` changes what is neither code nor clock. `tells` is asked with the margin.
    """

    cause: Cause
    name: str
    code: Code
    clock: Callable[[Making], Clock] = lambda _: Clock()
    margins: tuple[int, ...] = SOME_MARGINS
    mixes: bool = True
    dates: Dates = Dates.OWN
    tells: Callable[[int], Tells] = lambda _: Tells.SIGNATURES
    tune: Callable[[World], None] | None = None
    rates: tuple[str, ...] = ("1/min", "1/s", "10/s", "100/s")
    shows_after_s: float = 0.0


def sound(making: Making, pair: Pair = PAIR) -> Endpoint:
    """Code that is right."""
    return Endpoint(pair, floored(making.margin), lifetime(making.margin))


def lifetime(margin: int) -> int:
    """An honest one: whoever goes back by hours gives the token as much more."""
    return 7200 + (margin if margin >= 3600 else 0)


def by_joins(_margin: int) -> Tells:
    """Nothing of it is in the signature."""
    return Tells.JOINS


# Time


def _stamped(stamp: Callable[[int], Stamp]) -> Code:
    return lambda making: faulty(Endpoint(PAIR, stamp(making.margin), lifetime(making.margin)))


def _rounded_inside(margin: int) -> Stamp:
    return lambda ms: java_round((ms - margin * 1000) // 1000)


def _rounded_after(margin: int) -> Stamp:
    return lambda ms: java_round(ms // 1000) - margin


def _rounded_twice(margin: int) -> Stamp:
    return lambda ms: java_round(float32(ms) / float32(1000)) - margin


def _overflown(margin: int) -> Stamp:
    """Java's (int) System.currentTimeMillis() / 1000."""
    return lambda ms: ((ms + 2**31) % 2**32 - 2**31) // 1000 - margin


def _truncated(margin: int) -> Stamp:
    return lambda ms: int(float32(ms // 1000)) - margin


def _float32() -> list[Fault]:
    cause = Cause.FLOAT32_ROUNDING

    def tells(widest: int) -> Callable[[int], Tells]:
        return lambda margin: Tells.SIGNATURES if margin < widest else Tells.NOBODY

    return [
        Fault(
            cause, "round(long), margin inside", _stamped(_rounded_inside), margins=MARGINS, tells=tells(64)
        ),
        Fault(cause, "round(long), margin after", _stamped(_rounded_after), margins=MARGINS, tells=tells(64)),
        Fault(cause, "two roundings", _stamped(_rounded_twice), margins=MARGINS, tells=tells(128)),
        Fault(cause, "numpy float32", _stamped(_truncated), margins=MARGINS, tells=tells(64)),
    ]


def _clocks() -> list[Fault]:
    ahead, behind = Cause.BACKEND_CLOCK_AHEAD, Cause.BACKEND_CLOCK_BEHIND

    def code(making: Making) -> Endpoint:
        return faulty(sound(making))

    def fixed(seconds: float) -> Callable[[Making], Clock]:
        return lambda _: Clock(seconds)

    def drifting(beyond: float, ppm: float) -> Callable[[Making], Clock]:
        return lambda making: Clock(making.margin + beyond, ppm * 1e-6, making.start)

    def bites(seconds: float) -> Callable[[int], Tells]:
        return lambda margin: Tells.SIGNATURES if seconds - margin > 3.5 else Tells.NOBODY

    faults = [
        Fault(ahead, f"{s:g} s", code, fixed(s), margins=MARGINS, tells=bites(s))
        for s in (5, 45, 95, 400, 3607)
    ]
    faults += [
        Fault(ahead, f"45 s, {dates.name.lower()} date", code, fixed(45), margins=(0, 30), dates=dates)
        for dates in (Dates.NONE, Dates.BALANCER, Dates.SECOND, Dates.ROUGH)
    ]
    faults += [
        Fault(ahead, f"drifting {ppm} ppm", code, drifting(beyond, ppm), margins=MARGINS)
        for beyond, ppm in ((10, 100), (5, 1000), (5, 5000))
    ]
    return [
        *faults,
        *(Fault(behind, f"{s} s", code, fixed(-s), margins=(0, 30, 120)) for s in (60, 600, 3000, 9000)),
    ]


def _zones() -> list[Fault]:
    def shifted(seconds: int) -> Code:
        return _stamped(lambda margin: lambda ms: ms // 1000 + seconds - margin)

    def until_sunday(making: Making) -> Signs:
        return Rotating(sound(making), shifted(3600)(making), int(making.start + CALM_S) * 1000)

    cause = Cause.TIMEZONE_SHIFT
    return [
        *(Fault(cause, name, shifted(s), margins=MARGINS) for name, s in ZONES.items()),
        Fault(
            cause,
            "summer time begins",
            until_sunday,
            margins=(0, 30, 120),
            rates=("1/min", "1/s", "10/s"),
            shows_after_s=CALM_S,
        ),
    ]


def _units() -> list[Fault]:
    def scaled(factor: int) -> Code:
        return _stamped(lambda margin: lambda ms: ms * factor - margin * factor * 1000)

    def exp_only(making: Making) -> Endpoint:
        def change(claims: Claims) -> Claims:
            return claims | {"exp": claims["exp"] * 1000, "tokenExp": claims["exp"] * 1000}

        return faulty(replace(sound(making), change=change))

    cause = Cause.MILLISECONDS
    units = (("milliseconds", 1), ("microseconds", 1000), ("nanoseconds", 1_000_000))
    return [
        *(Fault(cause, name, scaled(factor)) for name, factor in units),
        Fault(cause, "exp only", exp_only),
        Fault(cause, "cut to 32 bits", _stamped(_overflown)),
    ]


def _no_margin() -> list[Fault]:
    def rounded(ms: int) -> int:
        return (ms + 500) // 1000

    def ceiled(ms: int) -> int:
        return -(-ms // 1000)

    def code(making: Making) -> Endpoint:
        return faulty(sound(making))

    cause = Cause.NO_MARGIN
    return [
        Fault(cause, "Math.round", _stamped(lambda _: rounded), margins=(0,)),
        Fault(cause, "Math.ceil", _stamped(lambda _: ceiled), margins=(0,)),
        Fault(cause, "clock 1.2 s ahead", code, lambda _: Clock(1.2), margins=(0,)),
        Fault(cause, "clock 2.5 s ahead", code, lambda _: Clock(2.5), margins=(0,)),
    ]


def _lifetimes() -> list[Fault]:
    def lasting(seconds: int) -> Code:
        return lambda making: faulty(replace(sound(making), lifetime=seconds))

    short, long = Cause.LIFETIME_TOO_SHORT, Cause.LIFETIME_TOO_LONG
    return [
        *(Fault(short, f"{s} s", lasting(s), margins=(0, 30)) for s in (60, 300, 1800)),
        *(Fault(long, f"{s} s", lasting(s)) for s in (7_200_000, 31_536_000)),
    ]


def _stale() -> list[Fault]:
    def expired(making: Making) -> Signs:
        return Cached(
            sound(making), keep_s=1e9, born_s=7300 + making.margin, faulty_after_s=7200 - making.margin
        )

    def for_ever(making: Making) -> Signs:
        return Cached(replace(sound(making), lifetime=172000), keep_s=1e9, faulty_after_s=1800)

    def one_meeting(world: World) -> None:
        world.traffic = replace(world.traffic, meetings=1)

    cause = Cause.STALE_SIGNATURE
    return [
        Fault(cause, "cached past expiry", expired),
        Fault(
            cause,
            "one token for ever",
            for_ever,
            margins=(30,),
            tune=one_meeting,
            rates=("1/min", "1/s"),
            shows_after_s=1800,
        ),
    ]


# Credentials


def _credentials() -> list[Fault]:
    def signed_with(pair: Pair) -> Code:
        return lambda making: faulty(sound(making, pair))

    def damaged(change: Callable[[bytes], bytes]) -> Code:
        return signed_with(Pair(KEY, change(PAIR.secret)))

    damages: dict[str, Callable[[bytes], bytes]] = {
        "line end": lambda secret: secret + b"\n",
        "CR LF": lambda secret: secret + b"\r\n",
        "space before": lambda secret: b" " + secret,
        "quoted": lambda secret: b'"' + secret + b'"',
        "base64-decoded": lambda secret: base64.urlsafe_b64decode(secret + b"=" * (-len(secret) % 4)),
        "UTF-16": lambda secret: secret.decode().encode("utf-16-le"),
        "BOM": lambda secret: b"\xef\xbb\xbf" + secret,
    }

    def unconfigured(world: World) -> None:
        world.setting = replace(world.setting, pairs=())

    def both_configured(world: World) -> None:
        world.setting = replace(world.setting, pairs=(PAIR, STRANGER))

    mixed_up = signed_with(Pair(KEY, STRANGER.secret))
    unknown = Cause.UNKNOWN_KEY
    return [
        Fault(Cause.WRONG_SECRET, "another app's secret", mixed_up),
        Fault(Cause.WRONG_SECRET, "the other configured secret", mixed_up, tune=both_configured),
        *(Fault(Cause.DAMAGED_SECRET, name, damaged(change)) for name, change in damages.items()),
        Fault(Cause.KEY_SECRET_SWAPPED, "swapped", signed_with(Pair(CLIENT_SECRET, KEY.encode()))),
        Fault(Cause.EMPTY_CREDENTIALS, "both empty", signed_with(Pair("", b""))),
        Fault(Cause.EMPTY_CREDENTIALS, "secret empty", signed_with(Pair(KEY, b""))),
        Fault(unknown, "another app's key", signed_with(STRANGER)),
        Fault(
            unknown,
            "another app's key, no secret configured",
            signed_with(STRANGER),
            margins=(30,),
            mixes=False,
            tells=by_joins,
            tune=unconfigured,
        ),
    ]


# Claims and form


def _changed(change: Callable[[Claims], Claims]) -> Code:
    return lambda making: faulty(replace(sound(making), change=change))


def _without(*names: str) -> Callable[[Claims], Claims]:
    return lambda claims: {name: value for name, value in claims.items() if name not in names}


def _written(write: Callable[[Any, bytes], str], shows: Callable[[str], bool] = always) -> Code:
    return lambda making: replace(sound(making), write=write, shows=shows)


def _claims() -> list[Fault]:
    malformed = Cause.MALFORMED_CLAIMS
    changes: dict[str, Callable[[Claims], Claims]] = {
        "iat a string": lambda claims: claims | {"iat": str(claims["iat"])},
        "no iat": _without("iat"),
        "iat with a fraction": lambda claims: claims | {"iat": claims["iat"] + 0.123},
        "role a string": lambda claims: claims | {"role": str(claims["role"])},
        "mn with dashes": lambda claims: claims | {"mn": f"{claims['mn'][:3]}-{claims['mn'][3:]}"},
        "meetingNumber for mn": lambda claims: _without("mn")(claims) | {"meetingNumber": claims["mn"]},
    }
    missing = Cause.APP_KEY_MISSING
    return [
        *(Fault(malformed, name, _changed(change)) for name, change in changes.items()),
        Fault(missing, "sdkKey only", _changed(_without("appKey"))),
        Fault(missing, "neither key", _changed(_without("appKey", "sdkKey"))),
        Fault(Cause.REQUEST_NOT_PARSED, "body not read", _changed(_without("mn", "role"))),
    ]


def _forms() -> list[Fault]:
    def video(claims: Claims) -> Claims:
        times = {name: claims[name] for name in ("iat", "exp")}
        return {"app_key": claims["appKey"], "tpc": "a session", "role_type": 0, "version": 1, **times}

    def oauth(claims: Claims) -> Claims:
        whose = {"aud": "https://oauth.example", "uid": "not-a-real-user", "auid": "0" * 32, "ver": 9}
        return {**whose, "iat": claims["iat"], "exp": claims["exp"]}

    def rest(claims: Claims) -> Claims:
        return {"iss": claims["appKey"], "exp": claims["exp"]}

    def not_url(token: str) -> bool:
        return "+" in token or "/" in token

    format_, product, damage = Cause.WRONG_FORMAT, Cause.WRONG_PRODUCT, Cause.ENCODING_DAMAGE
    return [
        Fault(format_, "legacy", _written(tokens.legacy)),
        Fault(format_, "HMAC only", _written(tokens.only_mac)),
        Fault(format_, "HMAC missing", _written(tokens.no_mac)),
        Fault(format_, "HS512", _written(tokens.odd_jwt(alg="HS512"))),
        Fault(product, "Video SDK", _changed(video)),
        Fault(product, "OAuth", _changed(oauth)),
        Fault(product, "REST API", _changed(rest)),
        Fault(damage, "standard base64", _written(tokens.odd_jwt(tokens.standard), not_url)),
        Fault(damage, "hexadecimal HMAC", _written(tokens.odd_jwt(mac_segment=bytes.hex))),
        Fault(damage, "padding", _written(tokens.odd_jwt(tokens.padded), lambda token: "=" in token)),
        Fault(damage, "line ends", _written(tokens.odd_jwt(tokens.encode64))),
    ]


def _requests() -> list[Fault]:
    def personal(claims: Claims) -> Claims:
        return claims | {"mn": "5551234567"}

    def shared(share: float, forgetful: float = 0.0) -> Code:
        return lambda making: SharedFields(sound(making), making.random, share, forgetful)

    def busy(world: World) -> None:
        world.traffic = replace(world.traffic, meetings=200)

    state, busy_rates = Cause.SHARED_STATE, ("1/s", "10/s", "100/s")
    return [
        Fault(Cause.MEETING_MISMATCH, "personal meeting id", _changed(personal)),
        Fault(state, "15 in 100", shared(0.15), tune=busy, margins=(0, 30, 120), rates=busy_rates),
        Fault(state, "4 in 100", shared(0.04), tune=busy, margins=(0, 30, 120), rates=busy_rates),
        Fault(
            state,
            "4 in 100 and forgetful",
            shared(0.04, 0.05),
            tune=busy,
            margins=(0, 30, 120),
            rates=busy_rates,
        ),
    ]


# What only joins tell


@dataclass(frozen=True, slots=True)
class _Told:
    """Shorthand for faults without a trace in the signature."""

    cause: Cause
    name: str
    tune: Callable[[World], None]
    mixes: bool = False
    margins: tuple[int, ...] = (0, 60)
    rates: tuple[str, ...] = field(default=("1/min", "1/s", "10/s", "100/s"))

    def fault(self) -> Fault:
        return Fault(
            self.cause,
            self.name,
            sound,
            margins=self.margins,
            mixes=self.mixes,
            tells=by_joins,
            tune=self.tune,
            rates=self.rates,
        )


def _refusing(code: str, when: Callable[[Attempt, World], bool]) -> Callable[[World], None]:
    """Zoom refuses these joins with this code."""

    def tune(world: World) -> None:
        world.setting = replace(world.setting, pairs=())
        world.zoom.rules = (lambda attempt: code if when(attempt, world) else None,)

    return tune


def _share(attempt: Attempt, share: float) -> bool:
    """A share of the signatures, the same at each try."""
    return hash_of(attempt.token) % 1000 < 1000 * share


def hash_of(text: str) -> int:
    """A number from a text, the same in every process."""
    return int.from_bytes(tokens.mac(text, b"share")[:4], "big")


def _by_joins() -> list[Fault]:
    def guests_as_hosts(code: str) -> Callable[[World], None]:
        def tune(world: World) -> None:
            world.traffic = replace(world.traffic, hosts_share=0.3)
            world.pages = replace(world.pages, owners=0.0)
            world.zoom.guest_host_code = code

        return tune

    def foreign(share: float, code: str) -> Callable[[World], None]:
        def tune(world: World) -> None:
            world.pages = replace(world.pages, foreign=share)
            world.zoom.cross_account_code = code

        return tune

    def two_origins(world: World) -> None:
        world.pages = replace(
            world.pages, origins=(("https://app.example", 0.6), ("https://tunnel.example", 0.4))
        )
        _refusing("3712", lambda attempt, _: attempt.origin == "https://tunnel.example")(world)

    def mistaken(world: World) -> None:
        world.pages = replace(world.pages, mistaken=0.2)

    def damaged(world: World) -> None:
        world.habits = replace(world.habits, damages=0.3)

    told = [
        _Told(Cause.HOST_ROLE, "guests as hosts, 3712", guests_as_hosts("3712")),
        _Told(Cause.HOST_ROLE, "guests as hosts, 3711", guests_as_hosts("3711")),
        _Told(Cause.HOST_ROLE, "guests as hosts, 3708", guests_as_hosts("3708")),
        _Told(Cause.OTHER_ACCOUNT, "all joins, 4011", foreign(1.0, "4011")),
        _Told(Cause.OTHER_ACCOUNT, "one in five, 4011", foreign(0.2, "4011")),
        _Told(Cause.OTHER_ACCOUNT, "one in five, 4013", foreign(0.2, "4013")),
        _Told(Cause.ORIGIN_SPECIFIC, "one of two origins", two_origins),
        _Told(Cause.MEETING_MISMATCH, "pages join another meeting", mistaken),
        _Told(Cause.ENCODING_DAMAGE, "damaged on its way to the join", damaged),
        _Told(Cause.UNEXPLAINED, "3 in 10", _refusing("3712", lambda attempt, _: _share(attempt, 0.3))),
        _Told(Cause.UNEXPLAINED, "all joins", _refusing("3712", lambda *_: True)),
    ]
    return [each.fault() for each in told]


def faults() -> list[Fault]:
    """All faults of one backend."""
    return [
        *_float32(),
        *_clocks(),
        *_zones(),
        *_units(),
        *_no_margin(),
        *_lifetimes(),
        *_stale(),
        *_credentials(),
        *_claims(),
        *_forms(),
        *_requests(),
        *_by_joins(),
    ]
