"""What single signatures point to, counted: how many it takes, what hides what, and when it is over."""

from __future__ import annotations

import pytest

from proxy.domain.causes import Cause, Suspicion
from proxy.domain.diagnosis.base import Cause as Named
from proxy.domain.diagnosis.finding_causes import without_companions
from proxy.domain.findings import RULES
from proxy.domain.rules.base import Severity

from .builders import START, Scene, every, floored, new_digest, signature

BY_RULE = {
    rule.id: rule for rule in RULES.values() if rule.cause is not None and rule.severity is not Severity.INFO
}


def scene(*findings: str, count: int = 8, of: int | None = None) -> Scene:
    """`count` signatures with these findings, spread among `of`."""
    seen, total = Scene(), of or count
    for number, at in enumerate(every(5, total)):
        has = number * count // total != (number + 1) * count // total
        seen.sign(floored(60), [at], findings=findings if has else ())
    return seen


@pytest.mark.parametrize("rule", BY_RULE, ids=str)
def test_every_rule_names_its_cause(rule: str) -> None:
    seen = Scene()
    for number, at in enumerate(every(5, 8)):
        # What has expired at once is an old token: new ones that all lie equally far back are shifted.
        seen.add(
            signature(at, at - 8000 - 100 * number if rule == "time/expired" else at - 60, findings=[rule])
        )
    (found,) = seen.found()
    refused = BY_RULE[rule].severity is Severity.REFUSED
    assert found.cause == BY_RULE[rule].cause
    assert found.evidence.startswith(f"8 of 8 signatures (100 %): {BY_RULE[rule].summary} ({rule})")
    assert found.predicted_share == (1.0 if refused else None)
    assert found.confidence == (0.95 if refused else 0.8)


@pytest.mark.parametrize("rule", [each for each in RULES if each not in BY_RULE], ids=str)
def test_a_rule_without_a_cause_names_none(rule: str) -> None:
    assert scene(rule).named() == set()


@pytest.mark.parametrize(
    ("rule", "count", "of", "named"),
    [
        pytest.param("mac/damaged_secret", 1, 1, False, id="1 of 1"),
        pytest.param("mac/damaged_secret", 2, 2, False, id="2 of 2"),
        pytest.param("mac/damaged_secret", 3, 3, True, id="3 of 3"),
        pytest.param("mac/damaged_secret", 3, 300, True, id="3 of 300"),
        pytest.param("mac/wrong", 3, 3, True, id="a wrong HMAC in all"),
        pytest.param("mac/wrong", 6, 12, True, id="in a half: some of the hosts"),
        pytest.param("mac/wrong", 3, 12, False, id="in fewer: perhaps fields are shared"),
        pytest.param("mac/wrong", 19, 100, False, id="19 of 100"),
        pytest.param("mac/wrong", 20, 100, True, id="20 of 100"),
    ],
)
def test_three_are_a_fault(rule: str, count: int, of: int, named: bool) -> None:
    assert scene(rule, count=count, of=of).named() == ({Cause(BY_RULE[rule].cause or "")} if named else set())


def test_less_than_a_half_percent_may_be_anybody() -> None:
    seen = Scene()
    for number, at in enumerate(every(0.5, 1200)):
        seen.sign(floored(60), [at], findings=["mac/swapped"] if number % 300 == 150 else [])
    assert seen.named() == set()
    seen.sign(floored(60), every(0.5, 3, seen.now), findings=["mac/swapped"])
    assert seen.named() == {Cause.KEY_SECRET_SWAPPED}


def test_the_most_frequent_finding_of_a_cause_is_told() -> None:
    seen = Scene()
    for number, at in enumerate(every(5, 12)):
        seen.sign(floored(60), [at], findings=["claims/mn_type"] if number % 3 else ["claims/role_type"])
    (found,) = seen.found()
    assert found.evidence.startswith(
        "8 of 12 signatures (66.7 %): The meeting number is not made of digits only"
    )


@pytest.mark.parametrize(("count", "of"), [(8, 8), (24, 24), (40, 80), (40, 100)], ids=str)
def test_a_mended_endpoint_is_accused_no_longer(count: int, of: int) -> None:
    seen = scene("mac/swapped", count=count, of=of)
    assert seen.named() == {Cause.KEY_SECRET_SWAPPED}
    for at in every(5, 24, seen.now):
        seen.sign(floored(60), [at])
        if not seen.named():
            break
    assert seen.named() == set(), "within 24 signatures"
    for at in every(5, 200, seen.now):
        seen.sign(floored(60), [at])
        assert seen.named() == set(), "and stays so"


def test_a_seldom_fault_may_rest_for_a_while() -> None:
    """One in six leaves out 24 now and then, and not 124."""
    seen = Scene()
    for at in every(5, 120):
        seen.sign(floored(60), [at], findings=["mac/swapped"] if seen.rng.random() < 1 / 6 else [])
    assert seen.named() == {Cause.KEY_SECRET_SWAPPED}
    seen.sign(floored(60), every(5, 24, seen.now))
    assert seen.named() == {Cause.KEY_SECRET_SWAPPED}
    seen.sign(floored(60), every(5, 100, seen.now))
    assert seen.named() == set()


def test_a_fault_that_becomes_seldom_goes_on() -> None:
    seen = scene("mac/swapped", count=60)
    for number, at in enumerate(every(5, 200, seen.now)):
        seen.sign(floored(60), [at], findings=["mac/swapped"] if number % 5 == 4 else [])
        assert seen.named() == {Cause.KEY_SECRET_SWAPPED}, number


