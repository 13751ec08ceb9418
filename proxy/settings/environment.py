"""JOINWATCH_SECTION__KEY=… laid over the file: which variables are ours, and where each one's text goes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from difflib import get_close_matches

from .problems import Problems, join
from .shape import NAMED, SECTIONS, EnvText, Section

PREFIX = "JOINWATCH_"
CONFIG = "JOINWATCH_CONFIG"
"""Names the configuration file; read by `load`."""

NO_SETTINGS = frozenset({CONFIG, "JOINWATCH_ADMIN_TOKEN"})
"""Ours, but read by others: `joinwatch report --admin URL` sends the token."""

Tree = dict[str, object]

# Kubernetes puts these into every pod of a namespace that has a Service whose name begins with joinwatch.
_KUBERNETES = re.compile(
    r"JOINWATCH(_[A-Z0-9]+)*_"
    r"(SERVICE_HOST=.*|SERVICE_PORT(_[A-Z0-9]+)*=[0-9]+|PORT=[a-z]+://.*|PORT_[0-9]+_(TCP|UDP|SCTP)(_[A-Z]+)?=.*)"
)


def overlay(tree: Tree, environ: Mapping[str, str], problems: Problems) -> tuple[Tree, dict[str, str]]:
    """The tree with the variables' texts in place, and path -> variable for each. The tree given is not changed.

    A variable that the configuration itself names (client_secret_env = "JOINWATCH_ZOOM_SECRET") is nobody's override.
    """
    result = deepcopy(tree)
    placed: dict[str, str] = {}
    ours = sorted(name for name in environ if name.upper().startswith(PREFIX) and name not in NO_SETTINGS)
    named = {*_named_variables(tree), *(environ[name] for name in ours if name.upper().endswith("_ENV"))}
    for variable in ours:
        if variable in named or _KUBERNETES.fullmatch(f"{variable}={environ[variable]}"):
            continue
        parts = variable.lower().removeprefix(PREFIX.lower()).split("__")
        if _known(parts, variable, problems) and _put(result, parts, EnvText(environ[variable])):
            placed[join(*parts)] = variable
    return result, placed


def _named_variables(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, str) and str(key).endswith("_env"):
                yield inner
            yield from _named_variables(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named_variables(inner)
    elif isinstance(value, str) and value.startswith("env:"):
        yield value.removeprefix("env:")


def _known(parts: list[str], variable: str, problems: Problems) -> bool:
    models, key = _models(parts), parts[-1]
    for model in models:
        if key in model.refused:
            what, mend = model.refused[key]
            problems.add(variable, what.replace("written into", "handed straight to"), mend)
            return False
    fields = [name for model in models for name in _scalars(model)]
    if key in fields:
        return True
    if models and any(key in model.model_fields for model in models):
        problems.add(
            variable, "is a table, which a variable cannot hold", "write it into the configuration file"
        )
    elif parts[0] == "routes":
        problems.add(
            variable,
            "is about routes, which a variable cannot hold",
            "write them into the configuration file",
        )
    else:
        problems.add(variable, "is not a setting", _likely(variable.upper(), _spellings(parts)))
    return False


def _models(parts: list[str]) -> tuple[type[Section], ...]:
    if len(parts) == 2 and parts[0] in SECTIONS:
        return (SECTIONS[parts[0]],)
    if len(parts) == 3 and parts[0] in NAMED:
        return NAMED[parts[0]]
    return ()


def _scalars(model: type[Section]) -> list[str]:
    return [name for name, field in model.model_fields.items() if not isinstance(field.default, dict)]


def _spellings(parts: list[str]) -> Iterator[str]:
    """Every variable there could be, with the name that this one has."""
    for section, model in SECTIONS.items():
        yield from (_spell(section, name) for name in _scalars(model))
    for section, models in NAMED.items():
        middle = parts[1] if len(parts) == 3 else "name"
        yield from (_spell(section, middle, name) for model in models for name in _scalars(model))
    yield CONFIG


def _spell(*parts: str) -> str:
    return PREFIX + "__".join(parts).upper()


def _likely(variable: str, known: Iterable[str]) -> str:
    names = [name.removeprefix(PREFIX) for name in known]
    near = get_close_matches(variable.removeprefix(PREFIX), names, n=1, cutoff=0.7)
    return f"did you mean {PREFIX}{near[0]}?" if near else "unset it, or write it as JOINWATCH_SECTION__KEY"


def _put(tree: Tree, parts: list[str], text: EnvText) -> bool:
    table: object = tree
    for part in parts[:-1]:
        if not isinstance(table, dict):
            return False
        table = table.setdefault(part, {})
    if not isinstance(table, dict):
        return False
    table[parts[-1]] = text
    return True
