"""Nothing secret comes out: all journeys, good and bad, with known secrets, and then every byte that was written."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from tests.support.app import http_backend, token
from tests.support.beacons import INVALID_SIGNATURE, beacon, encoded
from tests.support.joinwatch import Joinwatch, joinwatch
from tests.support.secrets import (
    ADMIN_TOKEN,
    BACKEND_TOKEN,
    CLIENT_SECRET,
    KEY,
    OTHER_CLIENT_SECRET,
    PASSCODE,
    RECEIPT_KEY,
    ZAK,
    found_in,
)
from tests.support.servers import Conversation, Peer, RawClient, hanging_up, raw_server, stalling
from tests.support.tokens import legacy

REPOSITORY = Path(__file__).parents[2]
MEETING = "98765432101"
SPELLED = ("987 6543 2101", "987-6543-2101", "987%206543%202101")

CONFIG = """
[listen]
admin_token_file = "admin-token"
[limits]
client_timeout_s = 0.5
request_max_bytes = 4096
[credentials.app]
client_id_env = "TEST_KEY"
client_secret_file = "client-secret"
[credentials.other]
client_id = "test_sdk_key_not_real_1"
client_secret_env = "TEST_OTHER_SECRET"
[receipts]
keys_env = "TEST_RECEIPT_KEYS"
[results]
rate_limit = "1000/1m"
[log]
level = "debug"
access = true
[backends.native]
kind = "native"
credentials = "app"
[[routes]]
path = "/native"
backends = { native = 1 }
"""
ENVIRONMENT = {
    "TEST_KEY": KEY,
    "TEST_OTHER_SECRET": OTHER_CLIENT_SECRET,
    "TEST_RECEIPT_KEYS": RECEIPT_KEY,
    "TEST_BACKEND_TOKEN": f"Bearer {BACKEND_TOKEN}",
}


def bodies(now: float) -> dict[str, str]:
    """What the backends reply with: every way of saying too much."""
    sound = token(now)
    return {
        "sound": json.dumps({"signature": sound, "pwd": PASSCODE, "zak": ZAK}),
        "nested": json.dumps({"data": [{"jwt": sound, "meeting": SPELLED[0]}]}),
        "bare": sound,
        # The key and the secret swapped, as hasty configurations have it.
        "swapped": json.dumps({"signature": token(now, KEY, appKey=CLIENT_SECRET, sdkKey=CLIENT_SECRET)}),
        "swapped_other": json.dumps({"signature": token(now, KEY, appKey=OTHER_CLIENT_SECRET, sdkKey=KEY)}),
        "swapped_legacy": json.dumps({"signature": legacy(key=CLIENT_SECRET, stamp=int(now * 1000))}),
        "secret_claims": json.dumps(
            {"signature": token(now, pwd=PASSCODE, zak=ZAK, secret=CLIENT_SECRET, **{CLIENT_SECRET: 1})}
        ),
        "swapped_arguments": json.dumps({"signature": token(now, mn="0", role=int(MEETING))}),
        "text_role": json.dumps({"signature": token(now, role=PASSCODE, iat=ZAK, exp=PASSCODE)}),
        "spelled": json.dumps({"signature": token(now, mn=SPELLED[0])}),
        "wrong_secret": json.dumps({"signature": token(now, OTHER_CLIENT_SECRET)}),
        "ahead": json.dumps({"signature": token(now + 3600)}),
        "not_a_signature": json.dumps({"error": f"no such meeting {MEETING}, secret {CLIENT_SECRET}"}),
        "html": f"<html><script>var signature = '{sound}', zak='{ZAK}'</script>",
    }


@dataclass(slots=True)
class Driven:
    """What went in and came out."""

    watch: Joinwatch
    http: aiohttp.ClientSession
    receipts: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """joinwatch's own replies: heads and bodies."""
    pages: list[str] = field(default_factory=list)
    issued: list[str] = field(default_factory=list)
    """The signatures that the native issuer made."""

    async def ask(self, path: str, body: object = None, **headers: str) -> None:
        """Ask a signature route, the query and the body full of what must not be told."""
        query = f"?pwd={PASSCODE}&zak={quote(ZAK)}&mn={quote(SPELLED[0])}&tk={MEETING}"
        asked = {"meetingNumber": MEETING, "role": 0, "pwd": PASSCODE, "zak": ZAK} if body is None else body
        sent = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {ZAK}",
            "Cookie": f"session={PASSCODE}",
            "Referer": f"https://zoom.example/j/{MEETING}?pwd={PASSCODE}",
            "User-Agent": f"agent {PASSCODE}",
            **headers,
        }
        data = asked if isinstance(asked, bytes) else encoded(asked)
        url = URL(self.watch.public + path + query, encoded=True)
        async with self.http.post(url, data=data, headers=sent) as reply:
            text = await reply.text(errors="replace")
            receipt = reply.headers.get("Join-Receipt")
        if receipt:
            self.receipts.append(receipt)
        if reply.status >= 400 and path != "/failing":  # whose reply is passed on as it is
            self.errors.append(f"{reply.raw_headers!r} {text}")
        elif path == "/native":
            self.issued.append(json.loads(text)["signature"])

    async def report(self, body: bytes, **headers: str) -> None:
        """Deliver to /join-results."""
        sent = {"Content-Type": "text/plain", "Origin": "https://meet.example", **headers}
        url = f"{self.watch.public}/join-results?pwd={PASSCODE}"
        async with self.http.post(url, data=body, headers=sent) as reply:
            self.errors.append(f"{reply.raw_headers!r} {await reply.text()}")

    async def page(self, path: str, **headers: str) -> None:
        """Look at the admin listener."""
        async with self.http.get(self.watch.admin + path, headers=headers) as reply:
            self.pages.append(f"{reply.raw_headers!r} {await reply.text()}")


