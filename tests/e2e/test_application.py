"""joinwatch as a process: what it promises when it is ill, told to stop, killed, and started again."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.app import ENVIRONMENT, NATIVE, application, http_backend, joins, received, token
from tests.support.beacons import beacon, encoded
from tests.support.fake_time import FakeTime
from tests.support.joinwatch import Joinwatch, joinwatch, sample
from tests.support.secrets import OLD_RECEIPT_KEY, RECEIPT_KEY
from tests.support.servers import Peer, RawClient, raw_server, unused_port

REPOSITORY = Path(__file__).parents[2]

ROUTE = '[[routes]]\npath = "/"\nbackends = { native = 1 }\n'
KEY_FILE = "joinwatch.receipt-key"


async def signature(watch: Joinwatch, path: str = "/") -> tuple[int, str | None]:
    """The status of a request for a signature, and its receipt."""
    async with (
        aiohttp.ClientSession() as http,
        http.post(watch.public + path, json={"meetingNumber": "98765432101", "role": 0}) as reply,
    ):
        return reply.status, reply.headers.get("Join-Receipt")


async def receipt(watch: Joinwatch) -> str:
    """The receipt of a new signature."""
    status, given = await signature(watch)
    assert status == 200
    assert given is not None
    return given


async def report(watch: Joinwatch, result: dict[str, Any]) -> int:
    """The status of a delivery."""
    headers = {"Content-Type": "text/plain"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{watch.public}/join-results", data=encoded(result), headers=headers) as reply,
    ):
        return reply.status


async def test_signatures_are_served_though_the_ledger_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "joinwatch.db").mkdir()
    async with joinwatch(tmp_path, NATIVE, ENVIRONMENT, with_ledger=False) as watch:
        await watch.logged("ledger.unavailable")
        given = await receipt(watch)
        assert await report(watch, beacon(given)) == 503
        async with aiohttp.ClientSession() as http, http.get(f"{watch.admin}/readyz") as ready:
            assert ready.status == 200
            assert (await ready.json())["ledger"]["writable"] is False
        assert await watch.terminate() == 0
    assert not watch.child.err or "Traceback" not in "\n".join(watch.child.err)


async def test_a_folder_that_cannot_be_written_costs_the_receipts_at_the_next_start_and_nothing_else(
    tmp_path: Path,
) -> None:
    (tmp_path / "var").write_text("a file where the ledger's folder should be")
    place = {"JOINWATCH_LEDGER__URL": f"sqlite:///{tmp_path}/var/joinwatch.db"}
    async with application(tmp_path, NATIVE, environ={**ENVIRONMENT, **place}, with_ledger=False) as app:
        (line,) = await app.logged("receipts.key_not_kept")
        assert line["mend"]
        assert (await app.signature()).status == 200


async def test_sigterm_finishes_what_is_in_flight(tmp_path: Path) -> None:
    asked, go = asyncio.Event(), asyncio.Event()
    body = json.dumps({"signature": token(1_800_000_000.0)}).encode()

    async def slow(peer: Peer) -> None:
        await peer.request()
        asked.set()
        await go.wait()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async with AsyncExitStack() as stack:
        backend = await stack.enter_async_context(raw_server(slow))
        config = (
            NATIVE
            + http_backend("slow", backend.url, "/slow")
            + '[[routes]]\npath = "/"\nbackends = { native = 1 }\n'
        )
        watch = await stack.enter_async_context(joinwatch(tmp_path, config, ENVIRONMENT))
        result = encoded(beacon(await receipt(watch)))
        port = int(watch.public.rpartition(":")[2])
        upload = await stack.enter_async_context(RawClient(port))
        await upload.send(
            b"POST /join-results HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\n"
            b"Content-Length: %d\r\n\r\n" % len(result)
        )
        await upload.until(b"100 Continue\r\n\r\n")
        asking = asyncio.create_task(signature(watch, "/slow"))
        await asked.wait()
        ending = asyncio.create_task(watch.terminate())
        await watch.logged("draining")
        # Nothing new is taken, and what has begun may end.
        with pytest.raises(aiohttp.ClientConnectorError):
            await signature(watch)
        assert not ending.done()
        async with aiohttp.ClientSession() as http, http.get(f"{watch.admin}/readyz") as ready:
            assert (ready.status, (await ready.json())["status"]) == (503, "draining")
        metrics = await watch.metrics()
        assert metrics[received("accepted", "new")] == 0
        await upload.send(result)
        assert (await upload.until(b"\r\n")).startswith(b"HTTP/1.1 204 ")
        go.set()
        status, given = await asking
        assert (status, given is not None) == (200, True)
        assert await ending == 0
    assert [row["outcome"] for row in watch.ledger_rows()] == ["invalid_signature"]
    events = [line["event"] for line in watch.logs()]
    assert events.count("signature.issued") == 2
    assert events.count("join.reported") == 1
    assert "library" not in events


async def test_readyz_says_so_before_the_listener_closes(tmp_path: Path) -> None:
    async with joinwatch(tmp_path, NATIVE + "[listen]\ndrain_delay_s = 30\n", ENVIRONMENT) as watch:
        await receipt(watch)
        os.kill(watch.child.pid, signal.SIGTERM)
        await watch.logged("drain.delay")
        async with aiohttp.ClientSession() as http, http.get(f"{watch.admin}/readyz") as ready:
            assert ready.status == 503
        assert (await signature(watch))[0] == 200
        # A second signal ends the wait.
        assert await watch.terminate() == 0


async def test_what_was_acknowledged_outlives_kill_9_and_is_counted_once(tmp_path: Path) -> None:
    async with joinwatch(tmp_path, NATIVE, ENVIRONMENT) as watch:
        given = await receipt(watch)
        result = beacon(given, age_ms=1.0)
        assert await report(watch, result) == 204
        await watch.kill()
    key = tmp_path / KEY_FILE
    assert key.stat().st_mode & 0o777 == 0o600
    kept = key.read_text()
    async with joinwatch(tmp_path, NATIVE, ENVIRONMENT) as watch:
        assert [row["result_id"] for row in watch.ledger_rows()] == [result["id"]]
        assert await report(watch, {**result, "attempt": 2}) == 204
        # The receipt opens after a restart, and proves the signature for another join.
        assert await report(watch, beacon(given)) == 204
        metrics = await watch.metrics()
        assert metrics[received("duplicate", "same_id")] == 1
        assert metrics[received("accepted", "new")] == 1
        assert metrics[joins("native", "invalid_signature")] == 1
        assert metrics[sample("joinwatch_signatures_reported_total", backend="native")] == 0
        assert [row["attempt"] for row in watch.ledger_rows()] == [1, 1]
    assert key.read_text() == kept


async def test_receipt_keys_are_rotated_newest_first(tmp_path: Path) -> None:
    keys, time = tmp_path / "keys", FakeTime()
    config = NATIVE + '[receipts]\nkeys_file = "keys"\n'
    keys.write_text(OLD_RECEIPT_KEY + "\n")
    async with application(tmp_path, config, time=time) as app:
        old = await app.receipt()
    keys.write_text(f"{RECEIPT_KEY}\n{OLD_RECEIPT_KEY}\n")
    async with application(tmp_path, config, time=time) as app:
        new = await app.receipt()
        assert [(await app.report(each)).status for each in (old, new)] == [204, 204]
    keys.write_text(RECEIPT_KEY + "\n")
    async with application(tmp_path, config, time=time) as app:
        assert [(await app.report(each)).status for each in (old, new)] == [403, 204]
        assert (await app.metrics())[received("rejected", "bad_receipt")] == 1
    assert not (tmp_path / KEY_FILE).exists()


async def test_two_processes_that_start_at_once_share_a_ledger_and_a_key(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        started = [joinwatch(tmp_path, NATIVE, ENVIRONMENT) for _ in range(2)]
        both = await asyncio.gather(*(stack.enter_async_context(each) for each in started))
        given = [await receipt(watch) for watch in both]
        result = beacon(given[0])
        statuses = await asyncio.gather(*(report(watch, result) for watch in both for _ in range(5)))
        assert set(statuses) == {204}
        assert await report(both[0], beacon(given[1])) == 204
        counted = [await watch.metrics() for watch in both]
        assert sum(each[received("accepted", "new")] for each in counted) == 2
        assert sum(each[received("duplicate", "same_id")] for each in counted) == 9
        assert len(both[0].ledger_rows()) == 2


async def test_a_reader_of_the_log_that_stops_reading_stops_nothing(tmp_path: Path) -> None:
    public, admin = unused_port(), unused_port()
    file = tmp_path / "joinwatch.toml"
    file.write_text(
        f'{NATIVE}[listen]\npublic = "127.0.0.1:{public}"\nadmin = "127.0.0.1:{admin}"\n[log]\naccess = true\n'
    )
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    environment = {"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"], **ENVIRONMENT}
    command = (sys.executable, "-m", "proxy", "serve", "--config", str(file))
    process = await asyncio.create_subprocess_exec(
        *command, stdout=writing, stderr=asyncio.subprocess.PIPE, cwd=tmp_path, env=environment
    )
    os.close(writing)
    try:
        assert process.stderr is not None
        while b"health" not in await process.stderr.readline():
            pass
        body, headers = encoded({"meetingNumber": "1", "role": 0}), {"Content-Type": "application/json"}
        async with aiohttp.ClientSession() as http:
            for _ in range(300):
                async with http.post(f"http://127.0.0.1:{public}/", data=body, headers=headers) as reply:
                    assert reply.status == 200
            async with http.get(f"http://127.0.0.1:{admin}/metrics") as page:
                assert b'outcome="issued"} 300.0' in await page.read()
        process.send_signal(signal.SIGTERM)
        # The end waits for a reader, but not for long.
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(reading)
