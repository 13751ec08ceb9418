"""The real joinwatch on a real PostgreSQL: what it answered with 204 is there, whoever was killed meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from proxy.ledger.store import Store
from tests.support.beacons import beacon, encoded
from tests.support.child import running
from tests.support.joinwatch import Joinwatch, sample
from tests.support.postgresql import Cluster
from tests.support.secrets import CLIENT_SECRET, KEY, RECEIPT_KEY, found_in

from .builders import grown
from .homes import Home, postgresql_home

REPOSITORY = Path(__file__).parents[2]
CONFIG = """
[listen]
public = "127.0.0.1:0"
admin = "127.0.0.1:0"
[receipts]
keys_env = "KEYS"
[results]
rate_limit = "1000000/1m"
[ledger]
url_file = "ledger-url"
"""
ENVIRONMENT = {
    "KEYS": RECEIPT_KEY,
    "ZOOM_MEETING_SDK_KEY": KEY,
    "ZOOM_MEETING_SDK_SECRET": CLIENT_SECRET,
    "PYTHONPATH": str(REPOSITORY),
}

PLAIN = {"Content-Type": "text/plain"}


@asynccontextmanager
async def serving(folder: Path, home: Home) -> AsyncIterator[Joinwatch]:
    """`joinwatch serve`; its ledger may come later."""
    (folder / "joinwatch.toml").write_text(CONFIG)
    (folder / "ledger-url").write_text(home.url)
    command = (sys.executable, "-m", "proxy", "serve", "--config", "joinwatch.toml")
    async with running(*command, env=ENVIRONMENT, cwd=folder) as child:
        one = Joinwatch("", "", folder, child)
        urls = {line["listener"]: line["url"] for line in await one.logged("listening", 2, 30.0)}
        yield Joinwatch(urls["public"], urls["admin"], folder, child)


async def receipt(http: aiohttp.ClientSession, one: Joinwatch) -> str:
    """The receipt of a new signature, which is there whatever the ledger does."""
    async with http.post(one.public, json={"meetingNumber": "98765432101", "role": 0}) as reply:
        assert reply.status == 200
        return reply.headers["Join-Receipt"]


async def send(http: aiohttp.ClientSession, one: Joinwatch, result: bytes) -> tuple[int, str | None]:
    """Status and Retry-After; (0, None) where nobody answered."""
    try:
        async with http.post(f"{one.public}/join-results", data=result, headers=PLAIN) as reply:
            return reply.status, reply.headers.get("Retry-After")
    except aiohttp.ClientError:
        return 0, None


async def test_it_serves_through_an_outage_and_a_report_reads_what_is_left(
    own_server: Cluster, tmp_path: Path
) -> None:
    home = postgresql_home(own_server)
    own_server.stop()
    async with serving(tmp_path, home) as one, aiohttp.ClientSession() as http:
        result = encoded(beacon(await receipt(http, one)))
        status, after = await send(http, one, result)
        assert (status, after is not None) == (503, True)
        async with http.get(f"{one.admin}/readyz") as reply:
            ready = await reply.text()
            assert reply.status == 200
        assert json.loads(ready)["ledger"]["writable"] is False
        where = f"the ledger postgresql://127.0.0.1:{own_server.port}/joinwatch: "
        assert json.loads(ready)["ledger"]["detail"].startswith(where)

        await asyncio.to_thread(own_server.start)
        await one.logged("ledger.available")
        assert await send(http, one, result) == (204, None)
        own_server.stop()
        later = encoded(beacon(await receipt(http, one)))
        assert (await send(http, one, later))[0] == 503
        await asyncio.to_thread(own_server.start)
        await one.logged("ledger.available", 2, 20.0)
        assert [await send(http, one, each) for each in (result, later)] == [(204, None)] * 2
        metrics = await one.metrics()
        assert metrics[sample("joinwatch_joins_total", backend="native", outcome="invalid_signature")] == 2.0
        assert await one.terminate() == 0
        said = "\n".join([ready, *one.child.out, *one.child.err])
        assert found_in(said) == []
        assert [line["event"] for line in one.logs()].count("ledger.unavailable") <= 4

    for arguments, wanted in ((("report", "--json"), '"invalid_signature":2'), (("check-config",), "")):
        command = (sys.executable, "-m", "proxy", *arguments, "--config", "joinwatch.toml")
        ran = subprocess.run(
            command, check=False, env=ENVIRONMENT, cwd=tmp_path, capture_output=True, text=True
        )
        told = ran.stdout + ran.stderr
        assert (ran.returncode, wanted in told.replace(" ", ""), found_in(told)) == (0, True, []), told


async def test_every_204_is_found_after_kill_9_of_either(own_server: Cluster, tmp_path: Path) -> None:
    home = postgresql_home(own_server)
    Store(home.url).close()
    acknowledged: set[str] = set()

    async def press(http: aiohttp.ClientSession, one: Joinwatch) -> None:
        own_receipt = await receipt(http, one)
        for number in range(1_000_000):
            if number % 15 == 14:  # max_attempts is 20
                own_receipt = await receipt(http, one)
            body = beacon(own_receipt)
            body["id"] = os.urandom(16).hex()
            if (await send(http, one, encoded(body)))[0] == 204:
                acknowledged.add(body["id"])

    for kill_server in (False, True, False):
        async with serving(tmp_path, home) as one, aiohttp.ClientSession() as http:
            await one.logged("ledger.available")
            pressing = [asyncio.create_task(press(http, one)) for _ in range(8)]
            try:
                await grown(acknowledged, 101)
                if kill_server:
                    await asyncio.to_thread(own_server.kill)
                    await asyncio.to_thread(own_server.start)
                    await one.logged("ledger.available", 2, 20.0)
                    await grown(acknowledged, 51)
                await one.kill()
            finally:
                for task in pressing:
                    task.cancel()
                await asyncio.gather(*pressing, return_exceptions=True)
    stored = [name for (name,) in home.run("SELECT result_id FROM joins")]
    assert len(stored) == len(set(stored))
    assert acknowledged - set(stored) == set()
    assert len(acknowledged) > 300
