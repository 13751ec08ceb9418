"""The world as a whole: played in a thread for others to look at, with its load bounded."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from proxy.demo import world as module
from proxy.demo.world import World, reachable

from ..support.demo_world import drive, ledger_counts, played


def fetched(url: str) -> Any:
    """The JSON at a URL of the admin listener."""
    request = urllib.request.Request(url, headers={"Host": "localhost"})
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.load(reply)


def test_what_was_played_can_be_looked_at(tmp_path: Path) -> None:
    with played(tmp_path, 120.0) as made:
        once, again = (fetched(f"{made.watcher.admin}/api/summary?since=1h") for _ in range(2))
        assert once == again  # the time stands still
        counts = {
            (name, outcome): count
            for name, backend in once["backends"].items()
            if name != "all"
            for outcome, count in backend["joins"].items()
            if count
        }
        assert counts == {key: count for key, count in ledger_counts(tmp_path).items() if key[1] != "late"}
        assert sum(counts.values()) == made.tally.joins() > 100
        assert [each["cause"] for each in once["backends"]["milliseconds"]["causes"]] == ["milliseconds"]


def test_a_world_that_cannot_be_made_fails_the_test(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), played(tmp_path / "missing", 1.0):
        pass


def test_the_load_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_AT_ONCE", 5)

    async def story(made: World) -> None:
        await made.run(30.0)
        assert made.tally.turned_away > 100
        assert 0 < made.tally.signatures.total() < 100
        assert await made.disagreements() == []

    drive(story, tmp_path, rate=20.0)


@pytest.mark.parametrize(
    ("listens", "asked"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("127.0.0.1", "127.0.0.1"), ("192.0.2.1", "192.0.2.1")],
)
def test_where_it_is_asked(listens: str, asked: str) -> None:
    assert reachable((listens, 4000)) == (asked, 4000)


def test_disagreements_are_told(tmp_path: Path) -> None:
    async def story(made: World) -> None:
        await made.run(20.0)
        assert await made.disagreements() == []
        made.tally.told["honest", "joined"] += 1
        made.tally.judged["honest", ""] += 1
        made.tally.refused += 1
        found = await made.disagreements()
        assert len(found) == 3
        assert found[0].startswith("honest: joined: ")

    drive(story, tmp_path)