async def drive(driven: Driven, paths: list[str]) -> None:
    """All journeys."""
    for path in ("/native", *paths):
        await driven.ask(path)
    await _bad_requests(driven)
    await _results(driven)
    await _causes(driven)
    for authorization in (f"Bearer {ADMIN_TOKEN}", f"Bearer {CLIENT_SECRET}", "Bearer wrong"):
        for path in (
            "/metrics",
            "/",
            "/readyz",
            "/livez",
            "/api/summary",
            f"/api/summary?since={PASSCODE}",
            f"/{PASSCODE}",
        ):
            accept = {"Accept": "application/openmetrics-text"}
            await driven.page(path, Authorization=authorization)
            await driven.page(path, Authorization=authorization, **accept)
    await driven.page("/metrics", Host=f"{PASSCODE}.example")


async def _causes(driven: Driven) -> None:
    """One odd signature is no cause, so that there is evidence to tell only after several."""
    for path in ("/swapped", "/swapped_other", "/wrong_secret", "/swapped_arguments", "/ahead") * 6:
        await driven.ask(path)
    async with asyncio.timeout(20):
        while not any('"cause":"key_secret_swapped"' in page for page in driven.pages):
            await driven.page("/api/summary", Authorization=f"Bearer {ADMIN_TOKEN}")
            await asyncio.sleep(0.2)


async def _bad_requests(driven: Driven) -> None:
    await driven.ask("/native", {"meetingNumber": SPELLED[0], "role": PASSCODE})
    await driven.ask("/native", {"meetingNumber": MEETING, "role": 1})
    await driven.ask("/native", ZAK.encode())
    await driven.ask("/native", {"meetingNumber": MEETING, "role": 0, "pwd": PASSCODE * 400})
    await driven.ask("/native", Content_Type=f"text/{PASSCODE}")
    await driven.ask(f"/sound/../{PASSCODE}/{MEETING}")
    await driven.ask(f"/sound/%2e%2e/{PASSCODE}")
    await driven.ask(f"/{PASSCODE}/{MEETING}")
    port = int(driven.watch.public.rpartition(":")[2])
    secret = f"{CLIENT_SECRET} {PASSCODE} {ZAK}".encode()
    for raw in (
        b"POST /native HTTP/1.1\r\nHost: x\r\nX: %b\0\r\n\r\n" % secret,
        b"%b\r\n\r\n" % secret,
        b"POST /native HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\n" % secret,
        b"POST /native HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n%b" % PASSCODE.encode(),
        b"POST /join-results HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 99\r\n\r\n%b"
        % PASSCODE.encode(),
    ):
        async with RawClient(port) as client:
            await client.send(raw)
            # aiohttp quotes a malformed request to the one who sent it, and to nobody else.
            await client.until(b"\r\n")
    async with RawClient(port) as client:
        await client.send(b"POST /slow?pwd=%b HTTP/1.1\r\nHost: x\r\n\r\n" % PASSCODE.encode())
        await asyncio.sleep(0.05)


