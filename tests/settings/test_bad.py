"""Every configuration in bad/ gives exactly the problems that it lists, and no problem shows a secret."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from proxy.settings import SettingsError, from_mapping, load
from proxy.settings.shape import NAMED, SECTIONS, RouteShape

from ..support.settings_bad import Bad, bad_configurations

SECRET = "test-secret-not-real"


@pytest.mark.parametrize("bad", bad_configurations(), ids=lambda bad: bad.path.stem)
def test_gives_exactly_its_problems(bad: Bad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(bad.path, tmp_path / "joinwatch.toml")
    for name, text in bad.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        load(None, bad.environ)
    assert [str(problem) for problem in raised.value.problems] == bad.problems
    assert SECRET not in str(raised.value)
    assert "\n" not in "".join(map(str, raised.value.problems))


SHOWN = {"listen.public", "listen.admin", "proxies.trusted"}
PLACES = [
    *(
        f"{section}.{key}"
        for section, model in SECTIONS.items()
        for key in [*model.model_fields, *model.refused]
    ),
    *(f"{s}.a.{key}" for s, models in NAMED.items() for m in models for key in [*m.model_fields, *m.refused]),
    *(f"routes.{key}" for key in [*RouteShape.model_fields, *RouteShape.refused]),
]


@pytest.mark.parametrize("place", [place for place in PLACES if place not in SHOWN])
@pytest.mark.parametrize("text", ["test-secret-not-real-0123456789abcd", "TestSecretNotReal0123456789abcde"])
def test_a_secret_in_the_wrong_place_is_not_shown(place: str, text: str, tmp_path: Path) -> None:
    """Text, in a list, in a table, and from the environment: no problem repeats what was written."""
    *outer, key = place.split(".")
    for value in (text, [text, text], {"a": text, "Authorization": text}, f"https://u:{text}@h/?{text}"):
        table: object = {key: value}
        for name in reversed(outer):
            table = {name: table}
        mapping = {"routes": [{key: value}]} if outer == ["routes"] else table
        assert isinstance(mapping, dict)
        assert text not in _said(mapping, {}, tmp_path)
    variable = "JOINWATCH_" + "__".join([*outer, key]).upper()
    assert text not in _said({}, {variable: text}, tmp_path)


def _said(mapping: dict[str, object], environ: dict[str, str], folder: Path) -> str:
    try:
        return repr(from_mapping(mapping, environ, folder).credentials)
    except SettingsError as error:
        return repr(error) + repr(error.problems)
