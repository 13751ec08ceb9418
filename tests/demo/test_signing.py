"""The faults as the real languages make them."""

from __future__ import annotations

import random
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from proxy.demo.signing import Asked, Servlet, java_round, jwt

from ..support.real import require

START = 1_795_000_000 - 1_795_000_000 % 256
CYCLE = range(START, START + 256)

ROUND = """
class Round {
    public static void main(String[] arguments) {
        for (String each : arguments) System.out.println(Math.round(Long.parseLong(each)));
    }
}
"""


@pytest.mark.parametrize(
    ("margin", "share"), [(30, Fraction(67, 256)), (0, Fraction(127, 256))], ids=["30 s", "none"]
)
def test_so_many_are_ahead_as_in_java(margin: int, share: Fraction) -> None:
    """Counted with Java 17 over a cycle of 256 s."""
    assert Fraction(sum(java_round(at - margin) > at for at in CYCLE), 256) == share


def test_it_rounds_as_java_does(tmp_path: Path) -> None:
    rng = random.Random(7)
    seconds = [
        *CYCLE,
        *(rng.randrange(2**31) for _ in range(500)),
        2**31 - 65,
        2**31 - 64,
        2**31,
        2**31 + 99_999,
        0,
        1,
        2**24 + 1,
        2**24 + 3,
    ]
    source = tmp_path / "Round.java"
    source.write_text(ROUND)
    ran = subprocess.run(
        [require("java"), str(source), *map(str, seconds)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert [java_round(each) for each in seconds] == [int(line) for line in ran.stdout.split()]


def test_a_servlet_mixes_requests_up_and_leaves_most_alone() -> None:
    servlet = Servlet(random.Random("seed"))
    asked = [Asked(f"{number:011}", 0) for number in range(400)]
    written = [servlet.sign(each, START) for each in asked]
    right = [jwt(each, START) for each in asked]
    bad = [(one, other) for one, other in zip(written, right, strict=True) if one != other]
    assert 60 < len(bad) < 140
    swapped = sum(one in right for one, _ in bad)
    torn = sum(one.count(".") == 4 for one, _ in bad)
    wrong_mac = sum(one.rpartition(".")[0] == other.rpartition(".")[0] for one, other in bad)
    assert swapped > torn > 0 < wrong_mac
    assert swapped + torn + wrong_mac == len(bad)


def test_a_servlet_that_nobody_else_asks_is_right() -> None:
    servlet = Servlet(random.Random("seed"))
    asked = Asked("98760000001", 0)
    assert {servlet.sign(asked, START) for _ in range(100)} == {jwt(asked, START)}
