"""Has the real rules evaluated by the real promtool over made-up samples, and reads which alerts fired, and when."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.real import require

RULES: Final = Path(__file__).parents[3] / "dashboards" / "prometheus" / "rules"

_ALERT: Final = re.compile(r"^ +- alert: (\w+)$", re.MULTILINE)
_GROUP: Final = re.compile(r"^ +- name: (.+)$", re.MULTILINE)
_SEVERITY: Final = re.compile(r"^ +- alert: (\w+)$.*?^ +severity: (\w+)$", re.MULTILINE | re.DOTALL)
_SAMPLE: Final = re.compile(r"\{([^}]*)\} ([-+.\dE]+)")
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')

_FAILURE: Final = re.compile(r'expr: ("(?:[^"\\]|\\.)*"), time: \S+,\s+exp: nil\s+got: (.*)')

FILES: Final = ("recording.yml", "alerts_joins.yml", "alerts_signatures.yml", "alerts_telemetry.yml")

WHAT_FIRED: Final = "year:first_fired:seconds"
_NOTED: Final = "what has fired"
"""When each alert fired first, carried on from evaluation to evaluation; the outcome is then one instant query."""
_NOTES: Final = f"""\
groups:
  - name: {_NOTED}
    rules:
      - record: {WHAT_FIRED}
        expr: {WHAT_FIRED} or timestamp(ALERTS{{alertstate="firing"}})
"""


@dataclass(frozen=True, slots=True)
class Fired:
    """An alert that fired, `at_s` seconds after the first sample."""

    alert: str
    at_s: float
    job: str
    backend: str
    what: str
    """The code or cause that it is about, if it is about one."""


def alerts() -> dict[str, str]:
    """Every alert of the rules with its severity, in their order."""
    return {
        alert: severity
        for file in sorted(RULES.glob("alerts_*.yml"))
        for alert, severity in _SEVERITY.findall(file.read_text())
    }


def alerts_of(file: str) -> tuple[str, ...]:
    """The alerts of one file of rules."""
    return tuple(_ALERT.findall((RULES / file).read_text()))


@dataclass(frozen=True, slots=True)
class Pace:
    """One sample each `step_s`; rules are evaluated each `every_s`, whatever their group says.

    promtool reads no more than 10,000 samples of a series at once: three days need steps of 30 s or more.
    """

    samples: int
    step_s: int = 15
    every_s: int = 15
    files: tuple[str, ...] = FILES

    @property
    def ends_s(self) -> int:
        """The last evaluation."""
        return (self.samples - 1) * self.step_s // self.every_s * self.every_s


def fired(series: Iterable[tuple[str, str]], pace: Pace) -> list[Fired]:
    """The first time that each alert fired, by labels, in the order of time.

    `series`: selectors with their values in promtool's notation. Times are whole evaluations.
    """
    return first_of(ask(series, [(WHAT_FIRED, pace.ends_s)], pace))


def first_of(answers: Mapping[str, str]) -> list[Fired]:
    """The same, from the answers to `ask`, which had been asked WHAT_FIRED."""
    found = []
    for labels, value in _SAMPLE.findall(answers.get(WHAT_FIRED, "")):
        named = dict(_LABEL.findall(labels))
        found.append(
            Fired(
                alert=named["alertname"],
                at_s=float(value),
                job=named.get("job", ""),
                backend=named.get("backend", ""),
                what=named.get("cause") or named.get("code") or named.get("result") or "",
            )
        )
    return sorted(found, key=lambda each: (each.at_s, each.alert))


def ask(
    series: Iterable[tuple[str, str]], questions: Iterable[tuple[str, int]], pace: Pace
) -> dict[str, str]:
    """What promtool answers to expressions at times, where the answer is not empty."""
    program = require("promtool")
    with tempfile.TemporaryDirectory(prefix="joinwatch-year-") as folder:
        (Path(folder) / "notes.yml").write_text(_NOTES)
        (Path(folder) / "test.yml").write_text("\n".join(_test(series, questions, pace)) + "\n")
        run = subprocess.run(
            [program, "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True, check=False
        )
    text = run.stdout + run.stderr
    answers = {json.loads(question): got for question, got in _FAILURE.findall(text)}
    if (run.returncode != 0) != bool(answers) or "err:" in text:
        raise AssertionError(f"promtool could not evaluate the rules:\n{text[:4000]}")
    return answers


def _test(
    series: Iterable[tuple[str, str]], questions: Iterable[tuple[str, int]], pace: Pace
) -> Iterator[str]:
    """A test that fails with every answer that is not empty, which is how promtool tells what it got."""
    files = [RULES / name for name in pace.files]
    yield "rule_files:"
    yield from (f"  - {file}" for file in files)
    yield "  - notes.yml"
    yield f"evaluation_interval: {pace.every_s}s"
    yield "group_eval_order:"
    yield from (f"  - {group}" for file in files for group in _GROUP.findall(file.read_text()))
    yield f"  - {_NOTED}"
    yield "tests:"
    yield f"  - interval: {pace.step_s}s"
    yield "    input_series:"
    for selector, values in series:
        yield f"      - series: '{selector}'"
        yield f"        values: '{values}'"
    yield "    promql_expr_test:"
    for question, at_s in questions:
        yield f"      - expr: '{question}'"
        yield f"        eval_time: {at_s}s"
        yield "        exp_samples: []"
