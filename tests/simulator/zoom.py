"""Who accepts or refuses a signature at the join: a verifier that keeps its tolerance to itself."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

TEXTS: Final = {
    "3704": "The api key is wrong.",
    "3705": "The signature has expired.",
    "3706": "The meeting number is wrong.",
    "3708": "The role is not applicable.",
    "3711": "Can not be host in other account's meeting.",
    "3712": "Invalid signature.",
    "4011": "Your account is not allowed to join meetings of another account.",
}
LOCAL: Final = "local"
"""The SDK threw an error of its own before it asked."""


@dataclass(slots=True)
class Attempt:
    """One call of join. `owner`: whether the user may host this meeting; `foreign`: it belongs to another account."""

    at: float
    token: str
    meeting: str
    backend: str = ""
    host: str = ""
    origin: str = ""
    owner: bool = True
    foreign: bool = False


Rule = Callable[[Attempt], str | None]
"""Something beyond the token for which a join is refused with a code."""


@dataclass(slots=True)
class Zoom:
    """`tolerance_s`: how far ahead iat may be. `rules` are asked after the token was found good."""

    secrets: Mapping[str, bytes]
    tolerance_s: float = 0.0
    clock_offset_s: float = 0.0
    strict_lifetime: bool = True
    strict_base64: bool = True
    mismatch_code: str = "3706"
    guest_host_code: str = "3712"
    cross_account_code: str = "4011"
    rules: tuple[Rule, ...] = field(default=())

    def refuses(self, attempt: Attempt) -> str | None:
        """The code for which this join fails; None: the signature is good."""
        now = attempt.at + self.clock_offset_s
        code = self._token(attempt.token, attempt, now)
        if code is not None:
            return code
        return next((code for rule in self.rules if (code := rule(attempt)) is not None), None)

    def _token(self, token: str, attempt: Attempt, now: float) -> str | None:
        parts = token.split(".")
        claims = claims_of(parts[1]) if len(parts) > 1 else None
        if claims is None:
            return LOCAL
        key = claims.get("appKey")
        if not key:
            return "3712" if claims.get("sdkKey") else LOCAL
        secret = self.secrets.get(str(key))
        if secret is None:
            return "3704"
        if len(parts) != 3 or not self._signed(parts, secret):
            return "3712"
        return self._times(claims, now) or self._asked_for(claims, attempt)

    def _signed(self, parts: list[str], secret: bytes) -> bool:
        if self.strict_base64 and set("+/=\n") & set("".join(parts)):
            return False
        head = "".join(f"{parts[0]}.{parts[1]}".split())
        return hmac.compare_digest(hmac.digest(secret, head.encode(), "sha256"), _bytes(parts[2]))

    def _times(self, claims: Mapping[str, Any], now: float) -> str | None:
        iat, exp = claims.get("iat"), claims.get("exp")
        if type(iat) is not int or type(exp) is not int or iat > now + self.tolerance_s or iat <= 0:
            return "3712"
        if exp < now:
            return "3705"
        if self.strict_lifetime and not 1800 < exp - iat <= 172800:
            return "3712"
        return None

    def _asked_for(self, claims: Mapping[str, Any], attempt: Attempt) -> str | None:
        if str(claims.get("mn")) != attempt.meeting:
            return self.mismatch_code
        role = claims.get("role")
        if role not in (0, 1) or isinstance(role, str):
            return "3708"
        if role == 1 and not attempt.owner:
            return self.guest_host_code
        return self.cross_account_code if attempt.foreign else None


def error(code: str, view: str) -> dict[str, str | int | bool]:
    """The SDK's error object for a code, as Client View or Component View makes it."""
    if code == LOCAL:
        return {"name": "Error", "message": "appKey can not empty in the signature"}
    text = TEXTS.get(code, "Fail to join the meeting.")
    if view == "component":
        reason = "Signature is invalid." if code == "3712" else text
        return {"type": "JOIN_MEETING_FAILED", "reason": reason, "errorCode": int(code)}
    return {"method": "join", "status": False, "result": text, "errorCode": int(code)}


def claims_of(segment: str) -> dict[str, Any] | None:
    try:
        claims = json.loads(_bytes(segment))
    except ValueError:
        return None
    return claims if isinstance(claims, dict) else None


def _bytes(segment: str) -> bytes:
    plain = "".join(segment.split()).rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
