"""The rules that compare the signature with what the request asked for."""

from __future__ import annotations

from tests.domain.rule_tables import Row, Table, assert_row, every_row, informs, refused, silent, warns
from tests.support.tokens import MEETING, legacy, native, signed, web, without

TOKEN = signed(web())

ROWS: Table = {
    "request/meeting_mismatch": [
        refused("another", TOKEN, "differ by more than spaces", meeting="11111111111"),
        refused("one digit more", TOKEN, "differ", meeting=f"{MEETING}0"),
        refused("cut to 32 bits", signed(web(mn=2147483647)), "cut to 32 bits", meeting=MEETING),
        refused(
            "wrapped around", signed(web(mn=-18_382)), "cut to 32 bits", meeting=str(23 * 2**32 - 18_382)
        ),
        refused("wrapped, unsigned", signed(web(mn=5)), "cut to 32 bits", meeting=str(2**33 + 5)),
        refused("not digits", signed(web(mn=5)), "differ", meeting="my-meeting"),
        refused("digits that are none", signed(web(mn=5)), "differ", meeting="²³"),
        refused("legacy", legacy(meeting="11111111111"), "differ", meeting=MEETING),
        silent("the same", TOKEN, meeting=MEETING),
        silent("the same as a number", signed(web(mn=int(MEETING))), meeting=MEETING),
        silent("asked for with spaces", TOKEN, meeting="987 6543 2101"),
        silent("signed with dashes", signed(web(mn="987-6543-2101")), meeting=MEETING),
        silent("not asked", TOKEN),
        silent("no mn", signed(without(web(), "mn")), meeting=MEETING),
        silent("native", signed(native()), meeting=MEETING),
    ],
    "request/role_mismatch": [
        warns("host instead of participant", signed(web(role=1)), "for role 0, signed for role 1", role="0"),
        silent("participant instead of host", TOKEN, role="1"),
        warns("legacy", legacy(role="1"), "signed for role 1", role="0"),
        silent("the same", TOKEN, role="0"),
        silent("the same as a text", signed(web(role="0")), role="0"),
        silent("asked for in words", signed(web(role=1)), role="participant"),
        silent("not asked", signed(web(role=1))),
        silent("no role", signed(without(web(), "role")), role="1"),
    ],
    "request/role_lowered": [
        informs("participant instead of host", TOKEN, "Asked for role 1, signed for role 0", role="1"),
        informs("another number", signed(web(role=2)), "signed for role 2", role="0"),
        silent("host instead of participant", signed(web(role=1)), role="0"),
        silent("the same", TOKEN, role="0"),
        silent("not asked", TOKEN),
        silent("no role", signed(without(web(), "role")), role="1"),
    ],
    "request/not_parsed": [
        refused("a meeting was asked for", signed(native()), "application/json", meeting=MEETING),
        silent("none was asked for", signed(native())),
        silent("web", TOKEN, meeting=MEETING),
        silent("web without mn", signed(without(web(), "mn")), meeting=MEETING),
    ],
}


@every_row(ROWS)
def test_rule(rule_id: str, row: Row) -> None:
    assert_row(rule_id, row)
