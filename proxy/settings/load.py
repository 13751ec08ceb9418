"""From a file, or a mapping, and the environment to settings, or to the whole list of problems."""

from __future__ import annotations

import re
import secrets
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from .backends import BackendBuilder, kind_of_table
from .credentials import Pairs
from .environment import CONFIG, overlay
from .problems import Problem, Problems, SettingsError, join
from .routes import RouteBuilder
from .secret_sources import SecretSources
from .sections import SectionBuilder
from .shape import TOP_LEVEL
from .values import Settings
from .wording import kind_of, nearest

DEFAULT_FILE = "joinwatch.toml"
EMBEDDED = "embedded default"

_NAME = re.compile(r"[a-z0-9_]{1,32}")
_RESERVED = ("all", "other")
_DEFAULT_BACKENDS: Mapping[str, object] = {"native": {"kind": "native"}}


def new_secret() -> str:
    """A throwaway client secret: 256 random bits."""
    return secrets.token_urlsafe(32)


def load(
    path: Path | None, environ: Mapping[str, str], make_secret: Callable[[], str] = new_secret
) -> Settings:
    """Settings from `path`, else from JOINWATCH_CONFIG, else from joinwatch.toml here, else the embedded default.

    `make_secret` is called when throwaway credentials are needed. Raises SettingsError.
    """
    if path is None and environ.get(CONFIG):
        path = Path(environ[CONFIG])
    if path is None and Path(DEFAULT_FILE).exists():
        path = Path(DEFAULT_FILE)
    if path is None:
        return from_mapping({}, environ, Path.cwd(), source=EMBEDDED, make_secret=make_secret)
    mapping = _read(path)
    return from_mapping(mapping, environ, path.absolute().parent, source=str(path), make_secret=make_secret)


def from_mapping(
    mapping: Mapping[str, object],
    environ: Mapping[str, str],
    base_dir: Path,
    *,
    source: str = EMBEDDED,
    make_secret: Callable[[], str] = new_secret,
) -> Settings:
    """Settings from what a TOML file would hold; relative files start at `base_dir`. Raises SettingsError."""
    problems = Problems()
    tree, problems.variables = overlay(
        {**mapping, "backends": mapping.get("backends") or dict(_DEFAULT_BACKENDS)}, environ, problems
    )
    for key in tree:
        if key not in TOP_LEVEL:
            problems.add(join(key), "is not a section", nearest(key, TOP_LEVEL, noun="the sections are"))
    sources = SecretSources(environ, base_dir, problems)
    once = SectionBuilder(tree, sources)
    listen, proxies, limits = once.listen(), once.proxies(), once.limits()
    pairs = Pairs(sources, make_secret)
    pairs.build(_named_tables(tree.get("credentials", {}), "credentials", problems))
    tables = _named_tables(tree["backends"], "backends", problems)
    backends = BackendBuilder(sources, pairs, (listen.public, listen.admin)).build(tables)
    kinds = {name: kind_of_table(table) for name, table in tables.items()}
    routes = RouteBuilder(kinds, problems).build(tree.get("routes"))
    receipts = once.receipts()
    settings = Settings(
        listen=listen,
        proxies=proxies,
        limits=limits,
        credentials=MappingProxyType(pairs.built),
        backends=MappingProxyType(backends),
        routes=routes,
        receipts=receipts,
        results=once.results(),
        clock=once.clock(),
        ledger=once.ledger(receipts),
        privacy=once.privacy(),
        log=once.log(),
        throwaway=pairs.made is not None,
        source=source,
    )
    problems.raise_if_any()
    return settings


def _read(path: Path) -> dict[str, object]:
    try:
        # Editors on Windows put a byte order mark in front, which TOML does not know.
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        problem = Problem(
            str(path), f"cannot be read ({reason})", "name the configuration file with --config FILE"
        )
    except UnicodeDecodeError as error:
        problem = Problem(str(path), f"is not UTF-8 text (byte {error.start + 1})", "save it as UTF-8")
    except tomllib.TOMLDecodeError as error:
        problem = Problem(
            str(path), f"is not TOML: {error}", "mend that place; nothing else could be checked"
        )
    except (RecursionError, ValueError):
        problem = Problem(
            str(path), "nests too deeply or holds a number that is too long", "write it plainly"
        )
    raise SettingsError((problem,))


def _named_tables(raw: object, section: str, problems: Problems) -> dict[str, object]:
    """The [section.NAME] tables by name, without those whose name will not do."""
    if not isinstance(raw, dict):
        problems.add(section, f"is {kind_of(raw)}, not a table", f"write it as [{section}.NAME]")
        return {}
    found: dict[str, object] = {}
    for name, table in raw.items():
        if not _NAME.fullmatch(name):
            problems.add(join(section, name), "is not a name", "use 1 to 32 of a-z, 0-9 and _")
        elif section == "backends" and name in _RESERVED:
            problems.add(
                join(section, name), "has a name that joinwatch keeps for itself", "choose another one"
            )
        else:
            found[name] = table
    return found
