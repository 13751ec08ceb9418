"""Builds the tables that are there once: listeners, limits, receipts, results, clock, ledger, privacy, log."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..domain.rate_limit import RateLimit, parse_rate_limit
from ..domain.secret import Secret
from . import addresses
from .problems import Problems, Wrong, join
from .routes import rate_limit
from .secret_sources import SecretSources, check_receipt_key, split_keys
from .shape import (
    DEFAULT_LEDGER,
    ClockShape,
    LedgerShape,
    LimitsShape,
    ListenShape,
    LogShape,
    PrivacyShape,
    ProxiesShape,
    ReceiptsShape,
    ResultsShape,
    Section,
)
from .values import Clock, LedgerPlace, Limits, Listen, Log, Privacy, Proxies, Receipts, Results
from .wording import Shaped, shaped

S = TypeVar("S", bound=Section)
_DAY_S = 86400


@dataclass(frozen=True, slots=True)
class SectionBuilder:
    """One method per table. Each returns a value even after a problem, so that the next problem is found too."""

    tree: Mapping[str, object]
    sources: SecretSources

    @property
    def problems(self) -> Problems:
        """Where problems go."""
        return self.sources.problems

    def _shape(self, name: str, model: type[S]) -> Shaped[S]:
        return shaped(model, self.tree.get(name, {}), name, self.problems)

    def listen(self) -> Listen:
        """[listen]"""
        shape = self._shape("listen", ListenShape).value
        public = self.problems.attempt("listen.public", addresses.listen_address, shape.public)
        admin = self.problems.attempt("listen.admin", addresses.listen_address, shape.admin)
        if public and admin and public[1] == admin[1] != 0 and _collide(public[0], admin[0]):
            self.problems.add("listen.admin", "is the public listener's address too", "give it another port")
        token = None
        if shape.admin_token_file is not None:
            token = self.sources.secret("listen.admin_token_file", "file", shape.admin_token_file)
        hosts = self.problems.attempt_each("listen.admin_hosts", addresses.host, shape.admin_hosts)
        return Listen(
            public or ("127.0.0.1", 0), admin or ("127.0.0.1", 0), token, hosts, shape.drain_delay_s
        )

    def proxies(self) -> Proxies:
        """[proxies]"""
        shape = self._shape("proxies", ProxiesShape).value
        return Proxies(self.problems.attempt_each("proxies.trusted", addresses.network, shape.trusted))

    def limits(self) -> Limits:
        """[limits]"""
        shape = self._shape("limits", LimitsShape).value
        return Limits(shape.observe_max_bytes, shape.request_max_bytes, shape.client_timeout_s)

    def receipts(self) -> Receipts:
        """[receipts]"""
        shape = self._shape("receipts", ReceiptsShape).value
        text = self._one_of("receipts", "keys", None, shape.keys_env, shape.keys_file)
        keys: tuple[Secret, ...] = ()
        if text is not None:
            place = join("receipts", "keys_env" if shape.keys_env is not None else "keys_file")
            keys = self._keys(place, text)
        return Receipts(keys, shape.max_age_s)

    def _keys(self, place: str, text: str) -> tuple[Secret, ...]:
        entries = split_keys(text)
        if not entries:
            self.problems.add(place, "gives no key", "make one with: python -m proxy new-key")
        keys: list[Secret] = []
        for number, entry in enumerate(entries, 1):
            try:
                keys.append(check_receipt_key(entry))
            except Wrong as wrong:
                self.problems.add(place, f"key {number} of {len(entries)} {wrong.what}", wrong.mend)
        if len(set(keys)) < len(keys):
            self.problems.add(place, "gives the same key twice", "remove one of the two")
        return tuple(keys)

    def results(self) -> Results:
        """[results]"""
        shape = self._shape("results", ResultsShape).value
        origins = self.problems.attempt_each("results.origins", addresses.origin, shape.origins)
        limit = self.problems.attempt("results.rate_limit", rate_limit, shape.rate_limit)
        return Results(origins, limit or _default_limit(), shape.max_attempts)

    def clock(self) -> Clock:
        """[clock]"""
        shape = self._shape("clock", ClockShape).value
        ntp = self.problems.attempt_each("clock.ntp", addresses.ntp_server, shape.ntp)
        dates = self.problems.attempt_each("clock.http_date", addresses.date_url, shape.http_date)
        return Clock(ntp, dates, shape.interval_s)

    def ledger(self, receipt_age_s: int) -> LedgerPlace:
        """[ledger]; rows must outlive the receipts, or a late duplicate would be counted again."""
        found = self._shape("ledger", LedgerShape)
        shape = found.value
        place = next(
            (f"url_{way}" for way in ("env", "file") if getattr(shape, f"url_{way}") is not None), "url"
        )
        url = self._one_of("ledger", "url", shape.url, shape.url_env, shape.url_file)
        path = self.problems.attempt(
            join("ledger", place), _sqlite_file, DEFAULT_LEDGER if url is None else url
        )
        if "retention_days" not in found.bad and shape.retention_days * _DAY_S <= receipt_age_s + _DAY_S:
            least = (receipt_age_s + _DAY_S) // _DAY_S + 1
            self.problems.add(
                "ledger.retention_days",
                "is not more than receipts.max_age_s and a day, so that a result delivered again could count twice",
                f"write {least} or more, or lower receipts.max_age_s",
            )
        return LedgerPlace(
            self.sources.base_dir / (path or _sqlite_file(DEFAULT_LEDGER)), shape.retention_days
        )

    def privacy(self) -> Privacy:
        """[privacy]"""
        shape = self._shape("privacy", PrivacyShape).value
        return Privacy(shape.meeting_number, shape.keys)

    def log(self) -> Log:
        """[log]"""
        shape = self._shape("log", LogShape).value
        return Log(shape.level, shape.access)

    def _one_of(
        self, section: str, key: str, plain: str | None, env: str | None, file: str | None
    ) -> str | None:
        given = {key: plain, f"{key}_env": env, f"{key}_file": file}
        present = [name for name, value in given.items() if value is not None]
        if len(present) > 1:
            what = f"gives the same thing as {present[0]}"
            self.problems.add(join(section, present[-1]), what, "keep one of the two")
            return None
        if env is not None:
            return self.sources.variable(join(section, f"{key}_env"), env)
        if file is not None:
            return self.sources.file(join(section, f"{key}_file"), file)
        return plain


def _collide(one: str, other: str) -> bool:
    both = {one, other}
    return len(both) == 1 or both <= addresses.LOOPBACK or bool(both & addresses.EVERY_INTERFACE)


def _default_limit() -> RateLimit:
    return parse_rate_limit(str(ResultsShape.model_fields["rate_limit"].default))


def _sqlite_file(url: str) -> Path:
    """Never repeats the URL: one of a server has a password in it."""
    mend = 'write "sqlite:///var/joinwatch.db" (from the configuration file\'s folder) or "sqlite:////an/absolute/path.db"'
    scheme, found, rest = url.partition("://")
    dialect = re.split(r"\+", scheme)[0].lower()
    if found and dialect in ("postgresql", "postgres"):
        raise Wrong("is a PostgreSQL URL, and PostgreSQL is not in this version of joinwatch yet", mend)
    if scheme != "sqlite":
        raise Wrong("is not a sqlite URL", mend)
    file = rest.removeprefix("/")
    if not rest.startswith("/") or file in ("", ":memory:") or file.endswith("/"):
        raise Wrong("names no file, and a ledger in memory would forget", mend)
    if any(c in file for c in "?#%\0"):
        raise Wrong("has options or characters that a ledger's file name cannot have", mend)
    return Path(file)
