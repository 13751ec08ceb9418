"""What joins tell by themselves, and how they weigh what signatures told."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from proxy.domain.causes import Cause
from proxy.domain.diagnosis.mends import advice
from proxy.domain.diagnosis.predicates import VISIBLE, hidden
from proxy.domain.diagnosis.sightings import JoinSeen
from proxy.domain.diagnosis.tables import USUAL_SHARE
from proxy.domain.join_result import Outcome

from .builders import RIGHT, START, Offset, Scene, every, floored, join, refused, rounded

Fields = Mapping[str, Any]

REFUSED, JOINED = Outcome.INVALID_SIGNATURE, Outcome.JOINED


def differing(
    bad: Fields, good: Fields, *, part: float = 0.3, count: int = 240, fails: float = 0.95
) -> Scene:
    """Joins at random half a minute apart or so; a part is of one kind, and most of that kind are refused."""
    scene = Scene(7)
    at = START
    for _ in range(count):
        at += scene.rng.uniform(1, 20)
        is_bad = scene.rng.random() < part
        seen = join(at, **(bad if is_bad else good))
        scene.add(refused(seen) if is_bad and scene.rng.random() < fails else seen)
    return scene


CIRCUMSTANCES = {
    "role": (Cause.HOST_ROLE, {"role": 1}, {"role": 0}, "the role was 1 (host)"),
    "origin": (
        Cause.ORIGIN_SPECIFIC,
        {"origin": "https://b.example"},
        {"origin": "https://a.example"},
        "the origin was https://b.example",
    ),
    "replica": (
        Cause.REPLICA_SPECIFIC,
        {"replica": "10.0.0.1:443"},
        {"replica": "10.0.0.2:443"},
        "the replica was 10.0.0.1:443",
    ),
    "view": (Cause.UNEXPLAINED, {"view": "component"}, {"view": "client"}, "the view was component"),
    "text": (
        Cause.ENCODING_DAMAGE,
        {"intact": False},
        {},
        "the page joined with another text than was issued",
    ),
    "meeting": (Cause.MEETING_MISMATCH, {"matches": False}, {}, "the meeting was another"),
    "expired": (Cause.STALE_SIGNATURE, {"left": -3.0}, {}, "the signature had expired"),
}


@pytest.mark.parametrize(("cause", "bad", "good", "what"), CIRCUMSTANCES.values(), ids=CIRCUMSTANCES)
def test_a_circumstance_that_explains_the_failures(
    cause: Cause, bad: Fields, good: Fields, what: str
) -> None:
    scene = differing(bad, good)
    (found,) = scene.found()
    assert (found.cause, found.confidence, found.advice) == (cause, 0.99, advice(cause))
    # What a circumstance explains is compared over the time of the failures only.
    hidden_one = cause not in (Cause.ENCODING_DAMAGE, Cause.MEETING_MISMATCH, Cause.STALE_SIGNATURE)
    when = "while most of these failed, " if hidden_one else ""
    assert found.evidence.startswith(f"Joins tell: {when}where {what} ")
    assert ", elsewhere 0 of " in found.evidence
    assert found.replicas == (("10.0.0.1:443",) if cause is Cause.REPLICA_SPECIFIC else ())
    assert found.observed_share is not None
    assert 0.2 < found.observed_share < 0.4
    if cause in (Cause.HOST_ROLE, Cause.ORIGIN_SPECIFIC, Cause.REPLICA_SPECIFIC):
        assert found.predicted_share == pytest.approx(found.observed_share)


@pytest.mark.parametrize(("cause", "bad", "good", "what"), CIRCUMSTANCES.values(), ids=CIRCUMSTANCES)
def test_a_circumstance_without_failures(cause: Cause, bad: Fields, good: Fields, what: str) -> None:
    assert differing(bad, good, fails=0).named() == set()
    assert differing(bad, good, fails=0.02).named() == set()


@pytest.mark.parametrize(("cause", "bad", "good", "what"), CIRCUMSTANCES.values(), ids=CIRCUMSTANCES)
def test_a_circumstance_that_is_over(cause: Cause, bad: Fields, good: Fields, what: str) -> None:
    scene = differing(bad, good, part=0.5, count=120)
    assert scene.named() == {cause}
    for at in every(5, 60, scene.now):
        scene.add(join(at, **bad))
    assert scene.named() == set()


def test_how_few_joins_it_takes() -> None:
    """Half of them by hosts, who all fail: the joins that it takes, and none before."""
    scene = Scene()
    for number in range(100):
        role = number % 2
        scene.add(join(START + 15 * number, REFUSED if role else JOINED, role=role))
        if scene.named():
            break
    assert scene.named() == {Cause.HOST_ROLE}
    assert 30 <= number + 1 <= 42


def test_two_circumstances_at_once() -> None:
    scene = Scene(3)
    at = START
    for _ in range(500):
        at += scene.rng.uniform(1, 12)
        seen = join(
            at,
            role=int(scene.rng.random() < 0.3),
            origin=scene.rng.choice(["https://a", "https://b", "https://c"]),
        )
        scene.add(refused(seen) if seen.role or seen.origin == "https://b" else seen)
    assert scene.named() == {Cause.HOST_ROLE, Cause.ORIGIN_SPECIFIC}


def codes(
    share: float,
    code: str,
    outcome: Outcome = Outcome.OTHER_FAILURE,
    count: int = 300,
    fields: Fields | None = None,
) -> Scene:
    """A part of the joins ends with a code; these have what is given besides."""
    scene = Scene(5)
    for at in every(8, count):
        ends = scene.rng.random() < share
        scene.add(join(at, outcome, code=code, **(fields or {})) if ends else join(at))
    return scene


MEANT: Mapping[str, Fields] = {
    "3706": {"matches": None},
    "3707": {"matches": None},
    "3708": {"role": 1},
    "3711": {"role": 1},
}
"""What a join must be for its code to mean what it says."""


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("3704", Cause.UNKNOWN_KEY),
        ("3710", Cause.UNKNOWN_KEY),
        ("3705", Cause.STALE_SIGNATURE),
        ("3706", Cause.MEETING_MISMATCH),
        ("3707", Cause.MEETING_MISMATCH),
        ("3708", Cause.HOST_ROLE),
        ("3711", Cause.HOST_ROLE),
        ("4011", Cause.OTHER_ACCOUNT),
        ("4012", Cause.OTHER_ACCOUNT),
        ("4013", Cause.OTHER_ACCOUNT),
        *((str(code), None) for code in range(4014, 4019)),
        ("3709", None),
        ("3713", None),
        ("3004", None),
        ("4010", None),
        ("4019", None),
    ],
    ids=str,
)
def test_what_zoom_says_itself(code: str, cause: Cause | None) -> None:
    outcome = Outcome.SIGNATURE_EXPIRED if code == "3705" else Outcome.OTHER_FAILURE
    scene = codes(0.3, code, outcome, fields=MEANT.get(code))
    assert scene.named() == ({cause} if cause else set())
    if cause:
        found = scene.told(cause)
        assert found.evidence.startswith(f"Zoom answers {code} to ")
        assert found.observed_share == pytest.approx(0.3, abs=0.08)
        # A wrong number may be what visitors type.
        assert found.confidence == (0.7 if cause is Cause.MEETING_MISMATCH else 0.99)


@pytest.mark.parametrize(
    ("code", "fields", "cause"),
    [
        ("3706", {"matches": True}, None),
        ("3707", {"matches": True}, None),
        ("3706", {"matches": False}, Cause.MEETING_MISMATCH),
        ("3708", {"role": 0}, None),
        ("3711", {"role": 0}, None),
        ("3708", {"role": None}, Cause.HOST_ROLE),
        ("3711", {"role": None}, Cause.HOST_ROLE),
    ],
    ids=str,
)
def test_a_code_that_its_join_contradicts_does_not_count(
    code: str, fields: Fields, cause: Cause | None
) -> None:
    assert codes(0.3, code, fields=fields).named() == ({cause} if cause else set())


@pytest.mark.parametrize(("share", "named"), [(0.01, False), (0.02, False), (0.1, True)], ids=str)
def test_a_few_expired_ones_are_tabs_left_open(share: float, named: bool) -> None:
    found = codes(share, "3705", Outcome.SIGNATURE_EXPIRED, 440).named()
    assert found == ({Cause.STALE_SIGNATURE} if named else set())


def test_joins_agree_once() -> None:
    finding = "request/meeting_mismatch"
    scene = Scene()
    for number, at in enumerate(every(8, 100)):
        has = [finding] if number % 3 == 0 else []
        scene.sign(floored(60), [at], findings=has)
        scene.add(join(at + 2, REFUSED if has else JOINED, findings=has))
    found = scene.told(Cause.MEETING_MISMATCH)
    assert found.evidence.count("Joins agree: ") == 1
    assert "where the meeting was another 34 of 34 joins failed, elsewhere 0 of 66" in found.evidence


def marked(findings: Mapping[str, float], count: int = 200, others: float = 0.0, seed: int = 5) -> Scene:
    """Signatures of which each has one of these findings or none in turn, and fails so often; the `others` as often."""
    scene = Scene(seed)
    kinds = [*findings, None]
    for number, at in enumerate(every(8, count)):
        kind = kinds[number % len(kinds)]
        has = [] if kind is None else [kind]
        scene.sign(floored(60), [at], findings=has)
        fails = scene.rng.random() < (others if kind is None else findings[kind])
        scene.add(join(at + 2, REFUSED if fails else JOINED, findings=has))
    return scene


def test_joins_agree_with_the_cause_whose_signatures_fail_and_not_with_another() -> None:
    scene = marked({"claims/mn_missing": 1.0, "time/lifetime_long": 0.0})
    claims, lifetime = scene.told(Cause.MALFORMED_CLAIMS), scene.told(Cause.LIFETIME_TOO_LONG)
    assert claims.confidence == 0.99
    assert (
        " Joins agree: where the signature had it 67 of 67 joins failed, elsewhere 0 of " in claims.evidence
    )
    assert "Joins agree" not in lifetime.evidence
    assert lifetime.confidence == 0.7
    assert (
        " Joins do not bear it out: where the signature had it 0 of 67 joins (0 %) failed."
        in lifetime.evidence
    )


@pytest.mark.parametrize(
    ("finding", "cause"),
    [("claims/mn_missing", Cause.MALFORMED_CLAIMS), ("time/lifetime_long", Cause.LIFETIME_TOO_LONG)],
    ids=["Zoom refuses it", "not known"],
)
@pytest.mark.parametrize(
    ("share", "others", "doubted"),
    [(0.0, 0.0, True), (0.0, 0.3, True), (0.05, 0.0, True), (0.05, 0.05, True), (0.4, 0.4, False)],
    ids=["nobody fails", "others only", "a few", "as many as others", "many, and others too"],
)
def test_what_joins_do_not_bear_out_is_doubted_once(
    finding: str, cause: Cause, share: float, others: float, doubted: bool
) -> None:
    """Whether any join fails elsewhere makes no difference, nor are two doubts of the same joins two."""
    found = marked({finding: share}, others=others).told(cause)
    assert ("Joins do not bear it out" in found.evidence) is doubted
    assert (found.confidence == 0.7) is doubted
    assert "Far fewer" not in found.evidence


def test_thirty_joins_with_the_finding_are_needed_to_doubt_it() -> None:
    assert marked({"time/lifetime_long": 0.0}, 58).told(Cause.LIFETIME_TOO_LONG).confidence == 0.8
    assert marked({"time/lifetime_long": 0.0}, 60).told(Cause.LIFETIME_TOO_LONG).confidence == 0.7


def test_what_zoom_says_itself_is_not_doubted_for_those_that_joined() -> None:
    """Zoom answers 3704 to most; what joined is no proof against its own word."""
    scene = Scene(3)
    finding = ["mac/unknown_key"]
    for at in every(8, 200):
        scene.sign(floored(60), [at], findings=finding)
        refuses = scene.rng.random() < 0.7
        outcome = Outcome.OTHER_FAILURE if refuses else JOINED
        scene.add(join(at + 2, outcome, code="3704" if refuses else None, findings=finding))
    found = scene.told(Cause.UNKNOWN_KEY)
    assert found.confidence == 0.99
    assert "Joins do not bear it out" not in found.evidence


def test_two_codes_of_one_cause() -> None:
    scene = codes(0.3, "4011")
    for at in every(8, 40, scene.now):
        scene.add(join(at, Outcome.OTHER_FAILURE, code="4013"))
    assert scene.told(Cause.OTHER_ACCOUNT).evidence.startswith("Zoom answers 4011, 4013 to ")


def test_codes_agree_with_what_signatures_told() -> None:
    scene = Scene().sign(floored(60), every(5, 30), findings=["mac/unknown_key"])
    for at in every(8, 100, scene.now):
        scene.add(join(at, Outcome.OTHER_FAILURE, code="3704", findings=["mac/unknown_key"]))
    found = scene.told(Cause.UNKNOWN_KEY)
    assert found.confidence == 0.99
    assert found.evidence.startswith("30 of 30 signatures (100 %): ")
    assert " Zoom answers 3704 to 100 of 100 joins (100 %) (exact test, corrected: p = " in found.evidence


class TestUnexplained:
    """Failures at sound signatures."""

    def test_a_world_where_three_in_a_thousand_fail_is_sound_for_an_hour_at_a_hundred_a_second(self) -> None:
        rng = random.Random(5)
        scene = Scene()
        for number in range(360_000):
            outcome = REFUSED if rng.random() < 0.003 else JOINED
            scene.window.join(join(START + number / 100, outcome))
            if number % 60_000 == 59_999:
                assert scene.named(START + number / 100) == set()

    def test_thirty_percent_at_a_hundred_a_second_are_named_within_three_minutes(self) -> None:
        scene = Scene(5)
        for number in range(18_000):
            outcome = REFUSED if scene.rng.random() < 0.3 else JOINED
            scene.add(join(START + number / 100, outcome, receipt=number + 1))
            if number % 200 == 0 and scene.named():
                break
        (found,) = scene.found()
        assert (found.cause, found.confidence, found.predicted_share) == (Cause.UNEXPLAINED, 0.9, None)
        assert found.observed_share == pytest.approx(0.3, abs=0.03)

    @pytest.mark.parametrize(("share", "named"), [(USUAL_SHARE, False), (0.12, True)], ids=str)
    def test_more_than_usual(self, share: float, named: bool) -> None:
        scene = Scene(2)
        for at in every(4, 800):
            scene.add(join(at, REFUSED if scene.rng.random() < share else JOINED))
        assert scene.named() == ({Cause.UNEXPLAINED} if named else set())

    def test_forty_failures_in_one_bad_minute_are_not(self) -> None:
        scene = Scene()
        for at in every(4, 400):
            scene.add(join(at))
        for at in every(1, 40, scene.now):
            scene.add(join(at, REFUSED))
        for at in every(4, 200, scene.now):
            scene.add(join(at))
        assert scene.named() == set()

    def test_one_who_tries_again_and_again_counts_once(self) -> None:
        scene = Scene()
        for number, at in enumerate(every(20, 150)):
            receipt = 1000 + number % 4
            scene.add(join(at, REFUSED, receipt=receipt))
        for at in every(4, 60, scene.now):
            scene.add(join(at))
        assert scene.named() == set()

    def test_what_was_ruled_out_is_told(self) -> None:
        scene = Scene(3)
        for number, at in enumerate(every(15, 120)):
            seen = join(at, origin=f"https://{'ab'[number % 2]}.example")
            scene.add(refused(seen) if scene.rng.random() < 0.6 else seen)
        (found,) = scene.found()
        failed = sum(each.outcome is REFUSED for each in scene.window.recent_joins(scene.now))
        assert (
            f"Ruled out, with how many failed joins had it: iat was still ahead (0 of {failed}); the HMAC was wrong (0 "
            f"of {failed}); the meeting was another (0 of {failed}); the lifetime was out of range (0 of {failed}); "
            f"the signature had expired (0 of {failed}); the page joined with another text than was issued (0 of "
        ) in found.evidence
        assert "No difference that tells: the origin was https://a.example (" in found.evidence

    def test_failures_that_a_cause_explains_are_not_unexplained(self) -> None:
        scene = Scene().sign(floored(60), every(5, 40), findings=["mac/wrong"])
        for at in every(8, 100, scene.now):
            scene.add(join(at, REFUSED, findings=["mac/wrong"]))
        assert scene.named() == {Cause.WRONG_SECRET}

    def test_failures_beside_a_cause_are_not_hidden_by_it(self) -> None:
        scene = Scene(3).sign(floored(60), every(5, 60), findings=["time/lifetime_short"])
        for at in every(8, 200, scene.now):
            scene.add(join(at, REFUSED if scene.rng.random() < 0.5 else JOINED))
        assert scene.named() == {Cause.LIFETIME_TOO_SHORT, Cause.UNEXPLAINED}


def zoom(scene: Scene, ahead: float = 0.0, tolerance: float = 0.0, share: float = 1.0) -> Scene:
    """Joins 2 s after each signature of a scene, refused where iat is still ahead by more than the tolerance."""
    for kept in list(scene.window.replicas[""].kept(scene.now)):
        iat = kept.seen.issuance.iat
        assert iat is not None
        at = kept.at + 2
        early = iat - at > tolerance and scene.rng.random() < share
        scene.add(join(at, REFUSED if early else JOINED, age=at - iat))
    return scene


def test_joins_raise_the_confidence_of_rounding() -> None:
    scene = zoom(Scene().sign(rounded(), every(14.1, 120)))
    found = scene.told(Cause.FLOAT32_ROUNDING)
    assert scene.named() == {Cause.FLOAT32_ROUNDING}
    assert found.confidence == 0.99
    assert " Joins agree: where iat was still ahead " in found.evidence
    # Two seconds from signing to joining are as good as two seconds of margin.
    assert found.predicted_share == 123 / 256
    assert found.observed_share == pytest.approx(0.48, abs=0.02)


def test_joins_raise_the_confidence_of_a_clock_without_a_date() -> None:
    scene = Scene()
    for number, at in enumerate(every(14.1, 120)):
        scene.sign(floored(0, 45), [at])
        joined = at + (2 if number % 2 else 60)
        scene.add(join(joined, REFUSED if number % 2 else JOINED, age=joined - at - 45, delay=joined - at))
    found = scene.told(Cause.BACKEND_CLOCK_AHEAD)
    assert found.confidence == 0.99
    assert (
        " Joins agree: where iat was still ahead 60 of 60 joins failed, elsewhere 0 of 60 " in found.evidence
    )
    assert (found.predicted_share, found.observed_share) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("host", "sure", "doubtful"),
    [((0.0, 0.05), 0.97, 0.7), (None, 0.6, 0.4)],
    ids=["this host is measured", "this host may be wrong"],
)
@pytest.mark.parametrize(
    ("fails", "doubted"), [(0, True), (5, True), (40, False)], ids=["none", "a few", "more than a quarter"]
)
def test_a_prediction_that_joins_belie_is_doubted(
    fails: int, doubted: bool, host: Offset | None, sure: float, doubtful: float
) -> None:
    """The backend's Date says 105 s ahead, yet joins with its signatures work: Zoom may tolerate it."""
    scene = Scene().sign(floored(60, 105), every(5, 30), date=(105, 0.3), host=host)
    for number, at in enumerate(every(5, 100, START)):
        scene.add(join(at, REFUSED if number % 100 < fails else JOINED, age=-43, delay=2))
    found = scene.told(Cause.BACKEND_CLOCK_AHEAD)
    assert found.predicted_share == 1
    assert found.observed_share == fails / 100
    assert found.confidence == (doubtful if doubted else sure)
    why = f" Joins do not bear it out: where iat was still ahead {fails} of 100 joins ({fails} %) failed."
    assert (why in found.evidence) is doubted
    assert "Far fewer" not in found.evidence, "that is the same once more"


