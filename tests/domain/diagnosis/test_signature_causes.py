"""Replicas told apart: what one of them has, what all have, and which of them are no more."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from proxy.domain.causes import Cause
from proxy.domain.diagnosis.mends import advice
from proxy.domain.diagnosis.signature_causes import signature_causes
from proxy.domain.diagnosis.windows import BackendWindow

from .builders import RIGHT, START, Code, Scene, every, floored, rounded, signature

SOUND = floored(60)


def mixed(
    bad: Code = SOUND,
    findings: Sequence[str] = (),
    *,
    count: int = 120,
    names: Sequence[str] = ("a", "b"),
    of_bad: Sequence[str] = ("a",),
    gap_s: float = 5,
    seed: int = 1,
) -> Scene:
    """Replicas that answer at random, of which those in `of_bad` are bad."""
    scene = Scene(seed)
    for at in every(gap_s, count):
        name = scene.rng.choice(names)
        is_bad = name in of_bad
        scene.sign(bad if is_bad else SOUND, [at], replica=name or None, findings=findings if is_bad else ())
    return scene


@pytest.mark.parametrize(
    ("bad", "findings", "cause"),
    [
        pytest.param(rounded(30), (), Cause.FLOAT32_ROUNDING, id="float32"),
        pytest.param(floored(60, 105), (), Cause.BACKEND_CLOCK_AHEAD, id="clock"),
        pytest.param(floored(60 - 3600), (), Cause.TIMEZONE_SHIFT, id="zone"),
        pytest.param(floored(-1), (), Cause.NO_MARGIN, id="no margin"),
        pytest.param(SOUND, ["mac/wrong"], Cause.WRONG_SECRET, id="secret"),
        pytest.param(SOUND, ["claims/key_empty"], Cause.EMPTY_CREDENTIALS, id="empty key"),
        pytest.param(SOUND, ["time/lifetime_short"], Cause.LIFETIME_TOO_SHORT, id="lifetime"),
    ],
)
def test_one_of_two_is_named(bad: Code, findings: Sequence[str], cause: Cause) -> None:
    scene = mixed(bad, findings)
    share = (
        sum(kept.tally.since(0).total for name, kept in scene.window.replicas.items() if name == "a") / 120
    )
    assert scene.named() == {cause, Cause.REPLICA_SPECIFIC}
    found, specific = scene.told(cause), scene.told(Cause.REPLICA_SPECIFIC)
    assert found.replicas == specific.replicas == ("a",)
    assert found.evidence.startswith("a: ")
    assert "Without it: b. " in found.evidence
    assert specific.evidence.startswith(
        f"{cause}: a only, of 2 replicas, with {share * 100:.3g} % of the signatures."
    )
    assert specific.advice == advice(Cause.REPLICA_SPECIFIC)
    assert specific.confidence == found.confidence
    alone = Scene().sign(bad, every(5, 60), findings=findings).told(cause)
    if alone.predicted_share is None:
        assert found.predicted_share is specific.predicted_share is None
    else:
        assert (
            found.predicted_share == specific.predicted_share == pytest.approx(alone.predicted_share * share)
        )


def test_a_clock_by_its_own_dates() -> None:
    scene = Scene()
    for number, at in enumerate(every(5, 40)):
        scene.sign(
            floored(60, 105 * (number % 2)),
            [at],
            replica="ab"[number % 2],
            date=(105, 0.3) if number % 2 else RIGHT,
        )
    assert scene.told(Cause.BACKEND_CLOCK_AHEAD).replicas == ("b",)
    assert "clock is 105.00 s ahead" in scene.told(Cause.BACKEND_CLOCK_AHEAD).evidence


@pytest.mark.parametrize("findings", [["mac/wrong"], ["mac/damaged_secret"]], ids=str)
def test_what_all_have_is_the_backends(findings: Sequence[str]) -> None:
    scene = mixed(SOUND, findings, of_bad=("a", "b"))
    (found,) = scene.found()
    assert (found.replicas, found.predicted_share) == ((), 1)
    assert found.evidence.startswith("120 of 120 signatures")


def test_rounding_in_all_replicas_is_told_together_as_soon_as_in_one() -> None:
    scene = mixed(rounded(30), names=("a", "b", "c", "d"), of_bad="abcd", count=30)
    (found,) = scene.found()
    assert (found.cause, found.replicas) == (Cause.FLOAT32_ROUNDING, ())


def test_a_replica_is_cleared_by_eight_signatures() -> None:
    scene = Scene().sign(SOUND, every(5, 20), replica="a", findings=["mac/wrong"])
    scene.sign(SOUND, every(1, 7, scene.now), replica="b")
    assert scene.told(Cause.WRONG_SECRET).replicas == ()
    scene.sign(SOUND, every(1, 1, scene.now), replica="b")
    assert scene.told(Cause.WRONG_SECRET).replicas == ("a",)


def test_a_replica_that_stands_on_a_plateau_is_not_cleared_of_rounding() -> None:
    scene = Scene().sign(rounded(30), every(5, 100), replica="a")
    scene.sign(lambda _now: 1_790_000_512.0, every(0.5, 20, scene.now), replica="b")
    assert scene.told(Cause.FLOAT32_ROUNDING).replicas == ()


def test_many_are_listed_with_one_of_them_as_the_example() -> None:
    scene = mixed(SOUND, ["mac/swapped"], names="abcdefgh", of_bad="bcdefgh", count=300)
    found, specific = scene.told(Cause.KEY_SECRET_SWAPPED), scene.told(Cause.REPLICA_SPECIFIC)
    assert found.replicas == tuple("bcdefgh")
    assert found.evidence.startswith("b, c, d, e, f and 2 more; of b: ")
    assert ": b, c, d, e, f and 2 more only, of 8 replicas, with " in specific.evidence


def test_two_causes_of_two_replicas() -> None:
    scene = Scene()
    for number, at in enumerate(every(5, 90)):
        name = "abc"[number % 3]
        scene.sign(
            SOUND,
            [at],
            replica=name,
            findings={"a": ["mac/swapped"], "b": ["claims/mn_missing"], "c": []}[name],
        )
    specific = scene.told(Cause.REPLICA_SPECIFIC)
    assert specific.replicas == ("a", "b")
    assert specific.evidence.startswith(
        "key_secret_swapped, malformed_claims: a, b only, of 3 replicas, with 66.7 %"
    )


def test_a_replica_without_a_name() -> None:
    found = mixed(SOUND, ["mac/swapped"], names=("", "b"), of_bad=("",)).told(Cause.KEY_SECRET_SWAPPED)
    assert found.replicas == ("",)
    assert found.evidence.startswith("(unnamed): ")


def test_one_replica_with_another_secret_and_an_odd_request_are_no_shared_fields() -> None:
    scene = mixed(SOUND, ["mac/wrong"])
    scene.sign(SOUND, [scene.now + 5], replica="b", findings=["request/meeting_mismatch"])
    assert scene.named() == {Cause.WRONG_SECRET, Cause.REPLICA_SPECIFIC}


def test_shared_fields_of_one_replica() -> None:
    scene = Scene(2)
    for at in every(5, 120):
        name = scene.rng.choice("ab")
        spoilt = scene.rng.random() < 0.3 and name == "a"
        kind = scene.rng.choice(["mac/wrong", "format/segments", "request/meeting_mismatch"])
        scene.sign(SOUND, [at], replica=name, findings=[kind] if spoilt else [])
    assert scene.named() == {Cause.SHARED_STATE, Cause.REPLICA_SPECIFIC}
    assert scene.told(Cause.SHARED_STATE).replicas == ("a",)


@pytest.mark.parametrize(
    ("bad", "findings"), [(rounded(30), ()), (SOUND, ["mac/wrong"])], ids=["float32", "secret"]
)
def test_a_replica_that_a_deployment_has_replaced_is_accused_no_longer(
    bad: Code, findings: Sequence[str]
) -> None:
    scene = Scene().sign(bad, every(5, 100), replica="old", findings=findings)
    assert scene.named()
    scene.sign(SOUND, every(5, 24, scene.now), replica="new")
    assert scene.named(), "for three minutes it may be but idle"
    scene.sign(SOUND, every(5, 30, scene.now), replica="new")
    assert scene.named() == set()
    scene.sign(SOUND, every(5, 200, scene.now), replica="new")
    assert scene.named() == set()


def test_a_replica_that_signs_seldom_is_not_gone() -> None:
    scene = Scene()
    for number, at in enumerate(every(5, 200)):
        seldom = number % 50 == 0
        scene.sign(SOUND, [at], replica="a" if seldom else "b", findings=["mac/swapped"] if seldom else [])
    assert scene.told(Cause.KEY_SECRET_SWAPPED).replicas == ("a",)


def test_when_all_fall_silent_none_is_gone() -> None:
    scene = mixed(SOUND, ["mac/swapped"])
    assert scene.named(scene.now + 900) == {Cause.KEY_SECRET_SWAPPED, Cause.REPLICA_SPECIFIC}
    assert scene.named(scene.now + 2500) == set()


def test_thousands_of_replicas_and_a_fault_in_all() -> None:
    scene = Scene()
    for number, at in enumerate(every(0.2, 3000)):
        scene.sign(SOUND, [at], replica=f"pod-{number}", findings=["mac/swapped"])
    (found,) = scene.found()
    assert (found.cause, found.replicas) == (Cause.KEY_SECRET_SWAPPED, ())


def test_a_replica_that_was_seen_for_a_second_is_not_cleared_of_rounding() -> None:
    """Within a second a rounded iat stands still as a sound one does."""
    scene = Scene().sign(rounded(30), every(5, 100), replica="a")
    scene.sign(rounded(30), every(0.04, 20, scene.now + 1), replica="b")
    assert scene.told(Cause.FLOAT32_ROUNDING).replicas == ()


def test_a_reply_out_of_order_at_a_full_minute_stops_no_look() -> None:
    """The last one of a replica may lie before the minute that others of its own began."""
    minute = START - START % 60 + 60
    window = BackendWindow()
    for at in [minute + 0.01] * 12 + [minute - 0.3]:
        window.signature(signature(at, at - 60, replica="pod1"))
    for at in every(1, 200, minute + 1):
        window.signature(signature(at, at - 60, replica="pod2"))
    assert not signature_causes(window, minute + 202)
