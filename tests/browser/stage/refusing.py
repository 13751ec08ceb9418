"""Pages that ask for a signature and join with it at once; their SDK refuses."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from .plain import OPEN, PRELUDE, signature

JOIN: Final = """
    window.ZoomMtg = { join(options) { options.error(window.failure(options)); } };
    const join = async (endpoint, more) => {
        const asked = { method: "POST", body: JSON.stringify({ meetingNumber: "98765432101", role: 0 }),
            headers: { "Content-Type": "application/json" } };
        const { signature } = await (await fetch(endpoint, asked)).json();
        const error = ({ errorCode }) => say("error", errorCode);
        ZoomMtg.join({ signature, meetingNumber: "98765432101", error, ...more });
    };
    window.failure = () => ({ method: "join", status: false, errorCode: 3712 });
"""
"""`more` goes to join with the signature of the reply."""


def tag_of(base: str, more: str = "") -> str:
    """The tag of the joinwatch at this URL, with more attributes."""
    return f'<script src="{base}/join-results.js" {more}></script>'


def refusing(tag: str, work: str) -> str:
    """A document with the tag; `work` calls `await join("/signature")`, and `window.failure` is what the SDK says."""
    return f"{PRELUDE}{tag}<script>{JOIN} finished(async () => {{ {work} }});</script>"


async def signature_for_any_page(request: web.Request) -> web.StreamResponse:
    """A reply that pages of every origin may read, as joinwatch's."""
    more = {"Access-Control-Allow-Headers": "content-type", "Join-Receipt": "receipt-1"}
    return web.json_response({"signature": signature(1)}, headers={**OPEN, **more})
