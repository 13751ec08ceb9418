"""The rules about iat, exp and tokenExp, at their boundaries."""

from __future__ import annotations

from typing import Any

from tests.domain.rule_tables import (
    Row,
    Table,
    assert_row,
    clock,
    every_row,
    informs,
    refused,
    silent,
    warns,
)
from tests.support.tokens import NOW, legacy, native, signed, video, web, without


def issued(iat: Any, lifetime: int = 7200) -> str:
    return signed(web(iat=iat, exp=iat + lifetime, tokenExp=iat + lifetime))


def lasting(lifetime: float) -> str:
    return signed(web(exp=NOW - 60 + lifetime))


def with_token_exp(lifetime: float) -> str:
    return signed(web(tokenExp=NOW - 60 + lifetime))


def shifted(seconds: int) -> str:
    return signed(web(tokenExp=NOW - 60 + 7200 + seconds))


GOOD_CLOCK = clock(0.0, 0.05)
SLOW = clock(-10.0, 0.5)
FAST = clock(10.0, 0.5)

ROWS: Table = {
    "time/iat_ahead": [
        refused("by 34 s", issued(NOW + 34), "iat is 34.0 s ahead of the reference clock", clock=GOOD_CLOCK),
        refused("by 1.1 s", issued(NOW + 1.1), "1.1 s ahead", clock=GOOD_CLOCK),
        warns("by 1 s", issued(NOW + 1), "may have passed", clock=GOOD_CLOCK),
        warns("within the bound", issued(NOW + 30), "± 30.000 s", clock=clock(0.0, 30.0)),
        refused("beyond the bound", issued(NOW + 30), "30.0 s ahead", clock=clock(0.0, 29.9)),
        warns("clock unknown", issued(NOW + 34), "34.0 s ahead of this host's clock, which is not measured"),
        warns("clock unknown, by an hour", issued(NOW + 3600), "3600.0 s ahead"),
        refused("seen by a slow clock", issued(NOW + 12), "2.0 s ahead", clock=SLOW),
        silent("only by a slow clock", issued(NOW + 10), clock=SLOW),
        refused("unseen by a fast clock", issued(NOW), "10.0 s ahead", clock=FAST),
        warns("numbers in a text", signed(web(iat=str(NOW + 34))), "34.0 s ahead"),
        warns("native", signed(native(iat=NOW + 34)), "34.0 s ahead"),
        refused("legacy", legacy(stamp=(NOW + 34) * 1000), "34.0 s ahead", clock=GOOD_CLOCK),
        silent("now", issued(NOW), clock=GOOD_CLOCK),
        silent("now, clock unknown", issued(NOW)),
        silent("a minute ago", issued(NOW - 60)),
        silent("missing", signed(without(web(), "iat"))),
        silent("milliseconds", issued(NOW * 1000)),
        silent("not a number", signed(web(iat="soon"))),
        silent("Video SDK", signed(video(iat=NOW + 34))),
    ],
    "time/expired": [
        refused("now", issued(NOW - 7200), "0 s in the past"),
        refused("a day ago", issued(NOW - 7200 - 86400), "86400 s in the past"),
        silent("in a second", issued(NOW - 7199)),
        refused("by the reference clock", issued(NOW - 7195), "5 s in the past", clock=SLOW),
        silent("only by a fast clock", issued(NOW - 7209), clock=FAST),
        warns("within the bound", issued(NOW - 7230), "may be off by as much", clock=clock(0.0, 30.0)),
        refused("beyond the bound", issued(NOW - 7231), "31 s in the past", clock=clock(0.0, 30.0)),
        refused("exp 0", signed(web(exp=0)), "1795280241 s in the past"),
        refused("legacy", legacy(stamp=(NOW - 86400) * 1000), "0 s in the past"),
        silent("legacy, younger", legacy(stamp=(NOW - 86399) * 1000)),
        silent("missing", signed(without(web(), "exp"))),
        silent("milliseconds", signed(web(exp=NOW * 1000))),
        silent("an overflow", issued(-477218588 // 1000)),
        silent("an overflow above zero", issued(477218)),
        refused("1971", signed(web(exp=31_536_000)), "s in the past"),
    ],
    "time/milliseconds": [
        refused("all", issued(NOW * 1000, 7_200_000), "iat and exp and tokenExp would lie"),
        refused("iat", signed(web(iat=NOW * 1000)), "iat would lie"),
        refused("exp", signed(web(exp=NOW * 1000)), "exp would lie"),
        refused("tokenExp", signed(web(tokenExp=NOW * 1000)), "tokenExp would lie"),
        refused(
            "microseconds",
            signed(web(iat=NOW * 10**6)),
            "iat would lie after the year 5000; it looks like mic",
        ),
        refused("nanoseconds", signed(web(iat=NOW * 10**9)), "nanoseconds (UnixNano"),
        refused("C# ticks", signed(web(iat=NOW * 10**7 + 621_355_968_000_000_000)), "ticks of 100 ns"),
        refused("named", signed(web(iat=NOW * 1000)), "milliseconds (System.currentTimeMillis(), Date.now()"),
        refused("with an exponent", signed(web(iat="1.7E+12")), "iat would lie"),
        refused("in a text", signed(web(iat=str(NOW * 1000))), "iat would lie"),
        refused("above the boundary", signed(web(exp=100_000_000_001)), "exp would lie"),
        silent("at the boundary", signed(web(exp=100_000_000_000))),
        silent("seconds", signed(web())),
        silent("legacy, which has milliseconds", legacy()),
        silent("60 * 60 * 2 * 1000 for a lifetime", lasting(7_200_000)),
    ],
    "time/overflow": [
        # (int) ms / 1000 in Java and (int) TotalMilliseconds / 1000 in C#: the cast comes first.
        refused("(int) ms / 1000", issued(-2_009_759), "iat is -2009759 and exp is -2002559: divide by 1000"),
        refused("(int) ms / 1000, above zero", issued(1_477_218), "iat is 1477218 and exp is 1484418"),
        refused("Date.now() | 0", signed(web(iat=-447310725)), "iat is -447310725: divide"),
        refused("int.MinValue", issued(-(2**31)), "iat is -2147483648"),
        refused("int.MaxValue / 1000", issued(2_147_483, 0), "iat is 2147483"),
        refused("exp alone, below zero", signed(web(exp=-1)), "exp is -1"),
        refused("native", signed(native(iat=-5)), "iat is -5"),
        warns("exp is right", signed(web(iat=1_477_218)), "Whether Zoom minds an iat so old"),
        silent("0", signed(web(iat=0, exp=0))),
        silent("above the boundary", signed(web(iat=2_147_485))),
        silent("below the boundary", signed(web(iat=-(2**31) - 1))),
        silent("missing", signed(without(web(), "iat", "exp"))),
        silent("seconds", signed(web())),
        silent("legacy", legacy(stamp=-1)),
    ],
    "time/lifetime_short": [
        warns("1800", lasting(1800), "exp - iat is 1800 s; make it at least 1801 s"),
        warns("five minutes", lasting(300), "exp - iat is 300 s"),
        warns("negative", lasting(-1), "exp - iat is -1 s: exp is before iat"),
        warns("none", lasting(0), "exp equals iat"),
        silent("1801", lasting(1801)),
        silent("1800.5", lasting(1800.5)),
        silent("iat in milliseconds", signed(web(iat=NOW * 1000))),
        silent("iat 0", signed(web(iat=0, exp=300))),
        silent("iat missing", signed(without(web(), "iat"))),
        silent("legacy", legacy()),
    ],
    "time/lifetime_long": [
        warns("172801", lasting(172801), "exp - iat is 172801 s; make it at most 172790 s"),
        warns(
            "60 * 60 * 2 * 1000", lasting(7_200_000), "is 7200000 s, which is 7200 s with a * 1000 too many"
        ),
        warns("a year", lasting(31_536_001), "exp - iat is 3.1536e+07 s; make it"),
        silent("iat overflown, exp right", signed(web(iat=1_477_218))),
        silent("172800", lasting(172800)),
        silent("exp in milliseconds", signed(web(exp=NOW * 1000))),
        silent("iat missing", signed(without(web(), "iat"))),
    ],
    "time/token_exp_short": [
        warns("1799", with_token_exp(1799), "tokenExp - iat is 1799 s"),
        warns("native", signed(native(tokenExp=NOW)), "tokenExp - iat is 60 s"),
        warns("0", signed(web(tokenExp=0)), "tokenExp - iat is -"),
        warns("before iat, by no time zone", shifted(-10_000), "tokenExp - iat is -2800 s"),
        silent("a time zone", shifted(-10_800)),
        silent("1800", with_token_exp(1800)),
        silent("a week", with_token_exp(604_800)),
        silent("missing", signed(without(web(), "tokenExp"))),
        silent("milliseconds", signed(web(tokenExp=NOW * 1000))),
        silent("iat missing", signed(without(web(), "iat"))),
    ],
    "time/token_exp_shifted": [
        warns("Sao Paulo", shifted(-10_800), "tokenExp - exp is -10800 s (-3 h)"),
        warns("Kathmandu", shifted(-20_700), "-20700 s (-5.75 h)"),
        warns("a second apart", shifted(-10_801), "-10801 s"),
        warns("the widest", shifted(-50_400), "(-14 h)"),
        silent("wider than any", shifted(-51_300)),
        silent("no quarter of an hour", shifted(-10_400)),
        silent("after iat, so perhaps meant", shifted(-5_400)),
        silent("later, so perhaps meant", shifted(10_800)),
        silent("the same", signed(web())),
        silent("missing", signed(without(web(), "tokenExp"))),
        silent("exp before iat as well", signed(web(exp=NOW - 100, tokenExp=NOW - 1000))),
    ],
    "time/token_exp_missing": [
        warns("native", signed(without(native(), "tokenExp")), "same value as exp"),
        warns("native, null", signed(native(tokenExp=None)), "same value as exp"),
        silent("web", signed(without(web(), "tokenExp"))),
        silent("there", signed(native())),
        silent("0", signed(native(tokenExp=0))),
    ],
    "time/token_exp_left_out": [
        informs("missing", signed(without(web(), "tokenExp")), "sample sends it"),
        informs("null", signed(web(tokenExp=None)), "sample sends it"),
        silent("there", signed(web())),
        silent("native", signed(without(native(), "tokenExp"))),
        silent("legacy", legacy()),
        silent("Video SDK", signed(video())),
    ],
}


@every_row(ROWS)
def test_rule(rule_id: str, row: Row) -> None:
    assert_row(rule_id, row)
