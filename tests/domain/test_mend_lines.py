"""The lines of code that mend a cause do so, and the wrong ones do harm: both are run in their languages."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import time

import pytest

from proxy.domain.diagnosis.base import Cause
from proxy.domain.diagnosis.mend_lines import LINES, Fix, Language
from tests.support.real import require

MS = 1_795_280_241_900
NOW = MS // 1000
FLOAT32 = 1_795_280_256
"""The multiple of 128 that is nearest to NOW."""

BYTES = b"\xfb\xef\xff\xfe"
SECRET = " test-secret-not-real-0\n"
ZONE = "America/Sao_Paulo"
ZONE_S = -10_800

ELSEWHERE = {(Cause.FLOAT32_ROUNDING, Language.PYTHON): "needs numpy"}

RESULTS = {
    Cause.DAMAGED_SECRET: "secret",
    Cause.LIFETIME_TOO_SHORT: "exp",
    Cause.LIFETIME_TOO_LONG: "exp",
    Cause.WRONG_FORMAT: "signature",
    Cause.ENCODING_DAMAGE: "part",
}
"""The variable that the lines of a cause set, where it is not iat."""

IAT = {cause for cause, fixes in LINES.items() if fixes.get(Language.GO, Fix("", "")).right.startswith("iat")}

Program = Callable[[dict[str, tuple[Cause, str]], Path], tuple[list[str], str]]
"""Blocks by name, a folder -> the command that prints a line `name value` for each, and its source."""


def _java(blocks: dict[str, tuple[Cause, str]], folder: Path) -> tuple[list[str], str]:
    ends = {cause: f"return {name};" for cause, name in RESULTS.items()}
    ends[Cause.APP_KEY_MISSING] = 'return String.join(",", claims.keySet());'
    methods = "\n".join(
        f"static Object {name}() {{ {_java_surroundings(cause)} {line} {ends.get(cause, 'return iat;')} }}"
        for name, (cause, line) in blocks.items()
    )
    calls = "\n".join(f'show("{name}", {name}());' for name in blocks)
    source = f"""
import java.time.*; import java.util.*;
public class Lines {{
  static class System {{  // in the place of java.lang.System, so that the lines are compiled as they are
    static long currentTimeMillis() {{ return {MS}L; }}
    static String getenv(String name) {{ return java.lang.System.getenv(name); }}
  }}
  static void show(String name, Object value) {{
    java.lang.System.out.println(name + " " + value.toString().replace("\\n", "\\\\n"));
  }}
  {methods}
  public static void main(String[] arguments) {{ {calls} }}
}}
"""
    (folder / "Lines.java").write_text(source, encoding="utf-8")
    return [require("java"), "-XX:TieredStopAtLevel=1", str(folder / "Lines.java")], ""


def _java_surroundings(cause: Cause) -> str:
    if cause in IAT:
        return ""
    hexadecimal = ", ".join(f"(byte) {byte}" for byte in BYTES)
    return (
        f'long iat = {NOW - 60}L; String header = "H", payload = "P", hash = "S", clientId = "C";'
        f" byte[] bytes = {{{hexadecimal}}}; Map<String, String> claims = new HashMap<>();"
    )


def _javascript(blocks: dict[str, tuple[Cause, str]], folder: Path) -> tuple[list[str], str]:
    ends = {cause: f"return {name};" for cause, name in RESULTS.items()}
    ends[Cause.APP_KEY_MISSING] = "return Object.keys(claims);"
    functions = "\n".join(
        f"show('{name}', ((iat) => {{ {_javascript_block(cause, line, ends)} }})({NOW - 60}));"
        for name, (cause, line) in blocks.items()
    )
    source = f"""
Date.now = () => {MS};
const fetch = (url, init) => new Request(url, init).headers.get('content-type');
const [url, ask] = ['http://127.0.0.1', {{}}];
const [header, payload, hash, clientId] = ['H', 'P', 'S', 'C'];
const bytes = Buffer.from({list(BYTES)});
const show = (name, value) => console.log(name, String(value).replace('\\n', '\\\\n'));
{functions}
"""
    return [require("node"), "-"], source


def _javascript_block(cause: Cause, line: str, ends: dict[Cause, str]) -> str:
    if cause is Cause.REQUEST_NOT_PARSED:
        return f"return {line}"
    # A block of its own: iat is a parameter outside, and the lines declare it.
    return f"const claims = {{}}; {{ {line} {ends.get(cause, 'return iat;')} }}"


def _python(blocks: dict[str, tuple[Cause, str]], folder: Path) -> tuple[list[str], str]:
    ends = RESULTS | {Cause.APP_KEY_MISSING: "','.join(claims)"}
    parts = "\n".join(
        f"iat, claims = {NOW - 60}, {{}}\n{line}\nshow({name!r}, {ends.get(cause, 'iat')})"
        for name, (cause, line) in blocks.items()
    )
    source = f"""
