"""Header fields on their way through: hop-by-hop fields, X-Forwarded-*, and who the client is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from .ports import Headers, header

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""RFC 9110 section 7.6.1, and what is between a client and its own proxy (sections 11.7.1 and 11.7.2)."""

_FORWARDED = "x-forwarded-"
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")


def end_to_end(headers: Iterable[tuple[str, str]]) -> Headers:
    """Without the hop-by-hop fields and those that Connection names; order, case and duplicates are kept."""
    fields = tuple(headers)
    dropped = set(HOP_BY_HOP)
    for name, value in fields:
        if name.lower() == "connection":
            dropped.update(option.strip().lower() for option in value.split(","))
    return tuple((name, value) for name, value in fields if name.lower() not in dropped)


def forwarded(headers: Headers, peer: str, scheme: str, host: str, trusted: bool) -> Headers:
    """With X-Forwarded-For, -Proto and -Host as the next hop should see them.

    A trusted peer's say is kept and the peer appended to X-Forwarded-For. Of any other peer every X-Forwarded-*
    field and Forwarded (RFC 7239) is dropped: nobody vouches for them.
    """
    known = headers if trusted else ()
    path = ", ".join([*_values(known, "x-forwarded-for"), peer])
    added = (
        ("X-Forwarded-For", path),
        ("X-Forwarded-Proto", header(known, "x-forwarded-proto") or scheme),
        ("X-Forwarded-Host", header(known, "x-forwarded-host") or host),
    )
    replaced = {name.lower() for name, _ in added}
    return (*(field for field in headers if not _is_replaced(field[0].lower(), replaced, trusted)), *added)


def client_address(headers: Headers, peer: str, trusted_networks: Sequence[Network]) -> str:
    """The address of the client: the last one in X-Forwarded-For, right to left, that no trusted peer wrote.

    Some balancers write the port too ("192.0.2.1:4711", "[2001:db8::1]:4711"), which is left out. Stops at what is
    not an address: nothing to the left of it can be believed. A peer that has no address (a UNIX socket) is returned
    as it is.
    """
    address = _address(peer)
    if address is None:
        return peer
    entries = [entry for value in _values(headers, "x-forwarded-for") for entry in value.split(",")]
    for entry in reversed(entries):
        if not any(address in network for network in trusted_networks):
            break
        said = _address(_without_port(entry.strip()))
        if said is None:
            break
        address = said
    return str(address)


def is_trusted(peer: str, trusted_networks: Sequence[Network]) -> bool:
    """Whether this peer's X-Forwarded-* fields are believed."""
    address = _address(peer)
    return address is not None and any(address in network for network in trusted_networks)


def _values(headers: Headers, name: str) -> list[str]:
    return [value.strip() for key, value in headers if key.lower() == name and value.strip()]


def _is_replaced(name: str, replaced: set[str], trusted: bool) -> bool:
    return name in replaced or (not trusted and (name == "forwarded" or name.startswith(_FORWARDED)))


def _without_port(entry: str) -> str:
    """The address of an entry; an entry that is not an address, with or without a port, comes back as it is."""
    # More colons than one without brackets are IPv6, which has no port then.
    if not entry.startswith("[") and entry.count(":") != 1:
        return entry
    found = _WITH_PORT.fullmatch(entry)
    return entry if found is None else found[1] or found[2]


def _address(text: str) -> Address | None:
    """An IP address; an IPv4 one in IPv6's clothes (::ffff:10.0.0.1) as the IPv4 one that it is."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
