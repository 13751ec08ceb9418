"""GET /join-results.js: the same bytes under both paths, fit for caches, integrity checks and isolated pages."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import brotli  # type: ignore[import-untyped]  # ships no types
import pytest
import pytest_asyncio
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.web.page_script import PATH, PageScript, preferred
from tests.support.app import ENVIRONMENT, NATIVE, Answer, App, application, http_backend
from tests.support.servers import raw_server, replying

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = (Path(__file__).parents[2] / "proxy" / "web" / "static" / "join-results.js").read_bytes()
PINNED = f"/join-results-{hashlib.sha256(SCRIPT).hexdigest()[:16]}.js"
CACHED = {
    PATH: "public, max-age=300, stale-while-revalidate=86400",
    PINNED: "public, max-age=31536000, immutable",
}
CODINGS = ("br", "gzip", "identity")
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nthe backend."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    """One application for the tables: nothing here changes it."""
    async with application(tmp_path_factory.mktemp("app")) as running:
        yield running


async def fetch(app: App, path: str, method: str = "GET", **headers: str) -> Answer:
    """One request with these fields; underscores in their names become hyphens."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await app.ask(method, app.public + path, headers=given)


def fields(answer: Answer) -> dict[str, str]:
    """All header fields, in lower case, but the time and the client's own wish to close."""
    told = {name.lower(): value for name, value in answer.headers.items()}
    assert len(told) == len(answer.headers)
    assert told.pop("date")
    assert told.pop("connection") == "close"
    return told


def plain(answer: Answer) -> bytes:
    """The body without its coding."""
    undo = {"br": brotli.decompress, "gzip": gzip.decompress, "identity": bytes}
    decoded: bytes = undo[answer.headers.get("Content-Encoding", "identity")](answer.body)
    return decoded


def etag(body: bytes) -> str:
    """The tag that a body has."""
    return f'"{hashlib.sha256(body).hexdigest()[:16]}"'


def of_a_script(path: str, tag: str) -> dict[str, str]:
    """What 200 and 304 have in common."""
    return {
        "cache-control": CACHED[path],
        "etag": tag,
        "vary": "Accept-Encoding",
        "x-content-type-options": "nosniff",
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
    }


# What is served


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("path", [PATH, PINNED], ids=["plain", "pinned"])
async def test_the_whole_reply(app: App, path: str, coding: str) -> None:
    answer = await fetch(app, path, Accept_Encoding=coding)
    assert answer.status == 200
    encoded = {} if coding == "identity" else {"content-encoding": coding}
    assert fields(answer) == {
        **of_a_script(path, etag(answer.body)),
        **encoded,
        "content-type": "text/javascript; charset=utf-8",
        "content-length": str(len(answer.body)),
    }
    assert plain(answer) == SCRIPT
    head = await fetch(app, path, "HEAD", Accept_Encoding=coding)
    assert (head.status, head.body, fields(head)) == (200, b"", fields(answer))


async def test_both_paths_have_the_same_bytes_and_each_coding_a_tag_of_its_own(app: App) -> None:
    tags = set()
    for coding in CODINGS:
        one, other = [await fetch(app, path, Accept_Encoding=coding) for path in (PATH, PINNED)]
        assert (one.body, one.headers["ETag"]) == (other.body, other.headers["ETag"])
        tags.add(one.headers["ETag"])
    assert len(tags) == len(CODINGS)
    assert not any(tag.startswith("W/") for tag in tags)


async def test_a_restart_changes_no_byte(app: App, tmp_path: Path) -> None:
    async with application(tmp_path) as restarted:
        for coding in CODINGS:
            one, other = [await fetch(each, PATH, Accept_Encoding=coding) for each in (app, restarted)]
            assert (one.body, one.headers["ETag"]) == (other.body, other.headers["ETag"])


@pytest.mark.parametrize("path", [f"{PATH}?v=2", f"{PINNED}?", "/join%2Dresults.js"])
async def test_a_query_and_another_spelling_change_nothing(app: App, path: str) -> None:
    assert (await fetch(app, path)).body == SCRIPT


async def test_a_range_is_answered_with_the_whole(app: App) -> None:
    answer = await fetch(app, PATH, Range="bytes=0-3")
    assert (answer.status, answer.body) == (200, SCRIPT)


# Codings

