"""POST /join-results, attacked: every delivery ends in one status, one counted outcome, and nothing it should not."""

from __future__ import annotations

import asyncio
import gzip
import json
import sqlite3
import sys
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]  # ships no types
import pytest
import pytest_asyncio

from proxy.domain.receipt import Issuance, Receipts, decode_key
from tests.support.app import NATIVE, Answer, App, application, joins, received
from tests.support.beacons import INVALID_SIGNATURE, beacon, encoded, new_id
from tests.support.joinwatch import Key, LogLine, sample
from tests.support.secrets import CLIENT_SECRET, KEY, OLD_RECEIPT_KEY, PASSCODE, RECEIPT_KEY, ZAK, found_in
from tests.support.servers import RawClient

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

pytestmark = pytest.mark.asyncio(loop_scope="module")

RECEIVED = "joinwatch_join_results_received_total"
ORIGIN = "https://meet.example"
ENVIRONMENT = {"TEST_KEY": KEY, "TEST_SECRET": CLIENT_SECRET, "TEST_RECEIPT_KEYS": RECEIPT_KEY}
RECEIPTS = '[receipts]\nkeys_env = "TEST_RECEIPT_KEYS"\n'
RESULTS = f'[results]\norigins = ["{ORIGIN}"]\nrate_limit = "1000000/1s"\nmax_attempts = 3\n'

ISSUANCE = Issuance(
    receipt_id="issued-elsewhere",
    sent_at=1_800_000_000.0,
    route="/",
    asked="native",
    signer="native",
    replica=None,
    format="meeting_sdk",
    iat=1_799_999_880.0,
    exp=1_800_007_200.0,
    iat_offset_s=-120.0,
    iat_offset_bound_s=0.01,
    clock_offset_s=None,
    clock_bound_s=None,
    backend_clock_offset_s=None,
    backend_clock_bound_s=None,
    findings=(),
)
HOUR, DAY = 3600.0, 86400.0
MAX_AGE = 9 * DAY


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    """One application for the tables: what each case changed is told by the difference."""
    config = NATIVE + RECEIPTS + RESULTS
    async with application(tmp_path_factory.mktemp("app"), config, environ=ENVIRONMENT) as running:
        yield running


def sealed(key: str = RECEIPT_KEY, **fields: Any) -> str:
    """A receipt from elsewhere."""
    return Receipts([decode_key(key)], MAX_AGE).seal(_changed(ISSUANCE, **fields))


def _changed(issuance: Issuance, **fields: Any) -> Issuance:
    return Issuance(**{name: getattr(issuance, name) for name in Issuance.__struct_fields__} | fields)


def zeros(size: int) -> bytes:
    """A body that is valid JSON of that many bytes, and very compressible."""
    return b'{"receipt": "' + b"0" * (size - 15) + b'"}'


def brotli_of(body: bytes) -> bytes:
    """Compressed with br."""
    return bytes(brotli.compress(body))


Body = Callable[[str], bytes]
"""A body around a receipt that is good."""


def fields(**given: Any) -> Body:
    """A good join result but for these fields."""
    return lambda receipt: encoded(beacon(**{"receipt": receipt} | given))


def raw(body: bytes) -> Body:
    """These bytes."""
    return lambda _: body


def packed(pack: Callable[[bytes], bytes]) -> Body:
    """A good join result, compressed."""
    return lambda receipt: pack(encoded(beacon(receipt)))


@dataclass(frozen=True, slots=True)
class Bad:
    """A delivery that is refused for good."""

    name: str
    body: Body
    code: str
    status: int = 400
    content_type: str = "application/json"
    coding: str | None = None

    def __str__(self) -> str:
        return self.name


MIB = 2**20
NESTED: list[Any] = []
for _ in range(16):
    NESTED = [NESTED]

