"""Every rule has its table of cases and its section in the documentation; findings make a verdict."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proxy.domain.findings import RULES, check, verdict
from proxy.domain.rules.base import Circumstances, Finding, Mac, Severity, Verdict
from proxy.domain.signature import Format, decode
from tests.domain import (
    test_rules_claims,
    test_rules_format,
    test_rules_mac,
    test_rules_request,
    test_rules_time,
)
from tests.domain.rule_tables import Table, clock, look_alike
from tests.support import tokens
from tests.support.tokens import NOW, legacy, native, signed, video, web

TABLES: Table = {
    **test_rules_time.ROWS,
    **test_rules_mac.ROWS,
    **test_rules_claims.ROWS,
    **test_rules_request.ROWS,
    **test_rules_format.ROWS,
}
DOCUMENT = (Path(__file__).parents[2] / "docs" / "findings.md").read_text(encoding="utf-8")
SECTIONS = {
    heading: re.split(r"^## ", body, maxsplit=1, flags=re.MULTILINE)[0]
    for heading, body in re.findall(
        r"^### `(.+?)`\n(.*?)(?=^### |\Z)", DOCUMENT, flags=re.DOTALL | re.MULTILINE
    )
}
PARTS = ("Severity", "Points to", "Recognised by", "What Zoom does", "Source", "To mend")
CAUSES = {
    *("float32_rounding", "backend_clock_ahead", "backend_clock_behind", "timezone_shift", "milliseconds"),
    *("no_margin", "wrong_secret", "key_secret_swapped", "damaged_secret", "empty_credentials"),
    *("unknown_key", "app_key_missing", "request_not_parsed", "shared_state", "stale_signature"),
    *("lifetime_too_short", "lifetime_too_long", "malformed_claims", "wrong_format", "wrong_product"),
    *("encoding_damage", "meeting_mismatch", "host_role", "other_account", "origin_specific"),
    *("replica_specific", "zoom_side", "unexplained"),
}


def part(section: str, name: str) -> str:
    """One part of a section, on one line."""
    found = re.search(rf"^- \*\*{name}:\*\* (.*?)(?=^- \*\*|^\n|\Z)", section, re.DOTALL | re.MULTILINE)
    assert found is not None, name
    return " ".join(found[1].split())


def test_every_rule_has_a_table_and_a_section_in_this_order() -> None:
    assert list(RULES) == list(SECTIONS)
    assert set(RULES) == set(TABLES)


@pytest.mark.parametrize("rule_id", RULES)
def test_tables_have_both_kinds_of_rows(rule_id: str) -> None:
    ids = [row.id for row in TABLES[rule_id]]
    assert len(ids) == len(set(ids))
    severities = {row.severity for row in TABLES[rule_id]}
    assert {None, RULES[rule_id].severity} <= severities


@pytest.mark.parametrize("rule_id", RULES)
def test_sections_say_what_the_rules_say(rule_id: str) -> None:
    rule, section = RULES[rule_id], SECTIONS[rule_id]
    assert section.strip().partition("\n")[0] == rule.summary
    assert re.findall(r"^- \*\*(.+?):\*\*", section, re.MULTILINE) == list(PARTS)
    severities = {str(row.severity) for row in TABLES[rule_id] if row.severity}
    assert set(re.findall("refused|warning|info", part(section, "Severity"))) == severities
    assert part(section, "Severity").startswith(rule.severity)
    assert part(section, "Source") == rule.source
    points_to = part(section, "Points to")
    assert points_to == f"`{rule.cause}`" if rule.cause else points_to.startswith("nothing")
    assert rule.cause is None or rule.cause in CAUSES


@pytest.mark.parametrize("rule_id", [rule.id for rule in RULES.values() if rule.severity is Severity.REFUSED])
def test_refused_only_where_somebody_outside_says_so(rule_id: str) -> None:
    outside = r"[Zz]oom|RFC \d+|[\w-]+/[\w-]+#\d+|recall\.ai|@zoom/meetingsdk"
    assert re.search(outside, RULES[rule_id].source)
    assert "not tested" not in part(SECTIONS[rule_id], "What Zoom does")


def test_sentences_are_sentences() -> None:
    for rule in RULES.values():
        assert rule.summary.endswith(".")
        assert len(rule.summary) <= 120
        assert re.fullmatch(r"(time|mac|claims|request|format)/[a-z_]+", rule.id)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(signed(web()), id="web"),
        pytest.param(signed(web(role=1)), id="host"),
        pytest.param(signed(web(mn=98765432101, video_webrtc_mode=1)), id="number"),
        pytest.param(signed(tokens.without(web(), "sdkKey", "tokenExp")), id="least"),
    ],
)
def test_nothing_is_wrong_with_a_sound_signature(token: str) -> None:
    signature = decode(token)
    assert signature is not None
    at = Circumstances(float(NOW), clock(0.0, 0.1), Mac.RIGHT, tokens.MEETING)
    assert check(signature, at) == ()
    assert verdict(()) is Verdict.OK


@pytest.mark.parametrize(
    ("token", "found"),
    [
        pytest.param(
            signed(web(iat=NOW * 1000, exp=NOW * 1000 + 7200, tokenExp=NOW * 1000 + 7200)),
            ["time/milliseconds"],
            id="milliseconds",
        ),
        pytest.param(signed(web(iat=-447310725)), ["claims/iat_missing"], id="overflow"),
        pytest.param(signed(native()), ["format/native"], id="native"),
        pytest.param(legacy(), ["format/legacy"], id="legacy"),
        pytest.param(signed(video()), ["format/video_sdk"], id="Video SDK"),
        pytest.param(signed(tokens.session()), ["format/other_token"], id="a session"),
        pytest.param(
            signed(tokens.without(web(meetingNumber="1"), "mn", "appKey", "tokenExp")),
            ["claims/app_key_missing", "claims/mn_missing"],
            id="names",
        ),
        pytest.param(
            signed(web(role="1", iat=NOW + 0.5), header={"alg": "none"}).rpartition(".")[0],
            [
                "time/iat_ahead",
                "claims/iat_type",
                "claims/role_type",
                "format/algorithm",
                "format/mac_missing",
            ],
            id="several",
        ),
    ],
)
def test_all_findings_in_their_order(token: str, found: list[str]) -> None:
    signature = decode(token)
    assert signature is not None
    assert [each.id for each in check(signature, Circumstances(float(NOW)))] == found


@pytest.mark.parametrize("format_", Format)
def test_every_format_can_be_judged_by_its_kind_alone(format_: Format) -> None:
    found = check(look_alike(format_), Circumstances(float(NOW), mac=Mac.NOT_CHECKED))
    assert all(each.id in RULES for each in found)
    assert found


@pytest.mark.parametrize(
    ("severities", "worst"),
    [
        ([], Verdict.OK),
        ([Severity.INFO], Verdict.OK),
        ([Severity.WARNING, Severity.INFO], Verdict.WARNING),
        ([Severity.WARNING, Severity.REFUSED, Severity.INFO], Verdict.REFUSED),
        ([Severity.REFUSED], Verdict.REFUSED),
    ],
    ids=["none", "info", "warning", "mixed", "refused"],
)
def test_verdict(severities: list[Severity], worst: Verdict) -> None:
    findings = (Finding("a/b", severity, None, "", "") for severity in severities)
    assert verdict(findings) is worst
