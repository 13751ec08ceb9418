"""Requests are read as the official sample reads them, but for the three deviations."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.sample_request import Problem, SampleRefused, SampleRequest, parse

JSON = "application/json"
PAIR = (
    "$schema",
    "If one of the following properties is present, all or none must be present: meetingNumber, role",
)
DIGITS = ("meetingNumber", "Value must be 1 to 20 digits, without spaces or dashes")
SECONDS = ("expirationSeconds", "Value must in between 1800 and 172800")
NOT_JSON = ("$schema", "The body is not valid JSON")
NOT_AN_OBJECT = ("$schema", "The body must be a JSON object")
NOT_SENT_AS_JSON = ("$schema", "The body must be JSON and be sent with Content-Type: application/json")
HOST_ROLE = ("role", "The host role is not issued here: set allow_host_role to issue it")


def read(body: object, content_type: str | None = JSON, *, allow_host_role: bool = True) -> SampleRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse(raw, content_type, allow_host_role=allow_host_role)


def refusal(body: object, content_type: str | None = JSON, **more: bool) -> tuple[int, list[tuple[str, str]]]:
    with pytest.raises(SampleRefused) as refused:
        read(body, content_type, **more)
    return refused.value.status, [(each.property, each.reason) for each in refused.value.problems]


def asking(**fields: Any) -> dict[str, Any]:
    return {"meetingNumber": "98765432101", "role": 0} | fields


@pytest.mark.parametrize(
    ("body", "request_"),
    [
        pytest.param(asking(), SampleRequest("98765432101", 0), id="usual"),
        pytest.param(asking(role=1), SampleRequest("98765432101", 1), id="host"),
        pytest.param(asking(role="1"), SampleRequest("98765432101", 1), id="role as text"),
        pytest.param(asking(role=" 1st"), SampleRequest("98765432101", 1), id="role as parseInt reads it"),
        pytest.param(asking(role=0.0), SampleRequest("98765432101", 0), id="role 0.0"),
        pytest.param(asking(meetingNumber=98765432101), SampleRequest(98765432101, 0), id="number"),
        pytest.param(asking(meetingNumber="0"), SampleRequest("0", 0), id="one digit"),
        pytest.param(asking(meetingNumber="0" * 20), SampleRequest("0" * 20, 0), id="twenty digits"),
        pytest.param({}, SampleRequest(None, None), id="native"),
        pytest.param(asking(expirationSeconds=1800), SampleRequest("98765432101", 0, 1800), id="1800"),
        pytest.param(asking(expirationSeconds=172800), SampleRequest("98765432101", 0, 172800), id="172800"),
        pytest.param(asking(expirationSeconds="7200s"), SampleRequest("98765432101", 0, 7200), id="text"),
        pytest.param(asking(expirationSeconds=1800.5), SampleRequest("98765432101", 0, 1800), id="1800.5"),
        pytest.param(
            {"expirationSeconds": 3600, "videoWebRtcMode": 1},
            SampleRequest(None, None, 3600, 1),
            id="native with more",
        ),
        pytest.param(asking(videoWebRtcMode=0), SampleRequest("98765432101", 0, None, 0), id="WebRTC off"),
        pytest.param(
            asking(videoWebRtcMode="1"), SampleRequest("98765432101", 0, None, 1), id="WebRTC as text"
        ),
        pytest.param(asking(userName="x", password=[1]), SampleRequest("98765432101", 0), id="more fields"),
        pytest.param(b' {"role":1,"role":0,"meetingNumber":"1"}\n', SampleRequest("1", 0), id="a name twice"),
    ],
)
def test_accepted(body: object, request_: SampleRequest) -> None:
    read_ = read(body)
    assert read_ == request_
    assert type(read_.meeting) is type(request_.meeting)
    numbers = (read_.role, read_.expiration_s, read_.video_webrtc_mode)
    assert all(each is None or type(each) is int for each in numbers)


def test_the_media_type_may_have_parameters_and_any_case() -> None:
    assert read(asking(), "Application/JSON; charset=utf-8") == read(asking())
    assert read(asking(), " application/json ") == read(asking())


def number(name: str, shown: str) -> tuple[str, str]:
    return name, f"Value {shown} not allowed, must be of type number"


def one_of(name: str, shown: object) -> tuple[str, str]:
    return name, f"Value is not valid. Got {shown}, expected 0,1"


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        pytest.param({"meetingNumber": "1"}, [PAIR], id="no role"),
        pytest.param({"role": 0}, [PAIR], id="no meeting"),
        pytest.param(asking(role=2), [one_of("role", 2)], id="role 2"),
        pytest.param(asking(role=-1), [one_of("role", -1)], id="role -1"),
        pytest.param(asking(role=0.5), [one_of("role", 0.5)], id="role 0.5"),
        pytest.param(asking(role=2.0), [one_of("role", 2)], id="role 2.0"),
        pytest.param(asking(role="2"), [one_of("role", 2)], id="role 2 as text"),
        pytest.param(asking(role="host"), [number("role", "NaN")], id="role in words"),
        pytest.param(asking(role=""), [number("role", "NaN")], id="role empty"),
        pytest.param(asking(role="٠"), [number("role", "NaN")], id="a digit of another script"),
        pytest.param(asking(role=None), [number("role", "null")], id="role null"),
        pytest.param(asking(role=True), [number("role", "true")], id="role true"),
        pytest.param(asking(role=False), [number("role", "false")], id="role false"),
        pytest.param(asking(role={}), [number("role", "[object Object]")], id="role an object"),
        pytest.param(asking(role=[0]), [number("role", "NaN")], id="role an array"),
        pytest.param(
            asking(role=10**400), [one_of("role", 10**400)], id="role too large for a floating point number"
        ),
        pytest.param(asking(expirationSeconds=1799), [SECONDS], id="1799"),
        pytest.param(asking(expirationSeconds=172801), [SECONDS], id="172801"),
        pytest.param(asking(expirationSeconds=0), [SECONDS], id="0 seconds"),
        pytest.param(asking(expirationSeconds=10**400), [SECONDS], id="huge"),
        pytest.param(asking(expirationSeconds="1799.9"), [SECONDS], id="1799.9 as text"),
        pytest.param(
            asking(expirationSeconds="soon"), [number("expirationSeconds", "NaN")], id="seconds in words"
        ),
        pytest.param(
            asking(expirationSeconds=None), [number("expirationSeconds", "null")], id="seconds null"
        ),
        pytest.param(asking(videoWebRtcMode=2), [one_of("videoWebRtcMode", 2)], id="WebRTC 2"),
        pytest.param(
            asking(videoWebRtcMode=True), [number("videoWebRtcMode", "true")], id="WebRTC a boolean"
        ),
        pytest.param(
            {"role": 7, "expirationSeconds": 1, "videoWebRtcMode": "x"},
            [PAIR, one_of("role", 7), SECONDS, number("videoWebRtcMode", "NaN")],
            id="all, in the sample's order",
        ),
        pytest.param(
            {"videoWebRtcMode": 3, "expirationSeconds": 1, "meetingNumber": "x y"},
            [PAIR, DIGITS, SECONDS, one_of("videoWebRtcMode", 3)],
            id="all, whatever the order asked in",
        ),
        # The host role is refused only once everything else is right.
        pytest.param(asking(role=1, expirationSeconds=1), [SECONDS], id="host with a problem"),
    ],
)
def test_refused_like_the_sample(body: object, problems: list[tuple[str, str]]) -> None:
    assert refusal(body, allow_host_role=False) == (400, problems)


@pytest.mark.parametrize(
    "meeting",
    ["123 456-789", "123-456", "", " 1", "1\n", "1" * 21, 10**20, "12a", "٣٤٥", -1, 1.0, None, True, [], {}],
    ids=repr,
)
def test_deviation_a_meeting_number_is_digits_only(meeting: object) -> None:
    assert refusal(asking(meetingNumber=meeting)) == (400, [DIGITS])


@pytest.mark.parametrize("role", [1, "1", 1.0])
def test_deviation_the_host_role_is_refused_unless_allowed(role: object) -> None:
    assert refusal(asking(role=role), allow_host_role=False) == (403, [HOST_ROLE])
    assert read(asking(role=role), allow_host_role=True).role == 1
    assert read(asking(role=0), allow_host_role=False).role == 0


@pytest.mark.parametrize(
    ("body", "content_type", "status", "problem"),
    [
        pytest.param(asking(), "text/plain;charset=UTF-8", 415, NOT_SENT_AS_JSON, id="what fetch sends"),
        pytest.param(
            b"meetingNumber=1&role=0", "application/x-www-form-urlencoded", 415, NOT_SENT_AS_JSON, id="a form"
        ),
        pytest.param(b"", None, 415, NOT_SENT_AS_JSON, id="nothing"),
        pytest.param(asking(), "application/jsonp", 415, NOT_SENT_AS_JSON, id="another type"),
        pytest.param(b"", JSON, 400, NOT_JSON, id="an empty body"),
        pytest.param(b'{"meetingNumber": "1"', JSON, 400, NOT_JSON, id="cut off"),
        pytest.param(b"{'role': 0}", JSON, 400, NOT_JSON, id="single quotes"),
        pytest.param(b'{"role": NaN}', JSON, 400, NOT_JSON, id="NaN"),
        pytest.param(b'{"role": 1e999}', JSON, 400, NOT_JSON, id="beyond a float"),
        pytest.param(b'{"role": ' + b"9" * 5000 + b"}", JSON, 400, NOT_JSON, id="beyond an integer"),
        pytest.param(b'{"a": "\xff"}', JSON, 400, NOT_JSON, id="not UTF-8"),
        pytest.param(b'{"a": ' + b"[" * 100_000, JSON, 400, NOT_JSON, id="nested"),
        pytest.param(b'{"role": ' + b"[" * 100_000, JSON, 400, NOT_JSON, id="role nested"),
        pytest.param(b'{"a": ' + b"[" * 9_000 + b"]" * 9_000 + b"}", JSON, 400, NOT_JSON, id="nested, whole"),
        pytest.param(b"[]", JSON, 400, NOT_AN_OBJECT, id="an array"),
        pytest.param(b'"role"', JSON, 400, NOT_AN_OBJECT, id="a string"),
        pytest.param(b"null", JSON, 400, NOT_AN_OBJECT, id="null"),
    ],
)
def test_deviation_only_a_json_object_is_signed(
    body: object, content_type: str | None, status: int, problem: tuple[str, str]
) -> None:
    assert refusal(body, content_type) == (status, [problem])


def test_the_refusal_says_everything_as_an_exception_too() -> None:
    refused = SampleRefused(400, Problem("a", "is wrong"), Problem("b", "is missing"))
    assert str(refused) == "a: is wrong; b: is missing"


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-1, 2)
    | st.floats()
    | st.text(max_size=8)
    | st.from_regex(r"\s*[+-]?[0-9]{1,9}.?")
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
)
FIELDS = st.sampled_from(["meetingNumber", "role", "expirationSeconds", "videoWebRtcMode", "userName"])
BODIES = st.binary(max_size=200) | st.dictionaries(FIELDS, VALUES).map(lambda each: json.dumps(each).encode())


@given(BODIES, st.sampled_from([JSON, "application/json; charset=utf-8", "text/plain", None]), st.booleans())
def test_a_request_is_read_or_refused(body: bytes, content_type: str | None, allow_host_role: bool) -> None:
    refused: SampleRefused | None = None
    try:
        request = parse(body, content_type, allow_host_role=allow_host_role)
    except SampleRefused as error:
        refused = error
    if refused is not None:
        assert refused.status in (400, 403, 415)
        assert refused.problems
        return
    assert (request.meeting is None) == (request.role is None)
    assert request.role in ((None, 0, 1) if allow_host_role else (None, 0))
    assert request.expiration_s is None or 1800 <= request.expiration_s <= 172800
    assert request.video_webrtc_mode in (None, 0, 1)


@given(BODIES, st.booleans())
def test_the_short_way_says_what_the_long_one_says(body: bytes, allow_host_role: bool) -> None:
    def result(content_type: str) -> object:
        try:
            return parse(body, content_type, allow_host_role=allow_host_role)
        except SampleRefused as refused:
            return refused.status, refused.problems

    assert result(JSON) == result("application/json; charset=utf-8")
