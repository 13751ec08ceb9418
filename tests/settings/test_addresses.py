"""The parsers of single values: what they take, and that they refuse the rest in their own words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from proxy.backends.http import HttpBackend, target
from proxy.clocks.http_date import HttpDateClock
from proxy.domain.receipt import decode_key
from proxy.settings import addresses
from proxy.settings.problems import Wrong, join
from proxy.settings.routes import method, rate_limit, source
from proxy.settings.secret_sources import check_plain, check_receipt_key
from tests.support.fake_time import FakeTime

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
    check_receipt_key,
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
        (addresses.backend_url, "http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/"),
        (addresses.date_url, "https://h/?x=1", "https://h/?x=1"),
        (addresses.origin, "HTTP://App.Example.com:80", "http://app.example.com"),
        (addresses.origin, "https://app.example.com:8443", "https://app.example.com:8443"),
        (addresses.origin, "capacitor://localhost", "capacitor://localhost"),
        (addresses.route_path, "/zoom/sign.php", "/zoom/sign.php"),
        (addresses.route_path, "/join-resultsx", "/join-resultsx"),
        (addresses.route_path, "/join-results.jsx", "/join-results.jsx"),
        (addresses.route_path, "/join-results-x", "/join-results-x"),
        (addresses.route_path, "/js/join-results.js", "/js/join-results.js"),
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
        (addresses.backend_url, "http://xn--a/"),
        (addresses.date_url, "https://time.xn--a.example/"),
        (addresses.backend_url, "http://h/?"),
        (addresses.backend_url, "//h/"),
        (addresses.backend_url, "http://@h/"),
        (addresses.backend_url, "http://h/ä"),
        (addresses.backend_url, "http://h/\n"),
        (addresses.origin, "null"),
        (addresses.origin, "https://user@h"),
        (addresses.route_path, "/join-results"),
        (addresses.route_path, "/join-results.js"),
        (addresses.route_path, "/join-results.js/x"),
        (addresses.route_path, "/join-results-0a1b.js"),
        (addresses.route_path, "/join-results-0a1b.js/x"),
        (addresses.route_path, "/join-results-.js"),
        (addresses.route_path, "/a?b"),
        (addresses.route_path, "/."),
        (addresses.route_path, ""),
        (addresses.header_name, "X:Y"),
        (check_receipt_key, "A" * 44),
        (check_receipt_key, "A" * 43),
        (check_receipt_key, "A" * 42 + "B="),
        (check_receipt_key, "é" * 43 + "="),
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


_NAMES = st.from_regex(r"(xn--)?[a-z0-9_.-]{1,70}(\.xn--[a-z0-9-]{0,9})?", fullmatch=True)


@given(_NAMES, st.from_regex(r"(:[0-9]{0,6})?(/[!-~]{0,9})?", fullmatch=True))
@example("xn--a", "/")
@example("[fe80::1%25eth0]", "/")
def test_the_adapters_take_every_url_that_is_taken_here(name: str, rest: str) -> None:
    try:
        url = addresses.backend_url(f"http://{name}{rest}")
    except Wrong:
        return
    HttpBackend("java", url, timeout_s=1, observe_max_bytes=1, time=FakeTime())
    HttpDateClock(addresses.date_url(url), time=FakeTime())
    assert target(URL(url), "/tail", "a=b").raw_path.endswith("/tail")


@given(st.text(max_size=50) | st.from_regex(r"[A-Za-z0-9_-]{42}[A-Za-z0-9_-]=", fullmatch=True))
@example("A" * 42 + "B=")
@example("A" * 42 + "A=")
def test_a_receipt_key_is_taken_where_receipts_take_it(text: str) -> None:
    try:
        key = check_receipt_key(text)
    except Wrong:
        with pytest.raises(ValueError, match="receipt key"):
            decode_key(text)
    else:
        assert len(decode_key(key.reveal())) == 32


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