async def _results(driven: Driven) -> None:
    receipt = driven.receipts[0]
    signature = driven.issued[0]
    hidden = {
        "reason": f"tk={ZAK}",
        "result": f"signature={signature}",
        "errorMessage": f"https://zoom.example/wc/{MEETING}/join?pwd={PASSCODE}",
        "message": f"passcode: {PASSCODE} for {SPELLED[0]} and {SPELLED[1]}",
        "name": signature,
        "type": f"pwd={PASSCODE}",
        "method": f"zak={ZAK}",
        "errorCode": MEETING,
        PASSCODE: ZAK,
    }
    for error in (INVALID_SIGNATURE, hidden, [ZAK], ZAK):
        await driven.report(encoded(beacon(receipt, error=error)))
    for each in driven.receipts[1:]:
        await driven.report(encoded(beacon(each)), Origin=f"https://{MEETING}.example/{PASSCODE}")
    for bad in (
        beacon(receipt, sdk_version=PASSCODE, view=ZAK, outcome=PASSCODE),
        beacon(receipt, id=ZAK),
        beacon(receipt, attempt=int(MEETING)),
        beacon(receipt, step=MEETING),
        beacon(receipt, age_ms=float(MEETING)),
        beacon(receipt, asked=PASSCODE),
        beacon(signature),
        beacon(ZAK),
        beacon(receipt + PASSCODE),
        {PASSCODE: ZAK},
    ):
        await driven.report(encoded(bad))
    for broken in (b"{%b" % ZAK.encode(), b"\xff%b" % ZAK.encode(), PASSCODE.encode()):
        await driven.report(broken)
    await driven.report(b"x", Content_Type=PASSCODE)
    await driven.report(b"x", **{"Content-Type": f"text/{PASSCODE}", "Content-Encoding": PASSCODE})


@dataclass(frozen=True, slots=True)
class Output:
    """Every byte that a run of joinwatch wrote, by where it was seen."""

    seen: dict[str, str]
    signatures: list[str]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Output:
    """One run, looked at by several tests."""
    return asyncio.run(_run(tmp_path_factory.mktemp("redaction")))


async def _run(folder: Path) -> Output:
    (folder / "admin-token").write_text(ADMIN_TOKEN)
    (folder / "client-secret").write_text(CLIENT_SECRET)
    replies = bodies(time.time())
    conversations: dict[str, Conversation] = {name: _saying(body) for name, body in replies.items()}
    conversations["slow"] = stalling()
    conversations["broken"] = hanging_up(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + ZAK.encode())
    conversations["garbled"] = hanging_up(f"{ZAK} {CLIENT_SECRET}\r\n\r\n".encode())
    conversations["failing"] = hanging_up(
        b"HTTP/1.1 500 %b\r\nContent-Length: 20\r\n\r\n%b" % (PASSCODE.encode(), ZAK[:20].encode())
    )
    async with AsyncExitStack() as stack:
        config = CONFIG
        for name, conversation in conversations.items():
            server = await stack.enter_async_context(raw_server(conversation))
            more = (
                'credentials = ["app", "other"]\ntimeout_s = 0.3\n'
                'headers = { Authorization = "env:TEST_BACKEND_TOKEN" }\n'
            )
            sources = 'meeting_from = "json:/meetingNumber"\nrole_from = "json:/role"'
            config += http_backend(name, server.url, f"/{name}", more, sources)
        watch = await stack.enter_async_context(joinwatch(folder, config, ENVIRONMENT))
        http = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        driven = Driven(watch, http)
        await drive(driven, [f"/{name}" for name in conversations])
        assert len(driven.receipts) > 10
        assert await watch.terminate() == 0
    tokens = [token for body in replies.values() for token in _tokens(body)]
    ledger = b"".join(each.read_bytes() for each in folder.iterdir() if each.name.startswith("joinwatch.db"))
    return Output(
        {
            "standard output": "\n".join(watch.child.out),
            "standard error": "\n".join(watch.child.err),
            "its own replies": "\n".join(driven.errors),
            "admin pages": "\n".join(driven.pages),
            "the ledger": ledger.decode("latin-1"),
        },
        [*driven.issued, *tokens],
    )


