"""Hop-by-hop fields stay behind, forwarding fields say what is known, and the client's address cannot be made up."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.http_headers import HOP_BY_HOP, client_address, end_to_end, forwarded, is_trusted
from proxy.domain.ports import Headers

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        pytest.param((), (), id="none"),
        pytest.param(
            (("X-oDD", "1"), ("x-odd", "2")), (("X-oDD", "1"), ("x-odd", "2")), id="case, order, twice"
        ),
        pytest.param(
            tuple((name.title(), "x") for name in sorted(HOP_BY_HOP)), (), id="every hop-by-hop field"
        ),
        pytest.param(
            (("Connection", "close, X-Private"), ("x-private", "1"), ("A", "2")),
            (("A", "2"),),
            id="named by Connection",
        ),
        pytest.param(
            (("X-B", "1"), ("connection", "x-a"), ("X-A", "2"), ("CONNECTION", " X-B ,")),
            (),
            id="several Connection fields, before and after",
        ),
        pytest.param(
            (("Set-Cookie", "a=1"), ("Content-Length", "3"), ("Set-Cookie", "b=2")),
            (("Set-Cookie", "a=1"), ("Content-Length", "3"), ("Set-Cookie", "b=2")),
            id="Content-Length is end to end",
        ),
    ],
)
def test_end_to_end(headers: Headers, kept: Headers) -> None:
    assert end_to_end(headers) == kept


PLAIN = (("Accept", "*/*"),)
SAID = (
    ("X-Forwarded-For", "1.1.1.1"),
    ("Accept", "*/*"),
    ("x-forwarded-for", "2.2.2.2"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "shop.example"),
    ("X-Forwarded-Prefix", "/p"),
    ("Forwarded", "for=1.1.1.1"),
)


@pytest.mark.parametrize(
    ("headers", "trusted", "after"),
    [
        pytest.param(
            PLAIN,
            False,
            (
                *PLAIN,
                ("X-Forwarded-For", "10.0.0.9"),
                ("X-Forwarded-Proto", "http"),
                ("X-Forwarded-Host", "sign.example:4000"),
            ),
            id="nothing said",
        ),
        pytest.param(
            SAID,
            False,
            (
                *PLAIN,
                ("X-Forwarded-For", "10.0.0.9"),
                ("X-Forwarded-Proto", "http"),
                ("X-Forwarded-Host", "sign.example:4000"),
            ),
            id="a stranger's say is dropped",
        ),
        pytest.param(
            SAID,
            True,
            (
                *PLAIN,
                ("X-Forwarded-Prefix", "/p"),
                ("Forwarded", "for=1.1.1.1"),
                ("X-Forwarded-For", "1.1.1.1, 2.2.2.2, 10.0.0.9"),
                ("X-Forwarded-Proto", "https"),
                ("X-Forwarded-Host", "shop.example"),
            ),
            id="a trusted peer's say is kept",
        ),
        pytest.param(
            PLAIN,
            True,
            (
                *PLAIN,
                ("X-Forwarded-For", "10.0.0.9"),
                ("X-Forwarded-Proto", "http"),
                ("X-Forwarded-Host", "sign.example:4000"),
            ),
            id="a trusted peer that says nothing",
        ),
    ],
)
def test_forwarded(headers: Headers, trusted: bool, after: Headers) -> None:
    assert forwarded(headers, "10.0.0.9", "http", "sign.example:4000", trusted) == after


@pytest.mark.parametrize(
    ("peer", "said", "client"),
    [
        pytest.param("203.0.113.5", [], "203.0.113.5", id="direct"),
        pytest.param("203.0.113.5", ["198.51.100.1"], "203.0.113.5", id="a stranger's say is not read"),
        pytest.param("10.0.0.9", [], "10.0.0.9", id="a trusted peer that says nothing"),
        pytest.param("10.0.0.9", ["198.51.100.1"], "198.51.100.1", id="one proxy"),
        pytest.param("10.0.0.9", ["6.6.6.6, 198.51.100.1"], "198.51.100.1", id="a made-up entry to the left"),
        pytest.param("10.0.0.9", ["198.51.100.1, 10.0.0.8"], "198.51.100.1", id="two proxies"),
        pytest.param("10.0.0.9", ["198.51.100.1", "10.0.0.8"], "198.51.100.1", id="in two fields"),
        pytest.param("10.0.0.9", ["10.0.0.7, 10.0.0.8"], "10.0.0.7", id="everybody is trusted"),
        pytest.param("10.0.0.9", ["198.51.100.1, unknown, 10.0.0.8"], "10.0.0.8", id="garbage stops"),
        pytest.param("10.0.0.9", ["198.51.100.1, , 10.0.0.8"], "10.0.0.8", id="an empty entry stops"),
        pytest.param("10.0.0.9", ["198.51.100.1:4711"], "198.51.100.1", id="with a port"),
        pytest.param("10.0.0.9", ["[2001:db8::5]:4711"], "2001:db8::5", id="IPv6 with a port"),
        pytest.param("10.0.0.9", ["[::1]"], "::1", id="IPv6 in brackets"),
        pytest.param("10.0.0.9", ["198.51.100.1, 10.0.0.8:80"], "198.51.100.1", id="a proxy with a port"),
        pytest.param("10.0.0.9", ["[::ffff:198.51.100.1]:80"], "198.51.100.1", id="IPv4 in IPv6's, port"),
        pytest.param(
            "10.0.0.9", ["2001:db8::5:4711"], "2001:db8::5:4711", id="IPv6 without brackets: no port"
        ),
        pytest.param("10.0.0.9", ["198.51.100.1:x"], "10.0.0.9", id="a port that is none"),
        pytest.param("10.0.0.9", ["198.51.100.1:"], "10.0.0.9", id="an empty port"),
        pytest.param("10.0.0.9", ["198.51.100.1:123456"], "10.0.0.9", id="a port that is too long"),
        pytest.param("10.0.0.9", ["[198.51.100.1]:80"], "10.0.0.9", id="IPv4 in brackets"),
        pytest.param("10.0.0.9", ["[2001:db8::5:80"], "10.0.0.9", id="half a bracket"),
        pytest.param("10.0.0.9", ["shop.example:80"], "10.0.0.9", id="a name with a port"),
        pytest.param("fd00::1", ["2001:DB8::0:5"], "2001:db8::5", id="IPv6, in its one spelling"),
        pytest.param("::ffff:10.0.0.9", ["198.51.100.1"], "198.51.100.1", id="IPv4 in IPv6's clothes"),
        pytest.param("", ["198.51.100.1"], "", id="a peer without an address"),
    ],
)
def test_client_address(peer: str, said: list[str], client: str) -> None:
    headers = tuple(("x-forwarded-FOR", value) for value in said)
    assert client_address(headers, peer, TRUSTED) == client


@given(st.lists(st.text(max_size=40), max_size=4), st.sampled_from(["10.0.0.9", "203.0.113.5", "", "unix"]))
def test_client_address_takes_anything(said: list[str], peer: str) -> None:
    headers = tuple(("X-Forwarded-For", value) for value in said)
    found = client_address(headers, peer, TRUSTED)
    if not is_trusted(peer, TRUSTED):
        assert found == peer
