"""What anybody can send is counted without end and written within limits."""

from __future__ import annotations

from pathlib import Path

from tests.support.app import application


async def test_a_flood_of_refusals_is_counted_whole_and_written_in_part(tmp_path: Path) -> None:
    config = '[results]\nrate_limit = "1000/1m"\n'
    async with application(tmp_path, config) as app:
        for _ in range(100):
            answer = await app.post(b"{}", Origin="https://page.example")
            assert answer.status == 400
        moved = await app.moved(app.since, "joinwatch_join_results_received_total")
        assert list(moved.values()) == [100]
        lines = await app.logged("join.rejected", 60)
        assert len(lines) == 60
        assert {line["origin"] for line in lines} == {"https://page.example"}
