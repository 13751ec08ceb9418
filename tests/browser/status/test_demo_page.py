"""The status page of the demo world after a quarter of an hour: each fault beside its picture, the ledger's numbers."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from proxy.demo.faults import BACKENDS, HONEST, PLANTED
from proxy.demo.signing import CLIENT_SECRET, OTHER_SECRET
from proxy.demo.world import World
from proxy.domain.join_result import Outcome
from tests.support.demo_world import ledger_counts, played
from tests.support.secrets import found_in

from ..stage.browser import visit
from .test_status_page import ARTIFACTS, counts, drawn

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[3]
PLAYED_S = 900.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the world's ledger is."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def world(folder: Path) -> Iterator[World]:
    """The world; its time stands still."""
    with played(folder, PLAYED_S) as made:
        yield made


PICTURES = ROOT / "docs" / "pictures"
"""README's pictures: what this test took when it was last told to (pytest --update-goldens)."""

SHOWN = {
    "saw-tooth.png": "demo-java-rounding.png",
    "status-light.png": "demo-light.png",
    "status-dark.png": "demo-dark.png",
    "join.png": "demo-join-light.png",
}


async def test_every_fault_is_named_beside_its_picture_and_every_number_is_the_ledgers(
    browser: Browser, world: World, folder: Path, request: pytest.FixtureRequest
) -> None:
    async with visit(browser) as one:
        page = await one.open(f"{world.watcher.admin}/?since=15m")
        await drawn(page, len(BACKENDS))
        ledger = ledger_counts(folder)
        everything = {outcome.value: 0 for outcome in Outcome} | {"late": 0}
        total: Counter[str] = Counter()
        for (_, outcome), count in ledger.items():
            total[outcome] += count
        assert {"late": 0} | await counts(page, ".answer") == everything | total
        named = set()
        for each in BACKENDS:
            within = f'article[data-backend="{each}"]'
            own = {outcome: count for (name, outcome), count in ledger.items() if name == each}
            assert {"late": 0} | await counts(page, within) == everything | own
            named |= {
                (each, code) for code in await page.locator(f"{within} .cause .facts code").all_inner_texts()
            }
        assert {(fault.name, fault.cause) for fault in PLANTED} == named
        assert not [name for name, _ in named if name == HONEST]
        await _kept(page, "demo")
        rounding = page.locator('article[data-backend="java_rounding"]')
        await expect(rounding.locator(".mend")).to_contain_text("System.currentTimeMillis() / 1000 - 60")
        await rounding.screenshot(path=ARTIFACTS / "demo-java-rounding.png")
        await page.locator("[data-live=failed] td a").first.click()
        await page.wait_for_url(re.compile("/joins/"))
        await _kept(page, "demo-join")
        assert (one.console, one.errors) == ([], [])
    if request.config.getoption("--update-goldens"):
        for shown, taken in SHOWN.items():
            shutil.copyfile(ARTIFACTS / taken, PICTURES / shown)


async def test_readme_shows_pictures_of_this_world() -> None:
    shown = re.findall(r"docs/pictures/([\w.-]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert set(shown) == set(SHOWN) == {path.name for path in PICTURES.iterdir()}


async def test_no_page_of_it_shows_a_secret(browser: Browser, world: World) -> None:
    async with visit(browser) as one:
        for path in ("/", "/joins", "/joins?only=failed"):
            page = await one.open(world.watcher.admin + path)
            assert found_in(await page.content(), (CLIENT_SECRET, OTHER_SECRET)) == []
            numbers = re.findall(r"\b\d{9,11}\b", await page.inner_text("main"))
            assert [each for each in numbers if not each.startswith("18000")] == []


async def _kept(page: Page, name: str) -> None:
    await page.emulate_media(color_scheme="dark")
    await page.screenshot(path=ARTIFACTS / f"{name}-dark.png")
    await page.emulate_media(color_scheme="light")
    await page.screenshot(path=ARTIFACTS / f"{name}-light.png")
    await page.screenshot(path=ARTIFACTS / f"{name}-whole.png", full_page=True)
