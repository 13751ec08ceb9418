"""From a table as it was written to a shape, and from pydantic's errors to plain sentences that never show a value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .problems import Problems, join
from .shape import NAMED, Section

S = TypeVar("S", bound=Section)

_WANTED = {
    "string_type": ("text", "write it in quotes"),
    "int_type": ("a whole number", "write digits only, without quotes"),
    "int_from_float": ("a whole number", "write digits only, without quotes"),
    "float_type": ("a number", "write it without quotes"),
    "bool_type": ("true or false", "write true or false, without quotes"),
    "list_type": ("an array", 'write it as ["…", "…"]'),
    "dict_type": ("a table", "write it as { name = value }"),
}
# bool before int, of which it is one in Python.
_KINDS = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number with a fraction"),
    (str, "text"),
    (list, "an array"),
    (dict, "a table"),
)
_BOUND = {
    "greater_than": ("gt", "not more than"),
    "greater_than_equal": ("ge", "less than"),
    "less_than": ("lt", "not less than"),
    "less_than_equal": ("le", "more than"),
}


@dataclass(frozen=True, slots=True)
class Shaped(Generic[S]):
    """A table in its shape, with defaults where a key was absent or refused; `bad` names the refused ones."""

    value: S
    bad: frozenset[str]


def shaped(model: type[S], raw: object, path: str, problems: Problems) -> Shaped[S]:
    """Check types, ranges and keys of one table. Everything wrong goes to `problems`; a value always comes back."""
    if not isinstance(raw, dict):
        heading = "[[routes]]" if path.startswith("routes") else f"[{path}]"
        problems.add(path, f"is {kind_of(raw)}, not a table", f"write it as {heading} with keys below it")
        return Shaped(model(), frozenset(model.model_fields))
    try:
        return Shaped(model.model_validate(raw), frozenset())
    except ValidationError as error:
        bad: dict[str, set[object]] = {}
        for detail in error.errors(include_url=False):
            key, *inner = detail["loc"]
            bad.setdefault(str(key), set()).update(inner)
            problems.add(join(path, *detail["loc"]), *_explain(model, str(key), detail))
        return Shaped(model.model_validate(_without(raw, bad)), frozenset(bad))


def _without(raw: dict[str, object], bad: dict[str, set[object]]) -> dict[str, object]:
    """What is left when bad values go; of a table only the bad entries, so that the others are still looked at."""
    kept = {key: value for key, value in raw.items() if key not in bad}
    for key, inner in bad.items():
        table = raw[key]
        if inner and isinstance(table, dict):
            kept[key] = {name: value for name, value in table.items() if name not in inner}
    return kept


def kind_of(value: object) -> str:
    """What a TOML value is, in words."""
    if value == "":
        return "empty"
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "a date or time")


def nearest(name: str, known: Iterable[str], *, noun: str) -> str:
    """The mend for a name that does not exist: the likely one, else all of them."""
    names = list(known)
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f'did you mean "{near[0]}"?'
    return f"{noun}: {', '.join(names)}" if names else "remove it"


def choices(words: Iterable[str]) -> str:
    """`"a", "b" or "c"`."""
    *head, last = (f'"{word}"' for word in words)
    return f"{', '.join(head)} or {last}" if head else last


def _explain(model: type[Section], key: str, detail: ErrorDetails) -> tuple[str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(model, key)
    if kind in _WANTED:
        wanted, mend = _WANTED[kind]
        return f"is {kind_of(detail['input'])}, not {wanted}", mend
    if kind in _BOUND:
        bound, words = _BOUND[kind]
        return f"is {words} {context[bound]:.15g}", f"write {_range(model, key)}"
    if kind == "literal_error":
        return "is none of its possible values", "write " + str(context["expected"]).replace("'", '"')
    if kind == "string_unicode":
        return "has a byte that is not UTF-8 text", "write it in UTF-8"
    if kind == "finite_number":
        return "is not a finite number", "write a finite number"
    raise AssertionError(f"no words for {kind} at {key}")


def _unknown(model: type[Section], key: str) -> tuple[str, str]:
    if key in model.refused:
        return model.refused[key]
    siblings = next((group for group in NAMED.values() if model in group), ())
    for other in siblings:
        if key in other.model_fields:
            kind = other.model_fields["kind"].default
            return f'belongs to a backend of kind = "{kind}"', "remove it, or change kind"
    return "is not a setting", nearest(key, model.model_fields, noun="the settings here are")


def _range(model: type[Section], key: str) -> str:
    limits = {}
    for rule in model.model_fields[key].metadata:
        for name in ("gt", "ge", "lt", "le"):
            if hasattr(rule, name):
                limits[name] = f"{getattr(rule, name):.15g}"
    low = f"a number from {limits['ge']}" if "ge" in limits else f"a number over {limits.get('gt', '0')}"
    return f"{low} to {limits['le']}" if "le" in limits else low
