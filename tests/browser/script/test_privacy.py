"""What leaves the page and what stays in it: nothing personal, no cookie, no address."""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import quote

import pytest

from tests.support.secrets import KEY, PASSCODE, ZAK

from ..stage.browser import Visit
from ..stage.plain import TAG, Plain, finish, signature
from ..stage.refusing import refusing, signature_for_any_page, tag_of

pytestmark = pytest.mark.asyncio(loop_scope="package")

PERSONAL: Final = {
    "userName": "Ann-Märie O'Neill Smith",
    "userEmail": "ann.smith@mail.example",
    "passWord": PASSCODE,
    "signature": signature(1),
    "meetingNumber": "98765432101",
    "zak": ZAK,
    "tk": "test-registrant-token-not-real",
    "sdkKey": KEY,
    "customerKey": "customer seventeen",
}
"""What a page passes to join."""


SPELLINGS: Final[dict[str, Any]] = {
    "as it is": lambda text: text,
    "upper case": str.upper,
    "lower case": str.lower,
    "URL-encoded": lambda text: quote(text, safe=""),
    "form-encoded": lambda text: quote(text, safe="").replace("%20", "+"),
    "URL-encoded, beside what is not": lambda text: f"100% {quote(text, safe='')} %C3",
    "URL-encoded in lower case": lambda text: re.sub("%..", lambda one: one[0].lower(), quote(text, safe="")),
    "as JSON": lambda text: json.dumps(text)[1:-1],
    "in quotes": lambda text: f'"{text}",',
}


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_nothing_that_is_personal_leaves_or_is_stored(
    person: Visit, server: Plain, spelling: str
) -> None:
    told = {name: SPELLINGS[spelling](value) for name, value in PERSONAL.items()}
    server.usual = 503  # So that results are stored too.
    work = f"""
        const options = {json.dumps(PERSONAL)}, told = {json.dumps(told)};
        const texts = Object.values(told).map((text) => `It was ${{text}} here.`);
        const fields = ["type", "method", "result", "reason", "errorMessage", "name", "message"];
        for (const text of [...texts, texts.join(" ")])
            {{ window.failure = () => Object.fromEntries(fields.map((name) => [name, text]));
               await join("/signature", {{ ...options, signature: options.signature }}); }}
        await pause(50);
        window.stored = JSON.stringify([{{ ...localStorage }}, {{ ...sessionStorage }}]);"""
    page = await person.context.new_page()
    await finish(page, server, server.page(refusing(TAG, work)))
    await server.delivered(len(PERSONAL) + 1)
    stored = await page.evaluate("window.stored")
    person.console.clear()  # Of the answers with 503 the browser itself complains.
    sent = " ".join(got.path + str(got.headers) + got.body.decode() for got in server.deliveries())
    if "beside" not in spelling:
        assert "It was [removed] here." in sent
    assert "joinwatch:result:" in stored
    leaked = {
        name
        for name, text in told.items()
        if text in sent or text in stored or json.dumps(text)[1:-1] in sent
    }
    assert leaked == set()


@pytest.mark.parametrize(
    "failure",
    [
        "{ result: 98765432101 }",
        "{ errorCode: 98765432101 }",
        "{ status: 98765432101, reason: '987 6543 2101', message: '987-6543-2101' }",
        "new Error('Li was not admitted')",
        "'98765432101'",
        "98765432101",
        "{ errorMessage: 'x'.repeat(190) + ' 98765432101' }",
        "{ result: { userName: 'Li' }, reason: ['Li'], errorMessage: new String('Li') }",
    ],
)
async def test_numbers_and_short_names_do_not_leave(person: Visit, server: Plain, failure: str) -> None:
    work = f"""window.failure = () => ({failure});
        await join("/signature", {{ userName: "Li", error() {{}} }}); say(1);"""
    await finish(await person.context.new_page(), server, server.page(refusing(TAG, work)))
    await server.delivered()
    body = json.dumps(server.results()[0]["error"])
    assert not [text for text in ("98765", "2101", "Li ", 'Li"') if text in body], body


@pytest.mark.parametrize("same_origin", [True, False], ids=["same origin", "other origin"])
@pytest.mark.parametrize("leaving", [False, True], ids=["page stays", "page goes"])
async def test_requests_carry_what_they_need_and_no_more(
    person: Visit, server: Plain, other: Plain, same_origin: bool, leaving: bool
) -> None:
    to = server if same_origin else other
    for one in (server, other):
        await person.context.add_cookies(
            [{"name": "session", "value": "test-session-not-real", "url": one.url}]
        )
    page = await person.context.new_page()
    end = "dispatchEvent(new PageTransitionEvent('pagehide'));" if leaving else ""
    html = refusing(tag_of(to.url), f"await join('{to.url}/signature'); {end}")
    to.pages["/signature"] = signature_for_any_page
    await finish(page, server, f"{server.page(html)}?zak=test-zak-not-real#passcode")
    await to.delivered()
    (got,) = to.deliveries()
    assert (got.method, got.path) == ("POST", "/join-results")
    assert got.headers["content-type"] == "text/plain;charset=UTF-8"
    assert got.headers["origin"] == server.url
    assert not {"cookie", "authorization", "referer"} & set(got.headers)
    assert set(got.result) == {
        *(
            "receipt",
            "id",
            "outcome",
            "error",
            "age_ms",
            "asked",
            "age_clock",
            "join_ms",
            "step",
            "suspended",
        ),
        *("signature_intact", "meeting_matches", "view", "sdk_version", "attempt", "dropped"),
    }