BAD = (
    Bad("no body", raw(b""), "invalid_json"),
    Bad("half of an object", raw(b'{"receipt": "x"'), "invalid_json"),
    Bad("two objects", raw(b"{}{}"), "invalid_json"),
    Bad("a form", raw(b"receipt=x&id=y"), "invalid_json"),
    Bad("NaN", raw(b'{"receipt": NaN}'), "invalid_json"),
    Bad("an integer of 5000 digits", raw(b'{"age_ms": ' + b"9" * 5000 + b"}"), "invalid_json"),
    Bad("a list", raw(b"[]"), "not_an_object"),
    Bad("null", raw(b"null"), "not_an_object"),
    Bad("a text", raw(b'"receipt"'), "not_an_object"),
    Bad("a byte that is not UTF-8", raw(b'{"receipt": "\xff"}'), "not_utf8"),
    Bad("UTF-16", raw('{"receipt": "x"}'.encode("utf-16")), "not_utf8"),
    Bad("4000 open lists", raw(b"[" * 4000), "invalid_json"),
    Bad("4000 whole lists", raw(b"[" * 4000 + b"]" * 4000), "invalid_json"),
    Bad("1200 objects in one another", raw(b'{"a":' * 1200 + b"1" + b"}" * 1200), "invalid_json"),
    Bad("17 levels beside a good receipt", fields(extra=NESTED), "invalid_json"),
    Bad("8193 bytes", raw(zeros(8193)), "too_large", 413),
    Bad("a megabyte", raw(zeros(MIB)), "too_large", 413),
    Bad("a gzip bomb", raw(gzip.compress(zeros(7 * MIB))), "too_large", 413, coding="gzip"),
    Bad("a deflate bomb", raw(zlib.compress(zeros(7 * MIB))), "too_large", 413, coding="deflate"),
    Bad("a br bomb", raw(brotli_of(zeros(64 * MIB))), "too_large", 413, coding="br"),
    Bad("a zstd bomb", raw(zstd.compress(zeros(64 * MIB))), "too_large", 413, coding="zstd"),
    Bad(
        "a bomb in a bomb",
        raw(gzip.compress(gzip.compress(zeros(256 * MIB)))),
        "too_large",
        413,
        coding="gzip, gzip",
    ),
    Bad("one byte too much when inflated", raw(gzip.compress(zeros(8193))), "too_large", 413, coding="gzip"),
    Bad(
        "half of a gzip", lambda r: gzip.compress(encoded(beacon(r)))[:40], "content_encoding", coding="gzip"
    ),
    Bad("not gzip at all", fields(), "content_encoding", coding="gzip"),
    Bad("zstd that is none", fields(), "content_encoding", coding="zstd"),
    Bad("br that is none", fields(), "content_encoding", coding="br"),
    Bad("an unknown coding", fields(), "content_encoding", coding="compress"),
    Bad("four codings", fields(), "content_encoding", coding="gzip, gzip, gzip, gzip"),
    Bad("a form's type", fields(), "content_type", content_type="application/x-www-form-urlencoded"),
    Bad("a file upload's type", fields(), "content_type", content_type="multipart/form-data; boundary=x"),
    Bad("HTML", fields(), "content_type", content_type="text/html"),
    Bad("an empty type", fields(), "content_type", content_type=""),
    Bad("a type that is none", fields(), "content_type", content_type=";;;"),
    Bad("a type full of brackets", fields(), "content_type", content_type="text/" + "(" * 5000),
    Bad("a wrong type with 4000 parameters", fields(), "content_type", content_type=f"text/x{';a=b' * 4000}"),
    Bad(
        "a body of 4000 parameters' type", raw(b""), "invalid_json", content_type=f"text/plain{';a=b' * 4000}"
    ),
    Bad("two types", fields(), "content_type", content_type="application/json, text/plain"),
    Bad("no receipt", fields(receipt=...), "no_receipt"),
    Bad("null for a receipt", fields(receipt=None), "no_receipt"),
    Bad("an empty receipt", fields(receipt=""), "no_receipt"),
    Bad("a number for a receipt", fields(receipt=1), "no_receipt"),
    Bad("a list with the receipt", lambda r: encoded(beacon(r) | {"receipt": [r]}), "no_receipt"),
    Bad("a made-up receipt", fields(receipt="A" * 200), "bad_receipt", 403),
    Bad("a receipt of 5000 characters", fields(receipt="A" * 5000), "bad_receipt", 403),
    Bad("a receipt that is no ASCII", fields(receipt="ré" * 50), "bad_receipt", 403),
    Bad("half a surrogate for a receipt", raw(b'{"receipt": "\\ud800"}'), "bad_receipt", 403),
    Bad("a signature for a receipt", fields(receipt=f"{'e30' * 9}.{'e30' * 9}.x"), "bad_receipt", 403),
    Bad("a truncated receipt", lambda r: encoded(beacon(r[:-4])), "bad_receipt", 403),
    Bad("a receipt with its first byte cut off", lambda r: encoded(beacon(r[4:])), "bad_receipt", 403),
    Bad(
        "a receipt with a flipped bit",
        lambda r: encoded(beacon(r[:60] + ("A" if r[60] != "A" else "B") + r[61:])),
        "bad_receipt",
        403,
    ),
    Bad("a receipt with a space behind it", lambda r: encoded(beacon(r + " ")), "bad_receipt", 403),
    Bad("a receipt twice", lambda r: encoded(beacon(r + r)), "bad_receipt", 403),
    Bad("a foreign receipt", fields(receipt=sealed(OLD_RECEIPT_KEY)), "bad_receipt", 403),
    Bad(
        "an expired receipt",
        fields(receipt=sealed(sent_at=ISSUANCE.sent_at - MAX_AGE - HOUR - 1)),
        "expired_receipt",
        403,
    ),
    Bad(
        "a receipt of tomorrow",
        fields(receipt=sealed(sent_at=ISSUANCE.sent_at + HOUR + 1)),
        "bad_receipt",
        403,
    ),
    Bad("no id", fields(id=...), "invalid_field"),
    Bad("a number for an id", fields(id=7), "invalid_field"),
    Bad("an id of 120 bits", fields(id="0" * 30), "invalid_field"),
    Bad("an id that is text", fields(id="z" * 32), "invalid_field"),
    Bad("no outcome", fields(outcome=...), "invalid_field"),
    Bad("an unknown outcome", fields(outcome="exploded"), "invalid_field"),
    Bad("a list for an outcome", fields(outcome=["failed"]), "invalid_field"),
    Bad("attempt 0", fields(attempt=0), "invalid_field"),
    Bad("attempt -1", fields(attempt=-1), "invalid_field"),
    Bad("attempt 1000001", fields(attempt=1_000_001), "invalid_field"),
    Bad("attempt 1.5", fields(attempt=1.5), "invalid_field"),
    Bad("attempt true", fields(attempt=True), "invalid_field"),
    Bad("attempt as text", fields(attempt="1"), "invalid_field"),
    Bad("an attempt of 400 digits", fields(attempt=10**400), "invalid_field"),
    Bad("a negative age", fields(age_ms=-0.001), "invalid_field"),
    Bad("an age of 17 days", fields(age_ms=17 * DAY * 1000), "invalid_field"),
    Bad(
        "an infinite age",
        lambda r: encoded(beacon(r)).replace(b'"age_ms": 0.0', b'"age_ms": 1e999'),
        "invalid_field",
    ),
    Bad("an age as text", fields(age_ms="812"), "invalid_field"),
    Bad("an age beyond the server's reckoning", fields(age_ms=HOUR * 1000 + 1), "impossible_age"),
    Bad("a negative duration", fields(join_ms=-1), "invalid_field"),
    Bad("step 65", fields(step=65), "invalid_field"),
    Bad("step -1", fields(step=-1), "invalid_field"),
    Bad("asked whom", fields(asked="guessed"), "invalid_field"),
    Bad("a clock of its own", fields(age_clock="sundial"), "invalid_field"),
    Bad("suspended as text", fields(suspended="no"), "invalid_field"),
    Bad("intact as a number", fields(signature_intact=1), "invalid_field"),
    Bad("a negative number of dropped results", fields(dropped=-1), "invalid_field"),
    Bad("ten million dropped results", fields(dropped=10_000_000), "invalid_field"),
)


