"""What concerns all backends: Zoom's own failures, and how far ahead Zoom lets iat be."""

from __future__ import annotations

import pytest

from proxy.domain.causes import FLEET, Cause, Suspicion, diagnose
from proxy.domain.diagnosis.fleet import tolerance
from proxy.domain.diagnosis.sightings import JoinSeen
from proxy.domain.diagnosis.windows import BackendWindow
from proxy.domain.join_result import Outcome
from proxy.domain.offsets import Interval

from .builders import START, Scene, every, floored, join

REFUSED, JOINED = Outcome.INVALID_SIGNATURE, Outcome.JOINED
NOW = START + 900


def backend(
    share: float, seed: int = 1, *, gap_s: float = 7, findings: tuple[str, ...] = (), until: float = NOW
) -> BackendWindow:
    """A quarter of an hour of signatures and joins, of which a share is refused."""
    scene = Scene(seed)
    for at in every(gap_s, int((until - START) / gap_s)):
        scene.sign(floored(60), [at], findings=findings)
        scene.add(join(at + 1, REFUSED if scene.rng.random() < share else JOINED, findings=findings))
    return scene.window


def named(found: dict[str, tuple[Suspicion, ...]]) -> dict[str, set[Cause]]:
    """The causes by backend."""
    return {name: {each.cause for each in causes} for name, causes in found.items()}


def test_no_backend_and_no_news() -> None:
    assert diagnose({}, NOW) == {FLEET: ()}
    assert diagnose({"a": BackendWindow(), "b": BackendWindow()}, NOW) == {"a": (), "b": (), FLEET: ()}


@pytest.mark.parametrize("count", [2, 3], ids=str)
@pytest.mark.parametrize("share", [1.0, 0.5, 0.2], ids=str)
def test_all_backends_fail_at_once(count: int, share: float) -> None:
    windows = {name: backend(share, seed) for seed, name in enumerate("abc"[:count])}
    found = diagnose(windows, NOW)
    assert named(found) == {name: set() for name in windows} | {FLEET: {Cause.ZOOM_SIDE}}
    (zoom,) = found[FLEET]
    assert zoom.confidence == 0.9
    assert zoom.evidence.startswith(
        f"All {count} backends with joins failed together in the last 15 minutes, "
    )


def test_one_backend_alone_is_unexplained() -> None:
    assert named(diagnose({"a": backend(0.5)}, NOW)) == {"a": {Cause.UNEXPLAINED}, FLEET: set()}


@pytest.mark.parametrize("spared", ["b", "c"])
def test_a_backend_that_is_spared_acquits_zoom(spared: str) -> None:
    windows = {name: backend(0.0 if name == spared else 0.5, seed) for seed, name in enumerate("abc")}
    found = named(diagnose(windows, NOW))
    assert found.pop(FLEET) == set()
    assert found.pop(spared) == set()
    assert set(map(frozenset, found.values())) == {frozenset({Cause.UNEXPLAINED})}


def test_a_backend_with_a_cause_of_its_own_does_not_hide_zoom() -> None:
    windows = {name: backend(0.5, seed) for seed, name in enumerate("ab")}
    windows["bad"] = backend(1.0, findings=("mac/wrong",))
    assert named(diagnose(windows, NOW)) == {
        "a": set(),
        "b": set(),
        "bad": {Cause.WRONG_SECRET},
        FLEET: {Cause.ZOOM_SIDE},
    }


def test_backends_that_fail_each_for_its_own_cause_are_not_zoom() -> None:
    windows = {
        "a": backend(1.0, findings=("mac/wrong",)),
        "b": backend(1.0, findings=("mac/damaged_secret",)),
    }
    assert named(diagnose(windows, NOW)) == {
        "a": {Cause.WRONG_SECRET},
        "b": {Cause.DAMAGED_SECRET},
        FLEET: set(),
    }


def test_a_silent_backend_says_nothing() -> None:
    windows = {"a": backend(0.5), "b": backend(0.5, 2), "idle": BackendWindow()}
    assert named(diagnose(windows, NOW))[FLEET] == {Cause.ZOOM_SIDE}


def test_a_sound_fleet() -> None:
    windows = {name: backend(0.003, seed, gap_s=0.5) for seed, name in enumerate("abc")}
    assert named(diagnose(windows, NOW)) == {"a": set(), "b": set(), "c": set(), FLEET: set()}


