"""The parsers of single values: what they take, and that they refuse the rest in their own words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.settings import addresses
from proxy.settings.problems import Wrong, join
from proxy.settings.routes import method, rate_limit, source
from proxy.settings.secret_sources import check_fernet, check_plain

Parser = Callable[[str], object]
PARSERS: list[Parser] = [
    addresses.listen_address,
    addresses.network,
    addresses.host,
    addresses.ntp_server,
    addresses.date_url,
    addresses.backend_url,
    addresses.origin,
    addresses.route_path,
    addresses.header_name,
    method,
    rate_limit,
    source,
    check_fernet,
    check_plain,
]


@pytest.mark.parametrize(
    ("parser", "text", "value"),
    [
        (addresses.listen_address, "[::1]:4000", ("::1", 4000)),
        (addresses.listen_address, "localhost:0", ("localhost", 0)),
        (addresses.host, "Metrics.Example.com", "metrics.example.com"),
        (addresses.host, "2001:DB8::1", "2001:db8::1"),
        (addresses.ntp_server, "[2001:db8::1]:123", "[2001:db8::1]:123"),
        (addresses.backend_url, "HTTPS://h:8443/a%20b/", "HTTPS://h:8443/a%20b/"),
        (addresses.backend_url, "http://[::1]:8080", "http://[::1]:8080"),
        (addresses.date_url, "https://h/?x=1", "https://h/?x=1"),
        (addresses.origin, "HTTP://App.Example.com:80", "http://app.example.com"),
        (addresses.origin, "https://app.example.com:8443", "https://app.example.com:8443"),
        (addresses.origin, "capacitor://localhost", "capacitor://localhost"),
        (addresses.route_path, "/zoom/sign.php", "/zoom/sign.php"),
        (addresses.route_path, "/join-resultsx", "/join-resultsx"),
        (method, "patch", "PATCH"),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value),
)
def test_takes(parser: Parser, text: str, value: object) -> None:
    assert parser(text) == value


@pytest.mark.parametrize(
    ("parser", "text"),
    [
        (addresses.listen_address, ":4000"),
        (addresses.listen_address, "127.0.0.1:65536"),
        (addresses.listen_address, "::1:4000"),
        (addresses.host, "metrics.example.com:4001"),
        (addresses.host, ""),
        (addresses.host, "a" * 64 + ".example"),
        (addresses.backend_url, "http://h:0/"),
        (addresses.backend_url, "http://h/?"),
        (addresses.backend_url, "//h/"),
        (addresses.backend_url, "http://@h/"),
        (addresses.backend_url, "http://h/ä"),
        (addresses.backend_url, "http://h/\n"),
        (addresses.origin, "null"),
        (addresses.origin, "https://user@h"),
        (addresses.route_path, "/join-results-0a1b.js"),
        (addresses.route_path, "/a?b"),
        (addresses.route_path, "/."),
        (addresses.route_path, ""),
        (addresses.header_name, "X:Y"),
        (check_fernet, "A" * 44),
        (check_fernet, "A" * 43),
    ],
    ids=lambda value: value.__name__ if callable(value) else repr(value),
)
def test_refuses(parser: Parser, text: str) -> None:
    with pytest.raises(Wrong):
        parser(text)


@given(
    st.sampled_from(PARSERS),
    st.text(max_size=40) | st.from_regex(r"[a-z]{0,5}://[^a-z]{0,9}(:[0-9]{0,6})?/?"),
)
@example(addresses.origin, "https://[::1")
@example(addresses.backend_url, "http://[::1%25a]/")
@example(addresses.network, "10.0.0.0/99")
@example(addresses.listen_address, "h:٣")
@example(addresses.host, "[]")
def test_a_parser_returns_or_says_what_is_wrong(parser: Parser, text: str) -> None:
    wrong: Wrong | None = None
    try:
        parser(text)
    except Wrong as raised:
        wrong = raised
    assert wrong is None or (wrong.what and wrong.mend)


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        (("routes", 0, "path"), "routes[0].path"),
        (("backends.java", "headers", "X-A"), "backends.java.headers.X-A"),
        (("log", "a b\n"), 'log."a b\\n"'),
        (("log", ""), 'log.""'),
    ],
)
def test_join(parts: tuple[str | int, ...], path: str) -> None:
    assert join(*parts) == path