def _tokens(body: str) -> list[str]:
    return [
        part for part in body.replace("'", '"').split('"') if part.startswith("ey") and part.count(".") == 2
    ]


def _saying(body: str) -> Conversation:
    encoded_body = body.encode()

    async def conversation(peer: Peer) -> None:
        await peer.request()
        head = f"HTTP/1.1 200 {PASSCODE}\r\nSet-Cookie: pwd={PASSCODE}\r\nContent-Length: {len(encoded_body)}\r\n\r\n"
        await peer.send(head.encode() + encoded_body)

    return conversation


PLACES = ("standard output", "standard error", "its own replies", "admin pages", "the ledger")


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_comes_out(output: Output, place: str) -> None:
    text = output.seen[place]
    assert text
    assert found_in(text) == []
    # Neither in pieces that would still give it away.
    for secret in (CLIENT_SECRET, OTHER_CLIENT_SECRET, ADMIN_TOKEN, BACKEND_TOKEN, RECEIPT_KEY, ZAK):
        assert secret[:20] not in text
        assert secret[-16:] not in text
        assert base64.b64encode(secret.encode()).decode()[:24] not in text
        assert secret.encode().hex() not in text


@pytest.mark.parametrize("place", PLACES)
def test_no_signature_comes_out_and_no_part_that_could_be_used(output: Output, place: str) -> None:
    assert len(output.signatures) > 8
    for signature in output.signatures:
        _, payload, mac = signature.split(".")
        assert mac not in output.seen[place]
        assert mac[:16] not in output.seen[place]
        assert payload not in output.seen[place]


@pytest.mark.parametrize("place", PLACES)
def test_no_whole_meeting_number_or_key_comes_out(output: Output, place: str) -> None:
    for number in (MEETING, *SPELLED, KEY, "test_sdk_key_not_real_1"):
        # The age that is too large is told with three digits.
        assert number not in output.seen[place]


def test_a_secret_in_the_place_of_the_key_is_told_by_a_digest(output: Output) -> None:
    lines = [json.loads(line) for line in output.seen["standard output"].splitlines()]
    shown = {
        (line["backend"], name): value
        for line in lines
        if line["event"] == "signature.issued"
        for name, value in line["claims"].items()
        if name in ("appKey", "apiKey")
    }
    swapped = {shown["swapped", "appKey"], shown["swapped_legacy", "apiKey"]}
    assert len(swapped) == 1
    assert swapped.pop().startswith("sha256:")
    assert shown["swapped_other", "appKey"].startswith("sha256:")
    assert not shown["sound", "appKey"].startswith("sha256:")


def test_the_run_was_worth_looking_at(output: Output) -> None:
    """What is searched holds what a careless line would have shown."""
    events = {json.loads(line)["event"] for line in output.seen["standard output"].splitlines()}
    assert events >= {
        "signature.issued",
        "signature.failed",
        "join.reported",
        "join.rejected",
        "access",
        "library",
    }
    assert "[token]" in output.seen["the ledger"]
    summary = output.seen["admin pages"].partition('{"generated_at":')[2]
    for told in ('"invalid_signature":1', '"cause":"key_secret_swapped"', '"evidence":"', '"code":"since"'):
        assert told in summary
    for code in (
        "bad_receipt",
        "invalid_field",
        "invalid_json",
        "not_utf8",
        "content_type",
        "timeout",
        "path",
    ):
        assert code in output.seen["its own replies"]


# The check of the whole suite


def test_the_suite_fails_when_a_test_shows_a_secret(tmp_path: Path) -> None:
    (tmp_path / "test_careless.py").write_text(
        "import pytest\nfrom tests.support.secrets import CLIENT_SECRET\n"
        "@pytest.mark.parametrize('text', ['careful', CLIENT_SECRET], ids=['careful', 'careless'])\n"
        "def test_one(text):\n    print(text)\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        str(tmp_path),
    ]
    ran = subprocess.run(
        [*command, "--rootdir", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1, ran.stdout
    assert "2 passed" in ran.stdout
    assert "test_one[careless] (Captured stdout call)" in ran.stdout
    assert "test_one[careful]" not in ran.stdout
    assert CLIENT_SECRET not in ran.stdout
