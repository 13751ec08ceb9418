"""The admin listener: who may ask, and what it tells while parts of joinwatch are ill."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.ledger.store import Store
from proxy.services.summary import SummaryService
from tests.ledger.builders import RAISED
from tests.support.app import ENVIRONMENT, NATIVE, App, application, http_backend
from tests.support.fake_time import FakeTime
from tests.support.joinwatch import sample
from tests.support.secrets import ADMIN_TOKEN
from tests.support.servers import RawClient

HOSTS = '[listen]\nadmin_hosts = ["metrics.example.com", "10.0.0.7"]\n'


async def status_of(port: int, path: str, host: bytes | None, more: bytes = b"") -> int:
    """The status of a GET with this Host header; None sends none, in HTTP/1.0."""
    line = b"GET %b HTTP/1.%d\r\n" % (path.encode(), host is not None)
    field = b"" if host is None else b"Host: %b\r\n" % host
    async with RawClient(port) as client:
        await client.send(line + field + more + b"Connection: close\r\n\r\n")
        got, _ = await client.to_end()
    return int(got.split(b" ")[1])


def basic(pair: str) -> str:
    """The header that a browser makes of a user and a password."""
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


ALLOWED = (
    b"127.0.0.1",
    b"127.0.0.1:4001",
    b"127.8.9.10",
    b"localhost",
    b"LOCALHOST:80",
    b"[::1]",
    b"[::1]:4001",
    b"metrics.example.com",
    b"Metrics.Example.com:9090",
    b"10.0.0.7:4001",
)
REFUSED = (
    b"evil.example",
    b"127.0.0.1.evil.example",
    b"localhost.evil.example",
    b"evil.example:4001",
    b"127.0.0.1@evil.example",
    b"metrics.example.com.evil.example",
    b"xmetrics.example.com",
    b"2130706433",
    b"0x7f.1",
    b"[::1].evil.example",
    b"[::1]evil.example",
    b"127.0.0.1:x",
    b"127.0.0.1:80:80",
    b"::1",
    b"[",
    b"",
    None,
)


ADDRESSES = (b"0.0.0.0", b"10.0.0.8", b"10.0.0.8:4001", b"[::]", b"[fd00::1]:4001")
"""As a kubelet's probe has them: no page can make a browser send them here under a name of its own."""


async def test_only_loopback_and_configured_names_are_served(tmp_path: Path) -> None:
    async with application(tmp_path, NATIVE + HOSTS) as app:
        port = app.joinwatch.admin[1]
        for allowed in ALLOWED:
            assert await status_of(port, "/metrics", allowed) == 200, allowed
            assert await status_of(port, "/api/summary?since=1h", allowed) == 200, allowed
        for refused in REFUSED:
            for path in ("/metrics", "/api/summary", "/readyz", "/", "/no-such-page"):
                assert await status_of(port, path, refused) in (400, 403), (refused, path)
        for address in ADDRESSES:
            assert await status_of(port, "/livez", address) == 200, address
            assert await status_of(port, "/readyz", address) == 200, address
            assert await status_of(port, "/metrics", address) == 403, address
            assert await status_of(port, "/api/summary", address) == 403, address
        # Two Host fields are not well-formed (RFC 9112 section 3.2): never the friendlier of the two.
        twice = await status_of(port, "/metrics", b"evil.example", b"Host: localhost\r\n")
        assert twice in (400, 403)
        answer = await app.ask("GET", f"{app.admin}/metrics", headers={"Host": "evil.example"})
        assert answer.error[0] == "host"
        assert "evil" not in answer.error[1]
        app.wrong_allowed = True  # aiohttp logs its own 400s.


@pytest.mark.parametrize(
    ("given", "status"),
    [
        pytest.param(f"Bearer {ADMIN_TOKEN}", 200, id="right"),
        pytest.param(None, 401, id="none"),
        pytest.param("", 401, id="empty"),
        pytest.param("Bearer", 401, id="the scheme alone"),
        pytest.param(f"Bearer {ADMIN_TOKEN}x", 401, id="longer"),
        pytest.param(f"Bearer {ADMIN_TOKEN[:-1]}", 401, id="shorter"),
        pytest.param(f"bearer {ADMIN_TOKEN.upper()}", 401, id="in capitals"),
        pytest.param(f"Basic {ADMIN_TOKEN}", 401, id="another scheme"),
        pytest.param(basic(f"anybody:{ADMIN_TOKEN}"), 200, id="as a browser's password"),
        pytest.param(basic(f":{ADMIN_TOKEN}").lower(), 401, id="a password in lower case"),
        pytest.param(basic(f"{ADMIN_TOKEN}:"), 401, id="as a browser's user"),
        pytest.param(basic(ADMIN_TOKEN), 401, id="a password without a colon"),
        pytest.param("Basic", 401, id="no password"),
        pytest.param("Bearer tökén", 401, id="not ASCII"),
    ],
)
async def test_with_a_token_everything_but_health_asks_for_it(
    tmp_path: Path, given: str | None, status: int
) -> None:
    (tmp_path / "token").write_text(f"{ADMIN_TOKEN}\n")
    config = f'{NATIVE}[listen]\nadmin_token_file = "token"\n'
    async with application(tmp_path, config, token=ADMIN_TOKEN) as app:
        headers = {} if given is None else {"Authorization": given}
        for path in ("/metrics", "/api/summary", "/api/summary?since=x", "/", "/no-such-page"):
            answer = await app.ask("GET", app.admin + path, headers=headers)
            refused = {"/no-such-page": 404, "/api/summary?since=x": 400}
            assert answer.status == (refused.get(path, 200) if status == 200 else status), path
            if status == 401:
                assert answer.headers["WWW-Authenticate"] == "Bearer"
                assert answer.error[0] == "token"
        for path in ("/livez", "/readyz"):
            assert (await app.ask("GET", app.admin + path, headers=headers)).status == 200


