"""By which key a client's limits are kept: addresses that differ in their spelling alone must not differ here."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network

import pytest
from aiohttp.test_utils import make_mocked_request

from proxy.domain.http_headers import Network
from proxy.web.clients import Clients, peer_of

TRUSTED = tuple(map(ip_network, ("10.0.0.0/8", "2001:db8:ff::/48")))


def key_of(peer: str, *forwarded: str, trusted: Sequence[Network] = TRUSTED) -> str:
    """The key of a request from this peer."""
    headers = tuple(("X-Forwarded-For", value) for value in forwarded)
    request = make_mocked_request("POST", "/").clone(remote=peer)
    return Clients(trusted).limit_key(request, headers)


@pytest.mark.parametrize(
    ("peer", "forwarded", "key"),
    [
        pytest.param("198.51.100.7", (), "198.51.100.7", id="an address"),
        pytest.param("198.51.100.7", ("192.0.2.1",), "198.51.100.7", id="an untrusted peer's word"),
        pytest.param("10.1.1.1", ("192.0.2.1",), "192.0.2.1", id="a trusted peer's word"),
        pytest.param(
            "10.1.1.1", ("6.6.6.6, 192.0.2.1",), "192.0.2.1", id="what the client wrote to the left"
        ),
        pytest.param("10.1.1.1", ("6.6.6.6", "192.0.2.1"), "192.0.2.1", id="in a field of its own"),
        pytest.param("10.1.1.1", ("192.0.2.1, 10.2.2.2",), "192.0.2.1", id="through two trusted proxies"),
        pytest.param("10.1.1.1", ("192.0.2.1, nonsense",), "10.1.1.1", id="nonsense ends the trust"),
        pytest.param("10.1.1.1", (), "10.1.1.1", id="a trusted peer that says nothing"),
        pytest.param("10.1.1.1", ("10.3.3.3, 10.2.2.2",), "10.3.3.3", id="trusted all the way"),
        pytest.param("2001:db8:0:1::7", (), "2001:db8:0:1::/64", id="IPv6"),
        pytest.param("2001:DB8:0:1:ffff::7", (), "2001:db8:0:1::/64", id="another of the same /64"),
        pytest.param("2001:db8:ff::1", ("2001:db8:0:2::9",), "2001:db8:0:2::/64", id="IPv6 through IPv6"),
        pytest.param("::ffff:198.51.100.7", (), "198.51.100.7", id="IPv4 in IPv6's clothes"),
        pytest.param("::ffff:10.1.1.1", ("::ffff:192.0.2.1",), "192.0.2.1", id="both in IPv6's clothes"),
        pytest.param("fe80::1%eth0", (), "fe80::/64", id="with a zone"),
        pytest.param("/run/joinwatch.sock", (), "/run/joinwatch.sock", id="no address at all"),
    ],
)
def test_the_key_of_a_client(peer: str, forwarded: tuple[str, ...], key: str) -> None:
    assert key_of(peer, *forwarded) == key


@pytest.mark.parametrize("peer", ["::ffff:198.51.100.7", "198.51.100.7"])
def test_without_trusted_proxies_clients_are_still_told_apart(peer: str) -> None:
    assert key_of(peer, "192.0.2.1", trusted=()) == "198.51.100.7"


def test_a_connection_that_has_gone_already_has_a_key_too() -> None:
    request = make_mocked_request("POST", "/").clone(remote="")
    assert peer_of(request) == "unknown"
    assert Clients(TRUSTED).limit_key(request, ()) == "unknown"
