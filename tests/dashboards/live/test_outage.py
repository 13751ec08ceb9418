"""joinwatch was away: the results that browsers kept meanwhile come late, and call nobody.

The signatures are issued by a joinwatch whose clock is set back, so that its outage has lasted for minutes when the
next one takes the results.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import aiohttp
import pytest

from ...support.beacons import Beacon, beacon
from ...support.endpoints import host_clock
from ...support.joinwatch import Joinwatch, joinwatch, sample
from ...support.polling import until
from ...support.prometheus import Prometheus, prometheus, scraped

pytestmark = pytest.mark.timeout(180)

AWAY_S: Final = 400
"""More than the 300 s after which a result is late."""

LATE: Final = 100
REFUSED: Final = 30
FRESH: Final = 20

CONFIG: Final = """
[proxies]
trusted = ["127.0.0.0/8"]

[results]
rate_limit = "100000/1m"
"""
NATIVE: Final = "native"
JOINED: Final[Beacon] = {"outcome": "joined", "error": ..., "step": 8}
JOB: Final = f'job="joinwatch",backend="{NATIVE}"'


async def test_what_comes_after_an_outage_of_ours_pages_nobody(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as http:
        async with joinwatch(tmp_path, CONFIG, host_clock(-AWAY_S)) as before:
            receipts = [await _receipt(before, http) for _ in range(LATE)]
        async with (
            joinwatch(tmp_path, CONFIG) as watch,
            prometheus(tmp_path, [watch.admin]) as server,
        ):
            await scraped(server, [watch.admin])
            for number, receipt in enumerate(receipts):
                # As the page's script sends again what it kept: its own age of the join, and one more attempt.
                fate = {} if number < REFUSED else JOINED
                await _report(watch, http, beacon(receipt, age_ms=800.0, attempt=4, **fate))
            for _ in range(FRESH):
                await _report(watch, http, beacon(await _receipt(watch, http), **JOINED))
            await _check_counted(watch)
            await _check_rules(server, watch)


async def _check_counted(watch: Joinwatch) -> None:
    """The late ones are in their own counter and in the ledger; everything else knows the fresh ones alone."""
    metrics = await watch.metrics()
    late = {
        outcome: metrics[sample("joinwatch_late_results_total", backend=NATIVE, outcome=outcome)]
        for outcome in ("joined", "invalid_signature", "other_failure", "no_result", "signature_expired")
    }
    assert late == {
        "joined": LATE - REFUSED,
        "invalid_signature": REFUSED,
        "other_failure": 0,
        "no_result": 0,
        "signature_expired": 0,
    }
    rows = watch.ledger_rows()
    assert sum(row["late"] for row in rows) == LATE
    assert len(rows) == LATE + FRESH
    moved = {
        (name, frozenset(pairs))
        for (name, pairs), value in metrics.items()
        if name.startswith(("joinwatch_join", "joinwatch_signatures_re"))
        and name.endswith("_total")
        and value
    }
    assert moved == {
        sample("joinwatch_joins_total", backend=NATIVE, outcome="joined"),
        sample("joinwatch_joins_by_origin_total", origin="other", outcome="joined"),
        sample("joinwatch_joins_by_client_total", view="client", sdk="2", outcome="joined"),
        sample("joinwatch_join_results_received_total", result="accepted", reason="late"),
        sample("joinwatch_join_results_received_total", result="accepted", reason="new"),
        sample("joinwatch_signatures_reported_total", backend=NATIVE),
    }


async def _check_rules(server: Prometheus, watch: Joinwatch) -> None:
    """Prometheus has seen all of it: a rate of 0 for the fresh joins, and no alert that is so much as pending."""

    async def seen() -> bool | None:
        late = await server.query(f"sum(joinwatch_late_results_total{{{JOB}}})")
        joins = await server.query(f"job_backend:joinwatch_joins:increase15m{{{JOB}}} >= {FRESH}")
        return True if late and late[0].value == LATE and joins else None

    await until(seen, "recorded joins", 60)
    (rate,) = await server.query(f"job_backend:joinwatch_joins_invalid_signature:ratio15m{{{JOB}}}")
    assert rate.value == 0
    rules = [rule for rule in await server.rules() if rule.alerting]
    (page,) = [rule for rule in rules if rule.name == "JoinwatchJoinsRefused"]
    assert await server.query(page.query) == []
    assert [alert for alert in await server.alerts() if "backend" in alert.labels] == []
    assert watch.logs("cause.suspected") == []


async def _receipt(watch: Joinwatch, http: aiohttp.ClientSession) -> str:
    async with http.post(watch.public, json={"meetingNumber": "98765432101", "role": 0}) as reply:
        assert reply.status == 200
        return reply.headers["Join-Receipt"]


async def _report(watch: Joinwatch, http: aiohttp.ClientSession, result: Beacon) -> None:
    async with http.post(f"{watch.public}/join-results", json=result) as reply:
        assert reply.status == 204, await reply.text()
