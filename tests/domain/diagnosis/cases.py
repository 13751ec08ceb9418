"""One canonical case for each cause, as an operator would meet it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from proxy.domain.causes import Cause
from proxy.domain.diagnosis.windows import BackendWindow
from proxy.domain.join_result import Outcome

from .builders import RIGHT, Code, Offset, Scene, every, floored, join, refused, rounded, signature

REFUSED, JOINED = Outcome.INVALID_SIGNATURE, Outcome.JOINED
SOUND: Final = floored(60)
MEASURED: Final[Offset] = (0.0, 0.02)

Case = Callable[[], Mapping[str, BackendWindow]]


def _visited(
    code: Code = SOUND,
    findings: Sequence[str] = (),
    *,
    part: float = 1.0,
    fails: float = 0.0,
    date: Offset | None = RIGHT,
    count: int = 120,
    seed: int = 1,
) -> Scene:
    """A signer that is asked each 7.3 s; each page joins after 2 s, and is refused where iat is ahead or by chance.

    `part`: of the signatures that have the findings; `fails`: the part of the joins with them that is refused.
    """
    scene = Scene(seed)
    for number, at in enumerate(every(7.3, count)):
        has = int(number * part) != int((number + 1) * part)
        scene.sign(code if has else SOUND, [at], findings=findings if has else (), date=date, host=MEASURED)
        iat = scene.window.replicas[""].newest[-1].seen.issuance.iat
        assert iat is not None
        seen = join(at + 2, age=at + 2 - iat, findings=findings if has else ())
        scene.add(refused(seen) if iat > at + 2 or (has and scene.rng.random() < fails) else seen)
    return scene


def _alone(scene: Scene) -> Mapping[str, BackendWindow]:
    return {"java": scene.window}


def _claims(*findings: str, part: float = 1.0, fails: float = 1.0) -> Case:
    """Signatures with these findings."""
    return lambda: _alone(_visited(findings=findings, part=part, fails=fails))


def _joins(bad: Callable[[float], object], good: Callable[[float], object], every_nth: int = 3) -> Case:
    """Sound signatures, and joins of which each third is bad."""

    def made() -> Mapping[str, BackendWindow]:
        scene = Scene().sign(SOUND, every(7.3, 120), date=RIGHT, host=MEASURED)
        for number, at in enumerate(every(7.3, 120)):
            scene.add((good if number % every_nth else bad)(at + 2))  # type: ignore[arg-type]  # makes a JoinSeen
        return _alone(scene)

    return made


def _stale() -> Mapping[str, BackendWindow]:
    scene = Scene()
    for at in every(60, 150):
        scene.add(signature(at, SOUND(every(1, 1)[0]), token=77, date=RIGHT, host=MEASURED))
    return _alone(scene)


def _shared() -> Mapping[str, BackendWindow]:
    scene = Scene(2)
    for number, at in enumerate(every(1.3, 200)):
        luck = scene.rng.random()
        kind = {0: "mac/wrong", 1: "request/meeting_mismatch", 2: "format/segments"}.get(int(luck * 20))
        other = kind == "request/meeting_mismatch"
        scene.add(
            signature(
                at,
                SOUND(at),
                asked=number + 1,
                meeting=number if other else number + 1,
                findings=[kind] if kind else [],
                host=MEASURED,
            ),
            join(at + 2, REFUSED if kind else JOINED, findings=[kind] if kind else []),
        )
    return _alone(scene)


def _replicas() -> Mapping[str, BackendWindow]:
    scene = Scene(4)
    for number, at in enumerate(every(7.3, 120)):
        bad = number % 3 == 0
        offset = (105.0, 0.3) if bad else RIGHT
        scene.sign(
            floored(60, offset[0]),
            [at],
            replica="10.0.0.2:443" if bad else "10.0.0.1:443",
            date=offset,
            host=MEASURED,
        )
    return _alone(scene)


def _zoom() -> Mapping[str, BackendWindow]:
    return {name: _visited(fails=0.6, seed=seed).window for seed, name in enumerate(("java", "node", "php"))}


CASES: Final[Mapping[Cause, Case]] = {
    Cause.FLOAT32_ROUNDING: lambda: _alone(_visited(rounded(30))),
    Cause.BACKEND_CLOCK_AHEAD: lambda: _alone(_visited(floored(0, 45), date=(45, 0.3))),
    Cause.BACKEND_CLOCK_BEHIND: lambda: _alone(_visited(floored(60, -600), date=(-600, 0.3))),
    Cause.TIMEZONE_SHIFT: lambda: _alone(_visited(floored(30 - 5.75 * 3600))),
    Cause.MILLISECONDS: _claims("time/milliseconds"),
    Cause.NO_MARGIN: lambda: _alone(_visited(floored(0, 2.5), date=(2.5, 0.3))),
    Cause.WRONG_SECRET: _claims("mac/wrong"),
    Cause.KEY_SECRET_SWAPPED: _claims("mac/swapped"),
    Cause.DAMAGED_SECRET: _claims("mac/damaged_secret"),
    Cause.EMPTY_CREDENTIALS: _claims("claims/key_empty", "mac/empty_secret"),
    Cause.UNKNOWN_KEY: _claims("mac/unknown_key", fails=0.0),
    Cause.APP_KEY_MISSING: _claims("claims/key_missing"),
    Cause.REQUEST_NOT_PARSED: _claims("request/not_parsed", part=0.25),
    Cause.SHARED_STATE: _shared,
    Cause.STALE_SIGNATURE: _stale,
    Cause.LIFETIME_TOO_SHORT: _claims("time/lifetime_short", fails=0.0),
    Cause.LIFETIME_TOO_LONG: _claims("time/lifetime_long", fails=0.0),
    Cause.MALFORMED_CLAIMS: _claims("claims/mn_missing"),
    Cause.WRONG_FORMAT: _claims("format/legacy"),
    Cause.WRONG_PRODUCT: _claims("format/video_sdk"),
    Cause.ENCODING_DAMAGE: _joins(lambda at: join(at, REFUSED, intact=False), join),
    Cause.MEETING_MISMATCH: _claims("request/meeting_mismatch", part=0.4),
    Cause.HOST_ROLE: _joins(lambda at: join(at, REFUSED, role=1), join),
    Cause.OTHER_ACCOUNT: _joins(lambda at: join(at, Outcome.OTHER_FAILURE, code="4011"), join),
    Cause.ORIGIN_SPECIFIC: _joins(lambda at: join(at, REFUSED, origin="https://b.example"), join),
    Cause.REPLICA_SPECIFIC: _replicas,
    Cause.ZOOM_SIDE: _zoom,
    Cause.UNEXPLAINED: _joins(lambda at: join(at, REFUSED), join),
}
"""Each makes the windows of its backends; the last signature is at the end of 15 minutes, or of what it takes."""
