"""Parsers of the single values that name places: listeners, networks, hosts, URLs, origins, paths, header names."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from yarl import URL

from .problems import Wrong
from .values import Address, Network

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
EVERY_INTERFACE = frozenset({"0.0.0.0", "::"})  # noqa: S104 compared, never bound

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\.?")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()+,;=:@-]+)+|/")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_RESERVED_PATH = re.compile(r"/join-results(\.js|-[^/]*\.js)?(/.*)?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def listen_address(text: str) -> Address:
    """ "127.0.0.1:4000" or "[::1]:4000"; port 0 is any free one. Raises Wrong."""
    mend = 'write "127.0.0.1:4000", "[::1]:4000", or "0.0.0.0:4000" for every interface'
    found = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^:\[\]]+)):([0-9]{1,5})", text)
    if found is None or int(found[3]) > 65535:
        raise Wrong(f'is "{text}", not a host and a port', mend)
    return (_ipv6(found[1], mend) if found[1] else _host_name(found[2], mend), int(found[3]))


def network(text: str) -> Network:
    """A CIDR block, or one address. Raises Wrong; everybody is no block to trust."""
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        raise Wrong(
            f'is "{text}", not a network', 'write "10.0.0.0/8", "2001:db8::/32" or one address'
        ) from None
    if found.prefixlen == 0:
        raise Wrong(
            f"is {found}, by which anybody could forge an address in X-Forwarded-For",
            "name the network that your balancers have",
        )
    if "/" in text and ip_address(text.partition("/")[0]) != found.network_address:
        raise Wrong(f'is "{text}", which has bits set beyond its prefix', f'write "{found}"')
    return found


def host(text: str) -> str:
    """A host without a port, lower-cased, IPv6 without brackets: what a Host header is compared with. Raises Wrong."""
    mend = 'write the name alone, as "metrics.example.com", without scheme, port or path'
    if text.startswith("[") and text.endswith("]"):
        return _ipv6(text[1:-1], mend)
    return _ipv6(text, mend) if text.count(":") > 1 else _host_name(text, mend).lower()


def ntp_server(text: str) -> str:
    """ "host", "host:port" or "[IPv6]:port", lower-cased. Raises Wrong."""
    mend = 'write "time.example.com" or "192.0.2.1:123"'
    found = re.fullmatch(r"(\[[^\[\]]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?", text)
    if found is None or (found[2] and not 1 <= int(found[2]) <= 65535):
        raise Wrong("is not a host, or host and port", mend)
    if found[1].startswith("["):
        _ipv6(found[1][1:-1], mend)
    else:
        _host_name(found[1], mend)
    return text.lower()


def date_url(text: str) -> str:
    """An http or https URL whose answers carry a Date. Raises Wrong."""
    _check_url(text, "remove it")
    return text


def backend_url(text: str) -> str:
    """An http or https URL to which path and query are appended. Raises Wrong."""
    _check_url(text, 'remove it; headers = { Authorization = "env:VARIABLE" } can carry it')
    if "?" in text:
        raise Wrong(
            "has a query", "remove it: the client's own query is appended; put a fixed key into headers"
        )
    return text


def origin(text: str) -> str:
    """Scheme, host and port as an Origin header has them: lower case, no default port. Raises Wrong."""
    mend = 'write it as the browser sends it: "https://app.example.com"'
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise Wrong("is not an origin", mend) from None
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#@\s\\]+", text) or not parts.hostname:
        raise Wrong("is not a scheme, a host and perhaps a port", mend)
    name = parts.hostname
    shown = f"[{_ipv6(name, mend)}]" if ":" in name else _host_name(name, mend)
    return f"{parts.scheme}://{shown.lower()}" + (
        "" if port is None or port == _DEFAULT_PORTS.get(parts.scheme) else f":{port}"
    )


def route_path(text: str) -> str:
    """A route's path: it and everything below it are served. Raises Wrong."""
    if not text.startswith("/"):
        raise Wrong(
            "does not start with a slash",
            'write it as "/zoom"',
        )
    if "*" in text or "{" in text:
        raise Wrong("has a wildcard", "write the path alone: everything below it is served too")
    if text != "/" and text.endswith("/"):
        raise Wrong("ends with a slash", f'write "{text.rstrip("/") or "/"}"')
    if not _PATH.fullmatch(text) or {".", ".."} & set(text.split("/")):
        raise Wrong(
            "is not a plain path",
            "use letters, digits and -._~ in non-empty segments, without percent-encoding, query or dot segments",
        )
    if _RESERVED_PATH.fullmatch(text):
        raise Wrong("is where join results go", "choose another path")
    return text


def header_name(text: str) -> str:
    """A field name (RFC 9110 section 5.1). Raises Wrong."""
    if not _TOKEN.fullmatch(text):
        raise Wrong("is not a header name", 'write a name like "X-Served-By"')
    return text


def _check_url(text: str, mend_user: str) -> None:
    """Never repeats the URL: people put keys and passwords into it."""
    mend = 'write "https://host:port/path"'
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise Wrong("is not a URL", mend) from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or port == 0:
        raise Wrong("is not an http or https URL", mend)
    if parts.username is not None or parts.password is not None:
        raise Wrong("has a user or a password in it", mend_user)
    if "#" in text:
        raise Wrong("has a fragment, which is never sent", "remove the # and what follows")
    if not re.fullmatch(r"[!-~]+", text) or set(text) & set('<>"{}|\\^`'):
        raise Wrong("has white space or characters that a URL cannot have", "percent-encode them")
    if ":" in parts.hostname:
        _ipv6(parts.hostname, mend)
    else:
        _host_name(parts.hostname, mend)
    try:
        usable = URL(text).host  # the HTTP client asks for it, and decodes "xn--" names for that
    except ValueError:
        usable = None
    if not usable:
        raise Wrong("has a host name that is none", mend)


def _ipv6(text: str, mend: str) -> str:
    try:
        return str(IPv6Address(text))
    except ValueError:
        raise Wrong("has an IPv6 address that is none", mend) from None


def _host_name(text: str, mend: str) -> str:
    if not _HOST_NAME.fullmatch(text):
        raise Wrong("has a host name that is none", mend)
    return text
