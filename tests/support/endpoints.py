"""The signature endpoints of tests/e2e/endpoints as running programs, each in its own runtime."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from .child import Child, running
from .real import require

SDK_KEY = "test_sdk_key_not_real_0"
SDK_SECRET = "test-secret-not-real-0123456789abcd"

NOW_HEADER = "X-Test-Now-Ms"
"""Sets the time (ms since the epoch) that an endpoint makes the claims of this one request of."""

HOLD_HEADER = "X-Test-Hold"
"""Java only: "parameters" or "token" stops the request there, until the next one has been answered."""

_SOURCES = Path(__file__).parents[1] / "e2e" / "endpoints"
_CREDENTIALS = {"ZOOM_MEETING_SDK_KEY": SDK_KEY, "ZOOM_MEETING_SDK_SECRET": SDK_SECRET}
# PHP's built-in server chooses and announces its port by itself.
_PORT_LINE = r"(?:^listening on |Development Server \(http://127\.0\.0\.1:)(\d+)"


class Runtime(StrEnum):
    """The languages that there is an endpoint in."""

    JAVA = "java"
    NODE = "node"
    PHP = "php"
    PYTHON = "python"


@dataclass(frozen=True, slots=True)
class Token:
    """A JWT as read without the product's own code; `mac_ok`: signed with SDK_SECRET."""

    header: dict[str, Any]
    claims: dict[str, Any]
    mac_ok: bool

    @classmethod
    def of(cls, token: str) -> Token:
        """Raises ValueError unless the text is three parts with JSON in the first two."""
        signed, _, mac = token.rpartition(".")
        header, claims = (json.loads(unpadded(part)) for part in signed.split("."))
        expected = hmac.new(SDK_SECRET.encode(), signed.encode(), hashlib.sha256).digest()
        return cls(header, claims, unpadded(mac) == expected)


def unpadded(text: str) -> bytes:
    """The bytes of base64 for URLs without its padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A running endpoint; `url` has no slash at its end."""

    runtime: Runtime
    url: str
    child: Child


@asynccontextmanager
async def java(
    classes: Path,
    *,
    margin_s: int = 30,
    shared_fields: bool = False,
    mended: bool = False,
    clock_offset_ms: int = 0,
    port: int = 0,
) -> AsyncIterator[Endpoint]:
    """The servlet; `classes` from java_classes(). `mended`: it no longer rounds. `port` 0: a free one."""
    arguments = ["--margin", str(margin_s), "--clock-offset-ms", str(clock_offset_ms)]
    if shared_fields:
        arguments.append("--shared-fields")
    if mended:
        arguments.append("--mended")
    # Without nodelay the JDK's server answers each kept connection 40 ms late: two writes and a delayed ACK.
    flags = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dsun.net.httpserver.nodelay=true")
    command = (require("java"), *flags, "-cp", str(classes), "SignatureServlet", str(port))
    async with _listening(Runtime.JAVA, *command, *arguments) as endpoint:
        yield endpoint


@asynccontextmanager
async def node(*, host_clock_offset_s: int = 0) -> AsyncIterator[Endpoint]:
    """The Express-like endpoint, on a host whose whole clock (the Date header too) is off by so much."""
    command = (require("node"), str(_SOURCES / "node/endpoint.mjs"), "0")
    env = host_clock(host_clock_offset_s) if host_clock_offset_s else {}
    async with _listening(Runtime.NODE, *command, env=env) as endpoint:
        yield endpoint


@asynccontextmanager
async def php() -> AsyncIterator[Endpoint]:
    """The endpoint with the legacy format, in PHP's built-in server."""
    source = str(_SOURCES / "php/endpoint.php")
    async with _listening(Runtime.PHP, require("php"), "-S", "127.0.0.1:0", source) as endpoint:
        yield endpoint


@asynccontextmanager
async def python() -> AsyncIterator[Endpoint]:
    """The endpoint with float times, on http.server."""
    source = str(_SOURCES / "python/endpoint.py")
    async with _listening(Runtime.PYTHON, sys.executable, "-I", source, "0") as endpoint:
        yield endpoint


def java_classes(session_folder: Path) -> Path:
    """The folder of the compiled servlet: compiled at the first call with this folder (about a second)."""
    classes = session_folder / "java-endpoint"
    if not classes.exists():
        command = [
            require("javac"),
            "-Xlint:all",
            "-Werror",
            "-d",
            str(classes),
            str(_SOURCES / "java/SignatureServlet.java"),
        ]
        compiled = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert compiled.returncode == 0, compiled.stderr
    return classes


@asynccontextmanager
async def _listening(
    runtime: Runtime, *command: str, env: Mapping[str, str] | None = None
) -> AsyncIterator[Endpoint]:
    async with running(*command, env={**_CREDENTIALS, **(env or {})}) as child:
        port = (await child.match(_PORT_LINE))[1]
        yield Endpoint(runtime, f"http://127.0.0.1:{port}", child)


def host_clock(offset_s: int) -> Mapping[str, str]:
    """The environment in which a program sees a clock that is off by so much, as libfaketime's own wrapper sets it."""
    command = [require("faketime"), "-f", f"{offset_s:+}s", "env"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    wanted = ("LD_PRELOAD", "FAKETIME")
    return {
        name: value
        for name, _, value in (line.partition("=") for line in told.splitlines())
        if name in wanted
    }