def test_a_share_that_joins_belie_is_doubted_where_no_age_is_known() -> None:
    scene = Scene().sign(floored(60, 105), every(5, 30), date=(105, 0.3), host=(0.0, 0.05))
    for at in every(5, 100, START):
        scene.add(join(at, age=None, delay=2))
    found = scene.told(Cause.BACKEND_CLOCK_AHEAD)
    assert found.confidence == 0.7
    assert found.evidence.endswith(" Far fewer joins fail than that would make fail.")


def test_thirty_joins_are_needed_to_doubt() -> None:
    scene = Scene().sign(floored(60, 105), every(5, 30), date=(105, 0.3), host=(0.0, 0.05))
    for at in every(5, 29, START):
        scene.add(join(at, age=-43, delay=2))
    assert scene.told(Cause.BACKEND_CLOCK_AHEAD).confidence == 0.97
    scene.add(join(scene.now, age=-43, delay=2))
    assert scene.told(Cause.BACKEND_CLOCK_AHEAD).confidence == 0.7


def test_an_unknown_result_is_no_join_that_ended() -> None:
    scene = Scene().sign(floored(60, 105), every(5, 30), date=(105, 0.3))
    for at in every(5, 60, START):
        scene.add(join(at, Outcome.NO_RESULT))
    found = scene.told(Cause.BACKEND_CLOCK_AHEAD)
    assert found.observed_share is None
    assert found.evidence.endswith("No join was reported yet.")


