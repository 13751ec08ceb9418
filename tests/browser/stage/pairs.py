"""The same page twice, without and with the tag: what it does must be the same."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Page

from .plain import PRELUDE, TAG, Plain, finish, until

Log = list[list[Any]]


@dataclass(frozen=True, slots=True)
class Case:
    """A page: `work` is the body of an async function, `sdk` that of the join function of what stands for the SDK."""

    name: str
    work: str
    sdk: str = "return null;"
    reported: str = "joined"
    """The outcomes that are delivered where the tag is there, once the page is left."""

    def __str__(self) -> str:
        return self.name


async def both(tabs: tuple[Page, Page], server: Plain, html: str) -> tuple[Log, Log]:
    """The logs of the page without and with the tag at `{tag}`."""
    without = server.page(PRELUDE + html.replace("{tag}", ""), "/without")
    with_tag = server.page(PRELUDE + html.replace("{tag}", TAG), "/with")
    return await asyncio.gather(finish(tabs[0], server, without), finish(tabs[1], server, with_tag))


async def same_with_the_tag(
    tabs: tuple[Page, Page], server: Plain, html: str, reported: str = "", times: int = 1
) -> None:
    """Compare the logs, and the outcomes that are delivered once the page is left."""
    without, found = await both(tabs, server, html)
    assert found == without
    assert found, "the page has said nothing"
    await tabs[1].goto("about:blank")
    outcomes = sorted(reported.split() * times)
    # One that is told as no_result first is told again by the end.
    await until(lambda: sorted(server.outcomes()) == outcomes or None, f"{outcomes}: {server.outcomes()}", 3)


def page_of(case: Case, kinds: dict[str, str]) -> str:
    """One page, on which each kind of SDK has its turn."""
    each = "".join(
        f"""say("{kind}"); await (async () => {{
            let sdk;
            const join = function join(options) {{ {case.sdk} }};
            {make}
            {case.work}
        }})().catch((error) => say("threw", error));"""
        for kind, make in kinds.items()
    )
    return (
        f"""{{tag}}<script>const kept = new TypeError("own"); finished(async () => {{ {each} }});</script>"""
    )
