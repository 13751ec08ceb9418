"""joinwatch probe as a program, against endpoints of our own; against the real ones it is in test_causes_named.py."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from tests.support import tokens
from tests.support.endpoints import SDK_KEY, SDK_SECRET
from tests.support.fake_time import FakeTime
from tests.support.probe_program import ended, probe, start
from tests.support.probing import Endpoint, running, signer
from tests.support.secrets import BACKEND_TOKEN, OTHER_CLIENT_SECRET


class RealTime(FakeTime):
    """For an endpoint that answers to a program: nobody turns its clock."""

    def wall(self) -> float:
        """Seconds since the epoch."""
        return time.time()


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """The file with the real endpoints' secret."""
    file = tmp_path / "client-secret"
    file.write_text(SDK_SECRET + "\n")
    return str(file)


async def test_a_wrong_secret_is_named_in_words_with_the_mend(secret: str) -> None:
    def sign(now: float, meeting: str) -> str:
        claims = tokens.web(mn=meeting, iat=int(now) - 30, exp=int(now) + 7170, tokenExp=int(now) + 7170)
        return tokens.signed(claims, secret=OTHER_CLIENT_SECRET.encode())

    async with running(Endpoint(sign=sign, time=RealTime())) as endpoint:
        header = f"Authorization: Bearer {BACKEND_TOKEN}"
        told = await probe(
            f"{endpoint.url}/?token={BACKEND_TOKEN}",
            "--key",
            SDK_KEY,
            "--secret-file",
            secret,
            "--header",
            header,
        )
    assert told.code == 1
    assert told.out.startswith("wrong_secret: ")
    assert "HMAC: wrong" in told.out
    assert "mend      Use the Client Secret" in told.out
    assert endpoint.asked[0].headers["authorization"] == f"Bearer {BACKEND_TOKEN}"


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
async def test_ctrl_c_tells_what_is_known_so_far() -> None:
    async with running(Endpoint(sign=signer(), time=RealTime())) as endpoint:
        process = await start(endpoint.url)
        async with asyncio.timeout(20):
            while len(endpoint.asked) < 9:  # the first and a burst of eight
                await asyncio.sleep(0.05)
        process.send_signal(signal.SIGINT)
        told = await ended(process)
    assert told.code == 130
    assert told.out.startswith(f"nothing found at {endpoint.url} in the ")
    assert "signatures" in told.out
    assert told.err == ""


async def test_nobody_there_is_2_and_says_so() -> None:
    async with running(Endpoint()) as endpoint:
        pass
    told = await probe(endpoint.url, "--every", "1.5s")
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith(
        f"joinwatch probe: no signature from {endpoint.url} in 3 requests: nothing answers"
    )
    assert told.err.count("\n") == 1


async def test_an_endpoint_that_hangs_costs_no_more_than_the_time_given() -> None:
    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        told = await probe(f"http://127.0.0.1:{port}/", "--for", "3s", "--every", "1.5s", within_s=20)
        server.close()
    assert told.code == 2
    assert "no complete answer within 3 s" in told.err
    assert 3.0 <= told.took_s < 5.0  # with the start of Python
