"""Pages as Zoom's own samples are, with the one tag: a whole log line; also under a strict CSP, and as bundled apps."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.support.joinwatch import Joinwatch

from .stage.ledger import Expected, rows, same
from .stage.pages import WAYS, Pages, Style, View, Way
from .stage.play import Stage, alike, join, opened
from .stage.zoom import Behaviour

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEASURED = {
    "timestamp",
    "receipt",
    "sent_at",
    "iat",
    "exp",
    "iat_offset_s",
    "iat_offset_bound_s",
    "token_age_s",
    "age_s",
    "join_s",
}
# What joinwatch measures of this host's clock, where it can.
CLOCK = {"clock_offset_s", "clock_bound_s", "backend_clock_offset_s", "backend_clock_bound_s"}


@pytest.fixture(autouse=True)
def refusing(stage: Stage) -> None:
    """Zoom refuses."""
    stage.zoom.behaviour = Behaviour.REFUSE
    stage.zoom.asked.clear()


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_one_tag_makes_one_whole_log_line(stage: Stage, watch: Joinwatch, way: Way) -> None:
    async with opened(stage, stage.watched, watch, way) as run:
        await join(run)
        failure = await run.failure()
        (asked,) = await run.asked()
        (line,) = await watch.logged("join.reported")
    issued = watch.logs("signature.issued")[0]
    assert {name: value for name, value in line.items() if name not in MEASURED | CLOCK} == {
        "level": "info",
        "event": "join.reported",
        "route": "/",
        "asked_backend": "one",
        "backend": "one",
        "replica": None,
        "format": "meeting_sdk",
        "findings": [],
        "role": 0,
        "outcome": "invalid_signature",
        "code": "3712",
        "error": failure,
        "asked_zoom": "seen",
        "attempt": 1,
        "step": 1 if way.version == "6.2.0" else None,
        "suspended": False,
        "signature_intact": True,
        "meeting_matches": True,
        "view": way.view,
        "sdk_version": way.version,
        "origin": stage.watched.origin,
        "late": False,
        "evidence": True,
    }
    assert line.keys() >= MEASURED | CLOCK
    repeated = {"receipt", "sent_at", "iat", "exp", "iat_offset_s", "iat_offset_bound_s"}
    assert {name: line[name] for name in repeated} == {name: issued[name] for name in repeated}
    assert abs(line["token_age_s"] - (asked.at - line["iat"])) < 2.0
    assert 0 < line["age_s"] < 10
    assert 0 < line["join_s"] < 10


def strict(pages: Pages, watch: Joinwatch) -> dict[str, str]:
    """A page's headers that allow what the SDK itself needs, and of joinwatch the script and its reports."""
    zoom = "https://zoom.us https://source.zoom.us"
    policy = {
        "default-src": "'none'",
        "script-src": f"'self' {zoom} {watch.public} blob: 'wasm-unsafe-eval'",
        "style-src": f"'self' {zoom} 'unsafe-inline'",
        "connect-src": f"{zoom} {watch.public} data: blob:",
        "img-src": f"'self' {zoom} data: blob:",
        "font-src": f"'self' {zoom} data:",
        "media-src": f"{zoom} data: blob:",
        "worker-src": "'self' blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    text = "; ".join(f"{name} {value}" for name, value in policy.items())
    return {**pages.headers, "Content-Security-Policy": text}


@pytest.mark.parametrize("way", [WAYS[0], WAYS[3]], ids=str)
async def test_under_a_strict_content_security_policy(
    stage: Stage, watch: Joinwatch, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pages in (stage.plain, stage.watched):
        monkeypatch.setattr(pages, "headers", strict(pages, watch))
    async with alike(stage, watch, way, join) as run:
        failure = await run.failure()
        (row,) = await rows(watch, 1)
    assert same(row, Expected("invalid_signature", "3712", failure).of(run))


async def test_a_bundle_that_sets_the_global_needs_only_the_tag(stage: Stage, watch: Joinwatch) -> None:
    async with alike(stage, watch, Way(View.CLIENT, "2.8.0", Style.BUNDLED), join) as run:
        failure = await run.failure()
        (row,) = await rows(watch, 1)
    assert same(row, Expected("invalid_signature", "3712", failure).of(run))


@pytest.mark.parametrize("way", [WAYS[0], WAYS[1], WAYS[3]], ids=str)
async def test_a_bundle_with_the_module(stage: Stage, watch: Joinwatch, way: Way) -> None:
    results: dict[str, Any] = {"results": f"{watch.public}/join-results"}
    async with (
        opened(stage, stage.plain, watch, replace(way, style=Style.BUNDLED)) as without,
        opened(stage, stage.plain, watch, replace(way, style=Style.MODULE), **results) as run,
    ):
        await asyncio.gather(join(without), join(run))
        assert await run.told() == await without.told()
        assert run.complaints() == without.complaints()
        failure = await run.failure()
        (row,) = await rows(watch, 1)
    assert same(row, Expected("invalid_signature", "3712", failure).of(run))
    assert min(abs(row["joined_at"] - asked.at) for asked in await run.asked(2)) < 2.0
