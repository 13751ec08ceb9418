"""The parts of the pages by themselves: the scale, the words, the picture, the answer, and the titles of the ages."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from msgspec.structs import replace as changed

from proxy.domain.diagnosis.base import Cause
from proxy.domain.join_result import Outcome
from proxy.domain.ports import JoinPoint, Tally
from proxy.domain.rules.base import Verdict
from proxy.services.joins import AGE_EDGES_S, by_age
from proxy.services.recent import RecentSignatures, Remembered
from proxy.services.summary import Known, summarise
from proxy.web.status import environment, home, picture, words
from proxy.web.status.scale import LINEAR_S, Extent, place, tick_label
from tests.ledger.builders import FULL
from tests.support import seeded

NOW = 1_800_000_000.0


def point(number: int = 0, **fields: Any) -> JoinPoint:
    """A join a minute ago."""
    usual = JoinPoint(
        receipt_id=f"r{number}",
        result_id="a",
        signer="java",
        outcome=Outcome.JOINED,
        code=None,
        received_at=NOW - 60,
        joined_at=NOW - 60,
        token_age_s=10.0,
        late=False,
    )
    return changed(usual, **fields)


@given(st.floats(-1e11, 1e11), st.floats(-1e11, 1e11))
def test_the_scale_keeps_the_order(one: float, other: float) -> None:
    assert (place(one) < place(other)) == (one < other) or place(one) == pytest.approx(place(other))
    assert place(-one) == -place(one)


def test_the_scale_is_linear_about_0_and_goes_on_without_a_step() -> None:
    assert [place(each) for each in (-120.0, -1.0, 0.0, 64.0, 120.0)] == [-120.0, -1.0, 0.0, 64.0, 120.0]
    assert place(LINEAR_S * 1.0001) == pytest.approx(LINEAR_S, rel=1e-3)
    # What joins are at most: 48 h old, and 14 h ahead.
    assert place(-172800) == pytest.approx(-425.5, abs=1)
    assert place(50400) == pytest.approx(373.7, abs=1)


@given(st.lists(st.floats(-1e9, 1e9), max_size=20), st.floats(1.0, 200.0))
def test_an_extent_has_room_for_all_and_lines_far_enough_apart(leads: list[float], apart: float) -> None:
    extent = Extent.of(leads)
    assert all(extent.low < place(lead) < extent.high for lead in (*leads, 0.0))
    places = [place(tick) for tick in extent.ticks(apart)]
    assert 0.0 in places
    assert all(high - low >= apart for low, high in itertools.pairwise(places))


@pytest.mark.parametrize(
    ("lead_s", "label"),
    [
        (0, "0"), (30, "+30 s"), (-60, "−1 min"), (120, "+2 min"), (-3600, "−1 h"), (50400, "+14 h"),
        (-172800, "−2 d"), (8640000, "+100 d"), (-86400000, "−1,000 d"),
    ],
)  # fmt: skip
def test_labels(lead_s: float, label: str) -> None:
    assert tick_label(lead_s) == label


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (words.percent(0.0), "0 %"),
        (words.percent(0.0042), "0.4 %"),
        (words.percent(0.262), "26 %"),
        (words.percent(1.0), "100 %"),
        (words.percent(0.9999), "99.9 %"),
        (words.percent(0.00001), "0.1 %"),
        (words.percent(0.905), "90.5 %"),
        (words.count(None), "?"),
        (words.count(12345), "12,345"),
        (words.joins(1), "1 join"),
        (words.lead(None), "not known"),
        (words.lead(-33.84), "34 s ahead"),
        (words.lead(0.41), "0.4 s ago"),
        (words.lead(7300.0), "2.03 h ago"),
        (words.lead(-1.795e12), "56,900 years ahead"),
        (words.offset(None, None), "not known"),
        (words.offset(-0.0012, 0.02), "−0.001 s ± 0.020"),
        (words.moment(None), "not known"),
        (words.moment(NOW), "2027-01-15 08:00:00 UTC"),
        (words.moment(1000 * NOW), "1800000000000 (in no calendar)"),
        (words.clock(datetime(2027, 1, 15, 8, tzinfo=UTC)), "08:00:00 UTC"),
        (words.clock(None), "not known"),
        (words.day(NOW), "2027-01-15"),
        (words.epoch(NOW), "1800000000"),
        (words.epoch(None), "not known"),
        (words.sentence("iat is ahead"), "iat is ahead"),
        (words.sentence("signed with another secret"), "Signed with another secret"),
        (words.ident("java_a"), "java_a"),
    ],
)
def test_words(value: str, written: str) -> None:
    assert value == written


@given(st.text())
def test_prose_escapes_all_but_its_own_marks(text: str) -> None:
    set_as_code = words.prose(text)
    assert isinstance(set_as_code, Markup)
    assert re.fullmatch(r"[^<>]*(<code>[^<>]*</code>[^<>]*)*", set_as_code)
    assert all(each.isprintable() or each == "\n" for each in set_as_code)


@given(st.text(min_size=1))
def test_an_id_is_one_word(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9_]+", words.ident(name))


def test_every_cause_and_outcome_has_its_words() -> None:
    for cause in Cause:
        assert environment.cause_title(cause) != cause
        assert environment.cause_meaning(cause)
    assert environment.cause_title("of_a_later_release") == "of_a_later_release"
    assert set(environment.OUTCOME_NAMES) == set(environment.SHORT_NAMES) == set(Outcome)
    assert len(home.BANDS) == len(AGE_EDGES_S) + 2


# The picture


def test_each_join_is_a_dot_at_its_place() -> None:
    points = [
        point(1, token_age_s=-30.0, joined_at=NOW - 1800, outcome=Outcome.INVALID_SIGNATURE),
        point(2, token_age_s=60.0, joined_at=NOW - 900),
        point(3, token_age_s=None, joined_at=None, received_at=NOW, outcome=Outcome.OTHER_FAILURE),
        point(4, late=True),
    ]
    drawn = picture.svg(points, NOW - 3600, NOW, "a title")
    dots = dict(re.findall(r'<path class="dots (\w+)" d="M([0-9 ]+)', drawn))
    assert set(dots) == {"invalid_signature", "joined", "other_failure"}
    left, right = 62, picture.WIDTH - 20
    ahead, behind, lane = (
        tuple(map(int, dots[each].split())) for each in ("invalid_signature", "joined", "other_failure")
    )
    assert ahead[0] == round((left + right) / 2)
    assert behind[0] == round(left + 0.75 * (right - left))
    assert lane[0] == right
    [zero] = re.findall(r'<path class="zero" d="M62 ([0-9.]+)H', drawn)
    assert ahead[1] < float(zero) < behind[1] < lane[1]
    assert float(zero) - ahead[1] == pytest.approx((behind[1] - float(zero)) / 2, abs=1)
    assert 'aria-label="a title"' in drawn
    assert "<style>" not in drawn
    assert "<style>" in picture.svg(points, NOW - 3600, NOW, "", alone=True)


@pytest.mark.parametrize(
    ("first_s", "since_s", "begin_s"),
    [(1000, 3600, 1000), (5000, 3600, 3600), (20, 3600, 300), (20, 60, 60), (None, 3600, 300)],
    ids=["from the first join", "from what was asked for", "five minutes at least", "a minute", "no joins"],
)
def test_a_young_ledger_fills_the_picture(first_s: float | None, since_s: float, begin_s: float) -> None:
    points = [] if first_s is None else [point(1, joined_at=NOW - first_s), point(2, joined_at=NOW - 1)]
    points.append(point(3, joined_at=NOW - 3000, late=True))
    assert NOW - picture.beginning(points, NOW - since_s, NOW) == begin_s


def test_twenty_thousand_joins_are_a_small_picture() -> None:
    """Those that fall on the same spot are drawn once."""
    points = [point(n, joined_at=NOW - n * 0.17, token_age_s=n % 128 - 34.0) for n in range(20_000)]
    assert len(picture.svg(points, NOW - 3600, NOW, "")) < 400_000


@pytest.mark.parametrize("length_s", [1, 90, 900, 3600, 21600, 86400, 604800, 366 * 86400])
def test_there_are_a_few_times_below(length_s: float) -> None:
    times = picture.times(NOW - length_s, NOW)
    assert len(times) <= 14
    assert all(NOW - length_s <= each <= NOW for each in times)
    assert len(times) >= 2 or length_s < 120


# The answer


def test_trouble_comes_first_and_the_dearest_before_the_others() -> None:
    names = tuple(each.name for each in seeded.SIGNERS)
    known = Known(NOW, NOW - 3600, Tally([], []), seeded.suspected(NOW)[1:3], backends=names)
    summary = summarise(known)
    assert [one.name for one in home.backends(summary)][:2] == ["fast_clock", "timezone"]
    assert {one.name for one in home.backends(summary)} == set(names)
    answer = home.answer(summary)
    assert (answer.state, len(answer.named)) == ("ill", 2)


def test_ages_without_joins_have_no_column() -> None:
    counts = {
        ("java", Outcome.INVALID_SIGNATURE, 2): 3,
        ("java", Outcome.JOINED, 2): 1,
        ("java", Outcome.NO_RESULT, 5): 9,
        ("php", Outcome.JOINED, None): 4,
    }
    table = home.age_table(by_age(counts))
    assert table.rows == ["all", "java", "php"]
    assert [band.title for band in table.bands] == ["10–30 s ahead", "not known"]
    told = [[rate and (rate.refused, rate.judged) for rate in band.rates] for band in table.bands]
    assert told == [[(3, 4), (3, 4), None], [(0, 4), None, (0, 4)]]


@pytest.mark.parametrize(
    ("length_s", "name"),
    [
        (3600, "the last hour"),
        (900, "the last 15 minutes"),
        (604800, "the last 7 days"),
        (90, "the last 90 seconds"),
    ],
)
def test_how_long_ago(length_s: float, name: str) -> None:
    assert home.period_name(length_s) == name


def test_the_oldest_signatures_are_forgotten() -> None:
    recent = RecentSignatures(most=2)
    for number in range(3):
        issuance = changed(FULL.issuance, receipt_id=f"r{number}")
        recent.keep(Remembered(issuance, {}, Verdict.OK, 200, 0.0))
    assert recent.get("r0") is None
    assert [recent.get(f"r{number}") is not None for number in (1, 2)] == [True, True]