ACCEPT = {
    "nothing said": (None, "identity"),
    "empty": ("", "identity"),
    "gzip alone": ("gzip", "gzip"),
    "its old name": ("x-gzip", "gzip"),
    "br alone": ("br", "br"),
    "as browsers send it": ("gzip, deflate, br, zstd", "br"),
    "as browsers without TLS send it": ("gzip, deflate", "gzip"),
    "any case": ("GZip;Q=1", "gzip"),
    "anything": ("*", "br"),
    "anything but br": ("*, br;q=0", "gzip"),
    "anything but gzip and br": ("br;q=0, gzip;q=0, *", "identity"),
    "what we do not have": ("zstd, deflate", "identity"),
    "br refused": ("br;q=0, gzip", "gzip"),
    "br refused at length": ("br;q=0.000, gzip;q=0.001", "gzip"),
    "gzip weighs more": ("br;q=0.8, gzip;q=0.9", "gzip"),
    "they weigh the same": ("gzip;q=0.5, br;q=0.5", "br"),
    "identity weighs more": ("identity, gzip;q=0.5, br;q=0.9", "identity"),
    "identity weighs less": ("identity;q=0.5, gzip", "gzip"),
    "identity refused": ("identity;q=0, gzip;q=0.001", "gzip"),
    "all refused": ("*;q=0", "identity"),
    "all but gzip refused": ("*;q=0, gzip", "gzip"),
    "blanks and tabs": (" gzip\t; q=0.5 ,\tbr ;q=0.4", "gzip"),
    "empty elements": (", ,gzip,,", "gzip"),
    "a weight over 1": ("br;q=2, gzip;q=0.1", "gzip"),
    "no number": ("br;q=nan, gzip;q=0.1", "gzip"),
    "below 0": ("br;q=-1, gzip;q=0.1", "gzip"),
    "too many digits": ("br;q=0.9999, gzip;q=0.1", "gzip"),
    "no weight": ("br;level=9, gzip;q=0.1", "gzip"),
    "more than a weight": ("br;q=1;q=0, gzip;q=0.1", "gzip"),
    "not ASCII": ("bröt, gzip", "gzip"),
}


@pytest.mark.parametrize(("accept", "coding"), ACCEPT.values(), ids=ACCEPT)
async def test_accept_encoding_chooses(app: App, accept: str | None, coding: str) -> None:
    answer = await fetch(app, PATH, **({} if accept is None else {"Accept_Encoding": accept}))
    assert answer.headers.get("Content-Encoding", "identity") == coding
    assert plain(answer) == SCRIPT


async def test_several_lines_are_one_list(app: App) -> None:
    lines = [("Accept-Encoding", "br;q=0"), ("Accept-Encoding", "gzip;q=0.5, *;q=0.1")]
    answer = await app.ask("GET", app.public + PATH, headers=lines)
    assert answer.headers["Content-Encoding"] == "gzip"


_ELEMENT = st.builds(
    lambda coding, weight: coding + weight,
    st.sampled_from(["br", "gzip", "x-gzip", "identity", "*", "zstd", ""]),
    st.sampled_from(["", ";q=0", ";q=0.0", ";q=0.3", ";q=1", "; q=1.000", ";q=7", ";x", ";"]),
)


@given(st.text(max_size=60) | st.lists(_ELEMENT, max_size=6).map(", ".join))
@example("br;q=0, *")
async def test_no_header_fails_and_none_gets_what_it_refuses(accept: str) -> None:
    chosen = preferred(accept, CODINGS)
    assert chosen in CODINGS
    last = re.findall(rf"(?:^|,)[ \t]*(?:x-)?{chosen}[ \t]*(?:;[ \t]*q=([^,;]*))?(?=,|$)", accept.lower())
    assert chosen == "identity" or not last or last[-1].strip(" \t") not in ("0", "0.0")


# Asking again


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", [PATH, PINNED], ids=["plain", "pinned"])
async def test_what_is_known_is_not_sent_again(app: App, path: str, method: str, coding: str) -> None:
    tag = (await fetch(app, path, Accept_Encoding=coding)).headers["ETag"]
    answer = await fetch(app, path, method, Accept_Encoding=coding, If_None_Match=tag)
    assert (answer.status, answer.body) == (304, b"")
    assert fields(answer) == of_a_script(path, tag)


KNOWN = {
    "weakened on its way": ("W/{tag}", 304),
    "one of several": ('"0123", W/"4567" ,\t{tag}', 304),
    "any": ("*", 304),
    "another": ('"0123456789abcdef"', 200),
    "that of another coding": ("{other}", 200),
    "without quotes": ("{bare}", 200),
    "empty": ("", 200),
    "cut": ('"', 200),
}


@pytest.mark.parametrize(("known", "status"), KNOWN.values(), ids=KNOWN)
async def test_if_none_match(app: App, known: str, status: int) -> None:
    tag, other = [
        (await fetch(app, PATH, Accept_Encoding=coding)).headers["ETag"] for coding in ("gzip", "br")
    ]
    given = known.format(tag=tag, other=other, bare=tag.strip('"'))
    answer = await fetch(app, PATH, Accept_Encoding="gzip", If_None_Match=given)
    assert (answer.status, answer.headers["ETag"]) == (status, tag)
    assert len(answer.body) == (0 if status == 304 else int(answer.headers["Content-Length"]))


# What is refused


def of_an_error(answer: Answer) -> dict[str, str]:
    """What every error has: no cache keeps it, and any page may read it."""
    return {
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
        "cache-control": "no-store",
        "content-type": "application/json",
        "content-length": str(len(answer.body)),
    }


UNKNOWN = {
    "another version's": "0123456789abcdef",
    "none": "",
    "in capitals": PINNED[14:30].upper() + "X",
    "longer": PINNED[14:30] + "0",
    "shorter": PINNED[14:29],
    "with a slash": "a%2Fb",
    "with a line": "a%0d%0ab",
    "markup": "%3Cscript%3E",
    "long": "planted" * 1000,
}


