"""The status page, the lists of joins and the story of a signature: what they say is what the ledger has, escaped."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as changed

from proxy.domain.join_result import Outcome
from proxy.ledger.store import Store
from proxy.services import joins as joins_service
from proxy.web.status import pages
from tests.ledger.builders import FULL, RAISED, record
from tests.support import seeded
from tests.support.app import ENVIRONMENT, MEETING, NATIVE, App, application, http_backend, token
from tests.support.beacons import new_id
from tests.support.fake_time import FakeTime
from tests.support.html import Document
from tests.support.secrets import KEY, found_in
from tests.support.servers import raw_server, replying

NOW = FakeTime().wall()
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202e'\""
PAGES = (
    "/",
    "/?since=7d",
    "/joins",
    "/joins?only=failed",
    "/joins/not-known",
    "/?since=soon",
    "/joins?before=x",
)


async def seen(app: App, path: str, status: int = 200) -> Document:
    """A page as a browser gets it."""
    answer = await app.ask("GET", app.admin + path, headers=HTML)
    assert answer.status == status, (path, answer)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return Document(answer.body.decode())


async def points(app: App, query: str = "") -> dict[str, Any]:
    """/api/joins."""
    answer = await app.ask("GET", f"{app.admin}/api/joins{query}")
    assert answer.status == 200, answer
    told: dict[str, Any] = json.loads(answer.body)
    return told


# What is asked, and how it is answered


async def test_who_asks_for_no_html_gets_the_index_as_text(tmp_path: Path) -> None:
    async with application(tmp_path) as app:
        for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
            answer = await app.ask("GET", f"{app.admin}/", headers=headers)
            assert answer.headers["Content-Type"].startswith("text/plain")
            assert answer.headers["Vary"] == "Accept"


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_forbids_what_it_does_not_need(tmp_path: Path, path: str) -> None:
    async with application(tmp_path) as app:
        answer = await app.ask("GET", app.admin + path, headers=HTML)
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        assert policy == {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "img-src": "'self'",
            "connect-src": "'self'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        page = Document(answer.body.decode())
        for element in page.elements:
            assert not [name for name in element.attributes if name == "style" or name.startswith("on")], (
                element
            )
        assert all(script.attributes["src"].startswith("/static/") for script in page.all("script"))
        assert page.all("style") == []


async def test_the_pages_own_files_are_asked_for_again_and_sent_once(tmp_path: Path) -> None:
    async with application(tmp_path) as app:
        page = await seen(app, "/")
        names = [each.attributes["src"] for each in page.all("script")]
        names += [each.attributes["href"] for each in page.all("link")]
        for name in (*names, "/static/dots.js", "/static/scale.js", "/static/uPlot.LICENSE"):
            first = await app.ask("GET", app.admin + name)
            assert (first.status, first.headers["Cache-Control"]) == (200, "no-cache"), name
            again = await app.ask("GET", app.admin + name, headers={"If-None-Match": first.headers["ETag"]})
            assert (again.status, again.body) == (304, b"")
        for name in ("/static/none.js", "/static/..%2f..%2fadmin.py", "/static/", "/static/join-results.js"):
            assert (await app.ask("GET", app.admin + name)).status == 404, name
        assert (await app.ask("GET", f"{app.public}/static/status.css")).status == 404


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/?since=%3Cscript%3E", 400, "since is not a time from 1s to 366d"),
        ("/joins?since=0s", 400, "since is not a time from 1s to 366d"),
        ("/picture.svg?since=x", 400, "since is not a time from 1s to 366d"),
        ("/joins?before=nowhere", 400, "before is not a place in the list"),
        ("/joins?before=1e9,a,b", 400, "before is not a place in the list"),
        ("/joins?backend=%00", 400, "backend is not the name of one"),
        ("/picture.svg?backend=%00", 400, "backend is not the name of one"),
        ("/joins/nobody-has-this", 404, "this process has not issued it lately"),
        ("/joins/%3Cscript%3E", 404, "this process has not issued it lately"),
        (f"/joins/{'x' * 65}", 404, "this process has not issued it lately"),
    ],
)
async def test_what_cannot_be_answered(tmp_path: Path, path: str, status: int, text: str) -> None:
    async with application(tmp_path) as app:
        page = await seen(app, path, status)
        assert text in page.text
        assert "<script>" not in page.text
        assert (await app.ask("GET", f"{app.admin}/api/joins?since=x")).error[0] == "since"
        assert (await app.ask("GET", f"{app.admin}/api/joins?backend=%00")).error[0] == "backend"


async def test_without_a_ledger_the_pages_say_so(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where the ledger's folder should be")
    place = {"JOINWATCH_LEDGER__URL": f"sqlite:///{tmp_path}/var/joinwatch.db"}
    async with application(tmp_path, NATIVE, environ={**ENVIRONMENT, **place}, with_ledger=False) as app:
        await app.logged("ledger.unavailable")
        page = await seen(app, "/")
        assert "The ledger cannot be read. The joins cannot be counted: no results are taken now" in page.text
        assert "? joined" in page.text
        assert "The ledger cannot be read" in (await seen(app, "/joins", 503)).text
        assert "The ledger cannot be read" in (await seen(app, "/joins/nobody-has-this", 503)).text
        told = await points(app)
        assert (told["ledger"]["available"], told["joins"], told["complete"]) == (False, None, None)
        assert (await app.ask("GET", f"{app.admin}/picture.svg")).status == 200
        # What this process has issued, it knows by itself.
        issued = await app.signature()
        [line] = await app.logged("signature.issued")
        story = await seen(app, f"/joins/{line['receipt']}")
        assert "No result has come yet, signed by native" in story.text
        assert issued.status == 200


SPOILED = {
    "text for a number": "iat = 'x'",
    "infinity": "exp = 9e999",
    "a list for an object": "error = '[1]'",
    "findings that are no texts": "findings = '[1, [2], {}]'",
    "no JSON": "findings = 'x'",
    "an outcome of another release": "outcome = 'sideways'",
    "a view of another release": "view = 'nowhere'",
}


@pytest.mark.parametrize("change", SPOILED.values(), ids=SPOILED)
async def test_a_row_that_cannot_be_read_costs_no_page(tmp_path: Path, change: str) -> None:
    """Another release wrote it, or somebody's hand."""
    records = seeded.write(tmp_path / "joinwatch.db", NOW)
    failed = next(each for each in records if each.result.outcome is Outcome.INVALID_SIGNATURE)
    spoiled = failed.issuance.receipt_id
    with closing(sqlite3.connect(tmp_path / "joinwatch.db")) as database, database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute(f"UPDATE joins SET {change} WHERE receipt_id = ?", (spoiled,))
    async with application(tmp_path, seeded.CONFIG) as app:
        for path in ("/", "/joins", "/joins?only=failed", "/api/joins", "/picture.svg"):
            reply = await app.ask("GET", app.admin + path, headers={"Accept": "text/html"})
            assert reply.status == 200, path
        page = await seen(app, f"/joins/{spoiled}", 404)
        assert "Nothing is known of this receipt" in page.text