def test_shared_fields_are_named_by_torn_signatures() -> None:
    assert scene("format/segments", count=2, of=40).named() == set()
    (found,) = scene("format/segments", count=3, of=40).found()
    assert (found.cause, found.confidence, found.predicted_share) == (Cause.SHARED_STATE, 0.95, 0.075)
    assert found.evidence.startswith(
        "Of 40 signatures 3 have more than three parts: requests write into one another"
    )


def test_shared_fields_are_named_by_signatures_that_others_asked_for() -> None:
    seen = Scene()
    for number, at in enumerate(every(5, 40)):
        swapped = number in (10, 20, 30)
        seen.add(
            signature(
                at,
                floored(60)(at),
                asked=number + 1,
                meeting=number if swapped else number + 1,
                findings=["request/meeting_mismatch"] if swapped else [],
            )
        )
    (found,) = seen.found()
    assert (found.cause, found.confidence, found.predicted_share) == (Cause.SHARED_STATE, 0.95, 0.075)
    assert found.evidence.startswith(
        "Of 40 signatures 3 are for another meeting than asked for, 3 of them for the meeting that another request "
        "named just before: requests write into one another's fields."
    )


def test_shared_fields_are_named_by_a_mixture() -> None:
    seen = Scene()
    for number, at in enumerate(every(5, 40)):
        wrong = {5: ["mac/wrong"], 15: ["mac/wrong"], 25: ["mac/wrong"], 30: ["request/meeting_mismatch"]}
        seen.sign(floored(60), [at], findings=wrong.get(number, []))
    (found,) = seen.found()
    assert (found.cause, found.confidence) == (Cause.SHARED_STATE, 0.85)


def test_shared_fields_that_were_mended_are_accused_no_longer() -> None:
    seen = Scene()
    for number, at in enumerate(every(5, 80)):
        seen.sign(floored(60), [at], findings={0: ["format/segments"], 4: ["mac/wrong"]}.get(number % 8, []))
    assert seen.named() == {Cause.SHARED_STATE}
    seen.sign(floored(60), every(5, 8, seen.now))
    assert seen.named() == {Cause.SHARED_STATE}, "it only rests"
    seen.sign(floored(60), every(5, 100, seen.now))
    assert seen.named() == set()


def test_a_wrong_secret_everywhere_and_an_odd_request_are_no_shared_fields() -> None:
    seen = scene("mac/wrong", count=30)
    seen.sign(floored(60), every(5, 1, seen.now), findings=["mac/wrong", "request/meeting_mismatch"])
    assert seen.named() == {Cause.WRONG_SECRET}


def served(ages_s: list[float]) -> Scene:
    """One token, handed out first at START and again at these ages."""
    seen, token = Scene(), new_digest()
    for age in (0.0, *ages_s):
        seen.add(signature(START + age, START - 60, token=token))
    return seen


@pytest.mark.parametrize(
    ("ages_s", "named"),
    [
        pytest.param([1700, 1750, 1790], False, id="for half an hour"),
        pytest.param([1800, 1801], False, id="twice"),
        pytest.param([1800, 1801, 1802], True, id="three times"),
    ],
)
def test_a_token_that_is_served_too_long(ages_s: list[float], named: bool) -> None:
    assert served(ages_s).named() == ({Cause.STALE_SIGNATURE} if named else set())


def test_how_long_it_was_served_is_told() -> None:
    (found,) = served([1900, 2400, 3000]).found()
    assert found.evidence.startswith(
        "3 signatures were handed out again up to 50 minutes after their first time."
    )


def test_a_cache_that_was_mended_is_accused_no_longer() -> None:
    seen = served([1800 + 5 * number for number in range(40)])
    assert seen.named() == {Cause.STALE_SIGNATURE}
    seen.sign(floored(60), every(5, 24, seen.now))
    assert seen.named() == set()


def suspicion(cause: Cause) -> Suspicion:
    """Of no more than its name."""
    return Suspicion(cause, 0.9, "", "")


@pytest.mark.parametrize(
    ("found", "left"),
    [
        pytest.param(
            {Named.MILLISECONDS, Named.STALE_SIGNATURE}, {Named.MILLISECONDS}, id="milliseconds expire"
        ),
        pytest.param({Named.TIMEZONE_SHIFT, Named.STALE_SIGNATURE}, {Named.TIMEZONE_SHIFT}, id="west of UTC"),
        pytest.param(
            {Named.SHARED_STATE, Named.WRONG_SECRET, Named.MEETING_MISMATCH}, {Named.SHARED_STATE}, id="torn"
        ),
        pytest.param({Named.EMPTY_CREDENTIALS, Named.WRONG_SECRET}, {Named.EMPTY_CREDENTIALS}, id="empty"),
        pytest.param({Named.WRONG_FORMAT, Named.WRONG_SECRET}, {Named.WRONG_FORMAT}, id="legacy"),
        pytest.param(
            {Named.HOST_ROLE, Named.WRONG_SECRET}, {Named.HOST_ROLE, Named.WRONG_SECRET}, id="strangers"
        ),
        pytest.param(set(), set(), id="none"),
    ],
)
def test_what_another_cause_brings_along(found: set[Cause], left: set[Cause]) -> None:
    assert {each.cause for each in without_companions([suspicion(cause) for cause in found])} == left


def test_a_short_fault_is_over_though_the_memory_has_thinned_it() -> None:
    """Three bad ones at first, of which one in 14 s is kept; the minutes have counted all."""
    seen = scene("mac/swapped", count=3)
    seen.sign(floored(60), every(5, 60, seen.now))
    for at in every(5, 100, seen.now):
        seen.sign(floored(60), [at])
        assert seen.named() == set()
