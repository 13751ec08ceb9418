"""Rules about iat, exp and tokenExp."""

from __future__ import annotations

from typing import Final

from ..diagnosis.base import Cause
from ..signature import Format, Signature
from .base import ARTICLE, DATED, Circumstances, Hit, Rules, Severity

MIN_LIFETIME_S: Final = 1800
MAX_LIFETIME_S: Final = 172800
MILLISECONDS_FROM: Final = 1e11
"""A time claim above this is not in seconds: it would lie in the year 5138."""

SURELY_AHEAD_S: Final = 1.0
"""A smaller lead has passed before a page can use the token."""

MAX_INT32: Final = 2**31
MAX_CUT_S: Final = MAX_INT32 / 1000 + 1
"""What is left of milliseconds that were cut to 32 bits and divided by 1000: at most 25 days of January 1970."""

ZONE_STEP_S: Final = 900
"""Time zones differ by multiples of a quarter of an hour (IANA time zone database)."""

MAX_ZONE_S: Final = 14 * 3600
_ZONE_SLACK_S: Final = 5

_UNITS: Final = (
    (1e14, "milliseconds (System.currentTimeMillis(), Date.now(), UnixMilli)"),
    (1e17, "microseconds"),
    (1e18, "ticks of 100 ns (C# DateTime.Ticks)"),
    (float("inf"), "nanoseconds (UnixNano, time_ns)"),
)
"""Up to which value a time of our days is in which unit."""

RULES = Rules()


@RULES.add(
    "time/iat_ahead",
    Severity.REFUSED,
    'iat lies in the future: Zoom answers "Invalid signature." until it has passed.',
    source="Zoom devforum 70827, 77667, 82045, 77167: cured by a smaller iat; a later retry of the same token works",
    formats=DATED,
)
def _iat_ahead(signature: Signature, at: Circumstances) -> Hit:
    iat = signature.claims.iat
    if iat is None or iat > MILLISECONDS_FROM:
        return None
    lead = iat - _reference_now(at)
    if lead <= 0:
        return None
    ahead = f"iat is {lead:.1f} s ahead"
    if at.clock is None:
        return Severity.WARNING, f"{ahead} of this host's clock, which is not measured against any reference."
    measured = f"{ahead} of the reference clock (± {at.clock.bound_s:.3f} s)."
    if lead <= at.clock.bound_s or lead <= SURELY_AHEAD_S:
        return Severity.WARNING, f"{measured} It may have passed before the join."
    return measured


@RULES.add(
    "time/expired",
    Severity.REFUSED,
    'The signature had expired when it was issued: Zoom answers "The signature has expired." (3705).',
    source="Zoom Web SDK error codes: 3705",
    cause=Cause.STALE_SIGNATURE,
    formats=DATED,
)
def _expired(signature: Signature, at: Circumstances) -> Hit:
    exp = signature.claims.exp
    if exp is None:
        return None
    late = _reference_now(at) - exp
    if late < 0 or _cut(signature):
        return None
    past = f"exp lies {late:.0f} s in the past."
    if at.clock is not None and late <= at.clock.bound_s and at.clock.bound_s > 0:
        return Severity.WARNING, f"{past} This host's clock may be off by as much."
    return past


@RULES.add(
    "time/milliseconds",
    Severity.REFUSED,
    "A time claim is in milliseconds or smaller units; Zoom expects seconds.",
    source="mieszko4/react-native-zoom-us#340; Zoom devforum 83251",
    cause=Cause.MILLISECONDS,
)
def _milliseconds(signature: Signature, _at: Circumstances) -> Hit:
    claims = signature.claims
    times = (("iat", claims.iat), ("exp", claims.exp), ("tokenExp", claims.token_exp))
    wrong = [(name, value) for name, value in times if value is not None and value > MILLISECONDS_FROM]
    if not wrong:
        return None
    unit = next(unit for below, unit in _UNITS if wrong[0][1] < below)
    return f"{' and '.join(name for name, _ in wrong)} would lie after the year 5000; it looks like {unit}."


@RULES.add(
    "time/overflow",
    Severity.REFUSED,
    "A time claim is negative or in January 1970: milliseconds were cut to 32 bits.",
    source=f"{ARTICLE}: iat is the current time; Zoom Web SDK error codes: 3705 once exp has passed",
    cause=Cause.MILLISECONDS,
)
def _overflow(signature: Signature, at: Circumstances) -> Hit:
    wrong = _cut(signature)
    if not wrong:
        return None
    said = " and ".join(f"{name} is {value:.10g}" for name, value in wrong)
    exp = signature.claims.exp
    passed = exp is not None and exp < _reference_now(at)
    if passed or any(value < 0 for _, value in wrong):
        return f"{said}: divide by 1000 before the cast, or keep 64 bits."
    return (
        Severity.WARNING,
        f"{said}: divide by 1000 before the cast. Whether Zoom minds an iat so old is not known.",
    )


@RULES.add(
    "time/lifetime_short",
    Severity.WARNING,
    "exp is not more than 1800 s after iat, Zoom's least; whether the Web SDK enforces it is not known.",
    source=f"{ARTICLE}; mieszko4/react-native-zoom-us#254: the native SDK refuses exactly 1800",
    cause=Cause.LIFETIME_TOO_SHORT,
)
def _lifetime_short(signature: Signature, _at: Circumstances) -> Hit:
    lifetime = _lifetime(signature)
    if lifetime is None or lifetime > MIN_LIFETIME_S:
        return None
    mend = "make it at least 1801 s."
    if lifetime == 0:
        return f"exp - iat is 0 s: exp equals iat; {mend}"
    if lifetime < 0:
        return f"exp - iat is {lifetime:g} s: exp is before iat; {mend}"
    return f"exp - iat is {lifetime:g} s; {mend}"


