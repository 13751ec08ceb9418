"""What each cause means for users and how to mend it: the text that log lines, summaries and docs/causes.md share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .base import Cause
from .mend_lines import LINES, Fix, Language

__all__ = ["MAX_ADVICE", "MENDS", "Fix", "Language", "Mend", "advice"]

MAX_ADVICE: Final = 300
"""Characters of `advice`: it stands in a log line and in a cell of the status page."""

_DOCUMENT: Final = "docs/causes.md"


@dataclass(frozen=True, slots=True)
class Mend:
    """One cause in words. `lines`: the line to change, by language; empty where no line of code mends it."""

    title: str
    """A short name, in the middle of a sentence."""
    meaning: str
    """One sentence: what happens to users."""
    advice: str
    """One or two sentences: what to change."""
    lines: Mapping[Language, Fix]


def advice(cause: Cause, language: Language | None = None) -> str:
    """What to do about a cause, in one line of at most MAX_ADVICE characters, with the line to change.

    `language`: of the backend, None where nobody knows it. Then float32 rounding names Java's line, since that is where
    it is seen, and of the others it says where the lines stand.
    """
    mend = MENDS[cause]
    if not mend.lines:
        return mend.advice
    elsewhere = f"{_DOCUMENT}#{cause}"
    if language is None and cause is Cause.FLOAT32_ROUNDING:
        return f"{mend.advice} {_change(Language.JAVA, mend.lines)} Other languages: {elsewhere}."
    if language is None or language not in mend.lines:
        return f"{mend.advice} The line to change: {elsewhere}."
    return f"{mend.advice} {_change(language, mend.lines)}"


def _change(language: Language, lines: Mapping[Language, Fix]) -> str:
    fix = lines[language]
    also = f"; {fix.also}" if fix.also else ""
    return f"In {language}, instead of `{fix.wrong}` write `{fix.right}`{also}."


def _mend(cause: Cause, title: str, meaning: str, advice: str) -> tuple[Cause, Mend]:
    return cause, Mend(title, meaning, advice, LINES.get(cause, {}))


MENDS: Final[Mapping[Cause, Mend]] = dict(
    (
        _mend(
            Cause.FLOAT32_ROUNDING,
            "iat is rounded to multiples of 128 s (float32)",
            "iat is up to 64 s ahead of the time, so joins fail in bursts of 33 to 64 s, one in every 128 s, and"
            " the same signature works afterwards.",
            "Divide by 1000 in integers, without rounding, and take a minute off.",
        ),
        _mend(
            Cause.BACKEND_CLOCK_AHEAD,
            "the clock of the host that signs is ahead",
            "iat lies in the future by as much as the clock is ahead, less the code's margin, and joins fail with"
            " 3712 until it has passed.",
            "Fix the NTP of the host that signs: chronyc tracking.",
        ),
        _mend(
            Cause.BACKEND_CLOCK_BEHIND,
            "the clock of the host that signs is behind",
            "Signatures expire earlier than they say by as much as the clock is behind: joins fail with 3705"
            " sooner, and always where it is more than the lifetime.",
            "Fix the NTP of the host that signs: chronyc tracking.",
        ),
        _mend(
            Cause.TIMEZONE_SHIFT,
            "iat is shifted by a time zone",
            "iat is whole quarters of an hour off: where it is ahead, every join fails with 3712 for hours; where"
            " it is behind by more than the lifetime, with 3705.",
            "Take epoch seconds from the clock itself, never from a date and time that has lost its zone.",
        ),
        _mend(
            Cause.MILLISECONDS,
            "times are in milliseconds, not seconds",
            "iat lies thousands of years ahead, or decades back where it was cut to 32 bits: every join fails, and"
            " no waiting helps.",
            "Divide by 1000 and round down, and count lifetimes in seconds.",
        ),
        _mend(
            Cause.NO_MARGIN,
            "iat has no margin",
            "iat is ahead of the time by less than 3 s: a quick join may fail with 3712, and works a moment later.",
            "Round iat down and leave a margin: it hides small differences between clocks and costs nothing.",
        ),
        _mend(
            Cause.WRONG_SECRET,
            "signed with another secret",
            "Zoom cannot verify the signatures: every join with one fails with 3712, and no waiting helps.",
            "Use the Client Secret that belongs to this Client ID: of the same app, and of the same environment"
            " (development and production have different pairs).",
        ),
        _mend(
            Cause.KEY_SECRET_SWAPPED,
            "key and secret are swapped",
            "Zoom cannot verify the signatures, so every join fails with 3704 or 3712, and the secret may stand"
            " readable in each, in the place of the key.",
            "Swap them back. Where the secret stood in signatures, make a new one: it was sent to every browser.",
        ),
        _mend(
            Cause.DAMAGED_SECRET,
            "the secret is changed before it signs",
            "A line end, spaces, quotation marks or a decoding make another secret of it: every join with such a"
            " signature fails with 3712.",
            "Sign with the secret's characters as they are: nothing around them, and not decoded first.",
        ),
        _mend(
            Cause.EMPTY_CREDENTIALS,
            "key or secret is empty on the host that signs",
            "The endpoint answers 200 with a signature made of nothing: every join with one fails.",
            "Load the Client ID and the Client Secret into this host's environment, and let the endpoint refuse to"
            " start without them.",
        ),
        _mend(
            Cause.UNKNOWN_KEY,
            "the key is not a known one",
            "If the key is no active Meeting SDK app's, every join fails with 3704, 3710 or 3712; if it is, only"
            " joinwatch cannot check the signatures.",
            "Use the Client ID of an active Meeting SDK app; if the key is right, add its pair to the backend's"
            " credentials in joinwatch.",
        ),
        _mend(
            Cause.APP_KEY_MISSING,
            "appKey is missing in the signature",
            "Without a key the Web SDK does not even ask Zoom; with sdkKey alone it breaks the rule of SDK 5.0 and"
            " later.",
            "Put the Client ID into the claim appKey.",
        ),
        _mend(
            Cause.REQUEST_NOT_PARSED,
            "the endpoint does not read the request",
            "The signature names no meeting and no role: it verifies, and the Web SDK cannot join with it.",
            "Send the request as JSON, marked as such; in the endpoint, answer 400 where the meeting is missing.",
        ),
        _mend(
            Cause.SHARED_STATE,
            "requests share variables in the endpoint",
            "People who ask at the same moment get broken signatures, or ones for somebody else's meeting; alone,"
            " everybody joins.",
            "Keep what a request needs in local variables of the function that answers it: no fields, no globals.",
        ),
        _mend(
            Cause.STALE_SIGNATURE,
            "old signatures are handed out again",
            "Pages get a signature that was made earlier: it works until its exp, then joins fail with 3705.",
            "Sign anew for every request, answer with Cache-Control: no-store, and keep no copy in a CDN, a service"
            " worker or the app.",
        ),
        _mend(
            Cause.LIFETIME_TOO_SHORT,
            "exp is too soon after iat",
            "Zoom asks for more than 1800 s, though it is not known to refuse less; pages that wait longer fail"
            " with 3705.",
            "Set exp to iat + 7200, and tokenExp to the same.",
        ),
        _mend(
            Cause.LIFETIME_TOO_LONG,
            "exp is too long after iat",
            "Zoom asks for at most 172800 s (48 hours); whether it refuses more is not known.",
            "Set exp to iat + 7200, in seconds, and tokenExp to the same.",
        ),
        _mend(
            Cause.MALFORMED_CLAIMS,
            "claims are missing or of the wrong type",
            "Zoom does not find the time, the meeting or the role where it looks: every join with such a signature"
            " fails where it insists on them.",
            "Make iat, exp and tokenExp whole numbers, mn digits only, role the number 0 or 1.",
        ),
        _mend(
            Cause.WRONG_FORMAT,
            "not a Meeting SDK signature in its form",
            "It is of the retired JWT app type, lacks a part, or has another algorithm than HS256: every join fails.",
            "Sign a JWT with HS256 for a Meeting SDK app, best with a library, and return all three parts.",
        ),
        _mend(
            Cause.WRONG_PRODUCT,
            "a token of another Zoom product",
            "A Video SDK, REST or OAuth token cannot join a meeting: every join fails.",
            "Sign with the Client ID and Client Secret of a Meeting SDK app, and the claims appKey, mn, role, iat,"
            " exp and tokenExp.",
        ),
        _mend(
            Cause.ENCODING_DAMAGE,
            "the signature's characters are changed",
            "What Zoom gets is not what was signed: some joins fail or all, each signature for good.",
            "Encode as base64url without padding, and pass the signature on unchanged: in a URL with"
            " encodeURIComponent.",
        ),
        _mend(
            Cause.MEETING_MISMATCH,
            "signed for another meeting",
            "The signature names another meeting than the one that is joined: those joins fail with 3712, 3706 or"
            " 3707.",
            "Sign the number that the request names, as a string of digits, and join with the same number.",
        ),
        _mend(
            Cause.HOST_ROLE,
            "role 1 for people who are not the host",
            "Joins with role 1 fail, and those with role 0 work.",
            "Sign role 0 for everybody but the meeting's host; the host may need a ZAK beside the signature.",
        ),
        _mend(
            Cause.OTHER_ACCOUNT,
            "meetings of other accounts",
            "Joins of meetings that belong to another account than the app's fail, mostly with 4011 to 4013; the"
            " signature is sound.",
            "Pass an OBF token or a ZAK for these meetings: since March 2026 a signature alone joins only meetings"
            " of the app's own account.",
        ),
        _mend(
            Cause.ORIGIN_SPECIFIC,
            "joins fail from one origin only",
            "People on one site cannot join, while others join with signatures of the same backend.",
            "Compare this site with one that works: the SDK's version, how the signature gets to join, any proxy in"
            " front.",
        ),
        _mend(
            Cause.REPLICA_SPECIFIC,
            "only some of the hosts that sign are affected",
            "Joins fail for those whom the balancer sends to these hosts, so a retry may work.",
            "Compare the hosts that are named with the others: clock, environment, version; until then, take them"
            " out.",
        ),
        _mend(
            Cause.ZOOM_SIDE,
            "Zoom refuses everywhere at once",
            "Joins fail at all backends from the same moment on, though nothing changed in the signatures.",
            "Change nothing in the backends; look at Zoom's status page and wait, or ask Zoom's support with the"
            " times.",
        ),
        _mend(
            Cause.UNEXPLAINED,
            "nothing that is seen here explains it",
            "Joins fail with 3712, and the signatures, the clocks and the circumstances look sound.",
            "Look at what is not seen here: whether the app is active and of the right type, and whether page and"
            " meeting are on the same Zoom cloud.",
        ),
    )
)
"""Of every cause, in the order of the enum."""
