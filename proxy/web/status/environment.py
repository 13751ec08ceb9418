"""The templates: every value in them is escaped, and a name that nobody gave is an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from ... import __version__
from ...domain import findings
from ...domain.claims import KEY_CLAIMS, JsonValue
from ...domain.diagnosis.base import FLEET, Cause
from ...domain.diagnosis.mends import MENDS
from ...domain.join_result import Outcome
from ...domain.zoom_codes import meaning
from . import words

OUTCOME_NAMES: Final = {
    Outcome.JOINED: "joined",
    Outcome.INVALID_SIGNATURE: "signature invalid (3712)",
    Outcome.SIGNATURE_EXPIRED: "signature expired (3705)",
    Outcome.OTHER_FAILURE: "failed otherwise",
    Outcome.NO_RESULT: "no result",
}

SHORT_NAMES: Final = dict(
    zip(Outcome, ("joined", "3712", "expired", "other failures", "no result"), strict=True)
)


def cause_title(cause: str) -> str:
    """The short name of a cause; the cause itself where another release has named it."""
    return MENDS[Cause(cause)].title if cause in MENDS else cause


def cause_meaning(cause: str) -> str:
    """What a cause means for users, in a sentence."""
    return MENDS[Cause(cause)].meaning if cause in MENDS else ""


def finding_summary(finding: str) -> str:
    """What a finding says, in a sentence."""
    rule = findings.RULES.get(finding)
    return rule.summary if rule else ""


def whose(claims: Mapping[str, JsonValue]) -> str:
    """The meeting and the key of redacted claims."""
    key = next((name for name in KEY_CLAIMS if claims.get(name)), None)
    return ", ".join(f"{name} {claims[name]}" for name in ("mn", key) if name is not None and name in claims)


def backend_name(name: str) -> str:
    """As people call it."""
    return "all backends" if name == FLEET else name


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=words.shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "version": __version__,
        "outcomes": OUTCOME_NAMES,
        "short_outcomes": SHORT_NAMES,
        "meaning_of_code": meaning,
        "FLEET": FLEET,
    }
    made.filters |= {
        each.__name__: each
        for each in (
            words.prose,
            words.sentence,
            words.joins,
            words.ident,
            words.count,
            words.percent,
            words.interval,
            words.span,
            words.lead,
            words.moment,
            words.clock,
            words.day,
            words.epoch,
            cause_title,
            cause_meaning,
            finding_summary,
            backend_name,
            whose,
        )
    }
    made.globals["offset"] = words.offset
    return made


_TEMPLATES: Final = _environment()
_PAGES: Final = {
    name: _TEMPLATES.get_template(f"{name}.html") for name in ("home", "joins", "join", "message", "report")
}
"""Compiled with the module: the first who looks must not make a signature wait."""


def page(template: str, **values: Any) -> str:
    """The text of a page."""
    return _PAGES[template].render(values)