async def test_many_who_open_the_page_at_once_all_see_it(tmp_path: Path) -> None:
    """The ledger refuses a seventeenth question that waits; an alert's link is opened by more people than that."""
    records = seeded.write(tmp_path / "joinwatch.db", NOW)
    async with application(tmp_path, seeded.CONFIG) as app:
        paths = ("/", "/joins", "/api/joins", "/picture.svg?backend=honest") * 10
        pages = await asyncio.gather(
            *(app.ask("GET", app.admin + path, headers={"Accept": "text/html"}) for path in paths)
        )
        assert {page.status for page in pages} == {200}
        for page in pages[::4]:
            assert f"{len(records):,} joins" in page.body.decode()
        for page in pages[2::4]:
            assert json.loads(page.body)["ledger"]["available"]


# The numbers


async def test_the_page_says_what_the_ledger_has(tmp_path: Path) -> None:
    records = seeded.write(tmp_path / "joinwatch.db", NOW)
    async with application(tmp_path, seeded.CONFIG) as app:
        page = await seen(app, "/")
        outcomes = Counter(each.result.outcome.value for each in records)
        judged = len(records) - outcomes["no_result"]
        share = outcomes["invalid_signature"] / judged
        assert (
            f"{len(records):,} joins in the last hour; Zoom refused {outcomes['invalid_signature']:,} of the {judged:,}"
            f" with a result as “Signature is invalid”: {100 * share:.0f} %"
        ) in page.text
        for signer in seeded.SIGNERS:
            own = Counter(
                each.result.outcome.value for each in records if each.issuance.signer == signer.name
            )
            told = (
                f"{own['joined']} joined {own['invalid_signature']} 3712 {own['signature_expired']} expired"
                f" {own['other_failure']} other failures {own['no_result']} no result"
            )
            assert re.search(rf"\b{signer.name} [0-9.]+ % 3712 rate: .{{0,80}} {told}", page.text), (
                signer.name,
                told,
            )


