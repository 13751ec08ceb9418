"""Which backend a request goes to, and the one retry when its connection fails before an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from ..domain import routing
from ..domain.ports import Ask, Backend, BackendError, BackendTimeout, Reply, Time
from ..domain.request_facts import Source
from ..telemetry.fail_open import FailOpen, place
from ..telemetry.logs import Logs
from ..telemetry.metrics import Metrics
from ..telemetry.outcomes import SignatureOutcome, Stage


@dataclass(frozen=True, slots=True)
class Route:
    """One configured route: its path is its name in logs and receipts."""

    path: str
    backends: routing.Weights
    meeting_from: Source | None = None
    role_from: Source | None = None


class Signed(msgspec.Struct, frozen=True, gc=False):
    """A backend's reply. `asked` was chosen for the request; `signer` answered: another one after a retry."""

    asked: str
    signer: str
    reply: Reply


class Seen(msgspec.Struct, frozen=True):
    """How a backend was last seen: whether it answered, and when (mono)."""

    reachable: bool
    at_mono: float


class Unserved(Exception):
    """No backend gave an answer. `backend` is the last one that was tried."""

    def __init__(self, backend: str, outcome: SignatureOutcome, message: str) -> None:
        super().__init__(message)
        self.backend = backend
        self.outcome = outcome


class Traffic:
    """Sends each request to one backend of its route, by weight. `random01` gives a number in [0, 1)."""

    def __init__(
        self,
        backends: Mapping[str, Backend],
        *,
        random01: Callable[[], float],
        metrics: Metrics,
        logs: Logs,
        fail_open: FailOpen,
        time: Time,
    ) -> None:
        self._backends = backends
        self._random01 = random01
        self._metrics = metrics
        self._logs = logs
        self._fail_open = fail_open
        self._time = time
        self._seen: dict[str, Seen] = {}

    def choose(self, route: Route) -> str:
        """The name of a backend of the route."""
        weights = route.backends
        return weights[0][0] if len(weights) == 1 else routing.choose(weights, self._random01())

    async def send(self, route: Route, asked: str, ask: Ask) -> Signed:
        """Ask the chosen backend. Raises Unserved.

        The retry is safe because asking for a signature changes nothing at the backend. It goes to another backend
        of the route where there is one.
        """
        try:
            return Signed(asked, asked, await self._sign(asked, ask))
        except BackendError as error:
            if not error.retryable:
                raise _unserved(asked, error) from error
            detail = str(error)
        except Exception as fault:
            raise _unserved(asked, _explained(asked, fault)) from fault
        second = routing.choose_other(route.backends, asked, self._random01()) or asked
        with self._fail_open[Stage.METRIC]:
            self._metrics.backend_retried(asked)
        with self._fail_open[Stage.LOG]:
            self._logs.backend_retried(route=route.path, backend=asked, second=second, detail=detail)
        try:
            return Signed(asked, second, await self._sign(second, ask))
        except BackendError as error:
            raise _unserved(second, error) from error
        except Exception as fault:
            raise _unserved(second, _explained(second, fault)) from fault

    def seen(self) -> dict[str, Seen | None]:
        """How each backend was last seen; None: it was not asked yet."""
        return {name: self._seen.get(name) for name in self._backends}

    async def _sign(self, backend: str, ask: Ask) -> Reply:
        try:
            reply = await self._backends[backend].sign(ask)
        except BackendError:
            self._seen[backend] = Seen(False, self._time.mono())
            raise
        self._seen[backend] = Seen(True, self._time.mono())
        return reply


def _explained(backend: str, fault: Exception) -> BackendError:
    """What a backend must never raise, as what it may: such a request is counted and answered like any other."""
    where = f"{type(fault).__name__} at {place(fault.__traceback__)}"
    return BackendError(f'backend "{backend}": a fault of joinwatch ({where}); report it')


def _unserved(backend: str, error: BackendError) -> Unserved:
    timeout = isinstance(error, BackendTimeout)
    return Unserved(
        backend, SignatureOutcome.TIMEOUT if timeout else SignatureOutcome.BACKEND_ERROR, str(error)
    )
