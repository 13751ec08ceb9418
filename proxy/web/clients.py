"""Who is asking: the client's address through trusted proxies, and the key that limits are kept by."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv6Network, ip_address

from aiohttp import web

from ..domain.http_headers import Network, client_address, is_trusted
from ..domain.ports import Headers


class Clients:
    """Tells clients apart. `trusted`: the networks whose X-Forwarded-For is believed."""

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._trusted = trusted

    def limit_key(self, request: web.Request, headers: Headers) -> str:
        """The client's address; of an IPv6 one the /64, within which one client may use any."""
        address = client_address(headers, peer_of(request), self._trusted)
        if ":" not in address:
            return address
        try:
            parsed = ip_address(address)
        except ValueError:
            return address
        return str(IPv6Network((parsed, 64), strict=False)) if parsed.version == 6 else address

    def is_trusted(self, peer: str) -> bool:
        """Whether this peer is one of our own proxies."""
        return bool(self._trusted) and is_trusted(peer, self._trusted)


def peer_of(request: web.Request) -> str:
    """The address at the other end of the connection; "unknown" where it has gone already."""
    return request.remote or "unknown"
