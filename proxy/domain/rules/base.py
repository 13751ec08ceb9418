"""What a rule is: its id, severity, sentence and source, and what it is told about the signature's issue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Final

import msgspec

from ..diagnosis.base import Cause
from ..ports import Headers, Offset
from ..signature import Format, Signature


class Severity(StrEnum):
    """What a finding means for the join."""

    REFUSED = "refused"
    """Zoom will refuse the signature now."""
    WARNING = "warning"
    INFO = "info"


class Verdict(StrEnum):
    """The worst severity of a signature's findings: the label `verdict`."""

    OK = "ok"
    WARNING = "warning"
    REFUSED = "refused"


class Flaw(StrEnum):
    """Which mistake explains an HMAC that does not verify: what a probe with a damaged secret or text has shown."""

    DAMAGED = "damaged"
    """The secret in a form that a careless reader or library makes of it."""
    SWAPPED = "swapped"
    """Key and secret stand in each other's place, or the key was used as the secret."""
    EMPTY = "empty"
    OTHER_CREDENTIALS = "other_credentials"
    """The secret of other configured credentials."""
    ENCODING = "encoding"
    """The right secret, but over other characters than those that arrived, or the HMAC was encoded in another way."""
    CONSTRUCTION = "construction"
    """The right secret, but another hash than HMAC-SHA256, or over something else than header.payload."""


class MacState(StrEnum):
    """Whether the HMAC verifies."""

    NOT_CHECKED = "not_checked"
    """No secret is configured for this backend."""
    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN_KEY = "unknown_key"
    """The token names a key that is not among the backend's configured credentials."""


class Mac(msgspec.Struct, frozen=True, gc=False):
    """What is known of the signature's HMAC. `flaw`: what explains it, by proof; `detail` says it in words."""

    state: MacState
    flaw: Flaw | None = None
    detail: str = ""

    NOT_CHECKED: ClassVar[Mac]
    RIGHT: ClassVar[Mac]
    WRONG: ClassVar[Mac]
    UNKNOWN_KEY: ClassVar[Mac]


Mac.NOT_CHECKED = Mac(MacState.NOT_CHECKED)
Mac.RIGHT = Mac(MacState.RIGHT)
Mac.WRONG = Mac(MacState.WRONG)
Mac.UNKNOWN_KEY = Mac(MacState.UNKNOWN_KEY)


class Circumstances(msgspec.Struct, frozen=True, gc=False):
    """What was known when the signature was issued.

    `now` is the proxy's wall time when the backend's headers arrived; `clock` this host's offset against its
    reference, None when unmeasured; `meeting` and `role` what the request asked for, None when it did not say or
    nobody configured where it says it; `headers` those of the reply, empty where they are not known.
    """

    now: float
    clock: Offset | None = None
    mac: Mac = Mac.NOT_CHECKED
    meeting: str | None = None
    role: str | None = None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth knowing, about one signature. `detail` has the numbers of this one."""

    id: str
    severity: Severity
    cause: Cause | None
    summary: str
    detail: str


Hit = str | tuple[Severity, str] | None
"""A rule's answer: nothing, the detail, or the detail with another severity than the rule's own."""

Check = Callable[[Signature, Circumstances], Hit]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `formats`: the only ones that it judges. `source`: who says that Zoom minds.

    One with a cause never finds what is only worth knowing: causes are counted by the rule's id.
    """

    id: str
    severity: Severity
    cause: Cause | None
    summary: str
    source: str
    formats: frozenset[Format]
    check: Check = field(repr=False)


SDK: Final = frozenset({Format.MEETING_SDK, Format.NATIVE})
WEB: Final = frozenset({Format.MEETING_SDK})
DATED: Final = frozenset({Format.MEETING_SDK, Format.NATIVE, Format.LEGACY})
"""The formats that have times, a key and an HMAC."""

ARTICLE: Final = "Zoom, 'Troubleshooting Zoom Meeting SDK signature validation'"


class Rules(list[Rule]):
    """The rules of one room, in the order in which they are written there."""

    def add(
        self,
        rule_id: str,
        severity: Severity,
        summary: str,
        *,
        source: str,
        cause: Cause | None = None,
        formats: frozenset[Format] = SDK,
    ) -> Callable[[Check], Check]:
        """Decorate the function that checks this rule."""

        def register(check: Check) -> Check:
            self.append(Rule(rule_id, severity, cause, summary, source, formats, check))
            return check

        return register
