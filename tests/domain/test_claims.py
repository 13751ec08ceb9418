"""Claims are read alike whatever the format, and what is shown of them never holds a secret."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.claims import KEY_CLAIMS, KNOWN_CLAIMS, Claims, JsonValue, Redaction, Showing, number
from tests.support.secrets import CLIENT_SECRET, KEY
from tests.support.tokens import MEETING, NOW, native, video, web, without

MASKED, CLEAR, OMITTED = Showing.MASKED, Showing.CLEAR, Showing.OMITTED
DIGEST = f"sha256:{hashlib.sha256(CLIENT_SECRET.encode()).hexdigest()[:8]}"
PASSCODE = "48151623"


def shown(claims: dict[str, Any], *, mn: Showing = MASKED, keys: Showing = MASKED) -> dict[str, JsonValue]:
    redaction = Redaction(meeting_number=mn, keys=keys, secrets=(CLIENT_SECRET, ""))
    return redaction.claims(Claims.of(claims))


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (0, 0.0),
        (-1, -1.0),
        (1795280241, 1795280241.0),
        (1795280241.5, 1795280241.5),
        ("1795280241", 1795280241.0),
        (" 17 ", 17.0),
        ("1.7e9", 1.7e9),
        (10**31, 1e31),
        (2**53, 2.0**53),
        (10**32, None),
        (10**4000, None),
        ("1" * 33, None),
        (math.nan, None),
        (math.inf, None),
        ("nan", None),
        ("-Infinity", None),
        ("", None),
        ("soon", None),
        (True, None),
        (None, None),
        ([1], None),
        ({"a": 1}, None),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_number(value: JsonValue, result: float | None) -> None:
    assert number(value) == result


STAMP = {"apiKey": KEY, "mn": MEETING, "ts": NOW * 1000, "role": 0}


@pytest.mark.parametrize(
    ("raw", "key", "meeting", "role", "iat", "exp"),
    [
        pytest.param(web(), KEY, MEETING, 0, NOW - 60, NOW + 7140, id="web"),
        pytest.param(native(), KEY, None, None, NOW - 60, NOW + 7140, id="native"),
        pytest.param(video(), KEY, None, None, NOW - 60, NOW + 7140, id="video"),
        pytest.param(STAMP, KEY, MEETING, 0, NOW, NOW + 86400, id="legacy"),
        pytest.param(STAMP | {"ts": "soon"}, KEY, MEETING, 0, None, None, id="legacy without a time"),
        pytest.param({}, None, None, None, None, None, id="nothing"),
        pytest.param(web(appKey=""), KEY, MEETING, 0, NOW - 60, NOW + 7140, id="an empty appKey"),
        pytest.param(web(appKey=17), KEY, MEETING, 0, NOW - 60, NOW + 7140, id="a number for appKey"),
        pytest.param({"appKey": "", "sdkKey": None}, None, None, None, None, None, id="no key at all"),
        pytest.param({"mn": 17, "role": "1"}, None, "17", 1, None, None, id="mistyped"),
        pytest.param({"mn": True, "role": True, "iat": False}, None, None, None, None, None, id="booleans"),
        pytest.param({"mn": [1], "role": {}, "exp": []}, None, None, None, None, None, id="nested"),
        pytest.param({"mn": 1.5, "iat": NOW * 1000}, None, None, None, NOW * 1000, None, id="milliseconds"),
        pytest.param({"mn": "", "iat": "1.5"}, None, "", None, 1.5, None, id="texts"),
    ],
)
def test_one_value_for_every_format(
    raw: dict[str, Any],
    key: str | None,
    meeting: str | None,
    role: float | None,
    iat: float | None,
    exp: float | None,
) -> None:
    claims = Claims.of(raw)
    assert claims.raw == raw
    assert (claims.key, claims.meeting, claims.role, claims.iat, claims.exp) == (
        key,
        meeting,
        role,
        iat,
        exp,
    )


TIMES = {"role": 0, "iat": NOW - 60, "exp": NOW + 7140, "tokenExp": NOW + 7140}


@pytest.mark.parametrize(
    ("mn", "keys", "identifiers"),
    [
        (MASKED, MASKED, {"appKey": "te***_0", "sdkKey": "te***_0", "mn": "98***01"}),
        (CLEAR, CLEAR, {"appKey": KEY, "sdkKey": KEY, "mn": MEETING}),
        (OMITTED, OMITTED, {}),
        (CLEAR, OMITTED, {"mn": MEETING}),
        (OMITTED, CLEAR, {"appKey": KEY, "sdkKey": KEY}),
        (MASKED, CLEAR, {"appKey": KEY, "sdkKey": KEY, "mn": "98***01"}),
    ],
    ids=["masked", "clear", "omitted", "clear meeting", "clear keys", "default meeting"],
)
def test_privacy(mn: Showing, keys: Showing, identifiers: dict[str, JsonValue]) -> None:
    assert shown(web(), mn=mn, keys=keys) == identifiers | TIMES


def test_the_default_is_masked() -> None:
    assert Redaction().claims(Claims.of(web())) == shown(web())


@pytest.mark.parametrize(
    ("value", "masked", "clear"),
    [
        ("98765432", "98***32", "98765432"),
        ("9876543", "***", "9876543"),
        ("9", "***", "9"),
        ("", "", ""),
        (98765432101, "98***01", "98765432101"),
        (17, "***", "17"),
        ("x" * 100, "xx***xx", "x" * 64),
        ("\ud83dabcdefgh\ude00", "?a***h?", "?abcdefgh?"),
        ("Müllerstraße", "Mü***ße", "Müllerstraße"),
        (1.5, "(number)", "(number)"),
        (True, "(boolean)", "(boolean)"),
        (None, "(null)", "(null)"),
        ([MEETING], "(array)", "(array)"),
        ({"value": MEETING}, "(object)", "(object)"),
    ],
    ids=lambda value: ascii(value)[:12],
)
@pytest.mark.parametrize("name", ["mn", "appKey", "sdkKey", "apiKey", "app_key"])
def test_identifiers(name: str, value: JsonValue, masked: JsonValue, clear: JsonValue) -> None:
    assert shown({name: value}) == {name: masked}
    assert shown({name: value}, mn=CLEAR, keys=CLEAR) == {name: clear}
    kind = {name: clear} if str(clear).startswith("(") else {}
    assert shown({name: value}, mn=OMITTED, keys=OMITTED) == kind


@pytest.mark.parametrize(
    ("name", "value", "shows"),
    [
        ("iat", NOW, NOW),
        ("iat", NOW * 1000, NOW * 1000),
        ("iat", -1, -1),
        ("iat", 1795280241.5, 1795280241.5),
        ("iat", str(NOW), "(text)"),
        ("exp", 10**40, "(out of range)"),
        ("exp", math.nan, "(out of range)"),
        ("tokenExp", math.inf, "(out of range)"),
        ("tokenExp", None, "(null)"),
        ("ts", True, "(boolean)"),
        ("role", 1, 1),
        ("role", 9, 9),
        ("role", 0.0, 0.0),
        ("role", 10, "(number)"),
        ("role", -1, "(number)"),
        ("role", int(PASSCODE), "(number)"),
        ("role", "1", "(text)"),
        ("role", PASSCODE, "(text)"),
        ("role_type", "host", "(text)"),
        ("version", {"passcode": PASSCODE}, "(object)"),
        ("video_webrtc_mode", [PASSCODE], "(array)"),
        ("video_webrtc_mode", 1, 1),
    ],
    ids=lambda value: ascii(value)[:12],
)
def test_numbers(name: str, value: JsonValue, shows: JsonValue) -> None:
    for showing in Showing:
        result = shown({name: value}, mn=showing, keys=showing)
        assert (result, type(result[name])) == ({name: shows}, type(shows))


def test_unknown_claims_by_name_only() -> None:
    claims = web(passWord=PASSCODE, zak={"zak": PASSCODE}, meetingNumber=MEETING)
    assert shown(claims)["unknown"] == ["passWord", "zak", "meetingNumber"]
    assert PASSCODE not in json.dumps(shown(claims, mn=CLEAR, keys=CLEAR))


@pytest.mark.parametrize(
    ("names", "shows"),
    [
        ([], None),
        (["x" * 33], ["x" * 32]),
        ([f"c{k}" for k in range(11)], [f"c{k}" for k in range(10)]),
        (["unknown"], ["unknown"]),
        ([""], [""]),
        (["\ud800"], ["?"]),
        ([CLIENT_SECRET], [DIGEST]),
        ([CLIENT_SECRET[:9]], [f"sha256:{hashlib.sha256(CLIENT_SECRET[:9].encode()).hexdigest()[:8]}"]),
        ([CLIENT_SECRET[:7]], [CLIENT_SECRET[:7]]),
    ],
    ids=["none", "long", "many", "unknown", "empty", "half a character", "secret", "part", "short part"],
)
def test_unknown_names(names: list[str], shows: list[str] | None) -> None:
    assert shown(dict.fromkeys(names, PASSCODE)).get("unknown") == shows


@pytest.mark.parametrize("showing", list(Showing))
@pytest.mark.parametrize("name", [*KEY_CLAIMS, "mn"])
def test_a_key_that_is_a_secret_is_a_digest(name: str, showing: Showing) -> None:
    assert shown({name: CLIENT_SECRET}, mn=showing, keys=showing) == {name: DIGEST}


@pytest.mark.parametrize("showing", list(Showing))
def test_a_key_that_holds_a_secret_is_a_digest(showing: Showing) -> None:
    for value in (f"{KEY}:{CLIENT_SECRET}", f"{CLIENT_SECRET}\n", CLIENT_SECRET[:20], CLIENT_SECRET[9:]):
        digest = str(shown({"appKey": value}, keys=showing)["appKey"])
        assert digest.startswith("sha256:")
        assert len(digest) == 15


def test_a_number_that_is_a_secret_is_a_digest() -> None:
    redaction = Redaction(meeting_number=CLEAR, secrets=[MEETING])
    assert str(redaction.claims(Claims.of({"mn": int(MEETING)}))["mn"]).startswith("sha256:")


def test_no_repr_shows_a_secret() -> None:
    assert CLIENT_SECRET not in repr(Redaction(secrets=[CLIENT_SECRET]))
    assert CLIENT_SECRET not in repr(Claims.of(web(appKey=CLIENT_SECRET)))


OUR_WORDS = (*KNOWN_CLAIMS, "unknown", "(boolean) (text) (object) (array) (null) (number) (out of range)")
SECRETS = st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=60).filter(
    # Not one of our own words, which every line shows: Hypothesis tries the constants that it finds in the code.
    lambda text: any(map(str.isalpha, text)) and not any(text in word for word in OUR_WORDS)
)
WITHOUT_IT = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)


@st.composite
def holding_a_secret(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A secret, and claims that hold it: as a name or a value, whole, inside of a text, or nested."""
    secret = draw(SECRETS)
    holder = st.just(secret) | st.tuples(st.text(max_size=40), st.text(max_size=9)).map(
        lambda around: around[0] + secret + around[1]
    )
    value = st.recursive(
        WITHOUT_IT | holder,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9) | holder, inner, max_size=3)
        ),
        max_leaves=6,
    )
    names = st.sampled_from(sorted(KNOWN_CLAIMS)) | st.text(max_size=9) | holder
    return secret, draw(st.dictionaries(names, value, max_size=12))


