"""Faults of what is signed, and with what: credentials, claims, forms, and requests that are mixed up."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from proxy.domain.diagnosis.base import Cause
from tests.support.secrets import CLIENT_SECRET, KEY

from . import tokens
from .endpoints import SharedFields, always, faulty
from .faults import PAIR, STRANGER, Code, Fault, by_joins, sound
from .play import World
from .tokens import Claims, Pair


def credentials() -> list[Fault]:
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


def _changed(change: Callable[[Claims], Claims]) -> Code:
    return lambda making: faulty(replace(sound(making), change=change))


def _without(*names: str) -> Callable[[Claims], Claims]:
    return lambda claims: {name: value for name, value in claims.items() if name not in names}


def _written(write: Callable[[Any, bytes], str], shows: Callable[[str], bool] = always) -> Code:
    return lambda making: replace(sound(making), write=write, shows=shows)


def claims() -> list[Fault]:
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


def forms() -> list[Fault]:
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


def requests() -> list[Fault]:
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


def signing_faults() -> list[Fault]:
    """All of them."""
    return [*credentials(), *claims(), *forms(), *requests()]
