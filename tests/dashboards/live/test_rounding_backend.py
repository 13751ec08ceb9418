"""A rounding backend from its first join to its mend, unscaled and in real time, with the real programs.

Two replicas of joinwatch before a Java endpoint that rounds iat to a float and a sound Node endpoint, Prometheus and
Alertmanager as they are shipped. One page names backend and cause, no ticket comes beside it, and the mend ends both.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from ...support import endpoints
from ...support.alertmanager import Alertmanager, Receiver, Told, alertmanager, receiver
from ...support.endpoints import SDK_KEY, SDK_SECRET
from ...support.joinwatch import Joinwatch, joinwatch, sample
from ...support.polling import until
from ...support.prometheus import Prometheus, prometheus, scraped
from ...support.secrets import RECEIPT_KEY
from .asked import BY_CHANCE, NO_DATA, check_rules, panels_without_data
from .past import yesterday
from .visitors import CONFIG, Joins, Visitors, backend
from .watching import EVERY_S, Key, Watching

pytestmark = pytest.mark.timeout(960)

PER_MINUTE: Final = 40.0
RETURNING: Final = 160.0
"""Once it is mended, those who were turned away come too. Fewer would do, and the page would end two minutes later."""

STEP_S: Final = 128
AHEAD_S: Final = 34
"""Of each step, rounding leaves iat ahead for so long before its end, with a margin of 30 s: 64 - 30."""

BEFORE_S: Final = 12
"""So long before a burst the first signatures must be there, for the jump of iat to be seen, which names the cause."""

SCRAPED_S: Final = 15
EVALUATED_S: Final = 15

EXPECTED: Final[set[Key]] = {
    ("JoinwatchJoinsRefused", "java"),
    ("JoinwatchRefusalBursts", "java"),
    ("JoinwatchCauseSuspected", "java"),
}
BESIDES: Final[set[Key]] = {
    ("JoinwatchIatAhead", "java"),
    ("JoinwatchSignaturesFaulty", "java"),
    ("JoinwatchRefusalsFast", "java"),
    ("JoinwatchRefusalsSlow", "java"),
}
"""Tickets of which nobody hears: the last two for a minute at most, when they are evaluated just before the page."""

ENVIRONMENT: Final = {"TEST_KEY": SDK_KEY, "TEST_SECRET": SDK_SECRET, "TEST_RECEIPT_KEYS": RECEIPT_KEY}

PAGE: Final = re.compile(
    r"java: (\d+) of (\d+) joins in 15 minutes were refused with 3712 \((\d+) %\); suspected: (\w+)\."
)


@dataclass(slots=True)
class Java:
    """The Java endpoint, which can be replaced by a mended one at the same address."""

    classes: Path
    stack: AsyncExitStack
    endpoint: endpoints.Endpoint

    @classmethod
    @asynccontextmanager
    async def rounding(cls, folder: Path) -> AsyncIterator[Java]:
        """As it was found."""
        classes = endpoints.java_classes(folder)
        async with AsyncExitStack() as stack:
            yield cls(classes, stack, await stack.enter_async_context(endpoints.java(classes)))

    async def mend(self) -> None:
        """Deploy the version that divides whole seconds."""
        port = int(self.endpoint.url.rpartition(":")[2])
        await self.stack.aclose()
        mended = endpoints.java(self.classes, mended=True, port=port)
        self.endpoint = await self.stack.enter_async_context(mended)


@dataclass(frozen=True, slots=True)
class Stack:
    """Everything that runs."""

    java: Java
    replicas: tuple[Joinwatch, Joinwatch]
    prometheus: Prometheus
    alertmanager: Alertmanager
    receiver: Receiver
    visitors: Visitors


async def test_one_page_names_backend_and_cause_and_ends_with_the_mend(tmp_path: Path) -> None:
    async with _stack(tmp_path) as stack, asyncio.TaskGroup() as beside:
        watching = Watching(stack.prometheus, stack.replicas, stack.receiver)
        running = [beside.create_task(watching.watch()), beside.create_task(stack.visitors.come("node"))]
        await asyncio.sleep(_until_outside_a_burst(time.time()))
        watching.note("the first visitor comes to java")
        running.append(beside.create_task(stack.visitors.come("java")))
        try:
            await _faulty(stack, watching)
            await _mended(stack, watching)
            await stack.visitors.no_more()
        finally:
            for task in running:
                task.cancel()
            print(watching.keep("alerting-timeline.txt"))
        _check_what_fired(watching)
        await _check_counters(stack)


async def _faulty(stack: Stack, watching: Watching) -> None:
    """From the first join until everything has fired and somebody was called."""

    async def fires() -> bool | None:
        return True if watching.firing.keys() >= EXPECTED else None

    async def page() -> Told | None:
        return next(iter(stack.receiver.of("page")), None)

    await until(fires, f"firing of {EXPECTED}", 360)
    _check_page(await until(page, "page", 120), watching, stack.visitors)
    await check_rules(stack.prometheus)
    silent = await panels_without_data(stack.prometheus, watching.began)
    assert NO_DATA.keys() <= silent <= NO_DATA.keys() | BY_CHANCE.keys()


async def _mended(stack: Stack, watching: Watching) -> None:
    """From the mend until everything is over and whoever was called knows."""
    async with stack.visitors.nobody_at("java"):
        await stack.java.mend()
    stack.visitors.per_minute["java"] = RETURNING
    watching.note("java is mended")

    async def cleared() -> bool | None:
        return True if all(watch.logs("cause.cleared") for watch in stack.replicas) else None

    async def resolved() -> Told | None:
        return next(iter(stack.receiver.of("page", "resolved")), None)

    async def quiet() -> bool | None:
        return None if watching.firing or await stack.alertmanager.alerts() else True

    await until(cleared, "end of the cause at both replicas", 260)
    (over,) = (await until(resolved, "end of the page", 480)).alerts
    assert over["labels"]["backend"] == "java"
    # Nothing is left that could become a ticket: neither in Prometheus, at which we look once a second, nor behind it.
    await until(quiet, "end of every alert together with the page", 5 * EVERY_S)
    (page,) = stack.receiver.of("page", "firing")
    assert len(stack.receiver.of("page")) == 2
    tickets = stack.receiver.of("ticket")
    assert len([each for each in tickets if each.status == "firing"]) <= 1
    assert all(ticket.at < page.at for ticket in tickets)


def _check_page(page: Told, watching: Watching, visitors: Visitors) -> None:
    assert (page.status, page.group) == ("firing", {"job": "joinwatch"})
    (alert,) = page.alerts
    assert alert["labels"] == {
        "alertname": "JoinwatchJoinsRefused",
        "job": "joinwatch",
        "backend": "java",
        "severity": "page",
    }
    said = PAGE.fullmatch(alert["annotations"]["summary"])
    assert said is not None, alert["annotations"]["summary"]
    refused, joins, percent, cause = int(said[1]), int(said[2]), float(said[3]), said[4]
    assert cause == "float32_rounding"
    assert percent == pytest.approx(100 * refused / joins, abs=0.5 + 100 / joins)  # a whole number
    # As of an evaluation between the first one and the delivery.
    since = watching.fired["JoinwatchJoinsRefused", "java"].since
    times = [since + EVALUATED_S * number for number in range(1 + int((page.at - since) // EVALUATED_S))]
    assert any(_fit(refused, joins, at, visitors.joins["java"]) for at in times), (refused, joins, times)


def _fit(refused: int, joins: int, at: float, counted: Joins) -> bool:
    """Whether Prometheus may say so then: by a scrape of the last 15 s, stretched by as much and half a scrape more."""
    observed_s = at - counted.began
    stretched = (observed_s + 1.5 * SCRAPED_S) / (observed_s - SCRAPED_S)
    return (
        counted.refused_by(at - SCRAPED_S - 1) <= refused <= counted.refused_by(at + 1) * stretched + 1
        and counted.by(at - SCRAPED_S - 1) <= joins <= counted.by(at + 1) * stretched + 1
    )


def _check_what_fired(watching: Watching) -> None:
    """For java and nothing else; each once, though both replicas suspect the cause."""
    assert EXPECTED <= watching.fired.keys() <= EXPECTED | BESIDES
    assert watching.fired["JoinwatchCauseSuspected", "java"].labels["cause"] == "float32_rounding"
    assert watching.twice == set()
    for replica in watching.replicas:
        (line,) = replica.logs("cause.suspected")
        assert (line["backend"], line["cause"]) == ("java", "float32_rounding")


async def _check_counters(stack: Stack) -> None:
    """What joinwatch counted is what the visitors did, to the last join."""
    metrics = await stack.replicas[0].metrics()
    for name, joins in stack.visitors.joins.items():
        counted = {
            outcome: metrics[sample("joinwatch_joins_total", backend=name, outcome=outcome)]
            for outcome in ("joined", "invalid_signature")
        }
        assert counted == {"joined": len(joins.joined), "invalid_signature": len(joins.refused)}
    assert not stack.visitors.joins["node"].refused


@asynccontextmanager
async def _stack(folder: Path) -> AsyncIterator[Stack]:
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        java, node = await enter(Java.rounding(folder)), await enter(endpoints.node())
        date = f'[clock]\nhttp_date = ["{node.url}/"]\n'
        config = CONFIG + date + backend("java", java.endpoint.url) + backend("node", node.url)
        places = [folder / name for name in ("first", "second", "observers")]
        for place in places:
            place.mkdir()
        first, second = [await enter(joinwatch(place, config, ENVIRONMENT)) for place in places[:2]]
        watched = [first.admin, second.admin]
        taking = await enter(receiver())
        manager = await enter(alertmanager(places[2], taking))
        server = await enter(
            prometheus(places[2], watched, manager.url, yesterday(watched, ["java", "node"]))
        )
        http = await enter(aiohttp.ClientSession())
        await scraped(server, watched)
        visitors = Visitors((first, second), http, {"java": PER_MINUTE, "node": PER_MINUTE})
        yield Stack(java, (first, second), server, manager, taking, visitors)


def _until_outside_a_burst(now: float) -> float:
    """Seconds until iat is not ahead, and will not be for a while.

    Who comes within a burst is refused before iat has ever moved: then the page calls before the cause can be named.
    """
    into = (now + AHEAD_S + BEFORE_S) % STEP_S
    return AHEAD_S + BEFORE_S - into if into < AHEAD_S + BEFORE_S else 0.0