@RULES.add(
    "time/lifetime_long",
    Severity.WARNING,
    "exp is more than 172800 s after iat. Zoom calls that too long; whether the Web SDK enforces it is not known.",
    source=ARTICLE,
    cause=Cause.LIFETIME_TOO_LONG,
)
def _lifetime_long(signature: Signature, _at: Circumstances) -> Hit:
    lifetime = _lifetime(signature)
    if lifetime is None or lifetime <= MAX_LIFETIME_S:
        return None
    if lifetime % 1000 == 0 and MIN_LIFETIME_S <= lifetime / 1000 <= MAX_LIFETIME_S:
        meant = f"{lifetime / 1000:.0f} s with a * 1000 too many, as for milliseconds"
        return f"exp - iat is {lifetime:.0f} s, which is {meant}; make it at most 172790 s."
    return f"exp - iat is {lifetime:g} s; make it at most 172790 s."


@RULES.add(
    "time/token_exp_short",
    Severity.WARNING,
    "tokenExp is less than 1800 s after iat, Zoom's least; whether the Web SDK minds is not known.",
    source=ARTICLE,
    cause=Cause.LIFETIME_TOO_SHORT,
)
def _token_exp_short(signature: Signature, _at: Circumstances) -> Hit:
    iat, token_exp = signature.claims.iat, signature.claims.token_exp
    if iat is None or token_exp is None or max(iat, token_exp) > MILLISECONDS_FROM:
        return None
    lifetime = token_exp - iat
    if lifetime >= MIN_LIFETIME_S or _token_exp_shift(signature) is not None:
        return None
    return f"tokenExp - iat is {lifetime:g} s."


@RULES.add(
    "time/token_exp_shifted",
    Severity.WARNING,
    "tokenExp is before iat, a time zone's hours off exp; whether the Web SDK minds is not known.",
    source=f"{ARTICLE}; PyJWT: converts a datetime in iat, exp and nbf only",
    cause=Cause.TIMEZONE_SHIFT,
)
def _token_exp_shifted(signature: Signature, _at: Circumstances) -> Hit:
    shift = _token_exp_shift(signature)
    return None if shift is None else f"tokenExp - exp is {shift:+.0f} s ({shift / 3600:+g} h)."


@RULES.add(
    "time/token_exp_missing",
    Severity.WARNING,
    "tokenExp is missing, which the native SDKs require.",
    source="Zoom Meeting SDK documentation: payload of the signature",
    cause=Cause.MALFORMED_CLAIMS,
    formats=frozenset({Format.NATIVE}),
)
def _token_exp_missing(signature: Signature, _at: Circumstances) -> Hit:
    return "Add tokenExp with the same value as exp." if _without_token_exp(signature) else None


@RULES.add(
    "time/token_exp_left_out",
    Severity.INFO,
    "tokenExp is left out; whether the Web SDK needs it, Zoom's documents say differently.",
    source="Zoom Meeting SDK documentation: payload of the signature, in its versions",
    formats=frozenset({Format.MEETING_SDK}),
)
def _token_exp_left_out(signature: Signature, _at: Circumstances) -> Hit:
    if not _without_token_exp(signature):
        return None
    return "Zoom's own sample sends it, with the same value as exp."


def _without_token_exp(signature: Signature) -> bool:
    return signature.claims.raw.get("tokenExp") is None


def _cut(signature: Signature) -> list[tuple[str, float]]:
    """The time claims that are what a cut to 32 bits leaves: below zero, or in the first 25 days of 1970."""
    if signature.format is Format.LEGACY:
        return []
    iat, exp = signature.claims.iat, signature.claims.exp
    if (iat is None or iat > MAX_CUT_S) and (exp is None or exp > MAX_CUT_S):
        return []  # The usual case.
    times = (("iat", iat), ("exp", exp))
    return [
        (name, value)
        for name, value in times
        if value is not None and (-MAX_INT32 <= value < 0 or 0 < value <= MAX_CUT_S)
    ]


def _lifetime(signature: Signature) -> float | None:
    iat, exp = signature.claims.iat, signature.claims.exp
    if iat is None or exp is None or max(iat, exp) > MILLISECONDS_FROM or iat <= 0:
        return None
    return None if iat <= MAX_CUT_S < exp else exp - iat


def _token_exp_shift(signature: Signature) -> float | None:
    """How far tokenExp is from exp, where only a time zone explains it: no lifetime is negative."""
    iat, exp, token_exp = signature.claims.iat, signature.claims.exp, signature.claims.token_exp
    if iat is None or exp is None or token_exp is None or not token_exp < iat < exp:
        return None
    shift = token_exp - exp
    off = abs(shift - ZONE_STEP_S * round(shift / ZONE_STEP_S))
    return shift if shift >= -MAX_ZONE_S and off <= _ZONE_SLACK_S else None


def _reference_now(at: Circumstances) -> float:
    """The time when the signature arrived, by the reference clock where this host is measured against one."""
    return at.now if at.clock is None else at.now - at.clock.offset_s
