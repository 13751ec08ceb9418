"""What is wrong with one signature: all rules applied to it, its HMAC checked, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from . import mac_probes
from .credentials import Credentials
from .rules import claims, mac, reply, request, time
from .rules import format as format_
from .rules.base import (
    DATED,
    Check,
    Circumstances,
    Finding,
    Mac,
    MacState,
    Rule,
    Severity,
    Verdict,
)
from .signature import Format, Signature, verify

RULES: Final[dict[str, Rule]] = {
    rule.id: rule
    for rules in (time.RULES, mac.RULES, claims.RULES, request.RULES, reply.RULES, format_.RULES)
    for rule in rules
}
"""Every rule by its id, in the order in which findings are reported."""

_BY_FORMAT: Final[dict[Format, tuple[tuple[Check, Rule], ...]]] = {
    each: tuple((rule.check, rule) for rule in RULES.values() if each in rule.formats) for each in Format
}

_AROUND_KEYS: Final = " \t\r\n\"'\ufeff"
"""What is around a key that was read carelessly from a file or a variable."""

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


def check_mac(
    signature: Signature, credentials: Iterable[Credentials], others: Iterable[Credentials] = ()
) -> Mac:
    """Verify the HMAC with the configured credentials that the signature's key names; explain one that is wrong.

    `credentials` are the backend's, `others` all that are configured, which only serve to explain. A right
    HMAC costs one verification for each pair with this key, a wrong one up to mac_probes.MAX_PROBES more.
    """
    if signature.format not in DATED:
        return Mac.NOT_CHECKED
    key = signature.claims.key
    configured = tuple(credentials)
    named = [each for each in configured if each.client_id == key]
    if any(verify(signature, each.client_secret.reveal().encode()) for each in named):
        return Mac.RIGHT
    if not configured:
        return _explained(Mac.NOT_CHECKED, mac_probes.empty_secret(signature))
    rest = [each for each in dict.fromkeys((*configured, *others)) if each not in named]
    if named:
        return _explained(Mac.WRONG, mac_probes.explain(signature, named, rest))
    owner = mac_probes.whose_secret(signature, rest)
    if owner is not None:
        detail = (
            f"It verifies with the secret of the credentials {owner}: their client id is not the key in it."
        )
        return Mac(MacState.UNKNOWN_KEY, detail=detail)
    meant = [each for each in configured if each.client_id == (key or "").strip(_AROUND_KEYS)]
    return _explained(
        Mac.UNKNOWN_KEY,
        mac_probes.key_is_secret(signature, rest)
        or mac_probes.explain(signature, meant, ())
        or mac_probes.key_as_secret(signature),
    )


def _explained(mac: Mac, explanation: mac_probes.Explanation | None) -> Mac:
    return mac if explanation is None else Mac(mac.state, explanation.flaw, explanation.detail)


def verdict(findings: Iterable[Finding]) -> Verdict:
    """The worst severity; `info` leaves a signature ok."""
    worst = Verdict.OK
    for finding in findings:
        if finding.severity is Severity.REFUSED:
            return Verdict.REFUSED
        if finding.severity is Severity.WARNING:
            worst = Verdict.WARNING
    return worst