async def test_the_rates_by_age_are_those_of_the_ledger(tmp_path: Path) -> None:
    records = seeded.write(tmp_path / "joinwatch.db", NOW)
    async with application(tmp_path, seeded.CONFIG) as app:
        text = (await seen(app, "/")).text
    wanted = []
    for name in ("java_rounding", "timezone", "honest"):
        row = []
        edges = (*joins_service.AGE_EDGES_S, float("inf"))
        mine = [
            each for each in records if each.issuance.signer == name and each.result.outcome != "no_result"
        ]
        for low, high in zip((float("-inf"), *edges), edges, strict=False):
            band = [each for each in mine if each.token_age_s is not None and low <= each.token_age_s < high]
            refused = sum(each.result.outcome == "invalid_signature" for each in band)
            row += [f"{refused}/{len(band)}"] if band else []
        wanted.append((name, row))
    table = text[text.index("3712 rate by the age") :]
    for name, row in wanted:
        assert re.findall(r"(\d+/\d+)", table[table.index(f" {name} ") :])[: len(row)] == row, name


async def test_api_joins_tells_every_join_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = seeded.write(tmp_path / "joinwatch.db", NOW, count=2300)
    async with application(tmp_path, seeded.CONFIG) as app:
        told = await points(app)
        assert told["complete"] is True
        assert told["joins"] == [
            {
                "receipt": each.issuance.receipt_id,
                "id": each.result.result_id,
                "backend": each.issuance.signer,
                "outcome": each.result.outcome.value,
                "code": each.result.code,
                "received_at": each.received_at,
                "joined_at": each.joined_at,
                "token_age_s": each.token_age_s,
                "late": False,
            }
            for each in reversed(records)
        ]
        mine = await points(app, "?since=10m&backend=honest")
        assert [each["receipt"] for each in mine["joins"]] == [
            each.issuance.receipt_id
            for each in reversed(records)
            if each.issuance.signer == "honest" and each.received_at >= NOW - 600
        ]
        assert (await points(app, "?backend=nobody"))["joins"] == []
        monkeypatch.setattr(joins_service, "MAX_POINTS", 1000)
        some = await points(app)
        assert (some["complete"], some["joins"]) == (False, told["joins"][:1000])


async def test_api_joins_is_compressed_for_who_takes_that(tmp_path: Path) -> None:
    seeded.write(tmp_path / "joinwatch.db", NOW)
    async with application(tmp_path, seeded.CONFIG) as app:
        plain = await app.ask("GET", f"{app.admin}/api/joins")
        small = await app.ask("GET", f"{app.admin}/api/joins", headers={"Accept-Encoding": "gzip"})
        assert small.headers["Content-Encoding"] == "gzip"
        assert len(small.body) < len(plain.body) / 4


