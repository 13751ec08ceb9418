"""Rules about the format, the encoding and the product that a token belongs to."""

from __future__ import annotations

from typing import Final

from ..diagnosis.base import Cause
from ..signature import HEXADECIMAL, JWT_FORMATS, Format, Signature
from .base import Circumstances, Hit, Rules, Severity

MAC_BYTES: Final = 32
_OTHER_LENGTHS: Final = {
    0: "it cannot be decoded",
    20: "that is the length of SHA-1",
    48: "that is the length of SHA-384",
    64: "that is the length of SHA-512, and of hexadecimal digits that were encoded once more",
}

RULES = Rules()


@RULES.add(
    "format/native",
    Severity.INFO,
    "The signature has no meeting and no role: it is for the native SDKs, the Web SDK cannot join with it.",
    source="developers.zoom.us, 'Create a sample JWT for the Meeting SDK'",
    formats=frozenset({Format.NATIVE}),
)
def _native(_signature: Signature, at: Circumstances) -> Hit:
    return None if at.meeting is not None else "Right for Android, iOS, Windows, macOS and Linux apps only."


@RULES.add(
    "format/legacy",
    Severity.REFUSED,
    "This is a signature of the JWT app type, which Zoom shut down in 2023.",
    source="Zoom devforum 78401, 83251",
    cause=Cause.WRONG_FORMAT,
    formats=frozenset({Format.LEGACY}),
)
def _legacy(_signature: Signature, _at: Circumstances) -> Hit:
    return "Sign a Meeting SDK JWT with a Client ID and Client Secret instead."


@RULES.add(
    "format/video_sdk",
    Severity.REFUSED,
    "This is a Video SDK token; it cannot join meetings.",
    source="developers.zoom.us, Video SDK authorization",
    cause=Cause.WRONG_PRODUCT,
    formats=frozenset({Format.VIDEO_SDK}),
)
def _video_sdk(_signature: Signature, _at: Circumstances) -> Hit:
    return "Use the credentials and claims of a Meeting SDK app."


@RULES.add(
    "format/other_token",
    Severity.REFUSED,
    "This is a token, but not a Meeting SDK signature.",
    source="Zoom devforum 98154, 46614",
    cause=Cause.WRONG_PRODUCT,
    formats=frozenset({Format.REST_JWT, Format.OAUTH, Format.OTHER_JWT}),
)
def _other_token(signature: Signature, _at: Circumstances) -> Hit:
    match signature.format:
        case Format.REST_JWT:
            return "It looks like a token of the retired REST API."
        case Format.OAUTH:
            return "It looks like an OAuth or ZAK token; a ZAK goes into the join option zak."
        case _:
            return "Its claims are not those of a Meeting SDK signature."


@RULES.add(
    "format/hmac_only",
    Severity.REFUSED,
    "Only the HMAC was returned: the header and the payload are missing.",
    source="Zoom devforum 85908, 98154",
    cause=Cause.WRONG_FORMAT,
    formats=frozenset({Format.HMAC_ONLY}),
)
def _hmac_only(_signature: Signature, _at: Circumstances) -> Hit:
    return "Return header.payload.signature, joined by dots."


@RULES.add(
    "format/algorithm",
    Severity.REFUSED,
    "The signature's algorithm is not HS256, the only one that Zoom accepts.",
    source="Zoom Meeting SDK documentation: header of the signature",
    cause=Cause.WRONG_FORMAT,
)
def _algorithm(signature: Signature, _at: Circumstances) -> Hit:
    return None if signature.alg == "HS256" else "Set alg to HS256 and sign with HMAC-SHA256."


@RULES.add(
    "format/mac_missing",
    Severity.REFUSED,
    "The HMAC is missing: the signature ends after its payload.",
    source="RFC 7515 sections 5.2 and 7.1: a signature without its third part cannot verify",
    cause=Cause.WRONG_FORMAT,
    formats=JWT_FORMATS,
)
def _mac_missing(signature: Signature, _at: Circumstances) -> Hit:
    return None if signature.segments > 2 else "Return header.payload.signature, joined by dots."


@RULES.add(
    "format/mac_length",
    Severity.REFUSED,
    "The HMAC has not the 32 bytes of HS256: it was cut off, or is none.",
    source="RFC 7518 section 3.2: HS256 is HMAC with SHA-256",
    cause=Cause.ENCODING_DAMAGE,
)
def _mac_length(signature: Signature, _at: Circumstances) -> Hit:
    length = len(signature.mac)
    if length == MAC_BYTES or signature.segments != 3 or signature.alg != "HS256":
        return None
    why = _OTHER_LENGTHS.get(length, "characters were lost, or added, after it was signed")
    return f"It has {length} bytes: {why}."


@RULES.add(
    "format/segments",
    Severity.REFUSED,
    "The signature has more than three parts.",
    source="RFC 7515 section 7.1; seen where requests share fields, as in Zoom devforum 70827",
    cause=Cause.SHARED_STATE,
    formats=JWT_FORMATS,
)
def _segments(signature: Signature, _at: Circumstances) -> Hit:
    return None if signature.segments <= 3 else f"It has {signature.segments} parts."


@RULES.add(
    "format/encoding",
    Severity.WARNING,
    "The signature is not plain base64url, which RFC 7515 asks for.",
    source="RFC 7515 section 2; Zoom devforum 81534 (padding), 85908; mieszko4/react-native-zoom-us#340 (hexadecimal)",
    cause=Cause.ENCODING_DAMAGE,
    formats=JWT_FORMATS,
)
def _encoding(signature: Signature, _at: Circumstances) -> Hit:
    if not signature.damage:
        return None
    has = f"It has {' and '.join(signature.damage)}."
    if HEXADECIMAL in signature.damage:
        return Severity.REFUSED, f"{has} That decodes to 48 bytes, never to the 32 of HMAC-SHA256."
    return f"{has} Whether Zoom decodes it all the same is not known."
