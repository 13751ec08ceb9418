"""The stage once for a module, and a joinwatch with an empty ledger for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.joinwatch import Joinwatch, joinwatch
from tests.support.servers import self_signed

from .stage.ledger import CONFIG, ENVIRONMENT
from .stage.play import Stage, staged


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Chromium, Zoom and the customer's pages."""
    folder = tmp_path_factory.mktemp("stage")
    async with staged(folder, self_signed(folder)[0]) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def watch(tmp_path: Path) -> AsyncIterator[Joinwatch]:
    """A real joinwatch."""
    async with joinwatch(tmp_path, CONFIG, ENVIRONMENT) as found:
        yield found
