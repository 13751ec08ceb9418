"""What is wrong with one signature: all rules applied to it, its HMAC checked, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .credentials import Credentials
from .rules import claims, mac, request, time
from .rules import format as format_
from .rules.base import DATED, Check, Circumstances, Finding, Mac, Rule, Severity, Verdict
from .signature import Format, Signature, verify

RULES: Final[dict[str, Rule]] = {
    rule.id: rule
    for rules in (time.RULES, mac.RULES, claims.RULES, request.RULES, format_.RULES)
    for rule in rules
}
"""Every rule by its id, in the order in which findings are reported."""

_BY_FORMAT: Final[dict[Format, tuple[tuple[Check, Rule], ...]]] = {
    each: tuple((rule.check, rule) for rule in RULES.values() if each in rule.formats) for each in Format
}

_BY_CLOCK: Final = tuple((RULES[each].check, RULES[each]) for each in ("time/iat_ahead", "time/expired"))


def check(
    signature: Signature, circumstances: Circumstances, *, form_known: bool = False
) -> tuple[Finding, ...]:
    """All findings about one signature.

    `form_known`: it was made in this process, so that of a web signature only what follows this host's clock can be
    wrong.
    """
    findings = []
    by_clock = form_known and signature.format is Format.MEETING_SDK
    for check_rule, rule in _BY_CLOCK if by_clock else _BY_FORMAT[signature.format]:
        hit = check_rule(signature, circumstances)
        if hit is not None:
            severity, detail = hit if isinstance(hit, tuple) else (rule.severity, hit)
            findings.append(Finding(rule.id, severity, rule.cause, rule.summary, detail))
    return tuple(findings)


def check_mac(signature: Signature, credentials: Iterable[Credentials]) -> Mac:
    """Verify the HMAC with the configured credentials that the signature's key names."""
    configured = tuple(credentials)
    if not configured or signature.format not in DATED:
        return Mac.NOT_CHECKED
    named = [each for each in configured if each.client_id == signature.claims.key]
    if not named:
        return Mac.UNKNOWN_KEY
    right = any(verify(signature, each.client_secret.reveal().encode()) for each in named)
    return Mac.RIGHT if right else Mac.WRONG


def verdict(findings: Iterable[Finding]) -> Verdict:
    """The worst severity; `info` leaves a signature ok."""
    worst = Verdict.OK
    for finding in findings:
        if finding.severity is Severity.REFUSED:
            return Verdict.REFUSED
        if finding.severity is Severity.WARNING:
            worst = Verdict.WARNING
    return worst
