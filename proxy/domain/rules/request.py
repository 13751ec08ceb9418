"""Rules that compare the signature with what the request asked for."""

from __future__ import annotations

from ..claims import number
from ..diagnosis.base import Cause
from ..signature import Format, Signature
from .base import DATED, Circumstances, Hit, Rules, Severity
from .time import MAX_INT32

RULES = Rules()


@RULES.add(
    "request/meeting_mismatch",
    Severity.REFUSED,
    "The signature is for another meeting than the request asked for.",
    source="recall.ai, 'Zoom signature is invalid'; zoom/skills: mn must be the meeting that is joined",
    cause=Cause.MEETING_MISMATCH,
    formats=DATED - {Format.NATIVE},
)
def _meeting_mismatch(signature: Signature, at: Circumstances) -> Hit:
    claimed = signature.claims.meeting
    if at.meeting is None or claimed is None or _digits(claimed) == _digits(at.meeting):
        return None
    if _cut_to_32_bits(_digits(at.meeting), claimed):
        return "It is the number that was asked for, cut to 32 bits: keep it a string."
    return "The values differ by more than spaces and dashes; they are not shown here."


@RULES.add(
    "request/role_mismatch",
    Severity.WARNING,
    "The signature makes a host of somebody for whom the request asked for another role.",
    source="Zoom devforum 69170, 9045: role 1 fails for who is not the host",
    cause=Cause.HOST_ROLE,
    formats=DATED - {Format.NATIVE},
)
def _role_mismatch(signature: Signature, at: Circumstances) -> Hit:
    return _other_role(signature, at) if signature.claims.role == 1 else None


@RULES.add(
    "request/role_lowered",
    Severity.INFO,
    "The signature has not the host role that the request asked for.",
    source="comparison with the request (role_from)",
    formats=DATED - {Format.NATIVE},
)
def _role_lowered(signature: Signature, at: Circumstances) -> Hit:
    return _other_role(signature, at) if signature.claims.role != 1 else None


def _other_role(signature: Signature, at: Circumstances) -> Hit:
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
    cause=Cause.REQUEST_NOT_PARSED,
    formats=frozenset({Format.NATIVE}),
)
def _not_parsed(_signature: Signature, at: Circumstances) -> Hit:
    return "Send the request with Content-Type: application/json." if at.meeting is not None else None


def _digits(text: str) -> str:
    return "".join(text.split()).replace("-", "")


def _cut_to_32_bits(asked: str, claimed: str) -> bool:
    """Whether a conversion to a 32-bit integer makes one of the other, by saturating or by wrapping around."""
    if not asked.isdecimal() or len(asked) > 20 or int(asked) < MAX_INT32:
        return False
    wrapped = (int(asked) + MAX_INT32) % (2 * MAX_INT32) - MAX_INT32
    return claimed in (str(MAX_INT32 - 1), str(wrapped), str(wrapped % (2 * MAX_INT32)))
