"""Which faults are planted in which backend, and whether each is switched on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of one backend, which has its name.

    `cause` is what joinwatch should name it; `bug` what is wrong while it is on, `mend` what takes its place.
    """

    name: str
    cause: str
    bug: str
    mend: str


PLANTED: Final = (
    Fault(
        "java_rounding",
        "float32_rounding",
        "Math.round((System.currentTimeMillis() - 30000) / 1000)",
        "System.currentTimeMillis() / 1000 - 60",
    ),
    Fault(
        "java_rounding_no_margin",
        "float32_rounding",
        "Math.round(System.currentTimeMillis() / 1000)",
        "System.currentTimeMillis() / 1000 - 60",
    ),
    Fault("fast_clock", "backend_clock_ahead", "its host's clock is 45 s ahead", "the clock is right"),
    Fault(
        "timezone",
        "timezone_shift",
        "LocalDateTime.now().toEpochSecond(ZoneOffset.UTC) on a host in India",
        "Instant.now().getEpochSecond()",
    ),
    Fault("milliseconds", "milliseconds", "iat: Date.now()", "iat: Math.floor(Date.now() / 1000) - 30"),
    Fault("wrong_secret", "wrong_secret", "signs with another app's secret", "signs with its own"),
    Fault(
        "shared_fields",
        "shared_state",
        "a servlet keeps the request in its own fields, where requests mix",
        "variables of the method",
    ),
    Fault(
        "cached",
        "stale_signature",
        "a cache before it hands old replies out, past their expiry",
        "Cache-Control: no-store",
    ),
    Fault("legacy", "wrong_format", "the signature of the JWT app type", "the Meeting SDK's JWT"),
    Fault(
        "replicas",
        "replica_specific",
        "one of three replicas has an old secret; joinwatch is given none",
        "the replica has the new secret",
    ),
)

HONEST: Final = "honest"
BACKENDS: Final = (*(fault.name for fault in PLANTED), HONEST)


@dataclass(slots=True)
class Faults:
    """The switches; all are on at first. `on_switch` are told of each change, with the fault and its new state."""

    on_switch: list[Callable[[Fault, bool], None]] = field(default_factory=list)
    _on: dict[str, bool] = field(default_factory=lambda: {fault.name: True for fault in PLANTED})

    def __iter__(self) -> Iterator[tuple[Fault, bool]]:
        """Every fault with its state."""
        return ((fault, self._on[fault.name]) for fault in PLANTED)

    def is_on(self, name: str) -> bool:
        """Whether this backend is faulty now; the honest one never is."""
        return self._on.get(name, False)

    def switch(self, name: str, on: bool) -> Fault:
        """Plant the fault, or mend it. Raises KeyError where there is none of this name."""
        fault = next((fault for fault in PLANTED if fault.name == name), None)
        if fault is None:
            raise KeyError(name)
        if self._on[name] != on:
            self._on[name] = on
            for tell in self.on_switch:
                tell(fault, on)
        return fault