import base64, os, time
from datetime import datetime
time.time = lambda: {MS} / 1000
header, payload, digest, client_id, data = "H", "P", "S", "C", {BYTES!r}
def show(name, value):
    print(name, str(value).replace("\\n", "\\\\n"))
{parts}
"""
    return [sys.executable, "-I", "-W", "ignore", "-"], source


def _php(blocks: dict[str, tuple[Cause, str]], folder: Path) -> tuple[list[str], str]:
    ends = {cause: f"${name}" for cause, name in RESULTS.items()}
    ends[Cause.APP_KEY_MISSING] = "implode(',', array_keys($claims))"
    parts = "\n".join(
        f"$iat = {NOW - 60}; $claims = []; {line} show('{name}', {ends.get(cause, '$iat')});"
        for name, (cause, line) in blocks.items()
    )
    # Functions of a namespace go before PHP's own, so that the lines are run as they are.
    source = f"""<?php
namespace lines;
function time() {{ return {NOW}; }}
function microtime($float) {{ return {MS} / 1000; }}
function show($name, $value) {{ echo $name, ' ', str_replace("\\n", '\\n', (string) $value), "\\n"; }}
[$header, $payload, $hash, $clientId, $bytes] = ['H', 'P', 'S', 'C', hex2bin('{BYTES.hex()}')];
{parts}
"""
    return [require("php"), "-d", f"date.timezone={ZONE}"], source


PROGRAMS: dict[Language, Program] = {
    Language.JAVA: _java,
    Language.JAVASCRIPT: _javascript,
    Language.PHP: _php,
    Language.PYTHON: _python,
}


def _run(command: list[str], source: str) -> str:
    environment = {"PATH": os.environ["PATH"], "TZ": ZONE, "ZOOM_MEETING_SDK_SECRET": SECRET}
    done = subprocess.run(
        command, input=source, capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=list(PROGRAMS), ids=[each.name for each in PROGRAMS])
def ran(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Language, dict[Cause, Fix]]:
    """What the lines of a language give, run in it: a Fix of two values."""
    language: Language = request.param
    causes = [
        cause
        for cause, fixes in LINES.items()
        if language in fixes and cause is not Cause.SHARED_STATE and (cause, language) not in ELSEWHERE
    ]
    blocks: dict[str, tuple[Cause, str]] = {
        f"{cause}_wrong": (cause, LINES[cause][language].wrong) for cause in causes
    }
    blocks |= {f"{cause}_right": (cause, LINES[cause][language].right) for cause in causes}
    printed = _run(*PROGRAMS[language](blocks, tmp_path_factory.mktemp("lines")))
    values = dict(line.split(" ", 1) for line in printed.splitlines())
    return language, {cause: Fix(values[f"{cause}_wrong"], values[f"{cause}_right"]) for cause in causes}


def _times(language: Language) -> Iterator[tuple[Cause, str]]:
    if language is not Language.PYTHON:
        yield Cause.FLOAT32_ROUNDING, str(FLOAT32)
    yield Cause.MILLISECONDS, str(MS)
    yield Cause.NO_MARGIN, str(NOW + 1)
    yield Cause.MALFORMED_CLAIMS, "1.7952802419E9" if language is Language.JAVA else str(MS / 1000)


def test_lines_for_iat(ran: tuple[Language, dict[Cause, Fix]]) -> None:
    language, values = ran
    for cause, wrong in _times(language):
        assert values[cause] == Fix(wrong, str(NOW - 60)), cause


def test_zones_shift_the_wrong_lines_and_not_the_right_ones(ran: tuple[Language, dict[Cause, Fix]]) -> None:
    """JavaScript's wrong line shifts the clock of the test; the others read the real one."""
    language, values = ran
    shift = -ZONE_S if language in {Language.PYTHON, Language.PHP} else ZONE_S
    now = NOW if language is Language.JAVASCRIPT else int(time())
    fix = values[Cause.TIMEZONE_SHIFT]
    assert int(fix.wrong) - now == pytest.approx(shift, abs=60)
    assert fix.right == str(NOW - 60)


