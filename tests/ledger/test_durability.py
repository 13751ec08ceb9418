"""What was acknowledged is there after kill -9."""

from __future__ import annotations

import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from tests.support.child import running

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
