"""A rounded iat: exact shares against enumeration, when it is told, what it says of the margin, when it is silent."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise

import pytest

from proxy.domain.causes import Cause
from proxy.domain.diagnosis.leads import Lead
from proxy.domain.diagnosis.quantisation import Quantised, ahead_share, quantised, step_of
from proxy.domain.offsets import Interval

from .builders import (
    RIGHT,
    START,
    Code,
    Offset,
    Scene,
    every,
    float32,
    floored,
    lead,
    new_digest,
    rounded,
    rounded_twice,
    signature,
)

CYCLE_S = 256
"""Two steps: ties go to the even float once each."""

TWICE_CYCLE_S = 16_384
"""131 072 ms and 128 s are together again: 125 x 131.072 s = 128 x 128 s."""


@cache
def errors(begin: int, count: int, twice: bool = False) -> Counter[int]:
    """iat - t for whole seconds t on end."""
    code = rounded_twice() if twice else rounded()
    return Counter(int(code(t)) - t for t in range(begin, begin + count))


def test_over_two_steps_the_error_takes_every_second_twice_and_its_ends_once() -> None:
    of = errors(int(START), CYCLE_S)
    assert of == {-64: 1, 64: 1} | dict.fromkeys(range(-63, 64), 2)


@pytest.mark.parametrize("begin", [1_640_995_200, int(START), 2_100_000_001], ids=["2022", "2026", "2036"])
@pytest.mark.parametrize(
    ("margin", "share"),
    [(0, 127 / 256), (10, 107 / 256), (30, 67 / 256), (60, 7 / 256), (63, 1 / 256), (64, 0.0), (120, 0.0)],
    ids=str,
)
def test_ahead_share_is_what_counting_gives(margin: int, share: float, begin: int) -> None:
    of = errors(begin, CYCLE_S)
    counted = sum(count for error, count in of.items() if error > margin) / CYCLE_S
    assert ahead_share(margin) == counted == share


@pytest.mark.parametrize(
    ("margin", "share"),
    [(0, 0.4961), (10, 0.4180), (30, 0.2617), (30.5, 0.2617), (60, 0.0273), (64, 0), (-10, 0.5742), (-65, 1)],
    ids=str,
)
def test_ahead_share_in_figures(margin: float, share: float) -> None:
    assert round(ahead_share(margin), 4) == share


@pytest.mark.parametrize("margin", range(-64, 65, 8), ids=str)
def test_other_steps_have_the_same_shares_for_margins_in_proportion(margin: int) -> None:
    whole = ahead_share(margin)
    for step in (64, 256):
        assert ahead_share(margin * step / 128, step) == pytest.approx(whole, abs=1 / step)


@pytest.mark.parametrize(
    ("margin", "share"),
    [(0, 0.5), (1, 0.4924), (30, 0.2953), (60, 0.1441), (99, 0.0278), (120, 0.0027), (130, 0.0)],
    ids=str,
)
def test_ahead_share_of_two_roundings(margin: int, share: float) -> None:
    counted = sum(n for error, n in errors(int(START), TWICE_CYCLE_S, True).items() if error > margin)
    assert round(ahead_share(margin, twice=True), 4) == share
    # Whole seconds are counted here, of which the current one is not ahead: half a second less.
    assert counted / TWICE_CYCLE_S == pytest.approx(ahead_share(margin + 0.5, twice=True), abs=0.002)


def test_the_share_of_two_roundings_falls_without_a_jump() -> None:
    shares = [ahead_share(margin / 10, twice=True) for margin in range(1400)]
    assert all(0 <= one - other < 0.001 for one, other in pairwise(shares))


def at(*moment: int) -> float:
    """Epoch seconds of a time in UTC."""
    return datetime(*moment, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]  # year, month, day, ...


@pytest.mark.parametrize(
    ("iat", "format_", "step"),
    [
        pytest.param(at(2004, 1, 10, 13, 37, 3), "meeting_sdk", 64, id="before 2^30"),
        pytest.param(at(2004, 1, 10, 13, 37, 4), "meeting_sdk", 128, id="from 2^30"),
        pytest.param(START, "meeting_sdk", 128, id="now"),
        pytest.param(START, "native", 128, id="native"),
        pytest.param(at(2038, 1, 19, 3, 14, 7), "meeting_sdk", 128, id="before 2^31"),
        pytest.param(at(2038, 1, 19, 3, 14, 8), "meeting_sdk", 256, id="from 2^31"),
        pytest.param(START, "legacy", 131.072, id="legacy: milliseconds"),
        pytest.param(-START, "meeting_sdk", 128, id="negative"),
        pytest.param(1.0, "meeting_sdk", 2**-23, id="one"),
    ],
)
def test_step_of(iat: float, format_: str, step: float) -> None:
    assert step_of(iat, format_) == step
    if format_ != "legacy" and iat > 1e9:
        assert float32(iat) % step == 0
        assert float32(math.floor(iat / step) * step + step / 2 + 1) - math.floor(iat / step) * step == step


def taken(
    code: Code, times: list[float], *, cached: bool = False, format_: str = "meeting_sdk"
) -> list[Lead]:
    """What a signer's tokens show; `cached`: those with the same iat are the same."""
    seen: set[float] = set()
    found = []
    for moment in times:
        iat = code(moment - 0.02)
        found.append(lead(moment, iat, fresh=not (cached and iat in seen), format_=format_))
        seen.add(iat)
    return found


