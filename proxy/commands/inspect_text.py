"""An inspection in words for a terminal; whatever came from the token is stripped of control characters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..domain.claims import TIME_CLAIMS
from ..domain.diagnosis.base import Cause
from ..domain.diagnosis.mends import MENDS
from ..domain.rules.base import DATED, Finding, MacState, Severity, Verdict
from ..domain.signature import JWT_FORMATS, Format
from .inspection import Basis, Inspection, When
from .terminal import Paint, clean, moment, span, wrapped

NEAR_S: Final = 120
"""Where the clock's bound is worth saying."""

DOCUMENT: Final = "docs/findings.md"

ALGORITHMS: Final = {
    "none",
    *(f"{kind}{bits}" for kind in ("HS", "RS", "ES", "PS") for bits in (256, 384, 512)),
}
"""RFC 7518 section 3.1; what else the header says is not shown."""

_FORMATS: Final = {
    Format.MEETING_SDK: "Meeting SDK JWT for the Web SDK",
    Format.NATIVE: "Meeting SDK JWT for the native SDKs (no meeting, no role)",
    Format.LEGACY: "legacy signature of the JWT app type",
    Format.VIDEO_SDK: "Video SDK token",
    Format.REST_JWT: "token of the retired REST API",
    Format.OAUTH: "OAuth or ZAK token",
    Format.OTHER_JWT: "some other JWT",
    Format.HMAC_ONLY: "only an HMAC",
}
_VERDICTS: Final = {
    Verdict.OK: "ok: nothing in it that Zoom is known to refuse",
    Verdict.WARNING: "warning: it breaks a rule, and may fail of it",
    Verdict.REFUSED: "refused: Zoom will not take it",
}
_MACS: Final = {
    MacState.NOT_CHECKED: "not checked; give --secret-file to verify it",
    MacState.RIGHT: "right",
    MacState.WRONG: "wrong",
    MacState.UNKNOWN_KEY: "not checked: it names another key",
}
_MEND_WITHOUT_CAUSE: Final = {
    "time/iat_ahead": "Take whole seconds, rounded down, and a minute off: iat = floor(now) - 60. If that is what"
    " the code does, look at the clock of the host that signs. `joinwatch probe URL` tells which of the two it is.",
}


def as_text(inspection: Inspection, paint: Paint) -> str:
    """The whole inspection of one signature."""
    lines = [*_token(inspection, paint), "", *_claims(inspection, paint), ""]
    for finding in inspection.findings:
        lines += [*_finding(finding, paint), ""]
    lines += [paint.yellow("note     ") + note for note in inspection.notes]
    lines.append(_coloured(_VERDICTS[inspection.verdict], _worst(inspection.verdict), paint))
    return "\n".join(lines)


def _token(inspection: Inspection, paint: Paint) -> Iterator[str]:
    signature, when = inspection.signature, inspection.when
    kind = _FORMATS[signature.format]
    alg = f", {signature.alg}" if signature.alg in ALGORITHMS else ", an algorithm that no JWT has"
    jwt = f"{alg}, {signature.segments} parts" if signature.format in JWT_FORMATS else ""
    yield f"{paint.bold('format')}   {kind}{jwt}"
    if signature.format in DATED:
        mac = inspection.mac
        yield f"{paint.bold('HMAC')}     {_MACS[mac.state] if mac.flaw is None else 'wrong, and explained below'}"
    yield f"{paint.bold('judged')}   at {moment(when.reference)}, {_basis(inspection)}"


def _basis(inspection: Inspection) -> str:
    clock = inspection.when.clock
    match inspection.when.basis:
        case Basis.GIVEN:
            return "as --at says"
        case Basis.DATE:
            return "by the Date of its reply (± 0.5 s, and by the clock of the host that sent it)"
        case Basis.NOW:
            if clock is None:
                return "by this host's clock, which is not measured against any reference"
            return f"by this host's clock (± {clock.bound_s:.3f} s)"


def _claims(inspection: Inspection, paint: Paint) -> Iterator[str]:
    if not inspection.claims:
        yield paint.dim("no claims")
        return
    width = max(map(len, inspection.claims))
    for name, value in inspection.claims.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        told = _time(name, value, inspection.when) if name in TIME_CLAIMS else ""
        yield f"{paint.bold(clean(name).ljust(width))}  {clean(shown)}{told}"


def _time(name: str, value: object, judged: When) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    seconds = value / 1000 if name == "ts" else float(value)
    distance = seconds - judged.reference
    if name in ("exp", "tokenExp") and distance > 0:
        when = f"in {span(distance)}"
    else:
        when = f"{span(distance)} {'ahead' if distance > 0 else 'ago'}"
    bound_s = 0.0 if judged.clock is None or abs(distance) > NEAR_S else judged.clock.bound_s
    return f"  {moment(seconds)}, {when}" + (f" (± {bound_s:.3g} s)" if bound_s else "")


def _finding(finding: Finding, paint: Paint) -> Iterator[str]:
    title = _coloured(f"{finding.severity:<8} {finding.id}", finding.severity, paint)
    yield title if finding.cause is None else f"{title}  {paint.dim(f'points to {finding.cause}')}"
    yield from _wrapped("", finding.summary)
    if finding.detail:
        yield from _wrapped("", finding.detail)
    # Of malformed claims the detail says what to mend.
    if finding.cause is not None and finding.cause is not Cause.MALFORMED_CLAIMS:
        yield from _wrapped("mend", MENDS[finding.cause].advice)
    elif finding.id in _MEND_WITHOUT_CAUSE and finding.severity is not Severity.INFO:
        yield from _wrapped("mend", _MEND_WITHOUT_CAUSE[finding.id])
    yield from _wrapped("more", f"{DOCUMENT}#{finding.id.replace('/', '')}")


def _wrapped(label: str, text: str) -> list[str]:
    indent = " " * 9
    return wrapped(text, f"{indent}{label}: " if label else indent, len(indent))


def _worst(verdict: Verdict) -> Severity:
    if verdict is Verdict.REFUSED:
        return Severity.REFUSED
    return Severity.WARNING if verdict is Verdict.WARNING else Severity.INFO


def _coloured(text: str, severity: Severity, paint: Paint) -> str:
    if severity is Severity.REFUSED:
        return paint.red(text)
    return paint.yellow(text) if severity is Severity.WARNING else paint.green(text)
