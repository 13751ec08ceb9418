"""The rules about the reply that the signature came in."""

from __future__ import annotations

from tests.domain.rule_tables import Row, Table, assert_row, every_row, informs, silent
from tests.support.tokens import legacy, signed, video, web

TOKEN = signed(web())


def with_(name: str, value: str) -> dict[str, object]:
    return {"headers": (("Content-Type", "application/json"), (name, value))}


ROWS: Table = {
    "reply/cached": [
        informs("Age", TOKEN, "it is 120 s old", **with_("Age", "120")),
        informs("age", TOKEN, "it is 1 s old", **with_("age", " 1 ")),
        informs("public", TOKEN, "Cache-Control has public", **with_("Cache-Control", "public, max-age=300")),
        informs("s-maxage", TOKEN, "has s-maxage=60", **with_("CACHE-CONTROL", "max-age=0, S-MaxAge=60")),
        informs("legacy", legacy(), "2 s old", **with_("Age", "2")),
        silent("new", TOKEN, **with_("Age", "0")),
        silent("no number", TOKEN, **with_("Age", "old")),
        silent("digits that are none", TOKEN, **with_("Age", "²")),
        silent("private", TOKEN, **with_("Cache-Control", "private, max-age=300")),
        silent("no-store", TOKEN, **with_("Cache-Control", "public, no-store")),
        silent("s-maxage=0", TOKEN, **with_("Cache-Control", "s-maxage=0")),
        silent("the browser's alone", TOKEN, **with_("Cache-Control", "max-age=300")),
        silent("no headers", TOKEN),
        silent("Video SDK", signed(video()), **with_("Age", "2")),
    ],
}


@every_row(ROWS)
def test_rule(rule_id: str, row: Row) -> None:
    assert_row(rule_id, row)
