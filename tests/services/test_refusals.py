"""What anybody can send is counted without end, written within limits, and answered without what is ours alone."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.app import ENVIRONMENT, NATIVE, application, http_backend, signed
from tests.support.servers import unused_port


async def test_a_flood_of_refused_results_is_counted_whole_and_written_in_part(tmp_path: Path) -> None:
    async with application(tmp_path, '[results]\nrate_limit = "1000/1m"\n') as app:
        for _ in range(100):
            answer = await app.post(b"{}", Origin="https://page.example")
            assert answer.status == 400
        moved = await app.moved(app.since, "joinwatch_join_results_received_total")
        assert list(moved.values()) == [100]
        lines = await app.logged("join.rejected", 60)
        assert len(lines) == 60
        assert {line["origin"] for line in lines} == {"https://page.example"}


async def test_a_flood_of_refused_requests_is_counted_whole_and_written_in_part(tmp_path: Path) -> None:
    async with application(tmp_path) as app:
        for _ in range(100):
            assert (await app.ask("POST", f"{app.public}/", data=b"not json")).status == 415
        moved = await app.moved(app.since, "joinwatch_signatures_total")
        assert moved == {signed("native", "refused"): 100}
        assert len(await app.logged("signature.failed", 60)) == 60


async def test_a_receipt_that_is_used_up_is_not_to_be_tried_soon(tmp_path: Path) -> None:
    async with application(tmp_path, NATIVE + "[results]\nmax_attempts = 1\n") as app:
        receipt = await app.receipt()
        assert (await app.report(receipt)).status == 204
        answer = await app.report(receipt, id="0123456789abcdef0123456789abcdef")
        assert (answer.status, answer.headers["Retry-After"]) == (429, "3600")


async def test_a_ledger_that_is_down_says_to_strangers_only_that(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where the ledger's folder should be")
    place = {"JOINWATCH_LEDGER__URL": f"sqlite:///{tmp_path}/var/joinwatch.db"}
    async with application(tmp_path, NATIVE, environ={**ENVIRONMENT, **place}, with_ledger=False) as app:
        await app.logged("ledger.unavailable")
        answer = await app.report(await app.receipt())
        assert (answer.status, answer.error[0]) == (503, "ledger_unavailable")
        assert str(tmp_path) not in answer.body.decode()
        assert "Retry-After" in answer.headers
        health = json.loads((await app.ask("GET", f"{app.admin}/readyz")).body)
        assert health["ledger"]["detail"]


async def test_readyz_tells_which_backends_answer(tmp_path: Path) -> None:
    config = NATIVE + http_backend("down", f"http://127.0.0.1:{unused_port()}", "/down")
    config += http_backend("idle", "http://127.0.0.1:9", "/idle")
    config += '[[routes]]\npath = "/sign"\nbackends = { native = 1 }\n'
    async with application(tmp_path, config) as app:
        assert (await app.ask("POST", f"{app.public}/down")).status == 502
        body = {"meetingNumber": "98765432101", "role": 0}
        assert (await app.ask("POST", f"{app.public}/sign", json=body)).status == 200
        answer = await app.ask("GET", f"{app.admin}/readyz")
        backends = json.loads(answer.body)["backends"]
        assert answer.status == 200
        assert {name: state["reachable"] for name, state in backends.items()} == {
            "down": False,
            "idle": None,
            "native": True,
        }
        assert backends["idle"]["seconds_ago"] is None
        assert backends["down"]["seconds_ago"] >= 0