@pytest.mark.parametrize("bad", BAD, ids=str)
async def test_a_bad_delivery_is_refused_for_good_counted_once_and_leaves_no_trace(
    app: App, bad: Bad
) -> None:
    body = bad.body(await app.receipt())
    before, rows, lines = await app.metrics(), len(app.rows()), len(app.logs("join.rejected"))
    coding = {"Content_Encoding": bad.coding} if bad.coding else {}
    answer = await app.post(body, Content_Type=bad.content_type, Origin=ORIGIN, **coding)
    code, message = answer.error
    assert (answer.status, code) == (bad.status, bad.code)
    assert_readable(answer)
    assert "Retry-After" not in answer.headers
    assert message
    assert found_in(message) == []
    assert await app.moved(before, "joinwatch_join", "joinwatch_late", "joinwatch_client") == {
        received("rejected", bad.code): 1
    }
    assert len(app.rows()) == rows
    (line,) = (await app.logged("join.rejected", lines + 1))[lines:]
    assert line == line | {"reason": bad.code, "message": message}


async def test_a_body_that_names_no_type_is_refused(app: App) -> None:
    before = await app.metrics()
    head = b"POST /join-results HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    status, _ = await _raw(app, head)
    assert status == 400
    assert await app.moved(before, RECEIVED) == {received("rejected", "content_type"): 1}


async def test_a_declared_size_is_refused_before_anything_is_read(app: App) -> None:
    before = await app.metrics()
    async with RawClient(app.joinwatch.public[1]) as client:
        await client.send(_head(b"Content-Length: 1000000000000\r\n"))
        assert (await client.until(b"\r\n")).startswith(b"HTTP/1.1 413 ")
    assert await app.moved(before, RECEIVED) == {received("rejected", "too_large"): 1}


