"""Builds [backends.NAME]: who signs."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..domain.secret import Secret
from . import addresses
from .credentials import Pairs
from .problems import Problems, Wrong, join
from .secret_sources import SecretSources
from .shape import HttpShape, NativeShape
from .values import Address, Backend, HttpBackend, NativeBackend
from .wording import choices, shaped

_SECRET_HEADER = re.compile(r"authori[sz]ation|cookie|token|secret|passw|key\Z", re.IGNORECASE)
# Hop-by-hop or framing (RFC 9110 section 7.6.1, RFC 9112 section 6), or set by the proxy for every request.
_OWN_HEADERS = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
    }
    | {"trailer", "transfer-encoding", "upgrade", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}
)


@dataclass(frozen=True, slots=True)
class BackendBuilder:
    """What the tables are built with. `own`: where joinwatch itself listens."""

    sources: SecretSources
    pairs: Pairs
    own: tuple[Address, ...]

    @property
    def problems(self) -> Problems:
        """Where problems go."""
        return self.sources.problems

    def build(self, tables: Mapping[str, object]) -> dict[str, Backend]:
        """Every backend that could be built."""
        built = {name: self._backend(name, join("backends", name), table) for name, table in tables.items()}
        return {name: backend for name, backend in built.items() if backend is not None}

    def _backend(self, name: str, path: str, table: object) -> Backend | None:
        if isinstance(table, dict) and table.get("kind") not in ("native", "http"):
            what = "is none of its possible values" if "kind" in table else "is missing"
            self.problems.add(join(path, "kind"), what, f"write {choices(('native', 'http'))}")
            table = {**table, "kind": "http" if "url" in table else "native"}
        if kind_of_table(table) == "http":
            return self._http(name, path, table)
        return self._native(name, path, table)

    def _native(self, name: str, path: str, table: object) -> NativeBackend | None:
        found = shaped(NativeShape, table, path, self.problems)
        shape, place = found.value, join(path, "credentials")
        if shape.credentials is not None:
            pair = self.pairs.named(place, shape.credentials)
        else:
            pair = None if "credentials" in found.bad else self.pairs.default(place)
        if pair is None:
            return None
        return NativeBackend(name, pair, shape.lifetime_s, shape.backdate_s, shape.allow_host_role)

    def _http(self, name: str, path: str, table: object) -> HttpBackend | None:
        found = shaped(HttpShape, table, path, self.problems)
        shape = found.value
        url = None
        if shape.url is not None:
            url = self.problems.attempt(join(path, "url"), self._foreign_url, shape.url)
        elif "url" not in found.bad:
            self.problems.add(join(path, "url"), "is missing", 'write url = "https://host:port/path"')
        replica = None
        if shape.replica_header is not None:
            replica = self.problems.attempt(
                join(path, "replica_header"), addresses.header_name, shape.replica_header
            )
        headers = self._headers(join(path, "headers"), shape.headers)
        authority = None if shape.tls_ca is None else self._authority(join(path, "tls_ca"), shape.tls_ca, url)
        pairs = [
            self.pairs.named(join(path, "credentials"), wanted) for wanted in dict.fromkeys(shape.credentials)
        ]
        if url is None:
            return None
        return HttpBackend(
            name=name,
            url=url,
            timeout_s=shape.timeout_s,
            preserve_host=shape.preserve_host,
            replica_header=replica,
            headers=headers,
            tls_ca=authority,
            credentials=tuple(pair for pair in pairs if pair is not None),
        )

    def _foreign_url(self, text: str) -> str:
        url = addresses.backend_url(text)
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if any(port == ours and _same_host(parts.hostname or "", host) for host, ours in self.own):
            raise Wrong(
                "is where joinwatch itself listens, so that it would ask itself",
                "give the backend or joinwatch another port",
            )
        return url

    def _headers(self, path: str, wanted: Mapping[str, str]) -> tuple[tuple[str, str | Secret], ...]:
        built: list[tuple[str, str | Secret]] = []
        for name, text in wanted.items():
            place = join(path, name)
            value = self._header(place, name, text)
            if value is None:
                continue
            if name.lower() in {known.lower() for known, _ in built}:
                self.problems.add(place, "is there twice, in other letters", "remove one of the two")
            built.append((name, value))
        return tuple(built)

    def _header(self, place: str, name: str, text: str) -> str | Secret | None:
        if self.problems.attempt(place, addresses.header_name, name) is None:
            return None
        if name.lower() in _OWN_HEADERS:
            mend = "use preserve_host" if name.lower() == "host" else "remove it"
            self.problems.add(place, "is a header that joinwatch sets itself", mend)
            return None
        way, colon, source = text.partition(":")
        if colon and way in ("env", "file"):
            read = self.sources.variable if way == "env" else self.sources.file
            given = read(place, source)
            checked = None if given is None else self.problems.attempt(place, _field_value, given)
            return None if checked is None else Secret(checked)
        if _SECRET_HEADER.search(name):
            mend = 'write "env:VARIABLE" or "file:PATH" instead, and replace the secret'
            self.problems.add(place, "is a secret written into the configuration", mend)
            return None
        return self.problems.attempt(place, _field_value, text)

    def _authority(self, path: str, name: str, url: str | None) -> Path | None:
        file = self.sources.base_dir / name
        if url is not None and not url.lower().startswith("https:"):
            self.problems.add(path, "is of no use with an http URL", "remove it, or write an https URL")
            return None
        try:
            ssl.create_default_context(cafile=file)
        except (OSError, ValueError) as error:
            said = isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.strerror
            reason = f"cannot be read ({said.lower()})" if said else "holds no certificate"
            self.problems.add(
                path, f"names the file {name}, which {reason}", "name a PEM file of CA certificates"
            )
            return None
        return file


def kind_of_table(table: object) -> str:
    """ "http" or "native" (also for what is no table at all)."""
    return "http" if isinstance(table, dict) and table.get("kind") == "http" else "native"


def _field_value(text: str) -> str:
    """RFC 9110 section 5.5, without obsolete bytes."""
    if not text or text != text.strip() or not (text.isascii() and text.isprintable()):
        raise Wrong(
            "gives a value that cannot be sent as a header",
            "use printable ASCII, not empty, no space at the ends",
        )
    return text


def _same_host(theirs: str, ours: str) -> bool:
    nearby = addresses.LOOPBACK | addresses.EVERY_INTERFACE
    return theirs == ours or (theirs in nearby and ours in nearby)
