"""What was acknowledged is there after kill -9."""

from __future__ import annotations

import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from proxy.ledger.store import Store
from tests.support.child import running

from .builders import RAISED, url_of

REPOSITORY = Path(__file__).parents[2]
ROUNDS = (150, 483, 816, 1149)
"""How many results are acknowledged before each kill, at least."""


async def test_every_acknowledged_result_outlives_kill_9(tmp_path: Path) -> None:
    file = tmp_path / "joinwatch.db"
    acknowledged: set[str] = set()
    command = (sys.executable, "-m", "tests.ledger.program", "append_for_ever", str(file))
    for enough in ROUNDS:
        async with running(*command, env={}, cwd=REPOSITORY) as child:

            def look(lines: list[str] = child.out, enough: int = enough) -> bool | None:
                return len(lines) >= enough or None

            await child.until(look, f"{enough} commits", 30.0)
            assert await child.stop(signal.SIGKILL) == -signal.SIGKILL
            acknowledged.update(child.out)
    assert len(acknowledged) >= sum(ROUNDS)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        stored = {receipt for (receipt,) in connection.execute("SELECT receipt_id FROM joins")}
    assert acknowledged - stored == set()


async def test_a_restart_after_kill_9_neither_forgets_a_cause_nor_doubles_it(tmp_path: Path) -> None:
    file = tmp_path / "joinwatch.db"
    said: list[tuple[str, str]] = []
    command = (sys.executable, "-m", "tests.ledger.program", "raise_and_clear_for_ever", str(file))
    for enough in (11, 24, 35, 8):
        async with running(*command, env={}, cwd=REPOSITORY) as child:

            def look(lines: list[str] = child.out, enough: int = enough) -> bool | None:
                return len(lines) >= enough or None

            await child.until(look, f"{enough} commits", 30.0)
            assert await child.stop(signal.SIGKILL) == -signal.SIGKILL
            lines = [(verb, time) for verb, _, time in (line.partition(" ") for line in child.out)]
        # What was raised and not said to be cleared is found again, unless the kill fell between commit and line.
        found = [time for verb, time in lines if verb == "found"]
        assert len(found) <= 1
        open_before = {time for verb, time in said if verb == "raised"} - _times(said, "cleared")
        assert set(found) >= open_before & _still_open(file, open_before, found)
        said += lines
        with closing(Store(url_of(file))) as store:
            assert len(store.history(0.0, 10).open_causes) <= 1
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT raised_at, cleared_at FROM causes").fetchall()
    kept = {repr(raised) for raised, _ in rows}
    assert _times(said, "raised") <= kept
    assert len(kept) == len(rows) <= len(_times(said, "raised")) + 4
    assert {repr(raised) for raised, cleared in rows if cleared is None}.isdisjoint(_times(said, "cleared"))
    assert RAISED.suspicion.cause.value == "float32_rounding"