async def test_a_long_content_type_takes_no_time(app: App) -> None:
    began = time.process_time()
    assert (await app.post(b"", Content_Type=f"text/plain{';a=b' * 4000}")).status == 400
    assert time.process_time() - began < 0.2


@pytest.mark.parametrize(
    "place",
    [
        "proxy.web.clients.Clients.limit_key",
        "proxy.web.join_results.read_body",
        "proxy.services.intake.read_envelope",
        "proxy.services.intake.IntakeService.take",
    ],
)
async def test_what_nobody_foresaw_is_deferred_and_counted_once(
    app: App, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RecursionError("within joinwatch")

    before = await app.metrics()
    monkeypatch.setattr(place, fail)
    answer = await app.post(b"{}")
    assert (answer.status, answer.error) == (503, ("internal", "joinwatch failed (RecursionError)"))
    assert int(answer.headers["Retry-After"]) > 0
    assert_readable(answer)
    assert await app.moved(before, RECEIVED) == {received("deferred", "internal"): 1}


async def test_an_endless_chunked_body_is_refused_at_its_limit(app: App) -> None:
    before = await app.metrics()
    async with RawClient(app.joinwatch.public[1]) as client:
        await client.send(_head(b"Transfer-Encoding: chunked\r\n") + b"800\r\n" + b"0" * 2048 + b"\r\n")
        for _ in range(4):
            await client.send(b"800\r\n" + b"0" * 2048 + b"\r\n")
        assert (await client.until(b"\r\n")).startswith(b"HTTP/1.1 413 ")
    assert await app.moved(before, RECEIVED) == {received("rejected", "too_large"): 1}


@dataclass(frozen=True, slots=True)
class Good:
    """A delivery that is accepted."""

    name: str
    body: Body
    content_type: str = "application/json"
    coding: str | None = None

    def __str__(self) -> str:
        return self.name


GOOD = (
    Good("the least there can be", lambda r: encoded({"receipt": r, "id": new_id(), "outcome": "joined"})),
    Good("as sendBeacon sends it", fields(), "text/plain;charset=UTF-8"),
    Good("a type in capitals", fields(), "Application/JSON"),
    Good("8192 bytes", lambda r: _filled(r, 8192)),
    Good("8192 bytes in gzip", lambda r: gzip.compress(_filled(r, 8192)), coding="gzip"),
    Good("gzip", packed(gzip.compress), coding="gzip"),
    Good("deflate", packed(zlib.compress), coding="deflate"),
    Good("br", packed(brotli_of), coding="br"),
    Good("zstd", packed(zstd.compress), coding="zstd"),
    Good("identity", fields(), coding="identity"),
    Good("fields of a newer script", fields(newer={"deep": [1]}, error={"errorCode": 1, "new": {"x": 1}})),
    Good("an error that is no object", fields(error="Invalid signature.")),
    Good("half an emoji in a text", fields(error={"errorCode": 1, "reason": "\ud83d"})),
    Good("an age within the replicas' tolerance", fields(age_ms=HOUR * 1000 - 1)),
    Good("a receipt as old as may be", fields(receipt=sealed(sent_at=ISSUANCE.sent_at - MAX_AGE))),
    Good(
        "a receipt of a replica half an hour ahead", fields(receipt=sealed(sent_at=ISSUANCE.sent_at + 1800))
    ),
)


def _filled(receipt: str, size: int) -> bytes:
    bare = encoded(beacon(receipt, filler=""))
    return bare.replace(b'"filler": ""', b'"filler": "' + b"x" * (size - len(bare)) + b'"')


@pytest.mark.parametrize("good", GOOD, ids=str)
async def test_a_good_delivery_is_stored_and_counted_once(app: App, good: Good) -> None:
    body = good.body(await app.receipt())
    before, rows = await app.metrics(), len(app.rows())
    coding = {"Content_Encoding": good.coding} if good.coding else {}
    answer = await app.post(body, Content_Type=good.content_type, **coding)
    assert (answer.status, answer.body) == (204, b"")
    assert_readable(answer)
    moved = await app.moved(before, RECEIVED)
    assert list(moved.values()) == [1]
    assert next(iter(moved)) in {received("accepted", "new"), received("accepted", "late")}
    assert len(app.rows()) == rows + 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_other_methods_get_an_answer_that_a_page_may_read(app: App, method: str) -> None:
    before = await app.metrics()
    answer = await app.ask(method, f"{app.public}/join-results")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST, OPTIONS")
    assert_readable(answer)
    assert await app.moved(before, RECEIVED) == {}


async def test_a_preflight_allows_what_the_script_sends(app: App) -> None:
    before = await app.metrics()
    answer = await app.ask(
        "OPTIONS",
        f"{app.public}/join-results",
        headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"},
    )
    assert answer.status == 204
    assert_readable(answer)
    assert answer.headers["Access-Control-Allow-Methods"] == "POST"
    assert "content-type" in answer.headers["Access-Control-Allow-Headers"]
    assert await app.moved(before, RECEIVED) == {}


def assert_readable(answer: Answer) -> None:
    """A page of any origin may read the reply, whatever its status."""
    wanted = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "Retry-After",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": "no-store",
    }
    assert {name: answer.headers.get(name) for name in wanted} == wanted
    assert "Access-Control-Allow-Credentials" not in answer.headers