def told(code: Code, times: list[float], **known: object) -> Quantised:
    """What must be told of these."""
    found = quantised(taken(code, times, **known))  # type: ignore[arg-type]  # passed on as it came
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("code", "margin", "residue", "share", "heals"),
    [
        pytest.param(rounded(0), 0, 0, 127 / 256, 64, id="no margin"),
        pytest.param(rounded(10), 10, 0, 107 / 256, 54, id="10 s"),
        pytest.param(rounded(30), 30, 0, 67 / 256, 34, id="30 s"),
        pytest.param(rounded(0, 30), 30, 98, 67 / 256, 34, id="30 s after rounding"),
        pytest.param(rounded(60), 60, 0, 7 / 256, 4, id="60 s"),
        pytest.param(rounded(0, 60), 60, 68, 7 / 256, 4, id="60 s after rounding"),
        pytest.param(rounded(120), 120, 0, 0, 0, id="120 s"),
        pytest.param(rounded(300), 300, 0, 0, 0, id="300 s"),
        pytest.param(rounded(0, 7200), 7200, 96, 0, 0, id="two hours after rounding"),
    ],
)
def test_the_margin_and_what_follows_from_it(
    code: Code, margin: int, residue: int, share: float, heals: float
) -> None:
    found = told(code, every(3.7, 400))
    assert (found.step_s, found.residue_s, found.twice) == (128, residue, False)
    assert (found.on, found.share) == (found.of, 1)
    assert found.margin.lo <= margin <= found.margin.hi
    assert found.margin.hi - found.margin.lo < (0.1 if residue else 8)
    assert found.likely_margin == margin
    assert found.predicted_share == share
    assert found.heals_s == heals
    assert found.chance == pytest.approx(128 ** (1 - found.of))


def test_an_unusual_margin_is_the_middle() -> None:
    found = told(rounded(37), every(0.9, 2000))
    assert found.likely_margin == pytest.approx(37, abs=1.5)
    assert found.predicted_share == pytest.approx(53 / 256, abs=0.012)


@pytest.mark.parametrize(
    ("code", "margin", "heals", "share"),
    [
        pytest.param(rounded_twice(), 0, 129.536, 0.5, id="no margin"),
        pytest.param(rounded_twice(30), 30, 99.536, 0.2953, id="30 s after rounding"),
    ],
)
def test_rounded_twice(code: Code, margin: int, heals: float, share: float) -> None:
    found = told(code, every(7.3, 1100))
    assert found.twice
    assert found.margin.lo <= margin <= found.margin.hi
    assert found.likely_margin == margin
    assert found.heals_s == pytest.approx(heals)
    assert round(found.predicted_share, 4) == share


def test_a_margin_taken_off_after_two_roundings_shows_them_early() -> None:
    """By its residue it is 30 s, which one rounding does not allow."""
    begin = next(t for t in range(int(START), int(START) + TWICE_CYCLE_S) if rounded_twice()(t) - t > 100)
    found = told(rounded_twice(30), every(7, 60, begin - 200))
    assert found.twice
    assert found.margin == Interval(30, 30)


