"""Rules that compare the signature with what the request asked for."""

from __future__ import annotations

from ..claims import number
from ..signature import Format, Signature
from .base import DATED, Circumstances, Hit, Rules, Severity

RULES = Rules()


@RULES.add(
    "request/meeting_mismatch",
    Severity.REFUSED,
    "The signature is for another meeting than the request asked for.",
    source="recall.ai, 'Zoom signature is invalid'; zoom/skills: mn must be the meeting that is joined",
    cause="meeting_mismatch",
    formats=DATED - {Format.NATIVE},
)
def _meeting_mismatch(signature: Signature, at: Circumstances) -> Hit:
    claimed = signature.claims.meeting
    if at.meeting is None or claimed is None or _digits(claimed) == _digits(at.meeting):
        return None
    return "The values differ by more than spaces and dashes; they are not shown here."


@RULES.add(
    "request/role_mismatch",
    Severity.WARNING,
    "The signature has another role than the request asked for.",
    source="comparison with the request (role_from)",
    formats=DATED - {Format.NATIVE},
)
def _role_mismatch(signature: Signature, at: Circumstances) -> Hit:
    claimed = signature.claims.role
    asked = None if at.role is None else number(at.role)
    if claimed is None or asked is None or claimed == asked:
        return None
    return f"Asked for role {asked:g}, signed for role {claimed:g}."


@RULES.add(
    "request/not_parsed",
    Severity.REFUSED,
    "The request named a meeting and the signature has none: the endpoint did not read the request's body.",
    source="zoom/meetingsdk-auth-endpoint-sample: a body not sent as JSON gets a token without the mn that the Web SDK"
    " needs",
    cause="request_not_parsed",
    formats=frozenset({Format.NATIVE}),
)
def _not_parsed(_signature: Signature, at: Circumstances) -> Hit:
    return "Send the request with Content-Type: application/json." if at.meeting is not None else None


def _digits(text: str) -> str:
    return "".join(text.split()).replace("-", "")
