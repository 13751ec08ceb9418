"""What the leads of one signer are taken for: its clock, a zone, a missing margin, or nothing."""

from __future__ import annotations

import math
import zoneinfo
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from proxy.domain.causes import Cause, Suspicion, diagnose
from proxy.domain.diagnosis.mends import advice
from proxy.domain.diagnosis.steady import ZONE_MARGINS_S, ZONES
from proxy.domain.join_result import Outcome

from .builders import RIGHT, START, Code, Offset, Scene, every, floored, join, rounded, signature

AHEAD, BEHIND = Cause.BACKEND_CLOCK_AHEAD, Cause.BACKEND_CLOCK_BEHIND
ZONE, NO_MARGIN, ROUNDED = Cause.TIMEZONE_SHIFT, Cause.NO_MARGIN, Cause.FLOAT32_ROUNDING


def scene(code: Code, count: int = 12, **known: object) -> Scene:
    """A signer that is asked each 5.3 s."""
    return Scene().sign(code, every(5.3, count), **known)


def only(seen: Scene) -> Suspicion:
    """The one thing that is suspected."""
    (found,) = seen.found()
    return found


def named_at(margin: int) -> bool:
    """Whether a shift less this margin still looks like a zone: within 5 s of a usual margin."""
    return any(abs(margin - usual) <= 5 for usual in ZONE_MARGINS_S)


@pytest.mark.parametrize("date", [None, RIGHT], ids=["no Date", "Date right"])
@pytest.mark.parametrize("margin", [0, 10, 30, 52, 60, 74, 90, 98, 120], ids=str)
def test_every_zone(margin: int, date: Offset | None) -> None:
    """East of UTC it fails joins and is named; west only beyond the two hours that some take off on purpose."""
    for quarters in range(-48, 57):
        found = scene(floored(margin - 900 * quarters), 6, date=date).named()
        # Two hours are a usual margin, too: +3:30 less as much lies where +1:30 would, which is no zone.
        is_zone = (quarters in ZONES and named_at(margin)) or (quarters + 8 in ZONES and margin == 0)
        if quarters > 0:
            assert found == {ZONE if is_zone else AHEAD}, quarters
        elif 900 * quarters < -7200:
            is_zone = is_zone and (quarters in ZONES or 900 * (quarters + 8) < -7200)
            assert found == ({ZONE} if is_zone else set()), quarters
        else:
            assert found == set(), quarters


@pytest.mark.parametrize("margin", range(0, 7201, 450), ids=str)
def test_honest_margins_of_up_to_two_hours_are_silent(margin: int) -> None:
    for ahead in (-2.0, -0.5, 0.0, 0.5, 2.0):
        assert scene(floored(margin, ahead), date=(ahead, 0.3)).named() <= (
            {NO_MARGIN} if margin == 0 else set()
        )


@pytest.mark.parametrize(
    ("hours", "zone"),
    [(5.75, "+5:45"), (14, "+14:00"), (3.5, "+3:30"), (-3, "-3:00"), (-9.5, "-9:30"), (-12, "-12:00")],
    ids=str,
)
def test_a_zone_is_named_in_hours(hours: float, zone: str) -> None:
    found = only(scene(floored(30 - hours * 3600), date=RIGHT))
    assert f", which is {zone} h less a usual margin" in found.evidence
    assert found.predicted_share == (1 if hours > 0 else None)
    assert found.heals_s == (pytest.approx(hours * 3600 - 30, abs=1) if hours > 0 else None)


@pytest.mark.parametrize("hours", [0.25, 0.75, 2.75, 8.5, 12.25], ids=str)
def test_where_no_zone_lies_iat_is_ahead_all_the_same(hours: float) -> None:
    found = only(scene(floored(30 - hours * 3600), date=RIGHT))
    assert (found.cause, found.confidence) == (AHEAD, 0.6)


