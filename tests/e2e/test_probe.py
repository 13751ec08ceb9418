"""joinwatch probe as a program, in real time: against the real Java and Node endpoints, and against our own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import endpoints, tokens
from tests.support.endpoints import SDK_KEY, SDK_SECRET
from tests.support.fake_time import FakeTime
from tests.support.probing import Endpoint, running, signer
from tests.support.secrets import BACKEND_TOKEN, OTHER_CLIENT_SECRET, found_in

REPOSITORY = Path(__file__).parents[2]
LONGEST_S = 150


class RealTime(FakeTime):
    """For an endpoint that answers to a program: nobody turns its clock."""

    def wall(self) -> float:
        """Seconds since the epoch."""
        return time.time()


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a probe."""

    code: int
    out: str
    err: str
    took_s: float

    @property
    def found(self) -> dict[str, Any]:
        """What --json printed."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def causes(self) -> list[str]:
        """The causes that --json printed."""
        return [each["cause"] for each in self.found["causes"]]


async def start(*arguments: str, env: Mapping[str, str] | None = None) -> asyncio.subprocess.Process:
    """The program with pipes for its output."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy", "probe", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"], **(env or {})},
    )


async def ended(process: asyncio.subprocess.Process, within_s: float = 30.0) -> Ended:
    """Wait for its end; it is killed if that takes too long."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(within_s):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise
    assert process.returncode is not None
    assert found_in(out.decode() + err.decode()) == []
    return Ended(process.returncode, out.decode(), err.decode(), time.monotonic() - began)


async def probe(*arguments: str, within_s: float = 30.0) -> Ended:
    """Run it to its end."""
    return await ended(await start(*arguments), within_s)


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """The file with the real endpoints' secret."""
    file = tmp_path / "client-secret"
    file.write_text(SDK_SECRET + "\n")
    return str(file)


@pytest.mark.timeout(LONGEST_S + 60)
async def test_java_is_named_for_its_rounding_within_150_s_and_node_for_nothing(
    secret: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Takes as long as it takes until iat jumps: 128 s at most. The Node endpoint is probed for as long as allowed."""
    classes = endpoints.java_classes(tmp_path_factory.getbasetemp())
    how = ("--key", SDK_KEY, "--secret-file", secret, "--json", "--for", f"{LONGEST_S}s")
    async with endpoints.java(classes, margin_s=30) as java, endpoints.node() as node:
        rounding, sound = await asyncio.gather(
            probe(
                f"{java.url}/?meetingNumber={{meeting}}&role={{role}}",
                *("--method", "GET", *how),
                within_s=LONGEST_S,
            ),
            probe(node.url, *how, within_s=LONGEST_S + 30),
        )
    assert rounding.causes == ["float32_rounding"]
    assert rounding.code == 1
    (cause,) = rounding.found["causes"]
    assert cause["predicted_failing_share"] == pytest.approx(0.262, abs=0.001)
    assert "System.currentTimeMillis() / 1000 - 60" in cause["advice"]
    assert rounding.found["hmac"] == "right"
    assert sound.causes == []
    assert sound.code == 0
    assert sound.found["signatures"] > 40
    assert sound.found["hmac"] == "right"
    clock = sound.found["clock"]
    assert abs(clock["backend_offset_s"]) <= clock["bound_s"] < 0.3  # They are on one host.


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
