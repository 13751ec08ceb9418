"""Every cause has its section in docs/causes.md, which says what the code says: the mend, the lines, the limits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proxy.domain.diagnosis import steady, tables, windows
from proxy.domain.diagnosis.base import Cause
from proxy.domain.diagnosis.mends import MAX_ADVICE, MENDS, Language, advice
from proxy.domain.diagnosis.quantisation import ahead_share
from proxy.domain.findings import RULES
from proxy.services import suspicions

DOCUMENT = (Path(__file__).parents[2] / "docs" / "causes.md").read_text(encoding="utf-8")
INTRODUCTION = " ".join(DOCUMENT.partition("\n## Time\n")[0].split())
SECTIONS = {
    heading: re.split(r"^## ", body, maxsplit=1, flags=re.MULTILINE)[0]
    for heading, body in re.findall(
        r"^### `(.+?)`\n(.*?)(?=^### |\Z)", DOCUMENT, flags=re.DOTALL | re.MULTILINE
    )
}
PARTS = ("What users see", "Recognised by", "To mend", "Source", "Confused with")


def part(section: str, name: str) -> str:
    """One part of a section, on one line."""
    found = re.search(rf"^- \*\*{name}:\*\* (.*?)(?=^- \*\*|^\n|\Z)", section, re.DOTALL | re.MULTILINE)
    assert found is not None, name
    return " ".join(found[1].split())


def test_every_cause_has_a_mend_and_a_section_in_this_order() -> None:
    assert list(MENDS) == list(Cause)
    assert list(SECTIONS) == [str(cause) for cause in Cause]


@pytest.mark.parametrize("cause", Cause)
def test_sections_say_what_the_mends_say(cause: Cause) -> None:
    mend, section = MENDS[cause], SECTIONS[cause]
    first = " ".join(section.strip().partition("\n\n")[0].split())
    assert first == f"**{mend.title}.** {mend.meaning}"
    assert re.findall(r"^- \*\*(.+?):\*\*", section, re.MULTILINE) == list(PARTS)
    assert part(section, "To mend").startswith(mend.advice)


@pytest.mark.parametrize("cause", Cause)
def test_sections_have_the_lines_of_code(cause: Cause) -> None:
    rows = re.findall(r"^\| (\S+) \| (`+) ?(.+?) ?\2 \| (`+) ?(.+?) ?\4 \|$", SECTIONS[cause], re.MULTILINE)
    assert [(language, wrong, right) for language, _, wrong, _, right in rows] == [
        (language, fix.wrong, fix.right) for language, fix in MENDS[cause].lines.items()
    ]


@pytest.mark.parametrize("cause", Cause)
def test_sections_say_what_else_changes_with_a_line(cause: Cause) -> None:
    told = part(SECTIONS[cause], "To mend")
    also = {fix.also for fix in MENDS[cause].lines.values()} - {""}
    assert all(each in told for each in also)
    assert ("long too" in told) is bool(also)


@pytest.mark.parametrize("cause", Cause)
def test_sections_name_what_exists(cause: Cause) -> None:
    findings = set(re.findall(r"`((?:time|mac|claims|request|reply|format)/[a-z0-9_]+)`", SECTIONS[cause]))
    assert findings <= set(RULES)
    named = set(re.findall(r"`([a-z0-9]+_[a-z0-9_]+)`", part(SECTIONS[cause], "Confused with")))
    assert named <= set(Cause) - {cause}


@pytest.mark.parametrize("cause", Cause)
def test_advice_is_one_short_line(cause: Cause) -> None:
    for language in (None, *Language):
        said = advice(cause, language)
        assert said.startswith(MENDS[cause].advice)
        assert len(said) <= MAX_ADVICE
        assert "\n" not in said
        assert said.endswith(".")
        fix = None if language is None else MENDS[cause].lines.get(language)
        assert fix is None or (fix.wrong in said and fix.right in said and fix.also in said)
        assert fix is not None or not MENDS[cause].lines or f"docs/causes.md#{cause}." in said


def test_float32_names_javas_line_where_the_language_is_unknown() -> None:
    said = advice(Cause.FLOAT32_ROUNDING)
    assert "In Java, instead of `long iat = Math.round(System.currentTimeMillis() / 1000);`" in said
    assert said.endswith("60;`; make iat and exp long too. Other languages: docs/causes.md#float32_rounding.")


@pytest.mark.parametrize("cause", Cause)
def test_texts_are_sentences(cause: Cause) -> None:
    mend = MENDS[cause]
    assert len(mend.title) <= 50
    assert not mend.title.endswith(".")
    assert re.fullmatch(r"[A-Zi].+[^.]\.", mend.meaning)
    assert mend.meaning.count(". ") == 0
    assert re.fullmatch(r"[A-Z].+\.", mend.advice)
    assert mend.advice.count(". ") <= 1


@pytest.mark.parametrize(
    ("margin_s", "said"), [(0, "49.61 %"), (10, "41.80 %"), (30, "26.17 %"), (60, "2.73 %"), (64, "0 %")]
)
def test_the_shares_of_float32(margin_s: int, said: str) -> None:
    """The document's figures are those of a count over a whole cycle, and those that a diagnosis predicts."""
    counted = sum(_float32(second - margin_s) > second for second in range(2**30, 2**30 + 256)) / 256
    assert ahead_share(margin_s) == counted
    assert f"{counted * 100:.2f} %".replace("0.00 %", "0 %") == said
    assert said in part(SECTIONS[Cause.FLOAT32_ROUNDING], "What users see")


def _float32(seconds: int) -> int:
    """The nearest multiple of 128, of two the even one: what Java's Math.round makes of a long of our days."""
    return round(seconds / 128) * 128


@pytest.mark.parametrize(
    "said",
    [
        f"Signatures are looked at over the last {windows.WINDOW_S / 60:.0f} minutes",
        f"joins over the last {windows.JOINS_WINDOW_S / 60:.0f} minutes",
        f"({windows.MAX_REPLICAS - 1} by name, further ones taken together as `{windows.OTHERS}`)",
        f"one below {suspicions.POSSIBLE} never",
        f"not seen since a restart is cleared after {windows.WINDOW_S / 60:.0f} minutes",
        f"joins within {windows.JOIN_SLOT_S:.0f} s of one another count as one moment",
        f"Below {tables.ENOUGH:.0e}".replace("e-06", "e-6"),
        f"the {tables.USUAL_SHARE * 100:.0f} % that may fail in a sound world",
    ],
)
def test_the_introduction_has_the_limits_of_the_code(said: str) -> None:
    assert said in INTRODUCTION


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (Cause.BACKEND_CLOCK_AHEAD, f"more than {steady.WRONG_CLOCK_S:g} s ahead of the reference"),
        (Cause.BACKEND_CLOCK_BEHIND, f"more than {steady.WRONG_CLOCK_S:g} s behind the reference"),
        (Cause.TIMEZONE_SHIFT, f"only beyond {steady.HONEST_MARGIN_S} s"),
        (Cause.NO_MARGIN, f"ahead of the time, by less than {steady.WRONG_CLOCK_S:g} s"),
    ],
)
def test_sections_have_the_limits_of_the_code(cause: Cause, said: str) -> None:
    assert said in part(SECTIONS[cause], "Recognised by")