# What is counted


async def test_a_redelivery_gets_204_twice_and_is_counted_once(app: App) -> None:
    body = beacon(await app.receipt())
    before, rows = await app.metrics(), len(app.rows())
    assert (await app.post(encoded(body))).status == 204
    again = {**body, "attempt": 2, "error": {"errorCode": 1}, "id": f"{int(body['id'], 16):032X}"}
    assert (await app.post(encoded(again))).status == 204
    assert await app.moved(before, RECEIVED, "joinwatch_joins_total", "joinwatch_join_failures") == {
        received("accepted", "new"): 1,
        received("duplicate", "same_id"): 1,
        joins("native", "invalid_signature"): 1,
        sample("joinwatch_join_failures_total", backend="native", code="3712"): 1,
    }
    assert [row["attempt"] for row in app.rows()[rows:]] == [1]


async def test_fifty_deliveries_of_one_result_at_once_are_one(app: App) -> None:
    body = encoded(beacon(await app.receipt()))
    before, rows = await app.metrics(), len(app.rows())
    answers = await asyncio.gather(*(app.post(body) for _ in range(50)))
    assert {answer.status for answer in answers} == {204}
    assert await app.moved(before, RECEIVED, "joinwatch_joins_total") == {
        received("accepted", "new"): 1,
        received("duplicate", "same_id"): 49,
        joins("native", "invalid_signature"): 1,
    }
    assert len(app.rows()) == rows + 1


async def test_two_joins_with_one_receipt_are_two_and_one_signature(app: App) -> None:
    receipt = await app.receipt()
    before = await app.metrics()
    assert (await app.report(receipt)).status == 204
    assert (await app.report(receipt, outcome="joined", error={})).status == 204
    assert await app.moved(before, "joinwatch_joins_total", "joinwatch_signatures_reported") == {
        joins("native", "invalid_signature"): 1,
        joins("native", "joined"): 1,
        sample("joinwatch_signatures_reported_total", backend="native"): 1,
    }


async def test_more_ids_than_max_attempts_get_429_and_a_redelivery_still_204(app: App) -> None:
    receipt = await app.receipt()
    bodies = [encoded(beacon(receipt)) for _ in range(3)]
    assert [(await app.post(body)).status for body in bodies] == [204, 204, 204]
    before, rows = await app.metrics(), len(app.rows())
    refused = await app.report(receipt)
    assert (refused.status, refused.error[0]) == (429, "too_many_attempts")
    assert int(refused.headers["Retry-After"]) > 0
    assert_readable(refused)
    assert (await app.post(bodies[0])).status == 204
    assert await app.moved(before, RECEIVED, "joinwatch_joins_total") == {
        received("deferred", "too_many_attempts"): 1,
        received("duplicate", "same_id"): 1,
    }
    assert len(app.rows()) == rows


async def test_no_result_is_replaced_once_and_counted_under_its_own_outcome(app: App) -> None:
    receipt, number = await app.receipt(), new_id()
    before, rows = await app.metrics(), len(app.rows())

    async def deliver(outcome: str) -> None:
        assert (await app.report(receipt, id=number, outcome=outcome)).status == 204

    for outcome in ("no_result", "no_result", "failed", "joined", "no_result"):
        await deliver(outcome)
    assert await app.moved(before, RECEIVED, "joinwatch_joins_total", "joinwatch_no_result") == {
        received("accepted", "new"): 1,
        received("accepted", "resolved"): 1,
        received("duplicate", "same_id"): 3,
        joins("native", "no_result"): 1,
        joins("native", "invalid_signature"): 1,
        sample("joinwatch_no_result_resolved_total", backend="native"): 1,
    }
    assert [row["outcome"] for row in app.rows()[rows:]] == ["invalid_signature"]


