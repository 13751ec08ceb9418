"""The customer's web server: pages as in Zoom's samples, with a slot for the one script tag, on loopback."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from .files import file_reply
from .sdk import VERSIONS, Sdk

_SOURCES: Final = Path(__file__).parents[1] / "pages"
_MODULE: Final = Path(__file__).parents[3] / "client" / "src" / "index.ts"
_VENDORS: Final = ("react", "react-dom", "redux", "redux-thunk", "lodash")
_ISOLATED: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}


class View(StrEnum):
    """Zoom's two ways to show a meeting on a page."""

    CLIENT = "client"
    COMPONENT = "component"


class Style(StrEnum):
    """How the SDK comes to the page."""

    CDN = "cdn"
    BUNDLED = "bundled"
    MODULE = "module"
    """Bundled, and joinwatch's module with it."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to use the SDK."""

    view: View
    version: str
    style: Style = Style.CDN

    def __str__(self) -> str:
        return f"{self.view}-{self.version}" + ("" if self.style is Style.CDN else f"-{self.style}")


WAYS: Final = tuple(Way(view, version) for version in VERSIONS for view in View)


@dataclass(slots=True)
class Pages:
    """The running server; what is set here holds for pages loaded from now on."""

    sdk: Sdk
    bundles: Path
    origin: str = ""
    tag: str = ""
    """The script tag of joinwatch, or nothing."""
    headers: dict[str, str] = field(default_factory=lambda: dict(_ISOLATED))

    def url(self, way: Way, endpoints: str, *, first: bool = False, **settings: str) -> str:
        """A page's address; `first`: the page before it, which fetches the signature and goes there."""
        query = {
            "view": way.view,
            "version": way.version,
            "style": way.style,
            "endpoints": endpoints,
            "meetingNumber": "98765432101",
            "userName": "A Person",
            **settings,
        }
        return f"{self.origin}/{'index' if first else way.view}.html?{urlencode(query)}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Pages and their scripts."""
        kind = request.path.strip("/").removesuffix(".html")
        if kind in {"client", "component", "index"}:
            query = request.query
            way = Way(View(query["view"]), query["version"], Style(query["style"]))
            scripts = ["signature.js", "index.js"] if kind == "index" else self._scripts(way)
            html = _html(self.tag, scripts, way)
            return web.Response(text=html, content_type="text/html", headers=self.headers)
        if kind == "favicon.ico":
            return web.Response(status=204)
        if kind == "left":
            return web.Response(text="<!doctype html><title>Left</title>", content_type="text/html")
        for folder in (_SOURCES, self.bundles):
            file = folder / request.path.strip("/")
            if file.parent == folder and file.is_file():
                return file_reply(file, self.headers)
        return web.Response(status=404, headers=self.headers)

    def _scripts(self, way: Way) -> list[str]:
        if way.style is not Style.CDN:
            return ["signature.js", f"{way.view}.js", self._bundle(way)]
        cdn = f"https://source.zoom.us/{way.version}/lib/vendor"
        names = list(_VENDORS)
        if way.version == "6.2.0":
            names.insert(4, "react-redux")
        sdk = "zoom-meeting" if way.view is View.CLIENT else "zoom-meeting-embedded"
        return [
            *(f"{cdn}/{name}.min.js" for name in names),
            f"https://source.zoom.us/{sdk}-{way.version}.min.js",
            "signature.js",
            f"{way.view}.js",
            f"start-{way.view}.js",
        ]

    def _bundle(self, way: Way) -> str:
        """The application as esbuild makes it of the npm package, made once."""
        name = f"{way}.js"
        if not (self.bundles / name).is_file():
            package = "@zoom/meetingsdk" if way.version == "6.2.0" else "@zoomus/websdk"
            target = package + ("/embedded" if way.view is View.COMPONENT else "")
            command = (
                str(self.sdk.esbuild()),
                str(_SOURCES / f"{way.style}-{way.view}.js"),
                "--bundle",
                "--format=iife",
                "--main-fields=main",  # what the SDKs were built against
                f"--alias:joinwatch-join-results={_MODULE}",
                f"--alias:lodash={self.sdk.node_modules / 'lodash'}",
                *([f"--inject:{_SOURCES / 'lodash-global.js'}"] if way.version == "2.8.0" else []),
                f"--alias:zoom-sdk={self.sdk.node_modules / target}",
                "--define:process.env.NODE_ENV=" + json.dumps("production"),
                "--log-level=error",
                f"--outfile={self.bundles / name}",
            )
            subprocess.run(command, check=True, timeout=120)
        return name


@asynccontextmanager
async def customers_pages(sdk: Sdk, bundles: Path) -> AsyncIterator[Pages]:
    """The pages for one test module; `bundles` is an empty folder."""
    pages = Pages(sdk, bundles)
    app = web.Application()
    app.router.add_get("/{path:.*}", pages.serve)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        pages.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield pages
    finally:
        await runner.cleanup()


def _html(tag: str, scripts: list[str], way: Way) -> str:
    styles = ""
    if way.view is View.CLIENT and way.version == "2.8.0":
        links = (f"https://source.zoom.us/2.8.0/css/{name}.css" for name in ("bootstrap", "react-select"))
        styles = "".join(f'<link type="text/css" rel="stylesheet" href="{link}" />\n' for link in links)
    loaded = "".join(f'<script src="{script}"></script>\n' for script in scripts)
    return f"""<!doctype html>
<html>
<head>
<meta charset="utf-8" />
<title>Meeting</title>
{styles}<script src="seen.js"></script>
{tag}
</head>
<body>
<div id="meetingSDKElement"></div>
<button id="join">Join</button>
{loaded}</body>
</html>
"""
