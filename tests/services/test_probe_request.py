"""The request of a probe: its places are found and filled, and what cannot be sent is refused without a value shown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.domain import request_facts
from proxy.domain.ports import header
from proxy.domain.request_facts import Source
from proxy.services.probe_request import Template, Unusable, template

URL = "http://127.0.0.1:4000/"
MEETING = 93123456789
NO_MEETING = (
    "the request has no body, and its URL no {meeting}: it would ask for no meeting; write"
    " ?meetingNumber={meeting}&role={role} at the URL's end, with the names that the page uses"
)


def places(asked: Template) -> tuple[str, str]:
    """Where the meeting and the role are, as a configuration would say it."""
    return str(asked.meeting_from), str(asked.role_from)


@pytest.mark.parametrize(
    ("url", "how", "expected"),
    [
        pytest.param(URL, {}, ("json:/meetingNumber", "json:/role"), id="the default body"),
        pytest.param(
            URL, {"body": '{"a": [{"b/~": "{meeting}"}]}'}, ("json:/a/0/b~1~0", "None"), id="deep in a body"
        ),
        pytest.param(
            URL + "?x=1&mn={meeting}&r={role}",
            {"method": "get"},
            ("query:mn", "query:r"),
            id="a query",
        ),
        pytest.param(URL + "sign/{meeting}/as/{role}", {"method": "GET"}, ("path:1", "path:3"), id="a path"),
        pytest.param(
            URL, {"body": '{"text": "meeting {meeting}!"}'}, ("None", "None"), id="not alone in its text"
        ),
        pytest.param(
            URL + "?mn=m{meeting}", {"method": "GET"}, ("None", "None"), id="not alone in its field"
        ),
        pytest.param(URL, {"body": '{"mn": 1}'}, ("None", "None"), id="no placeholder"),
        pytest.param(
            URL,
            {"body": "mn={meeting}", "headers": ["content-type: application/x-www-form-urlencoded"]},
            ("None", "None"),
            id="a form",
        ),
    ],
)
def test_the_places_are_found(url: str, how: dict[str, Any], expected: tuple[str, str]) -> None:
    asked = template(url, **how)
    assert places(asked) == expected
    ask = asked.ask(MEETING)
    for source, value in ((asked.meeting_from, MEETING), (asked.role_from, 0)):
        if source is not None:
            read = request_facts.read(
                source, tail=ask.tail, query=ask.query, body=ask.body, content_type=None
            )
            assert str(read) == str(value)


@pytest.mark.parametrize(
    ("url", "how", "line", "body", "content_type"),
    [
        pytest.param(
            URL,
            {},
            ("POST", "/", ""),
            b'{"meetingNumber": "93123456789", "role": 0}',
            "application/json",
            id="default",
        ),
        pytest.param(
            "https://user:pw@[::1]:8443/a%2Fb/c?x=%20&mn={meeting}#part",
            {"method": "get"},
            ("GET", "/a%2Fb/c", "x=%20&mn=93123456789"),
            b"",
            None,
            id="escapes stay",
        ),
        pytest.param(
            URL + "?mn={meeting}", {}, ("GET", "/", "mn=93123456789"), b"", None, id="in the URL, so GET"
        ),
        pytest.param(
            URL + "?mn={meeting}",
            {"method": "POST"},
            ("POST", "/", "mn=93123456789"),
            b"",
            None,
            id="in the URL, and POST is said",
        ),
        pytest.param(
            URL + "?mn={meeting}",
            {"body": "[{role}]"},
            ("POST", "/", "mn=93123456789"),
            b"[0]",
            "application/json",
            id="in the URL, and a body",
        ),
        pytest.param(
            "http://example.com?mn={meeting}",
            {"body": ""},
            ("POST", "/", "mn=93123456789"),
            b"",
            None,
            id="no path, no body",
        ),
        pytest.param(
            "http://example.com#{meeting}",
            {},
            ("POST", "/", ""),
            b'{"meetingNumber": "93123456789", "role": 0}',
            "application/json",
            id="a fragment names nothing",
        ),
        pytest.param(
            URL,
            {"body": "[{role}]", "headers": ["Content-Type: text/plain", "X-A: 1", "X-A:"]},
            ("POST", "/", ""),
            b"[0]",
            "text/plain",
            id="a Content-Type of one's own",
        ),
    ],
)
def test_what_is_sent(
    url: str, how: dict[str, Any], line: tuple[str, str, str], body: bytes, content_type: str | None
) -> None:
    ask = template(url, **how).ask(MEETING)
    assert (ask.method, ask.tail, ask.query) == line
    assert ask.body == body
    assert header(ask.headers, "content-type") == content_type


def test_the_shown_url_has_no_password_and_no_query() -> None:
    asked = template("https://user:pw@example.com:8443/sign/{meeting}?key=not-to-be-shown&mn={meeting}#x")
    assert asked.shown == "https://example.com:8443/sign/{meeting}"
    assert asked.base == "https://user:pw@example.com:8443/"
    assert asked.varies


@pytest.mark.parametrize(
    ("url", "how", "message"),
    [
        pytest.param("localhost:4000/", {}, "the URL is not an http:// or https:// one", id="no scheme"),
        pytest.param(
            "ftp://example.com/", {}, "the URL is not an http:// or https:// one", id="another scheme"
        ),
        pytest.param("http:///x", {}, "the URL is not an http:// or https:// one", id="no host"),
        pytest.param("http://[::1", {}, "the URL is not an http:// or https:// one", id="half a bracket"),
        pytest.param("http://h:99999/", {}, "the URL is not an http:// or https:// one", id="no such port"),
        pytest.param(
            "http://m{meeting}.example.com/", {}, "the URL has a placeholder in its host", id="host"
        ),
        pytest.param(URL, {"method": "GET /"}, "--method is not an HTTP method", id="method"),
        pytest.param(URL, {"method": "GET"}, NO_MEETING, id="GET without a meeting"),
        pytest.param(URL + "?page=1234", {"method": "GET"}, NO_MEETING, id="GET with another number"),
        pytest.param(URL + "?role={role}", {"method": "get"}, NO_MEETING, id="GET with a role only"),
        pytest.param(URL + "#{meeting}", {"method": "GET"}, NO_MEETING, id="GET with it in the fragment"),
        pytest.param(URL, {"body": ""}, NO_MEETING, id="POST of nothing"),
        pytest.param(URL, {"body": "{meeting}}"}, "--body is not JSON (", id="not JSON"),
        pytest.param(
            URL, {"headers": ["A: b", "s3cr3t-not-real"]}, "--header number 2 is not", id="no colon"
        ),
        pytest.param(URL, {"headers": ["A b: s3cr3t-not-real"]}, "--header number 1 is not", id="a bad name"),
        pytest.param(
            URL, {"headers": ["A: s3cr3t\r\n-not-real: 1"]}, "--header number 1 is not", id="a line end"
        ),
        pytest.param(
            URL,
            {"headers": ["Content-Length: 5"]},
            "--header number 1 is one that joinwatch writes",
            id="length",
        ),
    ],
)
def test_what_cannot_be_sent_is_refused_with_its_mend(url: str, how: dict[str, Any], message: str) -> None:
    with pytest.raises(Unusable) as refused:
        template(url, **how)
    assert str(refused.value).startswith(message)
    assert ";" in str(refused.value)
    assert "s3cr3t" not in str(refused.value)


_PIECES = st.lists(
    st.sampled_from(
        ["{meeting}", "{role}", "{", "}", "[", "]", '"', "/", "?", "&", "=", "..", "%", "a", ":", "@"]
    )
    | st.text(max_size=3),
    max_size=12,
).map("".join)


@given(
    url=st.just(URL) | _PIECES | _PIECES.map(lambda rest: URL + rest), body=st.none() | _PIECES, head=_PIECES
)
@example(url="http://[", body=None, head="")
@example(url=URL, body="[" * 2000 + "]" * 2000, head="A: b")
@example(url=URL, body="\udcff", head="A: \udcff")
def test_any_text_makes_a_request_or_is_refused(url: str, body: str | None, head: str) -> None:
    try:
        asked = template(url, body=body, headers=[head])
    except Unusable:
        return
    ask = asked.ask(MEETING)
    assert ask.tail.startswith("/")
    for source in (asked.meeting_from, asked.role_from):
        assert source is None or isinstance(source, Source)
    if asked.meeting_from is not None and body is None and "\\" not in url:
        read = request_facts.read(
            asked.meeting_from, tail=ask.tail, query=ask.query, body=ask.body, content_type=None
        )
        assert str(read) == str(MEETING)


def test_one_meeting_that_the_endpoint_knows_may_be_asked_for() -> None:
    made = template(f"{URL}?meetingNumber=98765432101", method="GET")
    assert made.meeting_from is None
    assert made.ask(12345678901).query == "meetingNumber=98765432101"
