"""What the Web SDK makes of a signature and of Zoom's answer, as pages see it."""

from __future__ import annotations

from typing import Any, Final

_BY_TEXT: Final = {
    "The api key is wrong.": 3704,
    "The signature has expired.": 3705,
    "The meeting number is wrong.": 3706,
    "The role is not applicable.": 3708,
    "Invalid signature.": 3712,
}
_SHOWN: Final = {3712: "Signature is invalid."}

OUTCOMES: Final = {3712: "invalid_signature", 3705: "signature_expired"}
"""What a failure counts as; all others are other_failure."""

Failure = dict[str, Any]


def local_failure(signature: str, view: str, sdk: str) -> Failure | None:
    """What version 6 says of a signature that it cannot decode, before it asks anybody; None: it asks Zoom.

    Its Client View says nothing at all then: an empty failure.
    """
    if sdk.startswith("2.") or signature.count(".") >= 2:
        return None
    if view == "client":
        return {}
    return {"name": "TypeError", "message": "Cannot read properties of undefined (reading 'replace')"}


def failure(answer: dict[str, Any], view: str) -> tuple[int, Failure]:
    """The code and the error object for a refusal."""
    raw: int = answer["errorCode"]
    text: str = answer["errorMessage"]
    code = _BY_TEXT.get(text, raw) if raw == 200 else raw
    shown = _SHOWN.get(code, text)
    if view == "component":
        return code, {"type": "JOIN_MEETING_FAILED", "reason": shown, "errorCode": code}
    return code, {"method": "join", "status": False, "result": text, "errorMessage": shown, "errorCode": code}


def no_connection(view: str) -> tuple[int, Failure]:
    """The same where Zoom does not answer."""
    if view == "component":
        return -3000, {"type": "JOIN_MEETING_FAILED", "reason": "connection error", "errorCode": -3000}
    shown = "Fail to join the meeting."
    return 1, {"method": "join", "status": False, "result": None, "errorMessage": shown, "errorCode": 1}
