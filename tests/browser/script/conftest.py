"""One Chromium and one real joinwatch for all tests in this folder; profiles and servers are fresh for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from tests.support.app import ENVIRONMENT
from tests.support.joinwatch import Joinwatch, joinwatch

from ..stage.browser import Visit, visit
from ..stage.joining import LEDGER_CONFIG
from ..stage.plain import Plain, plain, plain_chromium


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all."""
    async with plain_chromium() as found:
        yield found


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def tabs(browser: Browser) -> tuple[Page, Page]:
    """One for the page without the tag, one for the page with it. Each test has an origin of its own."""
    context = await browser.new_context()
    return await context.new_page(), await context.new_page()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def ledger(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Joinwatch]:
    """One real joinwatch for all; tests look at the rows that they have added."""
    async with joinwatch(tmp_path_factory.mktemp("joinwatch"), LEDGER_CONFIG, ENVIRONMENT) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="package")
async def server() -> AsyncIterator[Plain]:
    """Pages, replies and joinwatch, of one origin."""
    async with plain() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="package")
async def other() -> AsyncIterator[Plain]:
    """The same on an origin of its own."""
    async with plain() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="package")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A fresh profile."""
    found = await browser.new_context()
    yield found
    await found.close()


@pytest_asyncio.fixture(loop_scope="package")
async def person(browser: Browser) -> AsyncIterator[Visit]:
    """A fresh profile; a page must have said nothing on its console, and no error."""
    async with visit(browser) as found:
        yield found
        assert (found.console, found.errors) == ([], [])
