"""Builds the tables that are there once: listeners, limits, receipts, results, clock, ledger, privacy, log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from ..domain.rate_limit import RateLimit, parse_rate_limit
from ..domain.secret import Secret
from . import addresses
from .ledger_url import ledger_url, ledger_url_in_sight, passwords
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

    def ledger(self, receipts: Receipts) -> LedgerPlace:
        """[ledger]; rows must outlive the receipts, or a late duplicate would be counted again.

        A database that replicas share takes no receipts of one of them alone.
        """
        found = self._shape("ledger", LedgerShape)
        shape = found.value
        place = next(
            (f"url_{way}" for way in ("env", "file") if getattr(shape, f"url_{way}") is not None), "url"
        )
        url = self._one_of("ledger", "url", shape.url, shape.url_env, shape.url_file)
        read = ledger_url_in_sight if place == "url" else ledger_url
        found_url = None if url is None else self.problems.attempt(join("ledger", place), read, url)
        if isinstance(found_url, Secret) and not (receipts.keys or self._names_keys()):
            self.problems.add(
                "receipts",
                "has no keys, and the ledger is a PostgreSQL database, which several replicas may share",
                "make a key with: python -m proxy new-key, and name its file as receipts.keys_file",
            )
        if "retention_days" not in found.bad and shape.retention_days * _DAY_S <= receipts.max_age_s + _DAY_S:
            least = (receipts.max_age_s + _DAY_S) // _DAY_S + 1
            self.problems.add(
                "ledger.retention_days",
                "is not more than receipts.max_age_s and a day, so that a result delivered again could count twice",
                f"write {least} or more, or lower receipts.max_age_s",
            )
        if isinstance(found_url, Secret):
            return LedgerPlace(None, shape.retention_days, found_url, passwords(found_url.reveal()))
        return LedgerPlace(self.sources.base_dir / (found_url or DEFAULT_LEDGER), shape.retention_days)

    def _names_keys(self) -> bool:
        shape = self._shape("receipts", ReceiptsShape).value
        return shape.keys_env is not None or shape.keys_file is not None

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
