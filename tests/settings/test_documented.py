"""Every setting is in joinwatch.example.toml and in docs/configuration.md, with its default, and nothing else is."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from proxy.settings import HttpBackend, from_mapping
from proxy.settings.shape import NAMED, SECTIONS, RouteShape, Section

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "joinwatch.example.toml").read_text(encoding="utf-8")
DOCUMENT = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
FAKES = {
    "ZOOM_CLIENT_ID": "test_sdk_key_not_real_0",
    "SIGNATURE_ENDPOINT_AUTHORIZATION": "Bearer test-bearer-not-real",
}
DEFAULTS_SAID_ELSEWHERE = {"ledger.url": "sqlite:///var/joinwatch.db"}


def _groups() -> Iterator[tuple[str, type[Section]]]:
    yield from SECTIONS.items()
    for name, models in NAMED.items():
        for model in models:
            kind = model.model_fields.get("kind")
            yield (name if kind is None else f"{name} {kind.default}", model)
    yield "routes", RouteShape


GROUPS = dict(_groups())


def _settings() -> dict[str, object]:
    """`group.key` -> default (None: no default)."""
    return {
        f"{group}.{key}": None if field.default is PydanticUndefined else field.default
        for group, model in GROUPS.items()
        for key, field in model.model_fields.items()
    }


def _example_keys() -> dict[str, list[object]]:
    """`group.key` -> the values written for it, switched off or on."""
    found: dict[str, list[object]] = {}
    group = ""
    for number, line in enumerate(EXAMPLE.splitlines(), 1):
        heading = re.fullmatch(r"\[+([a-z]+)(?:\.([a-z]+))?\]+", line)
        if heading:
            group = heading[1] + ({"native": " native", "java": " http"}.get(heading[2] or "", ""))
        elif line and not line.startswith("# ") and line != "#":
            assert re.match(r"#?[a-z_]+ = ", line), f"line {number} is neither prose nor a setting"
            [(key, value)] = tomllib.loads(line.removeprefix("#")).items()
            found.setdefault(f"{group}.{key}", []).append(value)
    return found


def _document_keys() -> dict[str, str]:
    """`group.key` -> the default column."""
    found: dict[str, str] = {}
    group = ""
    for line in DOCUMENT.splitlines():
        heading = re.match(r"## `\[+([a-z]+)(?:\.NAME)?\]+`(?: with `kind = \"([a-z]+)\"`)?", line)
        row = re.match(r"\| `([a-z_]+)` \| (?:`(.*?)`)? ?\|", line)
        if heading:
            group = heading[1] + (f" {heading[2]}" if heading[2] else "")
        elif row:
            assert f"{group}.{row[1]}" not in found
            found[f"{group}.{row[1]}"] = row[2] or ""
    return found


def test_the_example_has_every_setting_and_no_other() -> None:
    assert set(_example_keys()) == set(_settings())


def test_the_document_has_every_setting_and_no_other() -> None:
    assert set(_document_keys()) == set(_settings())


@pytest.mark.parametrize("name", [name for name, default in _settings().items() if default is not None])
def test_defaults_are_the_real_ones(name: str) -> None:
    default = _settings()[name]
    written = _document_keys()[name]
    assert tomllib.loads(f"x = {written}") == {"x": default}
    switched_off = [
        line for line in EXAMPLE.splitlines() if line.startswith(f"#{name.rpartition('.')[2]} = ")
    ]
    if switched_off and name.partition(".")[0] in SECTIONS:
        assert default in _example_keys()[name]


def test_defaults_that_depend_on_other_keys_are_said_in_words() -> None:
    for name, default in DEFAULTS_SAID_ELSEWHERE.items():
        assert default in _example_keys()[name]
        assert f'by default `"{default}"`' in DOCUMENT


def test_refused_keys_are_not_offered() -> None:
    refused = {f"{group}.{key}" for group, model in GROUPS.items() for key in model.refused}
    assert refused
    assert not refused & (set(_example_keys()) | set(_document_keys()))


def test_the_example_loads_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "zoom-client-secret").write_text("test-secret-not-real-0123456789abcd\n")
    settings = from_mapping(tomllib.loads(EXAMPLE), FAKES, tmp_path)
    java = settings.backends["java"]
    assert isinstance(java, HttpBackend)
    assert [pair.client_id for pair in java.credentials] == ["test_sdk_key_not_real_0"]
    assert [name for name, _ in settings.routes[0].backends] == ["native", "java"]


@pytest.mark.parametrize(
    "line",
    # tls_ca wants a real certificate: test_load.py.
    [line for line in EXAMPLE.splitlines() if re.match(r"#(?!tls_ca)[a-z_]+ = ", line)],
)
def test_a_switched_off_line_can_be_switched_on(line: str, tmp_path: Path) -> None:
    """Alternatives of what is on replace it; what needs a file or variable gets one."""
    key = line[1:].partition(" ")[0]
    text = EXAMPLE.replace(line, line[1:], 1)
    if re.match(r"(client_id|sdk_key)", key):
        text = re.sub(r"^client_id_env = .*$", "", text, flags=re.MULTILINE)
    if re.match(r"(client|sdk)_secret", key):
        text = re.sub(r"^client_secret_file = .*$", "", text, flags=re.MULTILINE)
    (tmp_path / "secrets").mkdir()
    named = {"secrets/ledger-url": "sqlite:///x.db", "secrets/receipt-keys": "A" * 43 + "="}
    for name in re.findall(r'"(secrets/[a-z-]+)"', text):
        (tmp_path / name).write_text(named.get(name, f"test-not-real-{Path(name).name}"))
    real = FAKES | {"JOINWATCH_LEDGER_URL": "sqlite:///y.db", "JOINWATCH_RECEIPT_KEYS": "E" * 43 + "="}
    variables = re.findall(r'^[a-z_]+_env = "([A-Z_]+)"|"env:([A-Z_]+)"', text, flags=re.MULTILINE)
    environ = {name: real.get(name, f"test-not-real-{name}") for pair in variables for name in pair if name}
    from_mapping(tomllib.loads(text), environ, tmp_path)