def test_the_observed_share_and_its_bounds() -> None:
    scene = Scene().sign(floored(60, 105), every(5, 30), date=(105, 0.3))
    for number, at in enumerate(every(15, 20, START)):
        scene.add(join(at, REFUSED if number < 14 else Outcome.OTHER_FAILURE, age=-43, delay=2))
    assert scene.told(Cause.BACKEND_CLOCK_AHEAD).evidence.endswith(
        " Observed: 14 of 20 joins failed as invalid signature, 70 % (95 %: 48.1 % to 85.5 %)."
    )


@pytest.mark.parametrize("field", ["token_age_s", "left_s", "replica", "origin", "role", "signature_intact"])
def test_what_is_not_known_of_joins_names_nothing(field: str) -> None:
    names = {"token_age_s": "age", "left_s": "left", "signature_intact": "intact"}
    scene = Scene()
    for number, at in enumerate(every(15, 100)):
        seen: JoinSeen = join(at, **{names.get(field, field): None} if number % 2 else {})  # type: ignore[arg-type]  # None is one of its values
        scene.add(seen)
    assert scene.named() == set()


def test_a_host_measured_right_and_sound_joins_name_nothing() -> None:
    scene = zoom(Scene().sign(floored(60), every(14.1, 120), date=RIGHT, host=(0.0, 0.05)))
    assert scene.found() == ()


