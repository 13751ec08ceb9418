"""Real endpoints in real time, behind a real joinwatch and probed: each is named by its fault, the sound one is not.

One signature a second from each, each joined at once by a page that Zoom judges by iat, for as long as it takes (a
rounded iat stands still for 128 s). The probes run meanwhile, to save as much time.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ..support import endpoints
from ..support.beacons import beacon
from ..support.endpoints import SDK_KEY, SDK_SECRET
from ..support.joinwatch import Joinwatch, joinwatch, sample
from ..support.probe_program import probe

pytestmark = pytest.mark.timeout(280)

AT_MOST_S = 240.0
PROBED_S = 150
AHEAD_S = 45
REFUSED = {"method": "join", "status": False, "result": "Invalid signature.", "errorCode": 3712}

CONFIG = """
[credentials.app]
client_id_env = "TEST_KEY"
client_secret_env = "TEST_SECRET"

[proxies]
trusted = ["127.0.0.0/8"]

[results]
rate_limit = "100000/1m"
"""


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to be said of a backend: its cause, and the share of signatures that are ahead when they are made."""

    cause: str | None
    share: float | None = None


EXPECTED = {
    "java": Expected("float32_rounding", 67 / 256),
    "java_without_margin": Expected("float32_rounding", 127 / 256),
    "node": Expected(None),
    "node_ahead": Expected("backend_clock_ahead", 1.0),
}


