"""Where a request says what it asks for: the places parse or are refused, and reading never fails."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.request_facts import MAX_BODY, MAX_QUERY, Source, SourceKind, parse_source, read

JSON, QUERY, PATH = SourceKind.JSON, SourceKind.QUERY, SourceKind.PATH


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("json:/meetingNumber", Source(JSON, ("meetingNumber",))),
        ("json:/a/0/b", Source(JSON, ("a", "0", "b"))),
        ("json:/a~1b~0c~01", Source(JSON, ("a/b~c~1",))),
        ("json:/", Source(JSON, ("",))),
        ("query:meeting_number", Source(QUERY, ("meeting_number",))),
        ("query:a:b", Source(QUERY, ("a:b",))),
        ("path:0", Source(PATH, ("0",))),
        ("path:07", Source(PATH, ("7",))),
    ],
)
def test_parse(text: str, source: Source) -> None:
    assert parse_source(text) == source


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "does not start with"),
        ("meetingNumber", "does not start with"),
        ("JSON:/a", "does not start with"),
        ("header:X", "does not start with"),
        ("json:a", "starts with a slash"),
        ("json:", "starts with a slash"),
        ("json:/a~2", "RFC 6901"),
        ("json:" + "/a" * 17, "deeper than 16"),
        ("query:" + "a" * 200, "does not start with"),
        ("query:", "names no query parameter"),
        ("path:", "path segment"),
        ("path:-1", "path segment"),
        ("path:32", "path segment"),
        ("path:٣", "path segment"),
    ],
)
def test_refuses(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_source(text)


@given(st.text(max_size=30) | st.from_regex(r"(json:(/[a-z~01/]*){0,3}|query:.{0,5}|path:[0-9]{0,3})"))
def test_what_parses_survives_being_written_out(text: str) -> None:
    try:
        source = parse_source(text)
    except ValueError:
        return
    assert parse_source(str(source)) == source


BODY = json.dumps(
    {
        "meetingNumber": "85746065432",
        "role": 0,
        "deep": [{"mn": 123}],
        "f": 7.0,
        "half": 7.5,
        "yes": True,
        "no": None,
        "": 1,
    }
).encode()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("json:/meetingNumber", "85746065432"),
        ("json:/role", 0),
        ("json:/deep/0/mn", 123),
        ("json:/f", 7),
        ("json:/", 1),
        ("json:/half", None),
        ("json:/yes", None),
        ("json:/no", None),
        ("json:/deep", None),
        ("json:/deep/1/mn", None),
        ("json:/deep/00/mn", None),
        ("json:/deep/-/mn", None),
        ("json:/role/0", None),
        ("json:/absent", None),
        ("query:mn", "85 746"),
        ("query:empty", None),
        ("query:absent", None),
        ("query:twice", None),
        ("query:same", "7"),
        ("query:a b", "ü"),
        ("path:0", "rooms"),
        ("path:1", "85/7"),
        ("path:2", None),
        ("path:3", "x"),
        ("path:4", None),
    ],
)
def test_read(place: str, value: str | int | None) -> None:
    found = read(
        parse_source(place),
        tail="/rooms/85%2F7//x",
        query="mn=85+746&empty=&twice=1&twice=2&same=7&same=7&a%20b=%C3%BC&flag",
        body=BODY,
        content_type="application/json",
    )
    assert (found, type(found)) == (value, type(value))


TEXT = '{"mn": "1ü"}'


@pytest.mark.parametrize(
    ("body", "content_type", "value"),
    [
        (TEXT.encode(), None, "1ü"),
        (TEXT.encode(), "text/plain;charset=UTF-8", "1ü"),
        (TEXT.encode(), "application/x-www-form-urlencoded", "1ü"),
        (b"\xef\xbb\xbf" + TEXT.encode(), "application/json", "1ü"),
        (TEXT.encode("latin-1"), "application/json; charset=ISO-8859-1", "1ü"),
        (TEXT.encode("latin-1"), "application/json", None),
        (TEXT.encode("utf-16"), 'application/json; charset="utf-16"', "1ü"),
        (b"\xd8\x00", "application/json; charset=utf-16be", None),
        (TEXT.encode(), "application/json; charset=punycode", "1ü"),
        (b"", "application/json", None),
        (b"mn=1", "application/x-www-form-urlencoded", None),
        (b'{"mn": 1', "application/json", None),
        (b'{"mn": NaN}', "application/json", None),
        (b'{"mn": 1e999}', "application/json", None),
        (b'{"mn": 99999999999999999999999999}', "application/json", None),
        (b'{"mn": "' + b"1" * 201 + b'"}', "application/json", None),
        (b"[" * 60000, "application/json", None),
        (b'{"mn": 1}' + b" " * MAX_BODY, "application/json", None),
    ],
)
def test_bodies(body: bytes, content_type: str | None, value: str | None) -> None:
    assert read(Source(JSON, ("mn",)), tail="", query="", body=body, content_type=content_type) == value


def test_a_huge_query_is_not_searched() -> None:
    query = "a=1&" * MAX_QUERY + "mn=1"
    assert read(Source(QUERY, ("mn",)), tail="", query=query, body=b"", content_type=None) is None


@given(
    st.sampled_from(["json:/a", "json:/a/0", "query:a", "path:0", "path:31"]),
    st.text(max_size=30),
    st.text(max_size=30) | st.from_regex(r"(a=[^&]{0,9}&?){1,3}"),
    st.binary(max_size=60) | st.from_regex(rb'\{"a": ?[^}]{0,30}\}?'),
    st.none() | st.text(max_size=30) | st.from_regex(r"text/plain; charset=[a-z0-9-]{1,8}"),
)
def test_reading_never_raises_and_stays_small(
    place: str, tail: str, query: str, body: bytes, content_type: str | None
) -> None:
    found = read(parse_source(place), tail=tail, query=query, body=body, content_type=content_type)
    assert found is None or (isinstance(found, int) and abs(found) < 2**53) or 0 < len(str(found)) <= 200