async def test_a_late_result_is_kept_but_moves_only_the_late_counter(app: App) -> None:
    receipt = await app.receipt()
    app.time.advance(301)
    before, rows = await app.metrics(), len(app.rows())
    assert (await app.report(receipt, age_ms=100.0, join_ms=100.0)).status == 204
    assert await app.moved(
        before, "joinwatch_join", "joinwatch_late", "joinwatch_signatures", "joinwatch_no"
    ) == {
        received("accepted", "late"): 1,
        sample("joinwatch_late_results_total", backend="native", outcome="invalid_signature"): 1,
    }
    assert [row["late"] for row in app.rows()[rows:]] == [1]


AGES = "joinwatch_join_token_age_seconds"
LEADS = "joinwatch_join_token_lead_seconds"


@pytest.mark.parametrize(
    ("iat_ahead_s", "waits_s", "age_ms", "histogram", "value"),
    [
        pytest.param(-120.0, 0.0, 0.0, AGES, 120.0, id="joined at once"),
        pytest.param(-120.0, 100.0, 60_000.0, AGES, 180.0, id="a minute in the waiting room"),
        pytest.param(40.0, 100.0, 10_000.0, LEADS, 30.0, id="ten seconds after, iat still ahead"),
        pytest.param(40.0, 100.0, 40_000.0, AGES, 0.0, id="exactly when iat comes"),
        pytest.param(40.0, 100.0, 90_000.0, AGES, 50.0, id="after iat has come"),
        pytest.param(40.0, 0.0, 3_500_000.0, None, 0.0, id="an age that no server clock bears out"),
        pytest.param(40.0, 0.0, None, None, 0.0, id="an age that nobody measured"),
        pytest.param(None, 0.0, 0.0, None, 0.0, id="a signature without iat"),
    ],
)
async def test_the_token_age_at_the_join_comes_from_the_measured_age(
    app: App,
    iat_ahead_s: float | None,
    waits_s: float,
    age_ms: float | None,
    histogram: str | None,
    value: float,
) -> None:
    now = app.time.wall()
    receipt = sealed(receipt_id=new_id(), sent_at=now, iat=None if iat_ahead_s is None else now + iat_ahead_s)
    app.time.advance(waits_s)
    before, rows = await app.metrics(), len(app.rows())
    assert (await app.report(receipt, age_ms=age_ms)).status == 204
    moved = await app.moved(before, AGES, LEADS)
    labels = {"backend": "native", "outcome": "invalid_signature"}
    told: dict[Key, float] = {} if histogram is None else {sample(f"{histogram}_count", **labels): 1}
    if histogram and value:
        told[sample(f"{histogram}_sum", **labels)] = value
    assert {key: each for key, each in moved.items() if not key[0].endswith("_bucket")} == pytest.approx(told)
    (row,) = app.rows()[rows:]
    signed_value = -value if histogram == LEADS else value
    assert row["token_age_s"] == (None if histogram is None else pytest.approx(signed_value))


async def test_the_time_of_a_join_does_not_move_with_its_delivery(app: App) -> None:
    receipt = await app.receipt()
    app.time.advance(200)
    rows = len(app.rows())
    assert (await app.report(receipt, age_ms=5_000.0)).status == 204
    (row,) = app.rows()[rows:]
    assert (row["token_age_s"], row["received_at"] - row["joined_at"]) == (125.0, 195.0)


@pytest.mark.parametrize(
    ("origin", "label", "kept"),
    [
        pytest.param(ORIGIN, ORIGIN, ORIGIN, id="configured"),
        pytest.param("HTTPS://MEET.EXAMPLE", ORIGIN, ORIGIN, id="in capitals"),
        pytest.param("https://elsewhere.example", "other", "https://elsewhere.example", id="not configured"),
        pytest.param("null", "other", None, id="of a sandboxed frame"),
        pytest.param(f"{ORIGIN}/path?pwd={PASSCODE}", "other", None, id="with a path and a passcode"),
        pytest.param(f"https://{'x' * 3000}", "other", None, id="overlong"),
        pytest.param(None, "other", None, id="missing"),
    ],
)
async def test_the_origin_label_is_configured_or_other(
    app: App, origin: str | None, label: str, kept: str | None
) -> None:
    receipt = await app.receipt()
    before, rows = await app.metrics(), len(app.rows())
    body = encoded(beacon(receipt))
    assert (await app.post(body, **({} if origin is None else {"Origin": origin}))).status == 204
    assert await app.moved(before, "joinwatch_joins_by_origin") == {
        sample("joinwatch_joins_by_origin_total", origin=label, outcome="invalid_signature"): 1
    }
    assert [row["origin"] for row in app.rows()[rows:]] == [kept]