def test_every_zone_that_this_host_knows_is_one() -> None:
    """Of the tz database that is installed here, at a time of winter and one of summer."""
    known = {
        offset // timedelta(minutes=15)
        for name in zoneinfo.available_timezones()
        for month in (1, 7)
        if (offset := datetime(2026, month, 15, tzinfo=zoneinfo.ZoneInfo(name)).utcoffset()) is not None
    }
    assert known - {0} <= ZONES
    assert len(known) > 30


@pytest.mark.parametrize("hours", [3.5, 5.5, 9, -3.5], ids=str)
def test_a_zone_less_two_hours(hours: float) -> None:
    """Two hours are a usual margin; where what is left lies at another zone, that one is named."""
    assert only(scene(floored(7200 - hours * 3600), date=RIGHT)).cause is ZONE


@pytest.mark.parametrize("margin", [3590, 3595, 3600, 3605, 5400, 7195, 7200, 7205], ids=str)
@pytest.mark.parametrize("date", [None, RIGHT], ids=["no Date", "Date right"])
def test_a_margin_of_whole_hours_is_no_zone_less_two_hours(margin: int, date: Offset | None) -> None:
    assert scene(floored(margin), date=date).named() == set()


def test_without_a_date_a_zone_is_less_sure() -> None:
    assert only(scene(floored(60 - 3600), date=RIGHT)).confidence == 0.95
    assert only(scene(floored(60 - 3600))).confidence == 0.8


def test_beyond_every_zone() -> None:
    assert scene(floored(-(14 * 3600 + 900)), date=RIGHT).named() == {AHEAD}
    assert scene(floored(14 * 3600 + 900), date=RIGHT).named() == set()


@pytest.mark.parametrize(("took", "cause"), [(9, ZONE), (12, AHEAD)], ids=str)
def test_slow_exchanges_hide_a_zone_but_not_that_iat_is_ahead(took: float, cause: Cause) -> None:
    """All of them, for one quick one bounds the lead to a second."""
    seen = Scene()
    for at in every(31.7, 12):
        seen.add(signature(at, floored(60 - 3600)(at - took / 2), took=took))
    assert seen.named() == {cause}


@pytest.mark.parametrize(
    ("ahead", "date", "host", "cause", "offset"),
    [
        pytest.param(45, (45, 0.3), None, AHEAD, "45.00 s ahead of this host's clock", id="ahead"),
        pytest.param(45, (45, 0.3), (0, 0.02), AHEAD, "45.00 s ahead of the reference clock", id="measured"),
        pytest.param(
            45, (40, 0.3), (5, 0.02), AHEAD, "45.00 s ahead of the reference", id="this host ahead too"
        ),
        pytest.param(3.5, (3.5, 0.3), None, AHEAD, "3.50 s ahead", id="surely beyond 3 s"),
        pytest.param(3.2, (3.2, 0.3), None, None, "", id="not surely beyond 3 s"),
        pytest.param(-3.5, (-3.5, 0.3), None, BEHIND, "3.50 s behind", id="behind"),
        pytest.param(-3.2, (-3.2, 0.3), None, None, "", id="not surely behind"),
        pytest.param(-86400, (-86400, 0.3), None, BEHIND, "86400.00 s behind", id="a day behind"),
        pytest.param(0, (-45, 0.3), (45, 0.05), None, "", id="only this host is ahead, which is measured"),
        pytest.param(0, (45, 0.3), (-45, 0.05), None, "", id="only this host is behind, which is measured"),
        pytest.param(
            45, (0, 0.3), (45, 0.05), AHEAD, "45.00 s ahead of the ref", id="both ahead by the same"
        ),
        pytest.param(0, (5, 3), None, None, "", id="a wide bound"),
    ],
)
def test_a_clock_by_its_date(
    ahead: float, date: Offset, host: Offset | None, cause: Cause | None, offset: str
) -> None:
    """`ahead`: of the true time, by which Zoom goes; `date` against this host, and this host against the true time."""
    own = 0.0 if host is None else host[0]
    seen = scene(floored(60, ahead - own), date=date, host=host)
    if cause is None:
        assert seen.named() == set()
    else:
        found = only(seen)
        # Unmeasured, it may be this host's clock as well.
        assert (found.cause, found.confidence) == (cause, 0.6 if host is None else 0.97)
        assert offset in found.evidence


