"""An HTTP endpoint that signs: the client's request sent on, its answer taken as it comes."""

from __future__ import annotations

import asyncio
import io
import ssl
from base64 import b64encode
from collections.abc import AsyncGenerator, Coroutine

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from ..domain.http_headers import end_to_end
from ..domain.ports import Ask, BackendError, BackendTimeout, Headers, Reply, Time, header
from ..domain.routing import stays_below
from .http_exchange import Exchange, open_session
from .http_failures import explain

MAX_REPLICA = 64
_STREAMS = frozenset({"text/event-stream", "application/x-ndjson", "multipart/x-mixed-replace"})
# aiohttp writes Host and Content-Length itself; what Expect asks for has happened, since the body is here.
_NOT_SENT_ON = frozenset({"host", "content-length", "expect"})
_LARGE = 2**20


class HttpBackend:
    """Implements ports.Backend by forwarding to `url`.

    `timeout_s` is for the headers and the body, as far as it is held; `observe_max_bytes` is how much of a body is
    held. `headers` replace the client's. `tls_ca`: a PEM file with the CAs that are trusted instead of the system's.
    Raises ValueError for a URL that is not http(s) with a host, OSError or ssl.SSLError for an unusable CA file.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        timeout_s: float,
        observe_max_bytes: int,
        time: Time,
        preserve_host: bool = False,
        replica_header: str | None = None,
        headers: Headers = (),
        tls_ca: str | None = None,
    ) -> None:
        base = URL(url)
        if base.scheme not in ("http", "https") or not base.host:
            raise ValueError(f"backends.{name}.url is not an http:// or https:// URL with a host")
        self._name = name
        self._base = base.with_user(None).with_fragment(None)
        self._where = f"{base.host_subcomponent}:{base.port}"
        self._timeout_s = timeout_s
        self._observe_max_bytes = observe_max_bytes
        self._time = time
        self._preserve_host = preserve_host
        self._replica_header = replica_header
        self._headers = (*_credentials(base), *headers)
        self._ssl: ssl.SSLContext | bool = ssl.create_default_context(cafile=tls_ca) if tls_ca else True
        self._session: aiohttp.ClientSession | None = None

    @property
    def name(self) -> str:
        """The configured name; the value of the label `backend`."""
        return self._name

    async def sign(self, ask: Ask) -> Reply:
        """Send the request on, once. Raises BackendError or BackendTimeout."""
        if not stays_below(ask.tail):
            raise BackendError(
                f'backend "{self._name}": the request was not sent on, because its path has dot segments; '
                f"ask for a path below the route"
            )
        exchange = Exchange(self._time, self._explain)
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._send(ask, exchange)
                return await self._reply(response, exchange)
        except TimeoutError as error:
            raise self._too_slow() from error
        except (aiohttp.ClientError, OSError, RuntimeError, ValueError) as error:
            raise self._explain(error) from error

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _send(self, ask: Ask, exchange: Exchange) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = open_session()  # not in the constructor: it needs the running loop
        return await self._session.request(
            ask.method,
            target(self._base, ask.tail, ask.query),
            headers=self._request_headers(ask.headers),
            # aiohttp writes bytes in one go, and warns of that where they are many.
            data=(io.BytesIO(ask.body) if len(ask.body) > _LARGE else ask.body) if ask.body else None,
            allow_redirects=False,
            middlewares=(exchange,),
            ssl=self._ssl,
        )

    def _request_headers(self, asked: Headers) -> CIMultiDict[str]:
        replaced = _NOT_SENT_ON.union(name.lower() for name, _ in self._headers)
        kept = [(name, _utf8(value)) for name, value in asked if name.lower() not in replaced]
        host = header(asked, "host")
        if self._preserve_host and host is not None:
            kept.insert(0, ("Host", host))
        spelling: dict[str, str] = {}
        # aiohttp keeps only the last of the fields whose names differ in case.
        return CIMultiDict(
            (spelling.setdefault(name.lower(), name), value) for name, value in (*kept, *self._headers)
        )

    async def _reply(self, response: aiohttp.ClientResponse, exchange: Exchange) -> Reply:
        try:
            if response.status == 101:
                raise BackendError(
                    f'backend "{self._name}": {self._where} switched protocols without being asked'
                )
            headers = end_to_end((_text(name), _text(value)) for name, value in response.raw_headers)
            is_stream = _media_type(headers) in _STREAMS
            body, complete = (b"", False) if is_stream else await self._hold(response, exchange)
            rest = None
            if not complete:
                rest = self._rest(response, exchange, None if is_stream else self._timeout_s)
                await anext(rest)
        except BaseException:
            response.close()
            raise
        return Reply(
            status=response.status,
            reason=response.reason or "",
            headers=headers,
            body=body,
            began_mono=exchange.began_mono,
            headers_mono=exchange.headers_mono,
            headers_wall=exchange.headers_wall,
            replica=self._replica(headers, exchange),
            rest=rest,
        )

    async def _hold(self, response: aiohttp.ClientResponse, exchange: Exchange) -> tuple[bytes, bool]:
        """The body as far as the limit, and whether that is all of it."""
        held = bytearray()
        while len(held) <= self._observe_max_bytes:
            chunk = await response.content.readany()
            if not chunk:
                exchange.check_end(response)
                return bytes(held), True
            held += chunk
        return bytes(held), False

    async def _rest(
        self, response: aiohttp.ClientResponse, exchange: Exchange, idle_s: float | None
    ) -> AsyncGenerator[bytes, None]:
        """The remaining chunks. The first item is empty: closing a generator that never started does nothing."""
        try:
            yield b""
            while chunk := await _within(idle_s, response.content.readany()):
                yield chunk
            exchange.check_end(response)
        except TimeoutError as error:
            raise self._too_slow() from error
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise self._explain(error) from error
        finally:
            response.close()

    def _replica(self, headers: Headers, exchange: Exchange) -> str | None:
        said = header(headers, self._replica_header) if self._replica_header else None
        text = said or exchange.peer
        if text is None:
            return None
        return "".join(char if char.isprintable() else "?" for char in text[:MAX_REPLICA])

    def _explain(self, error: Exception) -> BackendError:
        return explain(self._name, self._where, error)

    def _too_slow(self) -> BackendTimeout:
        return BackendTimeout(
            f'backend "{self._name}": no complete answer from {self._where} within {self._timeout_s:g} s; '
            f"look into its log, or raise backends.{self._name}.timeout_s"
        )


def target(base: URL, tail: str, query: str) -> URL:
    """Where a request goes: the path remainder after the URL's path, with one slash between the two; the client's
    query after the URL's own. Both byte for byte, except that bytes which URLs do not have are percent-encoded.
    """
    path = base.raw_path
    if tail:
        path = path.removesuffix("/") + tail
    queries = "&".join(part for part in (base.raw_query_string, query) if part)
    return URL(f"{base.origin()}{_ascii(path)}{'?' if queries else ''}{_ascii(queries)}", encoded=True)


async def _within(seconds: float | None, read: Coroutine[object, object, bytes]) -> bytes:
    async with asyncio.timeout(seconds):
        return await read


def _credentials(base: URL) -> Headers:
    """user:password@ of a URL as a header: aiohttp refuses it beside an Authorization of the client."""
    if base.user is None and base.password is None:
        return ()
    pair = f"{base.user or ''}:{base.password or ''}"
    return (("Authorization", "Basic " + b64encode(pair.encode()).decode()),)


def _media_type(headers: Headers) -> str:
    return (header(headers, "content-type") or "").partition(";")[0].strip().lower()


def _text(raw: bytes) -> str:
    """Header bytes as text that encodes back to the same bytes: aiohttp's convention."""
    return raw.decode("utf-8", "surrogateescape")


def _utf8(value: str) -> str:
    """aiohttp drops the bytes of a request header that are not UTF-8; they are read as Latin-1 instead of lost."""
    if value.isascii():
        return value
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _ascii(part: str) -> str:
    if part.isascii():
        return part
    return "".join(chr(b) if b < 0x80 else f"%{b:02X}" for b in part.encode("utf-8", "surrogateescape"))