async def test_each_endpoint_is_named_by_its_fault(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        classes = endpoints.java_classes(tmp_path)
        urls = {
            "java": (await stack.enter_async_context(endpoints.java(classes))).url,
            "java_without_margin": (await stack.enter_async_context(endpoints.java(classes, margin_s=0))).url,
            "node": (await stack.enter_async_context(endpoints.node())).url,
            "node_ahead": (await stack.enter_async_context(endpoints.node(host_clock_offset_s=AHEAD_S))).url,
        }
        config = CONFIG + "".join(_backend(name, url) for name, url in urls.items())
        environment = {"TEST_KEY": SDK_KEY, "TEST_SECRET": SDK_SECRET}
        watch = await stack.enter_async_context(joinwatch(tmp_path, config, environment))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        summary, _, _ = await asyncio.gather(
            _joining(watch, http), _probed_java(urls["java"], tmp_path), _probed_node(urls["node"], tmp_path)
        )

        for name, expected in EXPECTED.items():
            assert _told(summary, name) == expected, summary["backends"][name]
        java = summary["backends"]["java"]["causes"][0]
        assert "System.currentTimeMillis() / 1000" in java["advice"]
        assert java["confidence"] >= 0.95
        metrics = await watch.metrics()
        offset = metrics[sample("joinwatch_backend_clock_offset_seconds", backend="node_ahead")]
        bound = metrics[sample("joinwatch_backend_clock_offset_bound_seconds", backend="node_ahead")]
        assert abs(AHEAD_S - offset) <= bound < 1.5
        for name, expected in EXPECTED.items():
            lit = {
                labels["cause"]
                for (metric, pairs), value in metrics.items()
                if metric == "joinwatch_cause_suspected"
                and (labels := dict(pairs))["backend"] == name
                and value
            }
            assert lit == ({expected.cause} if expected.cause else set())
        raised = {(line["backend"], line["cause"]) for line in watch.logs("cause.suspected")}
        assert raised == {(name, each.cause) for name, each in EXPECTED.items() if each.cause}
        assert not watch.logs("cause.cleared")


async def _probed_java(url: str, folder: Path) -> None:
    found = await probe(
        f"{url}/?meetingNumber={{meeting}}&role={{role}}", "--method", "GET", *_how(folder), within_s=PROBED_S
    )
    assert found.causes == ["float32_rounding"]
    assert found.code == 1
    (cause,) = found.found["causes"]
    assert cause["predicted_failing_share"] == pytest.approx(67 / 256, abs=0.001)
    assert "System.currentTimeMillis() / 1000 - 60" in cause["advice"]
    assert found.found["hmac"] == "right"


async def _probed_node(url: str, folder: Path) -> None:
    """For as long as a probe is allowed here, unless it is sure before."""
    found = await probe(url, *_how(folder), within_s=PROBED_S + 30)
    assert found.causes == []
    assert found.code == 0
    assert found.found["signatures"] > 40
    assert found.found["hmac"] == "right"
    clock = found.found["clock"]
    assert abs(clock["backend_offset_s"]) <= clock["bound_s"] < 0.3  # They are on one host.


def _how(folder: Path) -> tuple[str, ...]:
    secret = folder / "client-secret"
    secret.write_text(SDK_SECRET + "\n")
    return ("--key", SDK_KEY, "--secret-file", str(secret), "--json", "--for", f"{PROBED_S}s")


async def _joining(watch: Joinwatch, http: aiohttp.ClientSession) -> dict[str, Any]:
    """Ask and join once a second until everything is said as expected; the summary then, or the last one."""
    began = time.monotonic()
    summary: dict[str, Any] = {}
    async for second in _seconds():
        await asyncio.gather(*(_join(watch, http, name, second) for name in EXPECTED))
        async with http.get(f"{watch.admin}/api/summary") as reply:
            summary = await reply.json()
        if all(_told(summary, name) == expected for name, expected in EXPECTED.items()) and second >= 20:
            return summary
        if time.monotonic() - began > AT_MOST_S:
            return summary
    raise AssertionError


async def _seconds() -> AsyncIterator[int]:
    """0, 1, 2, … one a second, by a clock that does not wait for those who are slow."""
    began = asyncio.get_running_loop().time()
    second = 0
    while True:
        yield second
        second += 1
        await asyncio.sleep(max(0.0, began + second - asyncio.get_running_loop().time()))


async def _join(watch: Joinwatch, http: aiohttp.ClientSession, name: str, number: int) -> None:
    """A page asks for a signature and joins at once; Zoom, whose clock is ours, looks at iat."""
    meeting = f"9876{number:07}"
    url = f"{watch.public}/{name}"
    visitor = {"X-Forwarded-For": f"192.0.2.{number % 250 + 1}"}
    if name.startswith("java"):
        asking = http.get(url, params={"meetingNumber": meeting, "role": 0}, headers=visitor)
    else:
        asking = http.post(url, json={"meetingNumber": meeting, "role": 0}, headers=visitor)
    async with asking as reply:
        body, receipt = await reply.text(), reply.headers["Join-Receipt"]
    payload = body.split(".")[1]
    iat = json.loads(base64.urlsafe_b64decode(payload + "=="))["iat"]
    fields: dict[str, Any] = {"outcome": "joined"}
    if iat > time.time():
        fields = {"outcome": "failed", "error": REFUSED}
    result = beacon(receipt, id=f"{hash(name) & 0xFFFFFFFF:08x}{number:024x}", age_ms=0.5, **fields)
    async with http.post(f"{watch.public}/join-results", json=result, headers=visitor) as taken:
        assert taken.status == 204, await taken.text()


def _told(summary: dict[str, Any], name: str) -> Expected:
    causes = summary["backends"][name]["causes"]
    if not causes:
        return Expected(None)
    if len(causes) > 1:
        return Expected(", ".join(cause["cause"] for cause in causes))
    return Expected(causes[0]["cause"], causes[0]["predicted_failing_share"])


def _backend(name: str, url: str) -> str:
    get = name.startswith("java")
    return f"""
[backends.{name}]
kind = "http"
url = "{url}"
credentials = "app"

[[routes]]
path = "/{name}"
methods = ["{"GET" if get else "POST"}"]
backends = {{ {name} = 1 }}
meeting_from = "{"query:meetingNumber" if get else "json:/meetingNumber"}"
"""
