"""However, whenever and how often the SDK's global comes: the page notices nothing, and its joins are reported."""

from __future__ import annotations

from typing import Final

import pytest
from playwright.async_api import Page

from ..stage.pairs import same_with_the_tag
from ..stage.plain import Plain

pytestmark = pytest.mark.asyncio(loop_scope="package")

_SDK: Final = """{ join(options) { say("sdk", this === window.kept); options.success("fine"); } }"""
_USE: Final = "finished(async () => { ZoomMtg.join({ success: (...given) => say(...given) }); })"

ARRIVALS: Final = {
    "before the tag": (f"<script>ZoomMtg = kept = {_SDK};</script>{{tag}}<script>{_USE}</script>", "joined"),
    "after the tag": (f"{{tag}}<script>window.ZoomMtg = kept = {_SDK}; {_USE}</script>", "joined"),
    "by var": (f"{{tag}}<script>var ZoomMtg = kept = {_SDK}; {_USE}</script>", "joined"),
    "by Object.assign": (
        f"{{tag}}<script>kept = {_SDK}; Object.assign(window, {{ ZoomMtg: kept }}); {_USE}</script>",
        "joined",
    ),
    "twice, join only then": (
        f"{{tag}}<script>ZoomMtg = {{ init() {{}} }}; ZoomMtg = kept = {_SDK}; {_USE}</script>",
        "joined",
    ),
    "join set later": (
        f"{{tag}}<script>ZoomMtg = kept = {{}}; kept.join = ({_SDK}).join; {_USE}</script>",
        "joined",
    ),
    "late": (
        f"{{tag}}<script>setTimeout(() => {{ ZoomMtg = kept = {_SDK}; {_USE} }}, 500)</script>",
        "joined",
    ),
    "kept by the page, not read again": (
        f"{{tag}}<script>const zoom = kept = {_SDK}; ZoomMtg = zoom; {_USE.replace('ZoomMtg', 'zoom')}</script>",
        "joined",
    ),
    "tag twice": (f"{{tag}}{{tag}}<script>ZoomMtg = kept = {_SDK}; {_USE}</script>{{tag}}", "joined"),
    "in a module": (
        f"{{tag}}<script type=module>window.ZoomMtg = window.kept = {_SDK}; {_USE}</script>",
        "joined",
    ),
    "deleted": (
        f"""{{tag}}<script>ZoomMtg = kept = {_SDK}; say(delete window.ZoomMtg, typeof ZoomMtg, "ZoomMtg" in window);
            window.ZoomMtg = kept; {_USE}</script>""",
        "joined",
    ),
    "defined as a property": (
        f"""{{tag}}<script>kept = {_SDK}; Object.defineProperty(window, "ZoomMtg", {{ value: kept, writable: false }});
            say(Object.getOwnPropertyDescriptor(window, "ZoomMtg").writable); {_USE}</script>""",
        "",
    ),
    "as let": (f"{{tag}}<script>let ZoomMtg = kept = {_SDK}; {_USE}</script>", ""),
    "not what it should be": (
        """{tag}<script>for (const one of [null, 5, "text", { join: 1 }, { get join() { throw 1; } }, () => 2])
            { window.ZoomMtg = one; say(window.ZoomMtg === one); } finished(async () => {});</script>""",
        "",
    ),
    "element of our name": (
        f'<p id="joinResults"></p>{{tag}}<script>ZoomMtg = kept = {_SDK}; {_USE}</script>',
        "joined",
    ),
    "in a frame": (
        f"""<iframe srcdoc='{{tag}}'></iframe>{{tag}}<script>ZoomMtg = kept = {_SDK}; {_USE}</script>""",
        "joined",
    ),
}


@pytest.mark.parametrize("name", ARRIVALS)
async def test_however_the_sdk_arrives(tabs: tuple[Page, Page], server: Plain, name: str) -> None:
    html, reported = ARRIVALS[name]
    await same_with_the_tag(tabs, server, html, reported)