def test_a_key_that_is_not_configured_here_is_no_wrong_hmac() -> None:
    (mac,) = (each for each in VISIBLE if each.what == "the HMAC was wrong")
    assert mac.holds(join(findings=["mac/wrong"]))
    assert mac.holds(join(findings=["mac/damaged_secret"]))
    assert not mac.holds(join(findings=["mac/unknown_key"]))
    assert not mac.holds(join())


@pytest.mark.parametrize("name", ["origin", "replica", "view"])
def test_what_is_not_known_is_neither_this_nor_another(name: str) -> None:
    made: dict[str, Fields] = {value: {name: value or None} for value in ("one", "other", "")}
    one, other, unknown = (join(**fields) for fields in made.values())
    (first, _) = hidden([one, one, other])
    assert first.what == f"the {name} was one"
    assert first.holds(one) is True
    assert first.holds(other) is False
    if name != "view":
        assert first.holds(unknown) is None


def test_the_eight_most_frequent_values_are_tested() -> None:
    seen = [join(origin=f"https://{number}.example") for number in range(20) for _ in range(number)]
    assert [each.value for each in hidden(seen)] == [
        f"https://{number}.example" for number in range(19, 11, -1)
    ]
    assert hidden([join(), join()]) == []


class TestAnOutage:
    """Everybody fails for a while, and one group joins more than the others just then."""

    @staticmethod
    def played(
        length_s: float, origin: str = "https://b.example", share_of_a: float = 0.95, seed: int = 3
    ) -> Scene:
        """Half an hour of two quiet sites; then a webinar starts at A, together with the outage, and goes on."""
        scene = Scene(seed)
        outage = START + 1800
        for at in every(20, 90):
            scene.add(join(at, origin=scene.rng.choice(["https://a.example", origin])))
        at = outage
        while at < outage + 900:
            at += scene.rng.expovariate(1.0)
            of_a = scene.rng.random() < share_of_a
            seen = join(at, origin="https://a.example" if of_a else origin)
            scene.add(refused(seen) if at < outage + length_s else seen)
        return scene

    @pytest.mark.parametrize("length_s", [30, 90, 300], ids=str)
    @pytest.mark.parametrize("seed", range(4), ids=str)
    def test_of_a_webinars_origin_is_no_fault_of_the_origin(self, length_s: float, seed: int) -> None:
        """The other origin has one join in twenty, which fail as well."""
        scene = self.played(length_s, seed=seed)
        for now in (1800 + length_s / 2, 1800 + length_s, 1860 + length_s, 2700):
            upto = Scene()
            for seen in scene.window.recent_joins(scene.now):
                if seen.at <= START + now:
                    upto.add(seen)
            assert Cause.ORIGIN_SPECIFIC not in upto.named(), now

    @pytest.mark.parametrize("new_s", [0, 60], ids=["new with it", "new a minute before"])
    @pytest.mark.parametrize("length_s", [60, 180, 600], ids=str)
    def test_is_no_fault_of_a_pod_that_is_new(self, length_s: float, new_s: float) -> None:
        scene, outage = Scene(4), START + 1800
        for at in every(3, 900):
            pods = ["p1", "p2", "p3"] if at >= outage - new_s else ["p1", "p2"]
            seen = join(at, replica=scene.rng.choice(pods))
            scene.add(refused(seen) if outage <= at < outage + length_s else seen)
            if int(at) % 7 == 0 and at > outage:
                assert Cause.REPLICA_SPECIFIC not in scene.named(), at - outage

    def test_that_spares_the_other_origin_is_one_of_the_origin(self) -> None:
        scene = Scene(3)
        for at in every(3, 600):
            seen = join(at, origin=scene.rng.choice(["https://a.example", "https://b.example"]))
            fails = at > START + 900 and seen.origin == "https://a.example"
            scene.add(refused(seen) if fails else seen)
        assert scene.named() == {Cause.ORIGIN_SPECIFIC}


def test_two_bad_origins() -> None:
    scene = Scene(3)
    for at in every(7, 400):
        seen = join(at, origin=f"https://{scene.rng.choice('abcdef')}.example")
        scene.add(refused(seen) if seen.origin in ("https://a.example", "https://b.example") else seen)
    assert scene.named() == {Cause.ORIGIN_SPECIFIC}
    evidence = scene.told(Cause.ORIGIN_SPECIFIC).evidence
    assert "where the origin was https://a.example " in evidence
    assert "where the origin was https://b.example " in evidence


def test_failures_with_a_warning_that_points_to_a_named_cause_are_explained() -> None:
    warning = ["claims/app_key_missing"]
    scene = Scene(3)
    for at in every(8, 150):
        scene.sign(floored(60), [at], findings=warning)
        scene.add(join(at + 2, REFUSED if scene.rng.random() < 0.8 else JOINED, findings=warning))
    assert scene.named() == {Cause.APP_KEY_MISSING}
