"""The real Firefox, driven over WebDriver BiDi: what it is started with, what its pages say, what it can reach."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import aiohttp

from tests.support.child import running
from tests.support.real import require
from tests.support.servers import Peer, raw_server

_CALL_TIMEOUT_S: Final = 40.0

_PREFERENCES: Final[dict[str, str | int | bool]] = {
    # All but loopback goes to the tunnel below, which looks up no names; nothing may go around it.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.failover_direct": False,
    "network.proxy.allow_bypass": False,
    "network.trr.mode": 5,
    "network.http.http3.enable": False,
    "media.peerconnection.ice.proxy_only": True,
    # Firefox's own errands; WebDriver BiDi switches most of them off by itself.
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "media.gmp-manager.updateEnabled": False,
    "extensions.update.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "browser.search.update": False,
    # A camera and a microphone without a question, as the SDK's preview asks for them.
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    # Else errors of pages are on standard error too, with addresses that hold signatures.
    "browser.dom.window.dump.enabled": False,
}
_ENVIRONMENT: Final = {
    "MOZ_CRASHREPORTER_DISABLE": "1",
    "MOZ_REMOTE_SETTINGS_DEVTOOLS": "1",  # Else a release of Firefox does not read services.settings.server.
}


class BidiError(Exception):
    """Firefox could not do what it was told; the message is its own."""


class PageError(Exception):
    """An evaluated script threw, or its promise was rejected; the message is what it threw."""


@dataclass(slots=True)
class _Session:
    """The conversation: commands are answered in any order, and events come between the answers."""

    socket: aiohttp.ClientWebSocketResponse
    console: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _ids: itertools.count[int] = field(default_factory=itertools.count)
    _waiting: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of one command. Raises BidiError."""
        number = next(self._ids)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            await self.socket.send_json({"id": number, "method": method, "params": params})
            async with asyncio.timeout(_CALL_TIMEOUT_S):
                message = await answer
        except (TimeoutError, aiohttp.ClientError) as error:
            raise BidiError(f"{method}: no answer: {error!r}") from error
        finally:
            del self._waiting[number]
        if message["type"] == "error":
            raise BidiError(f"{method}: {message['error']}: {message['message']}")
        result: dict[str, Any] = message["result"]
        return result

    async def read(self) -> None:
        """Take in what Firefox says until it closes the connection."""
        async for frame in self.socket:
            message = json.loads(frame.data)
            if message["type"] == "event":
                self._happened(message["method"], message["params"])
            elif (answer := self._waiting.get(message["id"])) is not None and not answer.done():
                answer.set_result(message)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(aiohttp.ClientConnectionError("Firefox closed the connection"))

    def _happened(self, method: str, params: dict[str, Any]) -> None:
        if method == "log.entryAdded" and params["type"] == "console":
            self.console.append(f"{params['method']}: {params['text']}")
        elif method == "log.entryAdded":
            self.errors.append(str(params["text"]))


@dataclass(slots=True)
class Tab:
    """One tab; its address may change."""

    _session: _Session
    _context: str

    async def goto(self, url: str) -> None:
        """Follow a link to this address, as far as its document is there."""
        await self._session.call(
            "browsingContext.navigate", context=self._context, url=url, wait="interactive"
        )

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression, or of its promise, as JSON carries it. Raises PageError."""
        answer = await self._session.call(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self._context},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise PageError(answer["exceptionDetails"]["text"])
        text = answer["result"].get("value")
        return None if text is None else json.loads(text)

    async def until(self, expression: str, timeout_s: float = 20.0) -> Any:
        """The expression's value as soon as it is truthy, asked every 50 ms."""
        try:
            async with asyncio.timeout(timeout_s):
                while not (value := await self.evaluate(expression)):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            said = "\n".join([*self._session.console[-15:], *self._session.errors[-15:]])
            raise TimeoutError(
                f"not true within {timeout_s:g} s: {expression}; the pages said:\n{said}"
            ) from None
        return value

    async def close(self) -> None:
        """Close the tab, as a person does who has had enough."""
        # promptUnload: the page's beforeunload listeners are asked, as they are when a person closes it.
        await self._session.call("browsingContext.close", context=self._context, promptUnload=True)


@dataclass(frozen=True, slots=True)
class Firefox:
    """A running Firefox with a profile of its own: its tabs share storage, as one person's do."""

    _session: _Session
    _tunnel: _Tunnel

    @property
    def console(self) -> list[str]:
        """What all pages wrote to their consoles so far, as `error: text`."""
        return self._session.console

    @property
    def errors(self) -> list[str]:
        """What Firefox itself said of all pages so far: uncaught errors, refused cross-origin requests."""
        return self._session.errors

    @property
    def refused(self) -> list[str]:
        """The hosts and ports, or plain addresses, that were asked for and are not there."""
        return self._tunnel.refused

    async def open(self, url: str) -> Tab:
        """A new tab at this address, as soon as its document is there."""
        made = await self._session.call("browsingContext.create", type="tab")
        tab = Tab(self._session, made["context"])
        await tab.goto(url)
        return tab


@asynccontextmanager
async def firefox(reach: Mapping[str, int]) -> AsyncIterator[Firefox]:
    """Debian's Firefox without a window; `reach` has the loopback ports behind names like `zoom.us:443`.

    Loopback itself can be reached, and nothing else. Any certificate will do.
    """
    path = require("firefox-esr")
    # Firefox's own children may write a little longer than it runs.
    with TemporaryDirectory(prefix="firefox-", ignore_cleanup_errors=True) as home:
        async with _tunnel(reach) as through:
            profile = Path(home) / "profile"
            profile.mkdir()
            ports = {"network.proxy.http_port": through.port, "network.proxy.ssl_port": through.port}
            lines = [
                f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in (_PREFERENCES | ports).items()
            ]
            (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
            command = (
                path,
                "--headless",
                "--no-remote",
                "--remote-debugging-port=0",
                "--profile",
                str(profile),
            )
            async with running(*command, env={**_ENVIRONMENT, "HOME": home}, cwd=Path(home)) as child:
                found = await child.match(r"WebDriver BiDi listening on (ws://\S+)", timeout_s=60)
                async with _session(found[1]) as session:
                    yield Firefox(session, through)


@asynccontextmanager
async def _session(url: str) -> AsyncIterator[_Session]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{url}/session", max_msg_size=0) as socket,
    ):
        session = _Session(socket)
        reader = asyncio.create_task(session.read())
        try:
            await session.call("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
            await session.call("session.subscribe", events=["log.entryAdded"])
            yield session
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader


@dataclass(slots=True)
class _Tunnel:
    """The only way out: a proxy that leads a few names to loopback and refuses all others."""

    reach: Mapping[str, int]
    port: int = 0
    refused: list[str] = field(default_factory=list)

    async def converse(self, peer: Peer) -> None:
        """One CONNECT, and the bytes of both sides from then on."""
        request = await peer.request()
        if request is None:
            return
        method, target, _ = request.line.split(" ")
        port = self.reach.get(target) if method == "CONNECT" else None
        if port is None:
            self.refused.append(target)
            await peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            await asyncio.gather(_pass(peer.reader, writer), _pass(reader, peer.writer))
        finally:
            writer.close()


@asynccontextmanager
async def _tunnel(reach: Mapping[str, int]) -> AsyncIterator[_Tunnel]:
    through = _Tunnel(reach)
    async with raw_server(through.converse) as server:
        through.port = server.port
        yield through


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while piece := await source.read(65536):
        sink.write(piece)
        await sink.drain()
    sink.close()