def test_a_legacy_signature_is_rounded_in_milliseconds() -> None:
    found = told(lambda now: float32(int(now * 1000) - 30_000) / 1000, every(7, 300), format_="legacy")
    assert found.step_s == 131.072
    assert found.residue_s == 0
    assert found.likely_margin == 30
    assert found.heals_s == pytest.approx(35.536)
    assert found.predicted_share == pytest.approx(35.5 / 131.07, abs=0.01)


def first_told(code: Code, gap_s: float, *, cached: bool = False) -> tuple[int, int]:
    """With which signature, and which distinct iat, it is told first."""
    of = taken(code, every(gap_s, int(2000 / gap_s)), cached=cached)
    for number in range(1, len(of) + 1):
        if quantised(of[:number]) is not None:
            return number, len({each.iat for each in of[:number]})
    raise AssertionError("never")


@pytest.mark.parametrize("gap_s", [0.1, 1, 5, 13, 31, 61], ids=str)
@pytest.mark.parametrize("code", [rounded(), rounded(30), rounded(0, 30), rounded_twice()], ids=str)
def test_it_is_told_with_two_values_of_iat_and_four_tokens(code: Code, gap_s: float) -> None:
    number, iats = first_told(code, gap_s)
    assert iats <= 3
    assert number <= max(4, 2 + 130 / gap_s + 1)


@pytest.mark.parametrize("gap_s", [1, 5], ids=["each second", "each 5 s"])
@pytest.mark.parametrize(
    "code", [rounded(), rounded(30), rounded(0, 30), rounded(60)], ids=["0", "30", "98", "60"]
)
def test_one_meeting_asked_for_again_and_again(code: Code, gap_s: float) -> None:
    """The token stays the same as long as iat does, so that only a plateau's first is new."""
    number, iats = first_told(code, gap_s, cached=True)
    assert iats <= 4
    assert number * gap_s <= 3 * 128 + 5


@pytest.mark.parametrize("gap_s", [1, 5], ids=["each second", "each 5 s"])
@pytest.mark.parametrize("margin", [0, 30, 60], ids=str)
def test_the_margin_of_one_meeting_asked_for_again_and_again(margin: int, gap_s: float) -> None:
    """Its new tokens are seen at the begin of a plateau only: the repeated ones show how long it lasts."""
    found = told(rounded(margin), every(gap_s, int(1700 / gap_s)), cached=True)
    assert found.likely_margin == margin
    assert found.margin.hi - found.margin.lo < 8


def test_repeated_tokens_that_a_cache_aged_do_not_count_for_the_margin() -> None:
    code = rounded(30)
    of, held = [], (0.0, -math.inf)
    for moment in every(5, 300):
        if moment - held[1] > 100:
            held = (code(moment), moment)
        of.append(lead(moment, held[0], fresh=held[1] == moment))
    found = quantised(of)
    assert found is not None
    assert found.spread.hi - found.spread.lo < 129
    assert found.likely_margin == 30


def mixed(count: int, share: float, seed: int = 2) -> Scene:
    """One address, behind it one host that rounds and one that does not."""
    scene = Scene(seed)
    for moment in every(5, count):
        scene.sign(rounded(30) if scene.rng.random() < share else floored(60), [moment])
    return scene


def test_one_of_two_hosts_behind_one_address() -> None:
    found = mixed(300, 0.5).told(Cause.FLOAT32_ROUNDING)
    assert found.predicted_share == pytest.approx(67 / 512, abs=0.02)
    assert found.heals_s == 34


def test_a_few_of_many_do_not_say_so() -> None:
    assert mixed(30, 0.2).named() == set()


HONEST = [(margin, ahead) for margin in (0, 30, 60, 120, 7200) for ahead in (-2.0, 0.0, 2.0)]


@pytest.mark.parametrize("ttl_s", [60, 64, 128, 256, 300], ids=str)
def test_an_honest_signer_that_caches_its_tokens_is_not_rounded(ttl_s: int) -> None:
    for gap_s in (1, 2.5, 8, 16, 32, 61, 64, 128):
        for margin, ahead in HONEST:
            for meetings in (1, 3):
                scene = cached(floored(margin, ahead), ttl_s, gap_s, meetings)
                assert scene.named() <= {Cause.NO_MARGIN}, (gap_s, margin, ahead, meetings)