@pytest.mark.parametrize(
    ("view", "version", "labels"),
    [
        pytest.param("client", "2.8.0", ("client", "2"), id="Client View 2"),
        pytest.param("component", "6.2.0", ("component", "6"), id="Component View 6"),
        pytest.param("other", "7.0.0", ("other", "other"), id="a later one"),
        pytest.param("mobile", "5", ("other", "5"), id="a view that there is not"),
        pytest.param({"a": 1}, ["2"], ("other", "other"), id="not even texts"),
        pytest.param(None, "98765432101", ("other", "other"), id="a meeting number for a version"),
    ],
)
async def test_the_client_labels_are_of_a_closed_list(
    app: App, view: object, version: object, labels: tuple[str, str]
) -> None:
    receipt = await app.receipt()
    before = await app.metrics()
    assert (await app.report(receipt, view=view, sdk_version=version)).status == 204
    key = sample(
        "joinwatch_joins_by_client_total", view=labels[0], sdk=labels[1], outcome="invalid_signature"
    )
    assert await app.moved(before, "joinwatch_joins_by_client") == {key: 1}


async def test_dropped_results_are_counted_with_the_result_that_tells_of_them_once(app: App) -> None:
    body = encoded(beacon(await app.receipt(), dropped=4))
    before = await app.metrics()
    assert [(await app.post(body)).status for _ in range(2)] == [204, 204]
    assert await app.moved(before, "joinwatch_client") == {
        sample("joinwatch_client_dropped_results_total"): 4
    }


async def test_what_a_browser_copies_from_an_error_keeps_no_secret(app: App) -> None:
    error = {
        **INVALID_SIGNATURE,
        "reason": f"join?tk={ZAK}&pwd={PASSCODE}",
        "errorMessage": f"zak={ZAK} for me@example.com in 987 6543 2101",
        "message": f"passcode: {PASSCODE}",
        "stack": ZAK,
    }
    rows = len(app.rows())
    assert (await app.report(await app.receipt(), error=error, sdk_version=f"tk={PASSCODE}")).status == 204
    (row,) = app.rows()[rows:]

    def look() -> list[LogLine] | None:
        return [each for each in app.logs("join.reported") if each["receipt"] == row["receipt_id"]] or None

    (line,) = await app.until(look, "line about the join")
    for text in (json.dumps(row), json.dumps(line)):
        assert found_in(text, ("me@example.com", "987 6543 2101", "98765432101")) == []
    assert json.loads(row["error"])["reason"] == "join?[token]"


# Limits, for which each test has an application of its own


async def test_only_a_trusted_proxy_may_say_who_the_client_is(tmp_path: Path) -> None:
    results = '[results]\nrate_limit = "2/1m"\n[proxies]\ntrusted = ["127.0.0.1"]\n'
    async with application(tmp_path, NATIVE + results) as app:

        async def status(*forwarded: str) -> int:
            headers = [("X-Forwarded-For", value) for value in forwarded]
            answer = await app.ask(
                "POST",
                f"{app.public}/join-results",
                data=b"{}",
                headers=[("Content-Type", "text/plain"), *headers],
            )
            if answer.status == 429:
                assert answer.error[0] == "rate_limited"
                assert 0 < int(answer.headers["Retry-After"]) <= 60
                assert_readable(answer)
            return answer.status

        async def statuses(*forwarded: str) -> list[int]:
            return [await status(*forwarded) for _ in range(3)]

        assert await statuses("198.51.100.1") == [400, 400, 429]
        assert await status("198.51.100.2") == 400
        # What the client itself wrote stands to the left of what the trusted proxy added, and changes nothing.
        assert await status("203.0.113.9, 198.51.100.1") == 429
        assert await status("203.0.113.9", "198.51.100.1") == 429
        # One client may use any address of its /64.
        assert [await status(f"2001:db8:0:1::{number}") for number in (1, 2, 3)] == [400, 400, 429]
        assert await status("2001:db8:0:2::1") == 400
        # What is not an address is the trusted proxy's own.
        assert await statuses("unknown") == [400, 400, 429]
        assert await status() == 429
        app.time.advance(31)
        assert await status("198.51.100.1") == 400
        assert sum((await app.moved(app.since, RECEIVED)).values()) == 15


async def test_an_untrusted_peer_may_say_what_it_likes(tmp_path: Path) -> None:
    results = '[results]\nrate_limit = "2/1m"\n[proxies]\ntrusted = ["10.0.0.0/8"]\n'
    async with application(tmp_path, NATIVE + results) as app:
        answers = [await app.post(b"{}", X_Forwarded_For=f"198.51.100.{number}") for number in range(3)]
        assert [answer.status for answer in answers] == [400, 400, 429]