def test_what_a_clock_ahead_predicts_and_advises_is_by_the_reference() -> None:
    """This host is 40 s fast, the backend 105 s: iat, set back by a minute, lies 45 s ahead for Zoom, 5 s for us."""
    found = only(scene(floored(60, 65), date=(65, 0.3), host=(40, 0.05)))
    assert "clock is 105.00 s ahead of the reference clock, give or take 0.35 s" in found.evidence
    assert "iat is 44.9 to 45.2 s ahead of the time." in found.evidence
    assert found.predicted_share == 1
    assert found.heals_s == pytest.approx(45.2, abs=0.1)
    assert found.advice.endswith("Until then set iat back by at least 170 s.")


def test_a_zone_is_seen_past_this_hosts_own_measured_error() -> None:
    found = only(scene(floored(60 - 3600, -45), date=(-45, 0.3), host=(45, 0.05)))
    assert found.cause is ZONE
    assert "iat is 3539.9 to 3540.2 s ahead of the time, which is +1:00 h" in found.evidence


def test_a_clock_behind_heals_never_and_predicts_nothing() -> None:
    found = only(scene(floored(60, -300), date=(-300, 0.3)))
    assert (found.predicted_share, found.heals_s) == (None, None)


def test_a_clock_ahead_that_the_margin_hides_fails_no_join() -> None:
    found = only(scene(floored(60, 45), date=(45, 0.3)))
    assert (found.cause, found.predicted_share, found.heals_s) == (AHEAD, 0, 0)


def test_a_clock_off_by_an_hour_is_no_zone() -> None:
    assert only(scene(floored(0, 3600), date=(3600, 0.3))).cause is AHEAD
    assert only(scene(floored(60, -4 * 3600), date=(-4 * 3600, 0.3))).cause is BEHIND


@pytest.mark.parametrize(
    ("ahead", "date", "confidence", "why"),
    [
        pytest.param(45, None, 0.6, "there is no Date header to read its clock from", id="no Date"),
        pytest.param(
            45, RIGHT, 0.6, "yet by the Date header the clock is right (-0.3 to +0.3 s)", id="Date right"
        ),
        pytest.param(3.7, None, 0.6, "there is no Date header", id="beyond 3 s"),
    ],
)
def test_iat_ahead_that_no_date_explains(
    ahead: float, date: Offset | None, confidence: float, why: str
) -> None:
    found = only(scene(floored(0, ahead), 30, date=date))
    assert (found.cause, found.confidence) == (AHEAD, confidence)
    assert why in found.evidence
    assert "by this host's clock (not measured)" in found.evidence
    assert found.heals_s == pytest.approx(ahead, abs=1)


def test_a_measured_host_is_not_called_unmeasured() -> None:
    found = only(scene(floored(0, 45), host=(0.0, 0.05)))
    assert "not measured" not in found.evidence
    assert found.confidence == 0.7


@pytest.mark.parametrize(
    ("delays", "share"),
    [
        pytest.param((), 1.0, id="no joins: later than a page needs"),
        pytest.param((2, 2, 2, 60), 0.75, id="the part that joins before iat"),
        pytest.param((60, 60), 0.0, id="all join after it"),
    ],
)
def test_the_share_that_fails_goes_by_how_soon_pages_join(delays: tuple[float, ...], share: float) -> None:
    seen = scene(floored(0, 45))
    for number, delay in enumerate(delays):
        seen.add(join(START + number, delay=delay))
    assert only(seen).predicted_share == share