def test_lines_for_the_rest(ran: tuple[Language, dict[Cause, Fix]]) -> None:
    language, values = ran
    expected = {
        Cause.DAMAGED_SECRET: Fix(SECRET.replace("\n", "\\n"), SECRET.strip()),
        Cause.APP_KEY_MISSING: Fix("sdkKey", "appKey"),
        Cause.LIFETIME_TOO_SHORT: Fix(str(NOW - 60 + 300), str(NOW - 60 + 7200)),
        Cause.LIFETIME_TOO_LONG: Fix(str(NOW - 60 + 7_200_000), str(NOW - 60 + 7200)),
        Cause.WRONG_FORMAT: Fix("S", "H.P.S"),
        Cause.ENCODING_DAMAGE: Fix(
            base64.b64encode(BYTES).decode(), base64.urlsafe_b64encode(BYTES).rstrip(b"=").decode()
        ),
    }
    if language is Language.JAVASCRIPT:
        expected[Cause.REQUEST_NOT_PARSED] = Fix("text/plain;charset=UTF-8", "application/json")
    assert {cause: values[cause] for cause in expected} == expected
    assert set(values) == set(expected) | IAT - {cause for cause, where in ELSEWHERE if where is language}


SHARES = {
    "Math.round(System.currentTimeMillis() / 1000)": 127,
    "Math.round((System.currentTimeMillis() - 30000) / 1000)": 67,
    "Math.round(System.currentTimeMillis() / 1000) - 30": 67,
    "System.currentTimeMillis() / 1000 - 60": 0,
}
"""Of 256 seconds, in how many iat is ahead: docs/causes.md says 49.61 %, 26.17 % and what mends it."""


def test_java_rounds_to_multiples_of_128(tmp_path: Path) -> None:
    """Every second of a whole cycle of 256 s; and a field of a servlet keeps what another request wrote."""
    loops = "\n".join(
        f'for (now = first; now < first + 256; now++) out.print(({expression}) + " "); out.println();'
        for expression in SHARES
    )
    fix = LINES[Cause.SHARED_STATE][Language.JAVA]
    source = f"""
public class Cycle {{
  static final long first = {NOW}L;
  static long now;
  static class System {{ static long currentTimeMillis() {{ return now * 1000 + 999; }} }}
  static class Shared {{ {fix.wrong} String answer() {{ return signature.append("H.P.S").toString(); }} }}
  static class Local {{ String answer() {{ {fix.right} return signature.append("H.P.S").toString(); }} }}
  public static void main(String[] arguments) {{
    java.io.PrintStream out = java.lang.System.out;
    {loops}
    Shared shared = new Shared(); Local local = new Local();
    out.println(shared.answer() + " " + shared.answer() + " " + local.answer() + " " + local.answer());
  }}
}}
"""
    (tmp_path / "Cycle.java").write_text(source, encoding="utf-8")
    *cycles, answers = _run(
        [require("java"), "-XX:TieredStopAtLevel=1", str(tmp_path / "Cycle.java")], ""
    ).splitlines()
    iats = [[int(iat) for iat in cycle.split()] for cycle in cycles]
    ahead = [sum(iat > NOW + second for second, iat in enumerate(cycle)) for cycle in iats]
    assert ahead == list(SHARES.values())
    assert [len({iat % 128 for iat in cycle}) for cycle in iats] == [1, 1, 1, 128]
    assert [iats[0][0] % 128, iats[1][0] % 128, iats[2][0] % 128] == [0, 0, 98]
    assert answers.split() == ["H.P.S", "H.P.SH.P.S", "H.P.S", "H.P.S"]


@pytest.mark.parametrize(
    ("iat", "exp", "compiles"),
    [
        pytest.param("int iat = Math.round(System.currentTimeMillis() / 1000);", "int", True, id="as found"),
        pytest.param(LINES[Cause.FLOAT32_ROUNDING][Language.JAVA].right, "int", False, id="iat alone"),
        pytest.param(LINES[Cause.FLOAT32_ROUNDING][Language.JAVA].right, "long", True, id="exp too"),
    ],
)
def test_javas_exp_has_to_become_long_with_iat(tmp_path: Path, iat: str, exp: str, compiles: bool) -> None:
    """Math.round(float) is an int, so that code that rounds so has an int exp, which takes no long."""
    source = tmp_path / "Exp.java"
    source.write_text(
        f"public class Exp {{ public static void main(String[] _a) {{ {iat} {exp} exp = iat + 7200; }} }}",
        encoding="utf-8",
    )
    command = [require("java"), "-XX:TieredStopAtLevel=1", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode == 0) is compiles, done.stderr
    assert ("incompatible types: possible lossy conversion from long to int" in done.stderr) is not compiles


def test_every_language_has_its_lines() -> None:
    partly = {cause: set(fixes) for cause, fixes in LINES.items() if set(fixes) != set(Language)}
    assert partly == {
        Cause.REQUEST_NOT_PARSED: {Language.JAVASCRIPT},
        Cause.SHARED_STATE: {Language.JAVA},
    }
    for fixes in LINES.values():
        for fix in fixes.values():
            assert fix.wrong != fix.right
            assert not {"\n", "|"} & set(fix.wrong + fix.right), "a table of Markdown could not hold it"