async def test_the_metrics_page_in_both_formats(tmp_path: Path) -> None:
    async with application(tmp_path) as app:
        await app.report(await app.receipt())
        text = await app.ask("GET", f"{app.admin}/metrics")
        assert text.headers["Content-Type"].startswith("text/plain; version=")
        assert b"# {" not in text.body
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        openmetrics = await app.ask("GET", f"{app.admin}/metrics", headers=accept)
        assert openmetrics.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        assert openmetrics.body.endswith(b"# EOF\n")
        (row,) = app.rows()
        exemplars = [line for line in openmetrics.body.decode().splitlines() if " # {" in line]
        assert {line.split()[0].partition("{")[0] for line in exemplars} == {
            "joinwatch_signatures_refused_total",
            "joinwatch_signatures_reported_total",
            "joinwatch_joins_total",
            "joinwatch_joins_by_origin_total",
            "joinwatch_joins_by_client_total",
            "joinwatch_join_failures_total",
            "joinwatch_join_token_age_seconds_bucket",
            "joinwatch_join_duration_seconds_bucket",
        }
        assert all(f' # {{receipt="{row["receipt_id"]}"}} ' in line for line in exemplars)
        assert b"_created" not in text.body + openmetrics.body


async def test_what_was_not_measured_has_no_gauge(tmp_path: Path) -> None:
    config = http_backend("java", "http://127.0.0.1:9", "/")
    async with application(tmp_path, config) as app:
        names = {key[0] for key in app.since}
        assert not [name for name in names if name.startswith("joinwatch_backend_clock")]
        assert sample("joinwatch_clock_steps_total") in app.since
        assert app.since[sample("joinwatch_ledger_writable")] == 1
        assert app.since[sample("joinwatch_config_last_reload_successful")] == 1
        assert app.since[sample("joinwatch_config_last_reload_timestamp_seconds")] == app.time.wall()