def test_iat_lies_up_to_a_second_before_the_lead() -> None:
    """A clock 2.5 s ahead, rounded down: a page that joins after two seconds comes too early half of the time."""
    seen = scene(floored(0, 2.5), 40, date=(2.5, 0.3))
    for at in every(5, 20):
        seen.add(join(at, delay=2))
    assert only(seen).predicted_share == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("code", "date", "heals"),
    [
        pytest.param(lambda now: float(math.ceil(now)), None, 1, id="rounded up"),
        pytest.param(lambda now: float(round(now)), None, 0.5, id="to the nearest"),
        pytest.param(floored(0, 2), (2, 0.3), 2, id="down, by a clock that is 2 s fast"),
        pytest.param(floored(-1), None, 1, id="a second is added"),
    ],
)
def test_no_margin(code: Code, date: Offset | None, heals: float) -> None:
    found = only(scene(code, 30, date=date))
    assert (found.cause, found.confidence) == (NO_MARGIN, 0.9)
    assert found.heals_s == pytest.approx(heals, abs=0.2)
    assert found.advice == f"{advice(NO_MARGIN)} Set iat back by at least 60 s."


@pytest.mark.parametrize(
    "code",
    [floored(0), floored(0, -2), lambda now: float(math.ceil(now)) - 1, lambda now: float(round(now)) - 1],
    ids=["down, as Zoom's sample", "a slow clock", "up, less a second", "nearest, less a second"],
)
def test_a_margin_that_is_enough(code: Code) -> None:
    assert scene(code, 30).named() == set()


def test_no_margin_is_by_the_reference() -> None:
    assert scene(floored(0, 1), host=(-1.0, 0.05)).named() == set()
    assert scene(floored(0), host=(1.0, 0.05)).named() == {NO_MARGIN}
    assert scene(floored(0, 1), host=(0.0, 2.0)).named() == set(), "a bound this wide says nothing"


@pytest.mark.parametrize("count", [1, 2, 3], ids=str)
def test_three_signatures_are_needed(count: int) -> None:
    assert scene(floored(0, 3600), count).named() == (set() if count < 3 else {ZONE})
    assert scene(floored(60, 105), count, date=(105, 0.3)).named() == (set() if count < 3 else {AHEAD})


@pytest.mark.parametrize("at", range(0, 128, 4), ids=str)
def test_a_plateau_of_a_rounded_iat_is_no_clock(at: int) -> None:
    """Seen for three minutes at 1/s, at no moment is anything but rounding named."""
    seen = Scene()
    for moment in every(1, 100, START + at):
        seen.sign(rounded(), [moment], date=RIGHT)
        assert seen.named() <= {ROUNDED}


BROKEN: Mapping[str, tuple[Code, Offset | None, Cause]] = {
    "float32": (rounded(30), None, ROUNDED),
    "clock": (floored(60, 105), (105, 0.3), AHEAD),
    "clock, no Date": (floored(60, 105), None, AHEAD),
    "zone": (floored(60 - 7200), RIGHT, ZONE),
    "no margin": (floored(-1), None, NO_MARGIN),
}


@pytest.mark.parametrize("gap_s", [1, 5, 30], ids=str)
@pytest.mark.parametrize(("code", "date", "cause"), BROKEN.values(), ids=BROKEN)
def test_a_mended_endpoint_is_accused_no_longer(
    code: Code, date: Offset | None, cause: Cause, gap_s: float
) -> None:
    seen = Scene().sign(code, every(gap_s, int(500 / gap_s) + 3), date=date)
    assert cause in seen.named()
    for at in every(gap_s, 24, seen.now):
        seen.sign(floored(60), [at], date=None if date is None else RIGHT)
        if not seen.named():
            break
    assert seen.named() == set(), "within 24 signatures"
    for number, at in enumerate(every(gap_s, 600, seen.now + gap_s)):
        seen.sign(floored(60), [at], date=None if date is None else RIGHT)
        if number % 3 == 0:
            assert seen.named() == set(), "and stays so"


@pytest.mark.parametrize(("code", "date", "cause"), BROKEN.values(), ids=BROKEN)
def test_a_signer_that_becomes_bad_is_named(code: Code, date: Offset | None, cause: Cause) -> None:
    seen = Scene().sign(floored(60), every(5, 30), date=None if date is None else RIGHT)
    for at in every(5, 120 if cause is ROUNDED else 30, seen.now):
        seen.sign(code, [at], date=date)
        if cause in seen.named():
            break
    assert cause in seen.named()


