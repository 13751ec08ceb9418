"""How figures, times and strangers' texts are written on pages."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup, escape

from ...services.summary_shape import Rate

_CLAIMS: Final = ("iat ", "exp ", "appKey ")
_SAFE_ID: Final = re.compile(r"[a-z0-9_]{1,64}")
_CODE: Final = re.compile(r"`([^`]+)`")


def shown(value: object) -> object:
    """The one place that every value passes on its way into a page, before it is escaped: a text that is not markup
    loses what could turn its neighbours around or hide (control and formatting characters become "\\ufffd")."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Markup) or not isinstance(value, str) or value.isprintable():
        return value
    return "".join(each if each.isprintable() or each == "\n" else "\ufffd" for each in value)


def prose(text: str) -> Markup:
    """A sentence whose `code` is set as code."""
    parts = _CODE.split(text)
    marked = [
        Markup("<code>{}</code>").format(shown(part)) if number % 2 else escape(shown(part))
        for number, part in enumerate(parts)
    ]
    return Markup("").join(marked)


def ident(name: str) -> str:
    """A name as part of an element's id."""
    return (
        name
        if _SAFE_ID.fullmatch(name)
        else "x" + hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:12]
    )


def count(number: int | None) -> str:
    """How many; a question mark where nobody knows."""
    return "?" if number is None else f"{number:,}"


def joins(number: int) -> str:
    """So many joins."""
    return f"{number:,} join{'' if number == 1 else 's'}"


def sentence(text: str) -> str:
    """With a capital at its beginning, unless that is a claim's name."""
    return text if text.startswith(_CLAIMS) else text[:1].upper() + text[1:]


def percent(share: float) -> str:
    """A share, more exactly towards both ends: only none is 0 %, and only all is 100 %."""
    hundredths = 100 * share
    if hundredths in (0, 100) or 10 <= hundredths <= 90:
        return f"{hundredths:.0f} %"
    return f"{min(max(hundredths, 0.1), 99.9):.1f} %"


def interval(rate: Rate) -> str:
    """The range in which a rate lies with 95 %."""
    return f"{100 * rate.low:.1f} to {100 * rate.high:.1f} %"


def span(seconds: float) -> str:
    """A duration, as exactly as people need it."""
    size = abs(seconds)
    for unit, length in (("years", 31_556_952.0), ("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if size >= 2 * length:
            count = float(f"{size / length:.3g}")
            return f"{count:g} {unit}" if count < 100 or count >= 1e9 else f"{count:,.0f} {unit}"
    return f"{size:.1f} s" if size < 9.95 else f"{size:.0f} s"


def lead(token_age_s: float | None) -> str:
    """Where iat stood at the join."""
    if token_age_s is None:
        return "not known"
    return f"{span(token_age_s)} {'ago' if token_age_s >= 0 else 'ahead'}"


def offset(offset_s: float | None, bound_s: float | None) -> str:
    """A clock's offset with its bound."""
    if offset_s is None:
        return "not known"
    return f"{_signed(offset_s)} s" if bound_s is None else f"{_signed(offset_s)} s ± {bound_s:.3f}"


def moment(at: datetime | float | None) -> str:
    """A time, with its day."""
    if at is None:
        return "not known"
    try:
        when = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{at:.0f} (in no calendar)"
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"


def day(at: float) -> str:
    """A day."""
    return moment(at).partition(" ")[0]


def epoch(at: float | None) -> str:
    """A time as it stands in a claim."""
    return "not known" if at is None else f"{at:.0f}" if at == int(at) else f"{at}"


def clock(at: datetime | float | None) -> str:
    """A time of day."""
    whole = moment(at)
    return whole.partition(" ")[2] if whole.endswith("UTC") else whole


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