def cached(code: Code, ttl_s: float, gap_s: float, meetings: int) -> Scene:
    """Tokens that are kept for a while, each meeting its own."""
    scene = Scene()
    held: dict[int, tuple[float, float, int]] = {}
    for number, moment in enumerate(every(gap_s, min(250, int(1800 / gap_s)))):
        meeting = number % meetings
        if meeting not in held or moment - held[meeting][0] >= ttl_s:
            held[meeting] = (moment, code(moment - 0.03), new_digest())
        _, iat, token = held[meeting]
        scene.add(signature(moment, iat, token=token, took=0.1))
    return scene


@pytest.mark.parametrize("took", [0.05, 3, 30], ids=str)
@pytest.mark.parametrize("period_s", [60, 64, 128, 256, 32], ids=str)
def test_a_probe_of_an_honest_signer_finds_nothing(period_s: int, took: float) -> None:
    for margin, ahead in HONEST:
        scene = Scene()
        for moment in every(period_s, 40):
            scene.add(signature(moment, floored(margin, ahead)(moment - took / 2), took=took))
        assert scene.named() <= {Cause.NO_MARGIN}, (margin, ahead)


@pytest.mark.parametrize("period_s", [128, 256], ids=str)
def test_a_probe_at_the_step_cannot_tell_rounding_and_accuses_no_clock(period_s: int) -> None:
    for phase in range(0, 128, 8):
        scene = Scene().sign(rounded(), every(period_s, 10, START + phase))
        # Just at the tie the two neighbours are seen in turn, which does tell.
        assert scene.named() == ({Cause.FLOAT32_ROUNDING} if (phase, period_s) == (64, 128) else set())


def test_three_tokens_prove_nothing() -> None:
    of = taken(rounded(), every(61, 3))
    assert quantised(of) is None
    assert quantised([]) is None


def test_a_single_plateau_proves_nothing() -> None:
    assert quantised(taken(rounded(), every(1, 60, START - 60))) is None


def test_cached_tokens_of_two_residues_that_agree_by_chance_prove_nothing() -> None:
    """iats 128 s apart, and leads that move because the tokens age."""
    of = [lead(START + n, START - 60, fresh=n == 0) for n in range(100)]
    of += [lead(START + 128 + n, START + 68, fresh=n == 0) for n in range(100)]
    assert quantised(of) is None


def test_the_step_of_the_first_years_is_too_small_to_tell() -> None:
    of = [lead(n * 1.0, n * 1.0) for n in range(1, 40)]
    assert quantised(of) is None


def test_what_fits() -> None:
    found = told(rounded(0, 30), every(5, 200))
    assert found.fits(START + 98)
    assert not found.fits(START + 97)
    assert not found.fits(START)


def test_two_tokens_of_one_second_and_two_of_another_at_the_step_are_honest() -> None:
    """A probe each 128 s that asks twice within a second: one residue, and a lead that moves as rounding down does."""
    times = [START + step + part for step in (0, 128) for part in (0.02, 0.9)]
    assert quantised([lead(at, math.floor(at)) for at in times]) is None


def test_a_residue_that_half_of_a_few_share_is_chance() -> None:
    """4 of 8 distinct iats, of tokens whose lead moves for another reason."""
    iats = [START + 128 * number + (0 if number % 2 else 3 * number + 1) for number in range(8)]
    of = [lead(iat + 3.0 * number, iat) for number, iat in enumerate(iats)]
    assert Counter(int(each.iat) % 128 for each in of).most_common(1)[0][1] == 4
    assert quantised(of) is None