@pytest.mark.parametrize(
    ("bad", "cause"),
    [(floored(60, 105), AHEAD), (floored(60 - 3600), ZONE), (floored(-1), NO_MARGIN)],
    ids=["clock", "zone", "no margin"],
)
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75], ids=str)
def test_two_hosts_behind_one_address(bad: Code, cause: Cause, share: float) -> None:
    seen = Scene(3)
    for at in every(5, 60):
        seen.sign(bad if seen.rng.random() < share else floored(60), [at])
    found = only(seen)
    assert found.cause is cause
    if cause is not NO_MARGIN:
        assert found.predicted_share == pytest.approx(share, abs=0.25)


def test_hosts_of_different_margins_behind_one_address_are_honest() -> None:
    seen = Scene(3)
    for at in every(5, 60):
        seen.sign(floored(30 if seen.rng.random() < 0.5 else 120), [at])
    assert seen.named() == set()


def test_cached_tokens_prove_nothing_about_the_lead() -> None:
    seen = Scene()
    for at in every(5, 30):
        seen.add(signature(at, START + 100, token=7))
    assert seen.named() == set()


class TestThisHostsOwnClock:
    """Three backends that are off by the same: it may be this host's clock."""

    @staticmethod
    def diagnosed(
        host: Offset | None, *signers: tuple[Code, Offset | None]
    ) -> dict[str, tuple[Suspicion, ...]]:
        windows = {
            f"b{number}": Scene(number).sign(code, every(5, 10), date=date, host=host).window
            for number, (code, date) in enumerate(signers)
        }
        return diagnose(windows, START + 60)

    def test_unmeasured_all_are_doubted(self) -> None:
        found = self.diagnosed(None, *[(floored(margin, 100), (100, 0.3)) for margin in (0, 30, 60)])
        for name in ("b0", "b1", "b2"):
            (one,) = found[name]
            assert (one.cause, one.confidence) == (AHEAD, 0.5)
            assert one.evidence.endswith(
                "3 of 3 backends are off by the same: it may be this host's clock, which is not measured. Configure "
                "clock.ntp or synchronise it."
            )

    def test_measured_nobody_is_accused(self) -> None:
        found = self.diagnosed((-100, 0.05), *[(floored(60, 100), (100, 0.3)) for _ in range(3)])
        assert found == {"b0": (), "b1": (), "b2": (), "all": ()}

    def test_measured_and_right_all_are_accused(self) -> None:
        found = self.diagnosed((0, 0.05), *[(floored(60, 100), (100, 0.3)) for _ in range(3)])
        assert [found[name][0].confidence for name in ("b0", "b1", "b2")] == [0.97] * 3

    def test_one_of_three_is_accused(self) -> None:
        right = (floored(60), RIGHT)
        found = self.diagnosed(None, (floored(60, 100), (100, 0.3)), right, right)
        assert found["b0"][0].confidence == 0.97
        assert found["b1"] == found["b2"] == ()

    def test_off_by_different_times_nobody_knows_whose_clocks_are_wrong(self) -> None:
        found = self.diagnosed(None, *[(floored(0, off), (off, 0.3)) for off in (20, 40, 100)])
        assert [found[name][0].confidence for name in ("b0", "b1", "b2")] == [0.6] * 3
        assert found["b0"][0].evidence.endswith(
            " Nothing tells which of the two clocks is wrong: configure clock.ntp, or synchronise this host."
        )

    def test_alone_it_is_one_of_two(self) -> None:
        (found,) = self.diagnosed(None, (floored(0, 40), (40, 0.3)))["b0"]
        assert found.confidence == 0.6
        assert " Nothing tells which of the two clocks is wrong: " in found.evidence

    def test_one_that_agrees_with_this_host_settles_it(self) -> None:
        (found,) = self.diagnosed(None, (floored(60, -40), (-40, 0.3)), (floored(60), RIGHT))["b0"]
        assert (found.cause, found.confidence) == (BEHIND, 0.97)
        assert found.evidence.endswith(" The clocks of 1 other backend agree with this host's.")

    def test_without_a_date_of_its_own_it_is_as_sure_as_where_this_host_is_measured(self) -> None:
        """Others vouch for this host's clock, not for what makes iat lie ahead."""
        (found,) = self.diagnosed(None, (floored(0, 45), None), (floored(60), RIGHT))["b0"]
        assert (found.cause, found.confidence) == (AHEAD, 0.7)
        (zone,) = self.diagnosed(None, (floored(60 - 3600), None), (floored(60), RIGHT))["b0"]
        assert (zone.cause, zone.confidence) == (ZONE, 0.8)

    @pytest.mark.parametrize(
        ("offsets", "confidence"),
        [
            pytest.param((105, 0, 0), 0.7, id="others agree with this host"),
            pytest.param((105, 20), 0.4, id="nobody knows"),
            pytest.param((105, 105), 0.4, id="off by the same"),
        ],
    )
    def test_what_joins_belie_is_no_surer_for_the_others(
        self, offsets: tuple[float, ...], confidence: float
    ) -> None:
        scenes = [Scene().sign(floored(60, off), every(5, 30), date=(off, 0.3)) for off in offsets]
        for at in every(5, 60, START):
            scenes[0].add(join(at, age=-43, delay=2))
        found = diagnose({f"b{number}": each.window for number, each in enumerate(scenes)}, START + 300)
        assert [(one.cause, one.confidence) for one in found["b0"]] == [(AHEAD, confidence)]

    def test_what_joins_bear_out_is_not_this_hosts_clock(self) -> None:
        windows = {}
        for name in ("b0", "b1"):
            seen = Scene()
            for number, at in enumerate(every(14.1, 120)):
                seen.sign(floored(0, 45), [at], date=(45, 0.3))
                late = number % 2 == 0
                joined = at + (60 if late else 2)
                outcome = Outcome.JOINED if late else Outcome.INVALID_SIGNATURE
                seen.add(join(joined, outcome, age=joined - at - 45, delay=joined - at))
            windows[name] = seen.window
        found = diagnose(windows, START + 1800)
        assert [(one.cause, one.confidence) for one in found["b0"]] == [(AHEAD, 0.99)]

    def test_without_date_headers_all_are_doubted(self) -> None:
        found = self.diagnosed(None, *[(floored(margin, 160), None) for margin in (60, 90, 120)])
        assert [(one.cause, one.confidence) for name in ("b0", "b1", "b2") for one in found[name]] == [
            (AHEAD, 0.5)
        ] * 3

    def test_set_back_by_an_hour_and_without_date_headers_no_zone_is_sure(self) -> None:
        found = self.diagnosed(None, *[(floored(margin, 3600), None) for margin in (0, 60, 60)])
        assert [(one.cause, one.confidence) for name in ("b0", "b1", "b2") for one in found[name]] == [
            (ZONE, 0.5)
        ] * 3

    def test_a_zone_beside_a_right_date_is_sure(self) -> None:
        found = self.diagnosed(None, *[(floored(60 - 3600), RIGHT) for _ in range(3)])
        assert [found[name][0].confidence for name in ("b0", "b1", "b2")] == [0.95] * 3

    def test_two_of_four_are_no_majority(self) -> None:
        wrong, right = (floored(60, 100), (100.0, 0.3)), (floored(60), RIGHT)
        found = self.diagnosed(None, wrong, wrong, right, right)
        assert [found[name][0].confidence for name in ("b0", "b1")] == [0.97] * 2

    def test_a_zone_against_a_date_that_is_off_with_all_others_is_sure(self) -> None:
        wrong = (floored(60, 100), (100.0, 0.3))
        found = self.diagnosed(None, wrong, wrong, (floored(60 - 3600, 100), (100.0, 0.3)))
        assert [(one.cause, one.confidence) for one in found["b2"]] == [(ZONE, 0.95)]
