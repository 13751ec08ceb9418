"""A whole diagnosis of one canonical case per cause: what an operator reads, word for word."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields

import pytest

from proxy.domain.causes import FLEET, Cause, Suspicion, diagnose
from proxy.domain.diagnosis.windows import BackendWindow

from .builders import START, Scene, every, join, signature
from .cases import CASES

BESIDE: Mapping[Cause, set[Cause]] = {Cause.REPLICA_SPECIFIC: {Cause.BACKEND_CLOCK_AHEAD}}
"""What is named beside a cause in its case."""


def now_of(windows: Mapping[str, BackendWindow]) -> float:
    """When the last signature came."""
    return max(replica.last_at for window in windows.values() for replica in window.replicas.values()) + 2


def written(backend: str, found: Suspicion) -> str:
    """Every field on a line of its own."""
    lines = [f"{backend}: {found.cause}"]
    lines += [
        f"  {field.name}: {getattr(found, field.name)}" for field in fields(found) if field.name != "cause"
    ]
    return "\n".join(lines)


def test_there_is_a_case_for_every_cause() -> None:
    assert list(CASES) == list(Cause)


def test_what_is_said_of_every_cause(golden: Callable[[str, str], None]) -> None:
    said = []
    for cause, made in CASES.items():
        windows = made()
        found = diagnose(windows, now_of(windows))
        said += [
            f"# {cause}",
            *(written(name, each) for name, causes in found.items() for each in causes),
            "",
        ]
    golden("causes.txt", "\n".join(said))


@pytest.mark.parametrize("cause", CASES, ids=str)
def test_a_case_names_its_cause_and_no_other(cause: Cause) -> None:
    windows = CASES[cause]()
    found = diagnose(windows, now_of(windows))
    where = FLEET if cause is Cause.ZOOM_SIDE else "java"
    assert found.keys() == {*windows, FLEET}
    assert {each.cause for each in found[where]} == {cause} | BESIDE.get(cause, set())
    assert not any(causes for name, causes in found.items() if name != where)
    for each in found[where]:
        assert 0 < each.confidence <= 1
        assert len(each.evidence) < 1200
        assert "  " not in each.evidence
        assert each.evidence.endswith(".")
        for share in (each.predicted_share, each.observed_share):
            assert share is None or 0 <= share <= 1
        assert each.heals_s is None or (math.isfinite(each.heals_s) and each.heals_s >= 0)
        assert not any(word in each.evidence for word in ("nan", "inf ", "None", "inf)"))


@pytest.mark.parametrize("cause", CASES, ids=str)
def test_a_diagnosis_is_the_same_twice_and_changes_nothing(cause: Cause) -> None:
    windows = CASES[cause]()
    now = now_of(windows)
    assert diagnose(windows, now) == diagnose(windows, now)


def test_the_surest_comes_first() -> None:
    scene = Scene().sign(
        lambda now: float(int(now + 45)), every(5, 20), findings=["mac/swapped", "claims/mn_type"]
    )
    confidences = [each.confidence for each in scene.found()]
    assert confidences == sorted(confidences, reverse=True)
    assert len(confidences) == 3


@pytest.mark.parametrize("iat", [1e308, -1e308, 1e18, 1.8e12, 0.0, -447310725.0, 5e-324, None], ids=str)
@pytest.mark.parametrize("format_", ["meeting_sdk", "legacy", "native", "no such format"])
def test_no_iat_breaks_a_diagnosis(iat: float | None, format_: str) -> None:
    scene = Scene()
    for number, at in enumerate(every(5, 40)):
        scene.add(
            signature(
                at, iat, format_=format_, findings=["time/milliseconds"], replica=[None, "a"][number % 2]
            )
        )
    (found,) = scene.found()
    assert found.cause is Cause.MILLISECONDS
    assert found.evidence.startswith("40 of 40 signatures (100 %): A time claim is in milliseconds")


@pytest.mark.parametrize("iat", [1e308, None, 0.0], ids=str)
def test_an_odd_iat_among_sound_ones_hides_nothing(iat: float | None) -> None:
    scene = Scene()
    for number, at in enumerate(every(5, 60)):
        scene.add(signature(at, iat if number % 3 == 0 else float(int(at + 3600))))
    assert scene.named() == {Cause.TIMEZONE_SHIFT}


def test_nothing_known_of_a_join() -> None:
    scene = Scene()
    for at in every(5, 60):
        scene.add(
            join(
                at,
                age=None,
                left=None,
                delay=None,
                replica=None,
                origin=None,
                role=None,
                intact=None,
                matches=None,
            )
        )
    assert scene.named() == set()


def test_an_empty_window() -> None:
    assert diagnose({"java": BackendWindow()}, START) == {"java": (), FLEET: ()}