@given(holding_a_secret(), st.sampled_from(Showing), st.sampled_from(Showing))
def test_no_secret_is_ever_shown(
    held: tuple[str, dict[str, Any]], meeting_number: Showing, keys: Showing
) -> None:
    secret, raw = held
    result = Redaction(meeting_number=meeting_number, keys=keys, secrets=[secret]).claims(Claims.of(raw))
    line = msgspec.json.encode(result).decode()
    assert json.loads(line) == result
    without_digests = json.dumps(_texts(result), ensure_ascii=False)
    assert secret not in line
    for start in range(len(secret) - 7):
        assert secret[start : start + 8] not in without_digests
    unknown = result.get("unknown", [])
    assert isinstance(unknown, list)
    assert len(unknown) <= 10
    assert all(isinstance(name, str) and len(name) <= 32 for name in unknown)
    assert set(result) <= KNOWN_CLAIMS | {"unknown"}


def _texts(value: JsonValue) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) and not value.startswith("sha256:") else []


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=60))
def test_masked_shows_four_characters(text: str) -> None:
    result = shown({"mn": text}, mn=MASKED)["mn"]
    assert result == f"{text[:2]}***{text[-2:]}"


def test_keys_of_other_formats_are_known() -> None:
    assert shown(without(STAMP, "ts")) == {"apiKey": "te***_0", "mn": "98***01", "role": 0}
    assert shown(video())["app_key"] == "te***_0"
    assert shown(video())["unknown"] == ["tpc"]