@pytest.mark.parametrize(
    ("ahead", "date", "host"),
    [
        pytest.param(20, (20.0, 0.3), None, id="fast"),
        pytest.param(-20, (-20.0, 0.3), None, id="slow"),
        pytest.param(20, (20.0, 0.3), (0.0, 0.05), id="fast, and this host is measured"),
        pytest.param(20, (0.0, 0.3), (20.0, 0.05), id="fast by as much as this host"),
        pytest.param(0, (-20.0, 0.3), (20.0, 0.05), id="right, and this host is fast"),
        pytest.param(-20, (20.0, 0.3), (-40.0, 0.05), id="slow, and this host more so"),
    ],
)
def test_the_margin_is_by_the_signers_own_clock(ahead: float, date: Offset, host: Offset | None) -> None:
    """iat is set back by 30 s whatever its clock; what fails and when it heals goes by the reference."""
    own = 0.0 if host is None else host[0]
    of = [lead(at, rounded(30)(at + ahead - own), date=date, host=host) for at in every(3.7, 400)]
    found = quantised(of)
    assert found is not None
    assert found.likely_margin == 30
    assert found.margin.lo <= 30 <= found.margin.hi
    assert found.margin.hi - found.margin.lo < 8
    assert found.clock_s == pytest.approx(ahead, abs=0.01)
    assert found.heals_s == pytest.approx(34 + ahead, abs=0.01)
    by_reference = [each.iat - each.at + own for each in of]
    counted = sum(lead_s > 0 for lead_s in by_reference) / len(by_reference)
    assert found.predicted_share == pytest.approx(counted, abs=0.02)


def test_a_clock_within_a_second_is_taken_for_right() -> None:
    of = [lead(at, rounded(30)(at + 0.7), date=(0.7, 0.3)) for at in every(3.7, 400)]
    found = quantised(of)
    assert found is not None
    assert (found.clock_s, found.heals_s) == (0, 34)


@pytest.mark.parametrize(
    ("delays", "share"),
    [
        pytest.param([], 67 / 256, id="no joins: at signing"),
        pytest.param([0], 67 / 256, id="at once"),
        pytest.param([5], 57 / 256, id="after 5 s"),
        pytest.param([-3], 67 / 256, id="before it was sent: two clocks"),
        pytest.param([0, 40], 67 / 512, id="half at once, half too late to fail"),
        pytest.param([0] * 100 + [40] * 100, 0, id="the newest hundred"),
    ],
)
def test_the_share_of_joins_goes_by_how_soon_pages_join(delays: list[float], share: float) -> None:
    assert told(rounded(30), every(3.7, 400)).predicted_after(delays) == pytest.approx(share)


def test_the_share_is_of_the_time_in_which_it_was_so() -> None:
    """Half of the time sound, then rounded: whose signatures are rounded now is not told by the past."""
    sound, bad = every(5, 120), every(5, 120, START + 600)
    of = taken(floored(60), sound) + taken(rounded(30), bad)
    found = quantised(of)
    assert found is not None
    assert found.share > 0.97
    assert found.on < found.of
    assert any(found.fits(each.iat) for each in of[:120]), "one of them by chance"


def test_tokens_of_one_moment_all_count_for_the_share() -> None:
    """A probe asks twice at once."""
    assert told(rounded(30), sorted(every(7, 40) * 2)).share == 1


GRIDS = [384, 640, 1920, 28_800, 86_400]
"""Multiples of 128, so that all share the residue 0."""


@pytest.mark.parametrize("gap_s", [0.1, 1, 5, 30], ids=str)
@pytest.mark.parametrize("grid_s", GRIDS, ids=str)
@pytest.mark.parametrize("date", [None, RIGHT], ids=["no Date", "Date right"])
def test_an_iat_at_the_begin_of_the_hour_or_the_day_is_no_float_and_no_clock(
    grid_s: int, gap_s: float, date: Offset | None
) -> None:
    """All tokens until the next have one iat. Each is looked at shortly before and after a new one begins."""
    for hour in (0, 3, 5.5):
        # Where the lead comes by 0, by -3:00 and by -5:30, which are zones.
        begin = START // grid_s * grid_s + grid_s + hour * 3600 - 60
        seen = Scene()
        for number, at in enumerate(every(gap_s, max(60, int(180 / gap_s)), begin)):
            seen.sign(lambda now: now // grid_s * grid_s, [at], date=date)
            if number % max(1, int(3 / gap_s)) == 0:
                assert seen.named() == set(), at - begin


@pytest.mark.parametrize("grid_s", GRIDS, ids=str)
def test_an_iat_on_a_coarse_grid_is_silent_over_days(grid_s: int) -> None:
    seen = Scene()
    for at in every(max(30, grid_s / 40), 400):
        seen.sign(lambda now: now // grid_s * grid_s, [at])
        assert Cause.FLOAT32_ROUNDING not in seen.named()
