"""The causes that a backend's signatures tell, its replicas judged together and each by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from .base import Cause, Suspicion
from .clock_readings import clock_offset
from .finding_causes import PART, finding_causes, without_companions
from .lead_causes import lead_causes
from .leads import Lead, constant, leads
from .mends import advice
from .persistence import is_over
from .windows import GONE_S, WINDOW_S, BackendWindow, Kept, ReplicaWindow, Slot, in_order
from .wording import percent

CLEAN: Final = 8
"""So many signatures without a fault clear a replica of it."""

NAMED: Final = 5
UNKNOWN: Final = "(unnamed)"
POOLED: Final = 1024
"""Signatures looked at together; of many replicas the newest of each."""

_BY_LEAD: Final = frozenset(
    {
        Cause.FLOAT32_ROUNDING,
        Cause.BACKEND_CLOCK_AHEAD,
        Cause.BACKEND_CLOCK_BEHIND,
        Cause.TIMEZONE_SHIFT,
        Cause.NO_MARGIN,
    }
)


def signature_causes(window: BackendWindow, now: float) -> list[Suspicion]:
    """What the signatures of the window speak for."""
    replicas = _in_service(window, now)
    delays = [join.delay_s for join in window.recent_joins(now) if join.delay_s is not None]
    together = _causes(replicas.values(), window, now, delays)
    if len(replicas) < 2:
        return together
    each = {name: _causes([replica], window, now, delays) for name, replica in replicas.items()}
    return _combined(together, each, replicas, now)


def _in_service(window: BackendWindow, now: float) -> dict[str, ReplicaWindow]:
    """The replicas of the window, without those that a deployment has replaced: others sign where they would have."""
    since = now - WINDOW_S
    replicas = {name: each for name, each in window.replicas.items() if each.last_at > since}
    minutes = {name: each.tally.minutes(since) for name, each in replicas.items()}
    of_all: Counter[float] = Counter()
    for each in minutes.values():
        of_all.update(each)
    total = of_all.total()

    def is_gone(name: str) -> bool:
        last = replicas[name].last_at
        if now - last < GONE_S:
            return False
        # Its own of a minute that began after its last one belong to a clock that has been set back.
        others = sum(count - minutes[name][begin] for begin, count in of_all.items() if begin > last)
        return is_over(minutes[name].total(), total - others, others)

    return {name: each for name, each in replicas.items() if not is_gone(name)}


def _causes(
    replicas: Iterable[ReplicaWindow], window: BackendWindow, now: float, delays: Sequence[float]
) -> list[Suspicion]:
    replicas = list(replicas)
    kept = _pooled(replicas, now)
    found = lead_causes(leads(kept), delays)
    found += finding_causes(_tally(replicas, now), kept, window)
    unique = {each.cause: each for each in reversed(found)}
    return without_companions(list(reversed(unique.values())))


def _pooled(replicas: Sequence[ReplicaWindow], now: float) -> list[Kept]:
    kept = in_order(replicas, now)
    return kept[-POOLED:]


def _tally(replicas: Iterable[ReplicaWindow], now: float) -> Slot:
    total = Slot(now)
    for replica in replicas:
        of_one = replica.tally.since(now - WINDOW_S)
        total.add(of_one)
    return total


def _combined(
    together: Sequence[Suspicion],
    each: Mapping[str, Sequence[Suspicion]],
    replicas: Mapping[str, ReplicaWindow],
    now: float,
) -> list[Suspicion]:
    """What all replicas have is the backend's; what some have and others surely have not, is theirs."""
    found = {suspicion.cause: suspicion for suspicion in together}
    if _one_has_another_secret(each):
        found.pop(Cause.SHARED_STATE, None)
    split: list[Suspicion] = []
    for cause in sorted({suspicion.cause for of_one in each.values() for suspicion in of_one}):
        bad = {name: one for name, of_one in each.items() for one in of_one if one.cause is cause}
        clean = [
            name for name in sorted(replicas) if name not in bad and _is_clean(replicas[name], cause, now)
        ]
        names = tuple(sorted(bad))
        worst_name = max(names, key=lambda name: bad[name].confidence)
        worst = bad[worst_name]
        if not clean:
            found.setdefault(cause, worst)
            continue
        of_all = _tally(replicas.values(), now).total
        part = _tally([replicas[name] for name in bad], now).total / of_all if of_all else 0.0
        one_of = f"; of {worst_name or UNKNOWN}" if len(names) > 1 else ""
        theirs = replace(
            worst,
            evidence=f"{_listed(names)}{one_of}: {worst.evidence} Without it: {_listed(clean)}.",
            replicas=names,
            predicted_share=None if worst.predicted_share is None else worst.predicted_share * part,
        )
        found[cause] = theirs
        split.append(theirs)
    if split:
        found[Cause.REPLICA_SPECIFIC] = _replica_specific(split, replicas, now)
    return without_companions(list(found.values()))


def _one_has_another_secret(each: Mapping[str, Sequence[Suspicion]]) -> bool:
    """Whether one replica's HMACs are all wrong, and none of them has shared fields by itself."""
    every = [one for of_one in each.values() for one in of_one]
    wrong = any(one.cause is Cause.WRONG_SECRET and (one.predicted_share or 0.0) >= PART for one in every)
    return wrong and all(one.cause is not Cause.SHARED_STATE for one in every)


def _is_clean(replica: ReplicaWindow, cause: Cause, now: float) -> bool:
    kept = replica.kept(now)
    if len(kept) < CLEAN:
        return False
    if cause not in _BY_LEAD:
        return True
    fresh: list[Lead] = [lead for lead in leads(kept) if lead.fresh]
    if cause is Cause.FLOAT32_ROUNDING:
        return constant(fresh) is not None and len({lead.iat for lead in fresh}) > 1
    return len(fresh) >= CLEAN and (constant(fresh[-CLEAN:]) is not None or clock_offset(fresh) is not None)


def _replica_specific(
    split: Sequence[Suspicion], replicas: Mapping[str, ReplicaWindow], now: float
) -> Suspicion:
    names = tuple(sorted({name for one in split for name in one.replicas}))
    of_all = _tally(replicas.values(), now).total
    part = _tally([replicas[name] for name in names], now).total / of_all if of_all else 0.0
    causes = ", ".join(one.cause for one in split)
    return Suspicion(
        Cause.REPLICA_SPECIFIC,
        min(one.confidence for one in split),
        f"{causes}: {_listed(names)} only, of {len(replicas)} replicas, with {percent(part)} of the signatures.",
        advice(Cause.REPLICA_SPECIFIC),
        replicas=names,
        predicted_share=max(
            (one.predicted_share for one in split if one.predicted_share is not None), default=None
        ),
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name or UNKNOWN for name in list(names)[:NAMED])
    more = len(names) - NAMED
    return f"{shown} and {more} more" if more > 0 else shown