async def test_a_declared_size_is_refused_before_the_rate_limit_and_does_not_count_against_it(
    tmp_path: Path,
) -> None:
    async with application(tmp_path, NATIVE + '[results]\nrate_limit = "1/1m"\n') as app:

        async def status(body: bytes) -> int:
            return (await app.post(body)).status

        big = zeros(8193)
        assert [await status(body) for body in (big, b"{}", big, b"{}")] == [413, 400, 413, 429]


async def test_a_client_contributes_five_joins_as_evidence_however_often_they_are_delivered(
    tmp_path: Path,
) -> None:
    async with application(tmp_path) as app:
        bodies = [encoded(beacon(await app.receipt())) for _ in range(7)]
        for body in bodies:
            assert [(await app.post(body)).status for _ in range(3)] == [204] * 3
        assert [row["evidence"] for row in app.rows()] == [1] * 5 + [0] * 2
        app.time.advance(600)
        assert (await app.report(await app.receipt())).status == 204
        assert app.rows()[-1]["evidence"] == 1


async def test_a_slow_upload_is_given_up(tmp_path: Path) -> None:
    async with application(tmp_path, NATIVE + "[limits]\nclient_timeout_s = 0.1\n") as app:
        async with RawClient(app.joinwatch.public[1]) as client:
            await client.send(_head(b"Content-Length: 50\r\n") + b'{"receipt"')
            head = await client.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"Access-Control-Allow-Origin: *" in head
        assert await app.moved(app.since, RECEIVED) == {received("deferred", "incomplete"): 1}


async def test_a_client_that_leaves_within_its_upload_is_counted(tmp_path: Path) -> None:
    async with application(tmp_path) as app:
        async with RawClient(app.joinwatch.public[1]) as client:
            await client.send(_head(b"Expect: 100-continue\r\nContent-Length: 50\r\n") + b'{"receipt"')
            await client.until(b"100 Continue\r\n\r\n")
        (line,) = await app.logged("join.rejected")
        assert line["reason"] == "incomplete"
        assert await app.moved(app.since, RECEIVED) == {received("deferred", "incomplete"): 1}


async def test_a_client_that_leaves_while_its_result_is_committed_is_stored_and_counted_once(
    tmp_path: Path,
) -> None:
    async with application(tmp_path) as app:
        body = encoded(beacon(await app.receipt()))
        with closing(sqlite3.connect(app.ledger, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # Nobody else can commit now.
            async with RawClient(app.joinwatch.public[1]) as client:
                await client.send(_head(b"Content-Length: %d\r\n" % len(body)) + body)
                waiting = f"{app.admin}/readyz"
                while json.loads((await app.ask("GET", waiting)).body)["ledger"]["waiting"] != 1:
                    await asyncio.sleep(0.01)
            other.execute("ROLLBACK")
        await app.logged("join.reported")
        assert (await app.post(body)).status == 204
        assert await app.moved(app.since, RECEIVED, "joinwatch_joins_total") == {
            received("accepted", "new"): 1,
            received("duplicate", "same_id"): 1,
            joins("native", "invalid_signature"): 1,
        }
        assert len(app.rows()) == 1


async def test_without_a_ledger_results_are_deferred_and_signatures_served_until_it_is_back(
    tmp_path: Path,
) -> None:
    (tmp_path / "var").write_text("a file where the ledger's folder should be")
    place = {"JOINWATCH_LEDGER__URL": f"sqlite:///{tmp_path}/var/joinwatch.db"}
    async with application(
        tmp_path, NATIVE + RECEIPTS, environ={**ENVIRONMENT, **place}, with_ledger=False
    ) as app:
        await app.logged("ledger.unavailable")
        body = encoded(beacon(await app.receipt()))
        deferred = await app.post(body)
        assert (deferred.status, deferred.error[0]) == (503, "ledger_unavailable")
        assert int(deferred.headers["Retry-After"]) > 0
        assert_readable(deferred)
        assert (await app.metrics())[sample("joinwatch_ledger_writable")] == 0
        (tmp_path / "var").unlink()
        (tmp_path / "var").mkdir()
        await app.logged("ledger.available")
        assert (await app.post(body)).status == 204
        assert (await app.metrics())[sample("joinwatch_ledger_writable")] == 1
        assert await app.moved(app.since, RECEIVED, "joinwatch_joins_total") == {
            received("deferred", "ledger_unavailable"): 1,
            received("accepted", "new"): 1,
            joins("native", "invalid_signature"): 1,
        }


# The parts of a raw request


def _head(more: bytes) -> bytes:
    return b"POST /join-results HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n" + more + b"\r\n"


async def _raw(app: App, request: bytes) -> tuple[int, bytes]:
    async with RawClient(app.joinwatch.public[1]) as client:
        await client.send(request)
        got, _ = await client.to_end()
    return int(got.split(b" ", 2)[1]), got