def test_an_incident_that_is_over() -> None:
    windows = {name: backend(1.0, seed, until=START + 300) for seed, name in enumerate("ab")}
    for window in windows.values():
        for at in every(5, 100, START + 300):
            window.join(join(at))
    assert named(diagnose(windows, START + 800)) == {"a": set(), "b": set(), FLEET: set()}


def test_joins_at_all_backends_within_the_same_moments_are_worth_no_less() -> None:
    """What one backend is worth beside the others is the sum of what each is worth by itself."""
    windows = {name: backend(0.5, seed, gap_s=30) for seed, name in enumerate("abcdef")}
    assert named(diagnose(windows, NOW))[FLEET] == {Cause.ZOOM_SIDE}


def test_failures_of_one_busy_backend_are_not_those_of_all() -> None:
    """Left out one by one: without the busy one too little is left."""
    windows = {"busy": backend(0.5, 1, gap_s=3), "quiet": backend(0.5, 2, gap_s=300)}
    assert named(diagnose(windows, NOW))[FLEET] == set()


def tried(*tries: tuple[float, Outcome], receipt: int = 1, findings: tuple[str, ...] = ()) -> Scene:
    """One token, joined with at these leads of iat."""
    scene = Scene()
    return scene.add(
        *(
            join(START - lead, outcome, receipt=receipt, age=-lead, findings=findings)
            for lead, outcome in tries
        )
    )


@pytest.mark.parametrize(
    ("scene", "between"),
    [
        pytest.param(Scene(), None, id="no joins"),
        pytest.param(tried((20, REFUSED), (-1, JOINED)), Interval(0, 20), id="fails, then works"),
        pytest.param(tried((20, REFUSED), (8, REFUSED), (2, JOINED)), Interval(2, 8), id="the last failure"),
        pytest.param(tried((20, REFUSED)), None, id="fails"),
        pytest.param(tried((2, REFUSED), (-8, JOINED)), None, id="not surely ahead when refused"),
        pytest.param(tried((2.1, REFUSED), (-8, JOINED)), Interval(0, 2.1), id="surely ahead when refused"),
        pytest.param(tried((8, REFUSED), (1, REFUSED), (-8, JOINED)), Interval(0, 8), id="refused again"),
        pytest.param(
            tried((2, JOINED), (20, REFUSED)),
            Interval(2, 20),
            id="by the time of the join, not of its report",
        ),
        pytest.param(
            tried((20, REFUSED), (2, JOINED), findings=("time/iat_ahead",)), Interval(2, 20), id="seen ahead"
        ),
        pytest.param(tried((20, REFUSED), (2, JOINED), findings=("mac/wrong",)), None, id="wrong otherwise"),
        pytest.param(tried((20, REFUSED), (2, Outcome.OTHER_FAILURE)), None, id="fails otherwise"),
    ],
)
def test_tolerance(scene: Scene, between: Interval | None) -> None:
    assert tolerance([scene.window], START + 60) == between


def test_tolerance_of_several_tokens_and_backends() -> None:
    one = tried((20, REFUSED), (-3, JOINED)).add(*_tries(2, 9, 0.5))
    other = tried((4, REFUSED), (-8, JOINED), receipt=3)
    assert tolerance([one.window, other.window], START + 60) == Interval(0.5, 4)


def test_tokens_that_contradict_one_another_bracket_nothing() -> None:
    scene = tried((3, REFUSED), (1, JOINED)).add(*_tries(2, 30, 10))
    assert tolerance([scene.window], START + 60) is None


@pytest.mark.parametrize(("tokens", "between"), [(9, None), (10, Interval(1, 20))], ids=str)
def test_the_odd_one_of_ten_is_left_out(tokens: int, between: Interval | None) -> None:
    """Refused for something else at 3 s, and taken at 30 s once: by themselves they contradict all others."""
    scene = Scene().add(*_tries(1, 3, 0.5), *_tries(2, 40, 30))
    for receipt in range(3, tokens + 1):
        scene.add(*_tries(receipt, 20, 1, START + 60 * receipt))
    assert tolerance([scene.window], START + 900) == between


def test_tolerance_without_ages() -> None:
    scene = Scene().add(join(START, REFUSED, receipt=1, age=None), join(START + 30, receipt=1, age=None))
    assert tolerance([scene.window], START + 60) is None


def _tries(receipt: int, fails_at: float, works_at: float, iat: float = START) -> list[JoinSeen]:
    return [
        join(iat - fails_at, REFUSED, receipt=receipt, age=-fails_at),
        join(iat - works_at, JOINED, receipt=receipt, age=-works_at),
    ]
