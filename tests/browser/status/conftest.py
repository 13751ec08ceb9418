"""Chromium, and axe-core as npm installs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.support import npm
from tests.support.real import require

from ..stage.browser import QUIET

FILES = (".npmrc", "package.json", "package-lock.json")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium without a window, for which there is nothing but loopback."""
    path = require("chromium")
    arguments = [*QUIET, "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=path, args=arguments, chromium_sandbox=False)
        try:
            yield found
        finally:
            await found.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def packages() -> Path:
    """node_modules of the lock file in this folder."""
    return await asyncio.to_thread(npm.installed, Path(__file__).parent, FILES, "status")
