"""What was acknowledged is there after kill -9."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from tests.support.child import running

from .homes import Home

REPOSITORY = Path(__file__).parents[2]
ROUNDS = (150, 483, 816, 1149)
"""How many results are acknowledged before each kill, at least."""


async def test_every_acknowledged_result_outlives_kill_9(home: Home) -> None:
    acknowledged: set[str] = set()
    command = (sys.executable, "-m", "tests.ledger.program", "append_for_ever", home.url)
    for enough in ROUNDS:
        async with running(*command, env={}, cwd=REPOSITORY) as child:

            def look(lines: list[str] = child.out, enough: int = enough) -> bool | None:
                return len(lines) >= enough or None

            await child.until(look, f"{enough} commits", 30.0)
            assert await child.stop(signal.SIGKILL) == -signal.SIGKILL
            acknowledged.update(child.out)
    assert len(acknowledged) >= sum(ROUNDS)
    if home.kind == "sqlite":
        assert home.run("PRAGMA integrity_check") == [("ok",)]
    assert acknowledged - {receipt for (receipt,) in home.run("SELECT receipt_id FROM joins")} == set()


async def test_a_restart_after_kill_9_neither_forgets_a_cause_nor_doubles_it(home: Home) -> None:
    acknowledged: set[tuple[str, str]] = set()
    left: list[str] = []
    taken_over = 0
    # How often it comes and goes; when it is killed: at the end, with one open, or somewhere under way.
    for times, lines in (("2", 5), ("0", 3), ("1000000", 30), ("1000000", 61), ("0", 1)):
        command = (sys.executable, "-m", "tests.ledger.program", "raise_and_clear", home.url, times)
        async with running(*command, env={}, cwd=REPOSITORY) as child:

            def look(out: list[str] = child.out, enough: int = lines) -> bool | None:
                return len(out) >= enough or None

            await child.until(look, f"{lines} commits", 30.0)
            assert await child.stop(signal.SIGKILL) == -signal.SIGKILL
            said = [(verb, at) for verb, _, at in (line.partition(" ") for line in child.out)]
        assert [at for verb, at in said if verb == "found"] == left
        taken_over += len(left)
        acknowledged.update(said)
        rows = home.run("SELECT raised_at, cleared_at FROM causes")
        left = [repr(raised) for raised, cleared in rows if cleared is None]
        assert len(left) <= 1
        assert {at for verb, at in acknowledged if verb == "raised"} <= {repr(raised) for raised, _ in rows}
        assert not {at for verb, at in acknowledged if verb == "cleared"} & set(left)
    assert taken_over >= 2