async def test_health_tells_of_ledger_and_clock_and_only_draining_makes_it_503(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where the ledger's folder should be")
    place = {"JOINWATCH_LEDGER__URL": f"sqlite:///{tmp_path}/var/joinwatch.db"}
    async with application(tmp_path, NATIVE, environ={**ENVIRONMENT, **place}, with_ledger=False) as app:
        await app.logged("ledger.unavailable")
        answer = await app.ask("GET", f"{app.admin}/readyz")
        body = json.loads(answer.body)
        assert (answer.status, body["status"]) == (200, "ready")
        assert answer.headers["Cache-Control"] == "no-store"
        assert body["ledger"]["writable"] is False
        assert body["ledger"]["detail"]
        assert "offset_s" in body["clock"]
        app.joinwatch.health.draining = True
        answer = await app.ask("GET", f"{app.admin}/readyz")
        assert (answer.status, json.loads(answer.body)["status"]) == (503, "draining")
        assert (await app.ask("GET", f"{app.admin}/livez")).status == 200
        # Draining takes what still comes.
        assert (await app.signature()).status == 200


async def test_the_admin_listener_takes_nothing_but_questions(tmp_path: Path) -> None:
    async with application(tmp_path) as app:
        for method in ("POST", "PUT", "DELETE"):
            assert (await app.ask(method, f"{app.admin}/metrics")).status == 405
            assert (await app.ask(method, f"{app.admin}/api/summary")).status == 405
        for path in ("/join-results", "/sign", "/var/joinwatch.db", "/..%2f..%2fetc/passwd"):
            assert (await app.ask("GET", app.admin + path)).status == 404
        assert b"/metrics" in (await app.ask("GET", f"{app.admin}/")).body


# /api/summary


async def test_the_summary_counts_what_was_reported_since_then(tmp_path: Path) -> None:
    async with application(tmp_path) as app:
        for fields in ({}, {}, {"outcome": "joined", "error": ...}, {"outcome": "no_result", "error": ...}):
            assert (await app.report(await app.receipt(), **fields)).status == 204
        answer = await app.ask("GET", f"{app.admin}/api/summary")
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        told = json.loads(answer.body)
        assert told["ledger"] == {"available": True, "detail": ""}
        assert told["generated_at"] == "2027-01-15T08:00:00Z"
        assert told["since"] == "2027-01-15T07:00:00Z"
        assert told["backends"].keys() == {"native", "all"}
        native = told["backends"]["native"]
        assert native["joins"] == {
            "joined": 1,
            "invalid_signature": 2,
            "signature_expired": 0,
            "other_failure": 0,
            "no_result": 1,
        }
        assert native["signatures_since_start"] == {"ok": 4, "warning": 0, "refused": 0}
        assert native["rate_3712"]["share"] == pytest.approx(2 / 3)
        assert (native["causes"], native["cleared_causes"], native["late"]) == ([], [], 0)
        app.time.advance(90)
        for since, count in (("91s", 2), ("89s", 0), ("2m", 2), ("7d", 2)):
            body = (await app.ask("GET", f"{app.admin}/api/summary?since={since}")).body
            assert json.loads(body)["backends"]["all"]["joins"]["invalid_signature"] == count, since


async def test_a_cause_that_was_raised_before_a_restart_is_told_at_once_and_not_again(tmp_path: Path) -> None:
    now = FakeTime().wall()
    raised = replace(RAISED, backend="native", raised_at=now - 60.0, cleared_at=None)
    with closing(Store(f"sqlite:///{tmp_path}/joinwatch.db")) as store:
        store.keep_causes([raised])
    key = sample("joinwatch_cause_suspected", backend="native", cause="float32_rounding")
    async with application(tmp_path) as app:
        assert key in app.since
        for _ in range(200):
            told = json.loads((await app.ask("GET", f"{app.admin}/api/summary")).body)["backends"]["native"]
            if told["causes"]:
                break
            await asyncio.sleep(0.05)
        (cause,) = told["causes"]
        assert cause == {
            "cause": "float32_rounding",
            "since": "2027-01-15T07:59:00Z",
            "confidence": 0.99,
            "evidence": raised.suspicion.evidence,
            "predicted_failing_share": 0.262,
            "observed_failing_share": 0.25,
            "advice": raised.suspicion.advice,
            "replicas": ["pod-1", "10.0.0.7:8443"],
            "heals_s": 64.0,
            "failed_joins": 0,
        }
        assert (await app.metrics())[key] == 1
        assert app.logs("cause.suspected") == []
    with closing(Store(f"sqlite:///{tmp_path}/joinwatch.db")) as store:
        assert [(each.raised_at, each.cleared_at) for each in store.suspected_since(0.0)] == [
            (now - 60.0, None)
        ]


async def test_without_a_ledger_the_summary_has_null_for_what_was_counted(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where the ledger's folder should be")
    place = {"JOINWATCH_LEDGER__URL": f"sqlite:///{tmp_path}/var/joinwatch.db"}
    async with application(tmp_path, NATIVE, environ={**ENVIRONMENT, **place}, with_ledger=False) as app:
        await app.logged("ledger.unavailable")
        answer = await app.ask("GET", f"{app.admin}/api/summary")
        assert answer.status == 200
        told = json.loads(answer.body)
        assert told["ledger"]["available"] is False
        assert told["ledger"]["detail"]
        for name in ("native", "all"):
            native = told["backends"][name]
            counted = [native[each] for each in ("joins", "late", "rate_3712", "cleared_causes")]
            assert counted == [None] * 4
            assert native["causes"] == []


@pytest.mark.parametrize(
    "since", ["", "x", "0s", "1.5h", "367d", "1h%0a", "%00", "9" * 5000 + "s", "<script>"]
)
async def test_a_time_that_cannot_be_read_is_400_and_not_repeated(tmp_path: Path, since: str) -> None:
    async with application(tmp_path) as app:
        answer = await app.ask("GET", f"{app.admin}/api/summary?since={since}")
        assert answer.status == 400
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.error == (
            "since",
            "since is not a time from 1s to 366d: write a whole number and one of s, m, h, d, as in 90s or 7d",
        )


async def test_summaries_hold_up_no_result(tmp_path: Path) -> None:
    async with application(tmp_path) as app:
        url = f"{app.admin}/api/summary?since=7d"
        answers, statuses = await asyncio.gather(
            asyncio.gather(*(app.ask("GET", url) for _ in range(40))),
            asyncio.gather(*(_reported(app) for _ in range(20))),
        )
        assert {answer.status for answer in answers} == {200}
        assert set(statuses) == {204}
        told = json.loads((await app.ask("GET", url)).body)
        assert told["backends"]["native"]["joins"]["invalid_signature"] == 20


async def _reported(app: App) -> int:
    return (await app.report(await app.receipt())).status


async def test_a_handler_that_fails_is_logged_without_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_service: SummaryService, _period_s: float) -> None:
        raise ValueError("not-to-be-shown")

    monkeypatch.setattr(SummaryService, "summary", fail)
    async with application(tmp_path) as app:
        assert (await app.ask("GET", f"{app.admin}/api/summary")).status == 500
        app.wrong_allowed = True
        (line,) = await app.logged("library")
    assert (line["error"], line["logger"]) == ("ValueError", "aiohttp.server")
    assert "not-to-be-shown" not in str(line)
