"""Every rule has its table of cases and its section in the documentation; findings make a verdict."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.diagnosis.base import Cause
from proxy.domain.findings import RULES, check, verdict
from proxy.domain.rules.base import Circumstances, Finding, Mac, Severity, Verdict
from proxy.domain.signature import Format, decode
from tests.domain import (
    test_rules_claims,
    test_rules_format,
    test_rules_mac,
    test_rules_reply,
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
    **test_rules_reply.ROWS,
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
    assert rule.cause is None or type(rule.cause) is Cause


@pytest.mark.parametrize("rule_id", RULES)
def test_what_is_only_worth_knowing_points_to_no_cause(rule_id: str) -> None:
    """Causes are counted by a finding's id, which does not tell how severe it was."""
    informs = {row.severity for row in TABLES[rule_id]} & {Severity.INFO}
    assert not (informs and RULES[rule_id].cause)


@pytest.mark.parametrize("rule_id", [rule.id for rule in RULES.values() if rule.severity is Severity.REFUSED])
def test_refused_only_where_somebody_outside_says_so(rule_id: str) -> None:
    outside = r"[Zz]oom|RFC \d+|[\w-]+/[\w-]+#\d+|recall\.ai|@zoom/meetingsdk"
    assert re.search(outside, RULES[rule_id].source)
    assert "not tested" not in part(SECTIONS[rule_id], "What Zoom does")


def test_sentences_are_sentences() -> None:
    for rule in RULES.values():
        assert rule.summary.endswith(".")
        assert len(rule.summary) <= 120
        assert re.fullmatch(r"(time|mac|claims|request|reply|format)/[a-z_]+", rule.id)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(signed(web()), id="web"),
        pytest.param(signed(web(role=1)), id="host"),
        pytest.param(signed(web(mn=98765432101, video_webrtc_mode=1)), id="number"),
        pytest.param(signed(tokens.without(web(), "sdkKey")), id="least"),
        pytest.param(signed(web(iat=NOW)), id="no margin"),
        pytest.param(signed(web(iat=NOW - 7200, exp=NOW + 60, tokenExp=NOW + 60)), id="hours back"),
    ],
)
def test_nothing_is_wrong_with_a_sound_signature(token: str) -> None:
    signature = decode(token)
    assert signature is not None
    at = Circumstances(float(NOW), clock(0.0, 0.1), Mac.RIGHT, tokens.MEETING)
    assert check(signature, at) == ()
    assert verdict(()) is Verdict.OK


@given(
    margin=st.integers(0, 7200),
    lifetime=st.integers(1801, 165_590),
    meeting=st.integers(100_000_000, 99_999_999_999),
    as_number=st.booleans(),
    role=st.sampled_from([0, 1]),
    left_out=st.sets(st.sampled_from(["sdkKey", "tokenExp", "video_webrtc_mode"])),
    ahead_s=st.floats(-2.0, 2.0),
)
def test_no_honest_signature_points_to_a_cause(
    margin: int, lifetime: int, meeting: int, as_number: bool, role: int, left_out: set[str], ahead_s: float
) -> None:
    """As the official sample and the native issuer make them, for clocks that are up to 2 s off."""
    exp = NOW + lifetime
    claims = web(
        mn=meeting if as_number else str(meeting),
        role=role,
        iat=NOW - margin,
        exp=exp,
        tokenExp=exp,
        video_webrtc_mode=1,
    )
    signature = decode(signed(tokens.without(claims, *left_out)))
    assert signature is not None
    for measured in (None, clock(ahead_s, 2.0), clock(0.0, 0.01)):
        at = Circumstances(NOW + ahead_s, measured, Mac.RIGHT, str(meeting), str(role))
        found = check(signature, at)
        assert [each for each in found if each.cause] == []
        assert verdict(found) is not Verdict.REFUSED or ahead_s < -1


@pytest.mark.parametrize(
    ("token", "found"),
    [
        pytest.param(
            signed(web(iat=NOW * 1000, exp=NOW * 1000 + 7200, tokenExp=NOW * 1000 + 7200)),
            ["time/milliseconds"],
            id="milliseconds",
        ),
        pytest.param(signed(web(iat=-447310725)), ["time/overflow"], id="overflow"),
        pytest.param(
            signed(web(iat=1_477_218, exp=1_484_418, tokenExp=1_484_418)),
            ["time/overflow"],
            id="(int) ms / 1000",
        ),
        pytest.param(signed(web(appKey="", sdkKey="")), ["claims/key_empty"], id="credentials not loaded"),
        pytest.param(signed(native()), ["format/native"], id="native"),
        pytest.param(legacy(), ["format/legacy"], id="legacy"),
        pytest.param(signed(video()), ["format/video_sdk"], id="Video SDK"),
        pytest.param(signed(tokens.session()), ["format/other_token"], id="a session"),
        pytest.param(
            signed(tokens.without(web(meetingNumber="1"), "mn", "appKey", "tokenExp")),
            ["time/token_exp_left_out", "claims/app_key_missing", "claims/mn_missing"],
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
