"""Builds [[routes]]: which requests go to which backends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..domain.rate_limit import RateLimit, parse_rate_limit
from ..domain.request_facts import Source, SourceKind, parse_source
from . import addresses
from .problems import Problems, Wrong, join
from .shape import RouteShape
from .values import Route
from .wording import kind_of, nearest, shaped

MEETING = Source(SourceKind.JSON, ("meetingNumber",))
ROLE = Source(SourceKind.JSON, ("role",))
DEFAULT_PATH = "/"


@dataclass(frozen=True, slots=True)
class RouteBuilder:
    """`kinds`: "native" or "http" of every declared backend, also of those that could not be built."""

    kinds: Mapping[str, str]
    problems: Problems

    def build(self, raw: object) -> tuple[Route, ...]:
        """The routes; without any, the default one when one native issuer is all there is."""
        if raw is None:
            return self._default()
        if not isinstance(raw, list):
            self.problems.add(
                "routes", f"is {kind_of(raw)}, not an array of tables", "write each as [[routes]]"
            )
            return ()
        if not raw:
            return self._default()
        built = [self._route(join("routes", index), table) for index, table in enumerate(raw)]
        seen: dict[str, int] = {}
        for index, route in enumerate(built):
            if route is not None and seen.setdefault(route.path, index) != index:
                place = join("routes", index, "path")
                what = f"is {route.path}, as that of routes[{seen[route.path]}]"
                self.problems.add(place, what, "merge the two, or give one another path")
        return tuple(route for route in built if route is not None)

    def _default(self) -> tuple[Route, ...]:
        names = list(self.kinds)
        if len(names) == 1 and self.kinds[names[0]] == "native":
            return (Route(DEFAULT_PATH, ("POST",), ((names[0], 1.0),), MEETING, ROLE, None),)
        if names:
            mend = f'write [[routes]] with path = "/" and backends = {{ {names[0]} = 1 }}'
            self.problems.add("routes", "is missing, so that no backend would ever be asked", mend)
        return ()

    def _route(self, place: str, table: object) -> Route | None:
        found = shaped(RouteShape, table, place, self.problems)
        shape = found.value
        path = None
        if shape.path is not None:
            path = self.problems.attempt(join(place, "path"), addresses.route_path, shape.path)
        elif "path" not in found.bad:
            self.problems.add(join(place, "path"), "is missing", 'write path = "/…"')
        backends = self._backends(join(place, "backends"), shape.backends, "backends" in found.bad)
        native_only = bool(backends) and all(self.kinds[name] == "native" for name, _ in backends)
        native = any(self.kinds[name] == "native" for name, _ in backends)
        all_known = len(backends) == len(shape.backends or ())
        methods = self._methods(join(place, "methods"), shape.methods, native=native and all_known)
        limit = None
        if shape.rate_limit is not None:
            limit = self.problems.attempt(join(place, "rate_limit"), rate_limit, shape.rate_limit)
        meeting, role = MEETING if native_only else None, ROLE if native_only else None
        if shape.meeting_from is not None:
            meeting = self.problems.attempt(join(place, "meeting_from"), source, shape.meeting_from)
        if shape.role_from is not None:
            role = self.problems.attempt(join(place, "role_from"), source, shape.role_from)
        if path is None or not backends:
            return None
        return Route(path, methods, backends, meeting, role, limit)

    def _backends(
        self, place: str, weights: Mapping[str, float] | None, bad: bool
    ) -> tuple[tuple[str, float], ...]:
        if not weights:
            if not bad:
                example = next(iter(self.kinds), "native")
                self.problems.add(place, "names no backend", f"write backends = {{ {example} = 1 }}")
            return ()
        for name in weights:
            if name not in self.kinds:
                mend = nearest(name, self.kinds, noun="the backends are")
                self.problems.add(join(place, name), "is no configured backend", mend)
        return tuple((name, float(weight)) for name, weight in weights.items() if name in self.kinds)

    def _methods(self, place: str, wanted: list[str] | None, *, native: bool) -> tuple[str, ...]:
        """`native`: the native issuer is one of the backends, and serves POST only."""
        if wanted is None:
            return ("POST",) if native else ()
        if not wanted:
            self.problems.add(
                place, "lets no method through", "leave it out for the default, or name methods"
            )
        methods = self.problems.attempt_each(place, method, wanted)
        foreign = sorted(set(methods) - {"POST", "OPTIONS"})
        if native and foreign:
            self.problems.add(
                place, f"has {', '.join(foreign)}, which the native issuer refuses", 'write ["POST"]'
            )
        return methods


def method(text: str) -> str:
    """A request method in upper case. Raises Wrong."""
    upper = text.upper()
    if not re.fullmatch(r"[A-Z]{1,20}", upper) or upper in ("CONNECT", "TRACE"):
        raise Wrong("is not a method that can be forwarded", 'write methods as ["GET", "POST"]')
    return upper


def rate_limit(text: str) -> RateLimit:
    """Raises Wrong."""
    try:
        return parse_rate_limit(text)
    except ValueError as error:
        raise Wrong(str(error), 'write "60/1m": requests, a slash, and a number of s, m, h or d') from None


def source(text: str) -> Source:
    """Raises Wrong."""
    try:
        return parse_source(text)
    except ValueError as error:
        raise Wrong(str(error), 'write "json:/meetingNumber", "query:meetingNumber" or "path:0"') from None