@pytest.mark.parametrize(
    "query", ["", "&only=failed", "&backend=java_rounding", "&backend=cached&only=failed"]
)
async def test_the_list_has_every_join_once(
    tmp_path: Path, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where many arrived at the same moment."""
    monkeypatch.setattr(pages, "ROWS", 70)
    monkeypatch.setattr("proxy.ledger.looking.SCANNED", 97)
    monkeypatch.setattr("proxy.ledger.looking.WHOLE", 31)
    records = [
        replace(each, received_at=NOW - number // 40)
        for number, each in enumerate(seeded.joins(NOW, 3600, 400))
    ]
    with closing(Store(f"sqlite:///{tmp_path}/joinwatch.db")) as store:
        store.append(records, 5)
    async with application(tmp_path, seeded.CONFIG) as app:
        path: str | None = f"/joins?since=1h{query}"
        found = []
        while path is not None:
            page = await seen(app, path)
            found += [link.removeprefix("/joins/") for link in page.links() if link.startswith("/joins/")]
            path = next((link for link in page.links() if "before=" in link), None)
    wanted = {
        each.issuance.receipt_id
        for each in records
        if ("failed" not in query or each.result.outcome not in ("joined", "no_result"))
        and ("backend" not in query or each.issuance.signer == re.findall("backend=([a-z_]+)", query)[0])
    }
    assert len(found) == len(set(found))
    assert set(found) == wanted


# The story


async def test_the_story_of_a_signature(tmp_path: Path) -> None:
    iat = int(NOW) + 30
    body = json.dumps({"signature": token(NOW, iat=iat, exp=iat + 7200)}).encode()
    reply = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Pod: pod-7\r\nContent-Length: %d\r\n\r\n"
        % len(body)
    )
    async with (
        raw_server(replying(reply + body)) as server,
        application(tmp_path, http_backend("java", server.url, "/sign", 'replica_header = "X-Pod"')) as app,
    ):
        receipt = await app.receipt("/sign")
        [line] = await app.logged("signature.issued")
        path = f"/joins/{line['receipt']}"
        before = (await seen(app, path)).text
        assert "No result has come yet, signed by java" in before
        assert "30 s later 2027-01-15 08:00:30 UTC From here on it is valid, by its iat" in before
        assert "time/iat_ahead" in before
        assert "Replica pod-7" in before
        assert f"mn {MEETING[:2]}***{MEETING[-2:]}" in before
        assert f"sdkKey {KEY[:2]}***{KEY[-2:]}" in before
        app.time.advance(5)
        await app.report(receipt, age_ms=4000.0)
        app.time.advance(60)
        joined = {"outcome": "joined", "error": ..., "id": new_id(), "age_ms": 64_000.0, "attempt": 2}
        await app.report(receipt, **joined)
        page = await seen(app, path)
        order = [
            "at 0 2027-01-15 08:00:00 UTC The signature left, signed by java",
            "4.0 s later 2027-01-15 08:00:04 UTC A browser asked Zoom to join (attempt 1 of 2) iat then 26 s ahead",
            "5.0 s later 2027-01-15 08:00:05 UTC joinwatch learned: signature invalid (3712) (attempt 1 of 2)",
            "30 s later 2027-01-15 08:00:30 UTC From here on it is valid",
            "64 s later 2027-01-15 08:01:04 UTC A browser asked Zoom to join (attempt 2 of 2) iat then 34 s ago",
            "65 s later 2027-01-15 08:01:05 UTC joinwatch learned: joined (attempt 2 of 2)",
            "Here it expires, by its exp",
        ]
        places = [page.text.index(each) for each in order]
        assert places == sorted(places)
        assert page.text.index("Joined, signed by java") < places[0]


async def test_the_story_names_what_was_suspected_then(tmp_path: Path) -> None:
    raised = [
        replace(RAISED, backend="java_a", raised_at=FULL.issuance.sent_at - 60, cleared_at=None),
        replace(RAISED, backend="elsewhere", raised_at=FULL.issuance.sent_at - 50, cleared_at=None),
        replace(
            RAISED, backend="java_a", raised_at=FULL.received_at - 900, cleared_at=FULL.received_at - 800
        ),
    ]
    with closing(Store(f"sqlite:///{tmp_path}/joinwatch.db")) as store:
        store.keep_causes(raised)
        store.append([FULL], 5)
    async with application(tmp_path) as app:
        text = (await seen(app, f"/joins/{FULL.issuance.receipt_id}")).text
    assert text.count("iat is rounded to multiples of 128 s") == 1
    assert re.search(
        r"at java_a, since 2027-01-15 07:58:55 UTC[^.]*\. Math.round\(float\) → Math.round\(double\)", text
    )


# Strangers' texts, and what no page may show


async def test_what_strangers_wrote_is_text(tmp_path: Path) -> None:
    suspicion = replace(
        RAISED.suspicion, evidence=f"{HOSTILE} and `{HOSTILE}`", advice=HOSTILE, replicas=(HOSTILE,)
    )
    raised = [
        replace(RAISED, backend=name, suspicion=suspicion, raised_at=NOW - 60, cleared_at=cleared)
        for name, cleared in (("native", None), (HOSTILE, None), ("native", NOW - 10), ("all", None))
    ]
    raised[2] = replace(raised[2], raised_at=NOW - 120)
    hostile = record(
        "hostile-1", outcome=FULL.result.outcome, received_at=NOW - 5, signer=HOSTILE, late=False
    )
    error: dict[str, str | int | bool | None] = dict.fromkeys(("reason", "errorMessage", "name"), HOSTILE)
    joins = [
        replace(
            hostile,
            origin=HOSTILE,
            result=replace(hostile.result, error=error, sdk_version=HOSTILE, code=HOSTILE),
            issuance=changed(hostile.issuance, replica=HOSTILE, route=HOSTILE, format=HOSTILE, asked="<b>"),
        )
    ]
    with closing(Store(f"sqlite:///{tmp_path}/joinwatch.db")) as store:
        store.keep_causes(raised)
        store.append(joins, 5)
    async with application(tmp_path) as app:
        app.wrong_allowed = True
        for path in ("/", "/joins", "/joins?backend=%3Cscript%3E", "/joins/hostile-1"):
            answer = await app.ask("GET", app.admin + path, headers=HTML)
            body = answer.body.decode()
            page = Document(body)
            assert answer.status == 200
            assert not page.all("b") or path != "/joins?backend=%3Cscript%3E"
            assert "<script>" not in body.replace('<script src="', "").replace('<script type="module"', ""), (
                path
            )
            assert all(
                each.attributes["src"].startswith("/picture.svg?since=1h&") for each in page.all("img")
            )
            assert not [each for each in page.elements if "onerror" in each.attributes]
            assert "\u202e" not in body
            if "?" not in path:
                assert "<script>alert(1)</script><img src=x onerror=alert(2)>\ufffd'\"" in page.text
        svg = await app.ask("GET", f"{app.admin}/picture.svg?backend=%3Cscript%3E")
        assert svg.headers["Content-Type"].startswith("image/svg+xml")
        assert b"<script" not in svg.body
        assert "script" not in svg.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("privacy", "shown"),
    [
        ("", ["98***01", "te***_0"]),
        ('[privacy]\nmeeting_number = "omitted"\nkeys = "omitted"\n', []),
        ('[privacy]\nmeeting_number = "clear"\nkeys = "clear"\n', [MEETING, KEY]),
    ],
    ids=["masked", "omitted", "clear"],
)
async def test_no_page_shows_more_than_privacy_allows(tmp_path: Path, privacy: str, shown: list[str]) -> None:
    async with application(tmp_path, NATIVE + privacy) as app:
        receipts = []
        signatures = []
        for _ in range(3):
            answer = await app.signature()
            receipts.append(answer.headers["Join-Receipt"])
            signatures.append(json.loads(answer.body)["signature"])
            await app.report(receipts[-1])
        lines = await app.logged("signature.issued", 3)
        paths = [
            "/",
            "/joins",
            "/api/joins",
            "/picture.svg",
            *(f"/joins/{line['receipt']}" for line in lines),
        ]
        bodies = [(await app.ask("GET", app.admin + path, headers=HTML)).body.decode() for path in paths]
        for body in bodies:
            secrets = [part for signature in signatures for part in (signature, *signature.split("."))]
            assert found_in(body, [*secrets, *receipts]) == []
            assert [each for each in (MEETING, KEY) if each in body and each not in shown] == []
        for each in shown:
            assert each in bodies[0]
            assert each in bodies[-1]


# Beside the results


async def test_looking_holds_up_no_result(tmp_path: Path) -> None:
    seeded.write(tmp_path / "joinwatch.db", NOW, count=5000)
    route = '[[routes]]\npath = "/"\nbackends = { native = 1 }\n'
    async with application(tmp_path, NATIVE + route + seeded.CONFIG) as app:
        looks = ["/api/joins", "/", "/joins?only=failed", "/picture.svg"] * 3

        async def report() -> tuple[int, float]:
            receipt = await app.receipt()
            began = asyncio.get_running_loop().time()
            return (await app.report(receipt)).status, asyncio.get_running_loop().time() - began

        answers, reports = await asyncio.gather(
            asyncio.gather(*(app.ask("GET", app.admin + path, headers=HTML) for path in looks)),
            asyncio.gather(*(report() for _ in range(20))),
        )
        assert {answer.status for answer in answers} == {200}
        assert {status for status, _ in reports} == {204}
        assert max(waited for _, waited in reports) < 5.0
