"""Where a part of the browser that the script needs is missing or broken, joins go on without it."""

from __future__ import annotations

from typing import Final

import pytest
from playwright.async_api import Page

from ..stage.pairs import both
from ..stage.plain import Plain

pytestmark = pytest.mark.asyncio(loop_scope="package")

BREAKING: Final = {
    "random numbers": "[[crypto, 'getRandomValues']]",
    "performance.now": "[[performance, 'now', undefined]]",
    "performance": "[[window, 'performance', undefined]]",
    "PerformanceObserver": "[[window, 'PerformanceObserver', undefined]]",
    "Map": "[[Map.prototype, 'get'], [Map.prototype, 'set'], [Map.prototype, 'has'], [Map.prototype, 'delete']]",
    "Set": "[[Set.prototype, 'add'], [Set.prototype, 'has'], [Set.prototype, 'delete'], [Set.prototype, 'forEach']]",
    "WeakMap": "[[WeakMap.prototype, 'get']]",
    "WeakMap's other half": "[[WeakMap.prototype, 'set']]",
    "storage": "[[window, 'localStorage', undefined], [window, 'sessionStorage', null]]",
    "full storage": "[[Storage.prototype, 'setItem']]",
    "fetch": "[[window, 'fetch']]",
    "fetch gives nothing": "[[window, 'fetch', () => undefined]]",
    "JSON": "[[JSON, 'stringify'], [JSON, 'parse']]",
    "clearTimeout": "[[window, 'clearTimeout']]",
    "setTimeout": "[[window, 'setTimeout']]",
    "events": "[[window, 'addEventListener']]",
    "Object.prototype": "['get', 'set', 'has', 'value'].map((name) => [Object.prototype, name, () => 'polluted'])",
}

_BREAK: Final = """<script>
    const { defineProperty, deleteProperty } = Reflect, wait = setTimeout, parts = () => %s, undo = [];
    const breakIt = () => { for (const [object, name, ...value] of parts()) {
        const now = Object.entries(Object.getOwnPropertyDescriptors(object)).find(([one]) => one === name)?.[1];
        undo.push(() => now ? defineProperty(object, name, now) : deleteProperty(object, name));
        broken.push([object, name, value.length ? value[0] : () => { throw "broken"; }]);
    } for (const [object, name, value] of broken)
        defineProperty(object, name, { __proto__: null, value, configurable: true, writable: true }); };
    const broken = [];
    %s
</script>{tag}<script>
    %s
    (async () => {
        window.ZoomMtg = { join(options) { options.success(1); options.error(2); return 3; } };
        window.ZoomMtgEmbedded = { createClient: () => ({ on() {}, join: () => Promise.reject(4) }) };
        say(ZoomMtg.join({ success: (one) => say("success", one), error: (one) => say("error", one) }));
        await ZoomMtgEmbedded.createClient().join({}).catch((error) => say("rejected", error));
        await new Promise((resolve) => wait.call(window, resolve, 30));
    })().catch((error) => say("threw", error)).then(() => { for (const one of undo) one(); finished(async () => {}); });
</script>"""


@pytest.mark.parametrize("when", ["before the tag", "after the tag"])
@pytest.mark.parametrize("what", BREAKING)
async def test_joins_go_on_where_what_we_need_is_broken(
    tabs: tuple[Page, Page], server: Plain, what: str, when: str
) -> None:
    at = ("breakIt();", "") if when == "before the tag" else ("", "breakIt();")
    html = _BREAK % (BREAKING[what], *at)
    without, found = await both(tabs, server, html)
    assert without == found == [["success", 1], ["error", 2], [3], ["rejected", 4]]
