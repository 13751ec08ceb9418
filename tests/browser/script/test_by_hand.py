"""What a page gives to the script by itself, and what the script gives to the page."""

from __future__ import annotations

import pytest

from ..stage.browser import Visit
from ..stage.plain import PRELUDE, TAG, Plain, finish, signature
from ..stage.refusing import refusing, tag_of

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_a_receipt_that_the_server_rendered(person: Visit, server: Plain) -> None:
    work = f"""ZoomMtg.join({{ signature: "{signature(9)}", error() {{}} }}); await join("/signature");"""
    page = await person.context.new_page()
    await finish(page, server, server.page(refusing(tag_of("", 'data-receipt="receipt-rendered"'), work)))
    await server.delivered(2)
    found = [(one["receipt"], one["age_ms"] is None, one["signature_intact"]) for one in server.results()]
    assert sorted(found) == [("receipt-1", False, True), ("receipt-rendered", True, None)]


async def test_what_the_page_hands_in_by_itself(person: Visit, server: Plain) -> None:
    work = f"""
        const given = {{ receipt: "receipt-by-hand", signature: "{signature(9)}" }};
        const reply = await fetch("/signature");
        say(joinResults.watchSignature(given) === given, joinResults.watchSignature(reply) === reply, reply.bodyUsed);
        const client = joinResults.watchJoin({{ on() {{}}, join: async () => "" }});
        say(joinResults.watchJoin(client) === client, await client.join({{ signature: given.signature }}));
        const zoom = joinResults.watchJoin({{ join: ({{ success }}) => success() }});
        zoom.join({{ signature: (await reply.json()).signature, success() {{}} }});
        for (const odd of [undefined, null, 5, "text", {{}}, {{ receipt: 1 }}])
            say(Object.is(joinResults.watchSignature(odd), odd), Object.is(joinResults.watchJoin(odd), odd));"""
    page = await person.context.new_page()
    found = await finish(page, server, server.page(refusing(TAG, work)))
    assert found == [[True, True, False], [True, ""], *[[True, True]] * 6]
    await server.delivered(2)
    assert sorted((one["receipt"], one["outcome"], one["view"]) for one in server.results()) == [
        ("receipt-1", "joined", "client"),
        ("receipt-by-hand", "joined", "component"),
    ]


async def test_it_leaves_three_names_in_therefusing(person: Visit, server: Plain) -> None:
    page = await person.context.new_page()
    work = "say(...Object.keys(window).filter((name) => !names.has(name)));"
    html = PRELUDE + f"<script>const names = new Set(Object.keys(window));</script>{TAG}"
    html += f"<script>finished(async () => {{ {work} }});</script>"
    assert await finish(page, server, server.page(html)) == [["joinResults", "ZoomMtg", "ZoomMtgEmbedded"]]
    assert await page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == ["", 0, 0]