@pytest.mark.parametrize("unknown", UNKNOWN.values(), ids=UNKNOWN)
async def test_an_unknown_hash_says_what_to_do_and_repeats_nothing(app: App, unknown: str) -> None:
    path = f"/join-results-{unknown}.js"
    # Also with a tag that would match: there is nothing here to be known.
    answer = await fetch(app, path, If_None_Match="*")
    assert answer.status == 404
    assert fields(answer) == of_an_error(answer)
    assert answer.error == (
        "unknown_script",
        "this tag belongs to another version of joinwatch than the one that is running: "
        "take its tag from the admin page, or use /join-results.js",
    )
    head = await fetch(app, path, "HEAD")
    assert (head.status, head.body, fields(head)) == (404, b"", fields(answer))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", [PATH, PINNED], ids=["plain", "pinned"])
async def test_other_methods(app: App, path: str, method: str) -> None:
    answer = await fetch(app, path, method)
    assert answer.status == 405
    assert fields(answer) == {**of_an_error(answer), "allow": "GET, HEAD"}
    assert answer.error == ("method", "use GET")


# For operators


async def test_the_tag_is_pinned_to_what_is_served(app: App) -> None:
    public = "https://joins.example/watch"
    tag = PageScript(SCRIPT).tag(public)
    served = (await fetch(app, PINNED)).body
    digest = base64.b64encode(hashlib.sha384(served).digest()).decode()
    assert tag == (
        f'<script src="{public}{PINNED}" integrity="sha384-{digest}" crossorigin="anonymous"></script>'
    )


async def test_the_admin_page_shows_the_tag_and_the_public_listener_serves_it(app: App) -> None:
    page = (await app.ask("GET", f"{app.admin}/")).body.decode()
    assert f"\n{PageScript(SCRIPT).tag()}\n" in page
    [path] = re.findall(r'<script src="([^"]+)"', page)
    assert (await fetch(app, path)).body == SCRIPT
    assert (await app.ask("GET", app.admin + PATH)).status == 404


async def test_the_access_log_has_no_path_of_a_client(tmp_path: Path) -> None:
    async with application(tmp_path, f"{NATIVE}[log]\naccess = true\n") as app:
        for path in (PATH, PINNED, "/join-results-planted.js"):
            await fetch(app, path)
        lines = await app.logged("access", 3)
    assert [(line["path"], line["status"]) for line in lines] == [
        ("/join-results.js", 200),
        ("/join-results-{hash}.js", 200),
        ("/join-results-{hash}.js", 404),
    ]


# Beside everything else


async def test_a_route_for_everything_leaves_the_script_alone(tmp_path: Path) -> None:
    async with raw_server(replying(REPLY)) as server:
        config = (
            NATIVE
            + http_backend("php", server.url, "/")
            + http_backend("java", server.url, "/join-results-x")
        )
        async with application(tmp_path, config) as app:
            for path, body in ((PATH, SCRIPT), (PINNED, SCRIPT), (f"{PATH}?x", SCRIPT)):
                assert (await fetch(app, path)).body == body
            for path in ("/join-results-old.js", "/join-results-.js", "/join-results-a%2Fb.js"):
                assert (await fetch(app, path)).status == 404
            for method in ("POST", "OPTIONS"):
                assert (await fetch(app, PATH, method)).status == 405
            assert (await app.ask("GET", f"{app.public}/join-results")).error[0] == "method"
            assert server.requests == []
            behind = (
                "/",
                "/join-results.jsx",
                "/js/join-results.js",
                "/join-results-x",
                "/join-results-x/y.js",
            )
            for path in behind:
                assert (await fetch(app, path)).body == b"the backend."
            assert len(server.requests) == len(behind)


async def test_it_costs_no_limit_and_is_counted_nowhere(tmp_path: Path) -> None:
    config = f'{NATIVE}[results]\nrate_limit = "1/1h"\n'
    async with application(tmp_path, config) as app:
        receipt = await app.receipt()
        since = await app.metrics()
        for _ in range(5):
            assert (await fetch(app, PATH)).status == 200
        assert (await fetch(app, "/join-results-old.js")).status == 404
        counted = ("joinwatch_signatures", "joinwatch_join", "joinwatch_observation")
        assert await app.moved(since, *counted) == {}
        assert (await app.report(receipt)).status == 204
        assert len(app.rows()) == 1


async def test_it_is_served_while_the_ledger_is_down(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where the ledger's folder should be")
    place = {"JOINWATCH_LEDGER__URL": f"sqlite:///{tmp_path}/var/joinwatch.db"}
    async with application(tmp_path, NATIVE, environ={**ENVIRONMENT, **place}, with_ledger=False) as app:
        await app.logged("ledger.unavailable")
        assert (await app.report(await app.receipt())).status == 503
        for path in (PATH, PINNED):
            assert (await fetch(app, path)).body == SCRIPT
        readiness = json.loads((await app.ask("GET", f"{app.admin}/readyz")).body)
        assert readiness["ledger"]["writable"] is False
