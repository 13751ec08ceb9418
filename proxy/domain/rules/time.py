"""Rules about iat, exp and tokenExp."""

from __future__ import annotations

from typing import Final

from ..signature import Signature
from .base import ARTICLE, DATED, Circumstances, Hit, Rules, Severity

MIN_LIFETIME_S: Final = 1800
MAX_LIFETIME_S: Final = 172800
MILLISECONDS_FROM: Final = 1e11
"""A time claim above this is not in seconds: it would lie in the year 5138."""

SURELY_AHEAD_S: Final = 1.0
"""A smaller lead has passed before a page can use the token."""

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
    cause="stale_signature",
    formats=DATED,
)
def _expired(signature: Signature, at: Circumstances) -> Hit:
    exp = signature.claims.exp
    if exp is None:
        return None
    late = _reference_now(at) - exp
    if late < 0:
        return None
    past = f"exp lies {late:.0f} s in the past."
    if at.clock is not None and late <= at.clock.bound_s:
        return Severity.WARNING, f"{past} This host's clock may be off by as much."
    return past


@RULES.add(
    "time/milliseconds",
    Severity.REFUSED,
    "A time claim is in milliseconds or smaller units; Zoom expects seconds.",
    source="mieszko4/react-native-zoom-us#340; Zoom devforum 83251",
    cause="milliseconds",
)
def _milliseconds(signature: Signature, _at: Circumstances) -> Hit:
    claims = signature.claims
    times = (("iat", claims.iat), ("exp", claims.exp), ("tokenExp", claims.token_exp))
    wrong = [name for name, value in times if value is not None and value > MILLISECONDS_FROM]
    return f"{' and '.join(wrong)} would lie after the year 5000." if wrong else None


@RULES.add(
    "time/lifetime_short",
    Severity.WARNING,
    "exp is not more than 1800 s after iat, Zoom's least; whether the Web SDK enforces it is not known.",
    source=f"{ARTICLE}; mieszko4/react-native-zoom-us#254: the native SDK refuses exactly 1800",
    cause="lifetime_too_short",
)
def _lifetime_short(signature: Signature, _at: Circumstances) -> Hit:
    lifetime = _lifetime(signature)
    if lifetime is None or lifetime > MIN_LIFETIME_S:
        return None
    return f"exp - iat is {lifetime:g} s; make it at least 1801 s."


@RULES.add(
    "time/lifetime_long",
    Severity.WARNING,
    "exp is more than 172800 s after iat. Zoom calls that too long; whether the Web SDK enforces it is not known.",
    source=ARTICLE,
    cause="lifetime_too_long",
)
def _lifetime_long(signature: Signature, _at: Circumstances) -> Hit:
    lifetime = _lifetime(signature)
    if lifetime is None or lifetime <= MAX_LIFETIME_S:
        return None
    return f"exp - iat is {lifetime:g} s; make it at most 172790 s."


@RULES.add(
    "time/token_exp_short",
    Severity.WARNING,
    "tokenExp is less than 1800 s after iat, Zoom's least; whether the Web SDK minds is not known.",
    source=ARTICLE,
    cause="lifetime_too_short",
)
def _token_exp_short(signature: Signature, _at: Circumstances) -> Hit:
    iat, token_exp = signature.claims.iat, signature.claims.token_exp
    if iat is None or token_exp is None or max(iat, token_exp) > MILLISECONDS_FROM:
        return None
    lifetime = token_exp - iat
    return None if lifetime >= MIN_LIFETIME_S else f"tokenExp - iat is {lifetime:g} s."


def _lifetime(signature: Signature) -> float | None:
    iat, exp = signature.claims.iat, signature.claims.exp
    if iat is None or exp is None or max(iat, exp) > MILLISECONDS_FROM or iat <= 0:
        return None
    return exp - iat


def _reference_now(at: Circumstances) -> float:
    """The time when the signature arrived, by the reference clock where this host is measured against one."""
    return at.now if at.clock is None else at.now - at.clock.offset_s
