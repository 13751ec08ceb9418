"""Builds [credentials.NAME], and finds the pair of a backend that names none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ..domain.credentials import Credentials
from ..domain.secret import Secret
from .problems import Problems, join
from .secret_sources import SecretSources, check_plain
from .shape import CredentialsShape
from .wording import choices, nearest, shaped

KEY_VARIABLE = "ZOOM_MEETING_SDK_KEY"
SECRET_VARIABLE = "ZOOM_MEETING_SDK_SECRET"  # noqa: S105 the name of a variable, as Zoom's sample has it
THROWAWAY = "throwaway"

_ID_KEYS = ("client_id", "client_id_env", "client_id_file", "sdk_key", "sdk_key_env", "sdk_key_file")
_SECRET_KEYS = ("client_secret_env", "client_secret_file", "sdk_secret_env", "sdk_secret_file")


@dataclass(slots=True)
class Pairs:
    """The configured credentials, and those that stand in when there are none."""

    sources: SecretSources
    make_secret: Callable[[], str]
    declared: tuple[str, ...] = ()
    """Names of all [credentials.NAME], also of those that could not be read."""
    built: dict[str, Credentials] = field(default_factory=dict)
    made: Credentials | None = None
    """The throwaway pair, once a backend needed it."""

    def build(self, tables: Mapping[str, object]) -> None:
        """Read every pair; what cannot be read is a problem."""
        self.declared = tuple(tables)
        for name, table in tables.items():
            pair = _configured(name, table, self.sources)
            if pair is not None:
                self.built[name] = pair

    def named(self, path: str, name: str) -> Credentials | None:
        """The pair that a backend names at `path`."""
        if name not in self.declared:
            # What is not spelt like a name may be the secret itself, put into the wrong place.
            section = name if re.fullmatch(r"[a-z0-9_]{1,32}", name) else "NAME"
            mend = f"write a section [credentials.{section}]"
            if self.declared:
                mend = nearest(name, self.declared, noun="the credentials are")
            self.sources.problems.add(path, "names credentials that are not there", mend)
        return self.built.get(name)

    def default(self, path: str) -> Credentials | None:
        """For a native backend that names none: the only pair, else the sample's variables, else a made-up one."""
        if len(self.declared) > 1:
            self.sources.problems.add(
                path, "is missing, and there are several credentials", f"write {choices(self.declared)}"
            )
            return None
        if self.declared:
            return self.built.get(self.declared[0])
        variables = [name for name in (KEY_VARIABLE, SECRET_VARIABLE) if name in self.sources.environ]
        if variables:
            return self._from_sample_variables(variables)
        if self.made is None:
            self.made = Credentials(THROWAWAY, f"{THROWAWAY}_sdk_key", Secret(self.make_secret()))
        return self.made

    def _from_sample_variables(self, present: list[str]) -> Credentials | None:
        values = [self.sources.secret(name, "env", name) for name in present]
        if len(present) == 1:
            absent = SECRET_VARIABLE if present[0] == KEY_VARIABLE else KEY_VARIABLE
            self.sources.problems.add(absent, f"is not set, while {present[0]} is", "set both, or none")
            return None
        return _pair("zoom", KEY_VARIABLE, values[0], values[1], self.sources.problems)


def _configured(name: str, table: object, sources: SecretSources) -> Credentials | None:
    path = join("credentials", name)
    shape = shaped(CredentialsShape, table, path, sources.problems)
    given: dict[str, str] = shape.value.model_dump(exclude_none=True)
    present = set(given) | shape.bad
    client_id = _given_one_way(path, _ID_KEYS, given, present, sources)
    if present & set(CredentialsShape.refused):
        return None
    secret = _given_one_way(path, _SECRET_KEYS, given, present, sources)
    return _pair(name, path, client_id, secret, sources.problems)


def _given_one_way(
    path: str, ways: tuple[str, ...], given: Mapping[str, str], present: Iterable[str], sources: SecretSources
) -> Secret | None:
    found = [way for way in ways if way in present]
    if not found:
        plain = "client_id" if ways is _ID_KEYS else "client_secret"
        sources.problems.add(join(path, plain), "is missing", f"write one of {', '.join(ways)}")
        return None
    if len(found) > 1:
        sources.problems.add(
            join(path, found[-1]), f"gives the same thing as {found[0]}", "keep one of the two"
        )
        return None
    way = found[0]
    if way not in given:
        return None  # of a wrong type, which has been said
    place = join(path, way)
    if way.endswith("_env"):
        return sources.secret(place, "env", given[way])
    if way.endswith("_file"):
        return sources.secret(place, "file", given[way])
    text = sources.problems.attempt(place, check_plain, given[way])
    return None if text is None else Secret(text)


def _pair(
    name: str, path: str, client_id: Secret | None, secret: Secret | None, problems: Problems
) -> Credentials | None:
    if client_id is None or secret is None:
        return None
    if client_id == secret:
        problems.add(path, "has one value as client id and as client secret", "give each its own value")
        return None
    return Credentials(name, client_id.reveal(), secret)
