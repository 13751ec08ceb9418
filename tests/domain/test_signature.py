"""Signatures are found in whatever an endpoint answers, read whatever is wrong with them, and verified."""

from __future__ import annotations

import base64
import json
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.signature import MAX_BY_SHAPE, MAX_STRINGS, Format, Signature, decode, find, verify
from tests.support import tokens
from tests.support.secrets import CLIENT_SECRET, KEY
from tests.support.tokens import MEETING, NOW, native, signed, video, web, without

SECRET = CLIENT_SECRET.encode()
TOKEN = signed(web())
SYMBOLS = tokens.with_symbols()
PADDED = signed(web(), encode=tokens.padded)
RUBY = signed(web(), encode=tokens.ruby)
LEGACY = tokens.legacy()
LEGACY_SYMBOLS = tokens.legacy_with_symbols()
SESSION = signed(tokens.session())
NATIVE = signed(native())
VIDEO = signed(video())
HMAC = tokens.hmac_only(web())
WEB = Format.MEETING_SDK


def text(value: object) -> bytes:
    return json.dumps(value).encode()


def nested(value: object, depth: int) -> object:
    for level in range(depth):
        value = [value] if level % 2 else {"data": value}
    return value


FOUND: dict[str, tuple[bytes, Format]] = {
    "the sample's reply": (text({"signature": TOKEN, "sdkKey": KEY}), WEB),
    "the sample's older reply": (text({"signature": TOKEN}), WEB),
    "status and data": (text({"status": 1, "data": {"jwt_token": TOKEN}}), WEB),
    "GraphQL": (text({"data": {"zoomSignature": {"signature": TOKEN, "__typename": "Signature"}}}), WEB),
    "GraphQL, aliased": (text({"data": {"a": [{"b": TOKEN}]}, "errors": []}), WEB),
    "any key": (text({"x": TOKEN}), WEB),
    "bare text": (TOKEN.encode(), WEB),
    "bare text with a line end": (f"{TOKEN}\r\n".encode(), WEB),
    "a JSON string": (text(TOKEN), WEB),
    "an array": (text([KEY, TOKEN, 1800]), WEB),
    "deep": (text(nested({"signature": TOKEN}, 300)), WEB),
    "JSON in a JSON string": (text(json.dumps({"signature": TOKEN})), WEB),
    "JSON in a string of JSON": (text({"statusCode": 200, "body": json.dumps({"signature": TOKEN})}), WEB),
    "a JSON string in a JSON string": (text(json.dumps(TOKEN)), WEB),
    "damaged JSON in a string": (text({"body": f'{{"signature": "{TOKEN}",}}'}), WEB),
    "a link": (text({"join_url": f"/meeting.html?mn={MEETING}&signature={TOKEN}&lang=en"}), WEB),
    "behind its scheme": (text({"signature": f"Bearer {TOKEN}"}), WEB),
    "PHP's slashes": (text({"signature": SYMBOLS}).replace(b"/", b"\\/"), WEB),
    ".NET's plus signs": (text({"signature": SYMBOLS}).replace(b"+", b"\\u002B"), WEB),
    "an HTML page": (f"<html><script>var signature = '{TOKEN}';</script></html>".encode(), WEB),
    "an HTML page with PHP's JSON": (
        b"<script>init(" + text({"signature": SYMBOLS}).replace(b"/", b"\\/") + b")</script>",
        WEB,
    ),
    "an HTML page with .NET's JSON": (
        f'<script>init({{"signature":"{SYMBOLS}"}})</script>'.replace("+", "\\u002B").encode(),
        WEB,
    ),
    "an attribute": (f'<div data-signature="{TOKEN}" id="meeting"></div>'.encode(), WEB),
    "hand-built JSON": (f"{{'signature': '{TOKEN}'}}".encode(), WEB),
    "hand-built JSON, cut off": (f'{{"signature":"{TOKEN}","sdkKey":'.encode(), WEB),
    "JSONP": (f'callback({{"signature":"{TOKEN}"}});'.encode(), WEB),
    "guarded JSON": (b")]}',\n" + text({"signature": TOKEN}), WEB),
    "a byte order mark": (b"\xef\xbb\xbf" + text({"signature": SYMBOLS}).replace(b"/", b"\\/"), WEB),
    "form-encoded": (f"sdkKey={KEY}&signature={TOKEN}&status=1".encode(), WEB),
    "form-encoded symbols": (f"signature={SYMBOLS}".replace("+", "%2B").replace("/", "%2F").encode(), WEB),
    "a byte order mark and line ends": (b"\xef\xbb\xbf" + text({"signature": RUBY}), WEB),
    "an HTML page, padded": (f"<script>var signature = '{PADDED}';</script>".encode(), WEB),
    "form-encoded padding": (f"signature={PADDED}&a=1".replace("=", "%3D").encode(), WEB),
    "XML": (f"<r><signature>{TOKEN}</signature></r>".encode(), WEB),
    "not UTF-8 around it": (b"\xff\xfe\x80 " + TOKEN.encode() + b" \xff", WEB),
    "line ends in it": (text({"signature": RUBY}), WEB),
    "line ends in hand-built JSON": (f'{{"signature":"{RUBY}"}}'.encode(), WEB),
    "line ends in bare text": (RUBY.encode(), WEB),
    "legacy": (text({"signature": LEGACY}), Format.LEGACY),
    "legacy under any key": (text({"x": LEGACY}), Format.LEGACY),
    "legacy, bare": (LEGACY.encode(), Format.LEGACY),
    "legacy, PHP's slashes": (text({"s": LEGACY_SYMBOLS}).replace(b"/", b"\\/"), Format.LEGACY),
    "legacy in a page": (f'<input value="{LEGACY_SYMBOLS}">'.encode(), Format.LEGACY),
    "legacy in a form": (
        f"a=1&signature={LEGACY_SYMBOLS}".replace("+", "%2b").replace("/", "%2f").encode(),
        Format.LEGACY,
    ),
    "native": (text({"signature": NATIVE}), Format.NATIVE),
    "native under any key": (text({"token": NATIVE}), Format.NATIVE),
    "after a session token": (text({"access_token": SESSION, "z": TOKEN}), WEB),
    "before a session token": (text({"z": TOKEN, "access_token": SESSION}), WEB),
    "after one that says signature": (text({"signature": SESSION, "z": TOKEN}), WEB),
    "after native": (text([NATIVE, TOKEN]), WEB),
    "after legacy": (text([LEGACY, NATIVE, TOKEN]), WEB),
    "legacy before native": (text([NATIVE, LEGACY]), Format.LEGACY),
    "native after a look-alike": (text({"signature": VIDEO, "z": NATIVE}), Format.NATIVE),
    "deeper than a session token": (text({"jwt": SESSION, "a": {"b": {"c": TOKEN}}}), WEB),
    "in a page after a session token": (
        f"<script>var jwt='{SESSION}', signature='{TOKEN}'</script>".encode(),
        WEB,
    ),
    "a session token as the signature": (text({"signature": SESSION}), Format.OTHER_JWT),
    "a session token as zoom_token": (text({"zoom_token": SESSION}), Format.OTHER_JWT),
    "a session token as the value of the signature": (
        text({"signature": {"value": SESSION}}),
        Format.OTHER_JWT,
    ),
    "a session token as a form's signature": (f"signature={SESSION}".encode(), Format.OTHER_JWT),
    "Video SDK": (text({"signature": VIDEO}), Format.VIDEO_SDK),
    "REST": (text({"jwt": signed(tokens.rest())}), Format.REST_JWT),
    "OAuth": (text({"meetingToken": signed(tokens.oauth())}), Format.OAUTH),
    "only the HMAC": (text({"signature": HMAC}), Format.HMAC_ONLY),
    "only the HMAC, padded": (text({"sdkSignature": f"{HMAC}="}), Format.HMAC_ONLY),
    "only the HMAC in hexadecimal": (text({"signature": "0aF9" * 16}), Format.HMAC_ONLY),
    "among other strings": (text([*(["padding"] * (MAX_STRINGS - 2)), TOKEN]), WEB),
    "among other tokens": ((f"{SESSION} " * (MAX_BY_SHAPE - 1) + TOKEN).encode(), WEB),
}


@pytest.mark.parametrize(("body", "format_"), FOUND.values(), ids=FOUND.keys())
def test_found(body: bytes, format_: Format) -> None:
    found = find(body)
    assert found is not None
    assert found.format is format_
    if format_ in (WEB, Format.LEGACY, Format.NATIVE):
        assert verify(found, SECRET)
    else:
        assert found == Signature(format_, found.claims, found.alg, found.segments)
        assert not found.claims.raw


NOT_FOUND: dict[str, bytes] = {
    "nothing": b"",
    "white space": b" \r\n",
    "an error": text({"errors": [{"property": "role", "reason": "Value is not valid."}]}),
    "HTML": b"<html><body>502 Bad Gateway</body></html>",
    "a session token alone": text({"access_token": SESSION}),
    "a session token, bare": SESSION.encode(),
    "a session token as token": text({"token": SESSION}),
    "a session token in a page": f"<script>var access_token = '{SESSION}'</script>".encode(),
    "a Video SDK token by another key": text({"access_token": VIDEO}),
    "a digest by another key": text({"sha256": "0aF9" * 16}),
    "an HMAC by no key": HMAC.encode(),
    "undefined": b"undefined",
    "a Promise": text({"signature": "[object Promise]"}),
    "null": text({"signature": None}),
    "a number": b"17",
    "no header": text({"signature": signed(web(), header={})}),
    "payload not JSON": text({"signature": f"{TOKEN.split('.')[0]}.AAAAAAAA.x"}),
    "payload not an object": text({"signature": signed(b"[1]")}),
    "payload not base64": text({"signature": f"{TOKEN.split('.')[0]}.A.x"}),
    "one character too long": text({"x": TOKEN + "A" * (8193 - len(TOKEN))}),
    "after too many strings": text([*(["padding"] * MAX_STRINGS), TOKEN]),
    "base64 of something else": text({"signature": base64.b64encode(b"a.b.c.d.e" * 10).decode()}),
}


@pytest.mark.parametrize("body", NOT_FOUND.values(), ids=NOT_FOUND.keys())
def test_not_found(body: bytes) -> None:
    assert find(body) is None


def filled(unit: str, size: int = 262_144) -> str:
    return unit * (size // len(unit))


SHORT = tokens.unpadded(b'{"alg":""}') + ".e30.a"
HOSTILE: dict[str, str] = {
    "eyJ": filled("eyJ"),
    "one run": filled("a"),
    "brackets": "[" * 100_000,
    "objects": '{"a":' * 50_000,
    "quotes": filled('"'),
    "starts without an end": filled("=eyJ"),
    "longer starts": filled("=eyaaaaaaaaa"),
    "starts after dots": filled(".eyaaaaaaaa"),
    "shapes of tokens": filled("eyaaaaaaaa.a "),
    "readable tokens": filled(f"{SHORT} "),
    "readable tokens in an array": json.dumps([SHORT] * 10_000),
    "readable tokens in damaged JSON": "{" + filled(f'"{SHORT}",'),
    "readable tokens in strings": json.dumps([f" {SHORT}"] * 9_000),
    "long tokens": filled(SHORT[:-1] + "a" * 4096 + " "),
    "shapes of legacy": filled("A" * 80 + " "),
    "longer shapes of legacy": filled("A" * 400 + "== "),
    "keys before tokens": filled("k" * 60 + " : " + SHORT + " "),
    "no key before tokens": filled(" " * 78 + SHORT + " "),
    "JSON in strings": "[" + ",".join(['"{\\"a\\":1}"'] * 20_000) + "]",
    "brackets in strings": json.dumps(["[" * 2000] * 120),
    "escapes": filled("\\/"),
    "percent signs": filled("%2B"),
    "an integer": '{"a":' + "9" * 262_000 + "}",
    "not a number": "[NaN," + filled("1,") + "1]",
    "dots": filled("."),
    "a key": '{"' + "a" * 262_000 + '":1}',
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_costs_little(body: str) -> None:
    raw = body.encode()
    began = time.process_time()
    assert find(raw) is None
    assert time.process_time() - began < 0.5


@given(
    st.binary(max_size=400)
    | st.text(max_size=200).map(str.encode)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(TOKEN[:90]),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    ).map(text)
)
def test_find_never_raises(body: bytes) -> None:
    find(body)


@given(st.binary(max_size=100), st.binary(max_size=300), st.binary(max_size=40))
def test_decode_never_raises(header: bytes, payload: bytes, mac: bytes) -> None:
    decode(".".join(map(tokens.unpadded, (header, payload, mac))))
    decode(".".join(map(tokens.unpadded, (b'{"alg":"HS256"}', b'{"mn":' + payload + b"}", mac))))
    decode(base64.b64encode(b"." + header + b".1." + payload + b"." + mac).decode())


@given(st.data())
def test_a_damaged_token_is_read_or_not_but_never_raises(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(TOKEN) - 1))
    damaged = TOKEN[:place] + data.draw(st.characters()) + TOKEN[place + data.draw(st.integers(0, 3)) :]
    found = find(text({"signature": damaged}))
    if found is not None and verify(found, SECRET):
        # What only its spelling was changed of: base64 leaves bits of a last character unused.
        assert found.claims.raw == web()


@pytest.mark.parametrize(
    ("token", "format_", "claims"),
    [
        pytest.param(TOKEN, WEB, web(), id="web"),
        pytest.param(signed(without(web(), "sdkKey", "role")), WEB, None, id="no role"),
        pytest.param(signed(without(web(), "mn")), WEB, None, id="no mn"),
        pytest.param(
            signed({**without(web(), "mn", "role"), "meetingNumber": "1"}), WEB, None, id="meetingNumber"
        ),
        pytest.param(
            signed(without(web(), "appKey", "sdkKey", "tokenExp") | {"app_key": KEY}), WEB, None, id="app_key"
        ),
        pytest.param(signed({"mn": 1, "role": 0}), WEB, None, id="mn and role"),
        pytest.param(NATIVE, Format.NATIVE, native(), id="native"),
        pytest.param(signed({"tokenExp": NOW}), Format.NATIVE, None, id="tokenExp only"),
        pytest.param(VIDEO, Format.VIDEO_SDK, video(), id="Video SDK"),
        pytest.param(signed({"tpc": "x", "iat": NOW}), Format.VIDEO_SDK, None, id="tpc"),
        pytest.param(signed(tokens.rest()), Format.REST_JWT, tokens.rest(), id="REST"),
        pytest.param(signed(tokens.rest() | {"iat": NOW}), Format.REST_JWT, None, id="REST with iat"),
        pytest.param(signed(tokens.oauth()), Format.OAUTH, tokens.oauth(), id="OAuth"),
        pytest.param(SESSION, Format.OTHER_JWT, tokens.session(), id="another"),
        pytest.param(signed({}), Format.OTHER_JWT, {}, id="no claims"),
    ],
)
def test_formats(token: str, format_: Format, claims: dict[str, Any] | None) -> None:
    found = decode(token)
    assert found is not None
    assert (found.format, found.alg, found.segments, found.damage) == (format_, "HS256", 3, ())
    assert claims is None or found.claims.raw == claims
    assert verify(found, SECRET)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(LEGACY, id="padded"),
        pytest.param(LEGACY.rstrip("="), id="unpadded"),
        pytest.param(tokens.legacy(encode=tokens.unpadded), id="url-safe"),
        pytest.param(tokens.legacy(encode=tokens.padded), id="url-safe and padded"),
        pytest.param(tokens.legacy(encode=tokens.ruby), id="with line ends"),
    ],
)
def test_legacy(token: str) -> None:
    found = decode(token)
    assert found is not None
    assert (found.format, found.alg, found.segments) == (Format.LEGACY, None, 1)
    stamp = (NOW - 30) * 1000
    assert found.claims.raw == {"apiKey": KEY, "mn": MEETING, "ts": stamp, "role": 0}
    assert (found.claims.iat, found.claims.exp) == (NOW - 30, NOW - 30 + 86400)
    assert verify(found, SECRET)


@pytest.mark.parametrize(
    ("token", "claims"),
    [
        pytest.param(tokens.legacy(stamp=NOW), {"ts": NOW}, id="seconds"),
        pytest.param(tokens.legacy(role=""), {"role": None}, id="no role"),
        pytest.param(tokens.legacy(role="host"), {"role": "host"}, id="role in words"),
        pytest.param(tokens.legacy(meeting=""), {"mn": ""}, id="no meeting"),
        pytest.param(tokens.legacy(meeting="987 6543"), {"mn": "987 6543"}, id="a meeting with a space"),
        pytest.param(tokens.legacy(key=""), {"apiKey": ""}, id="no key"),
        pytest.param(tokens.legacy(stamp=-1), {"ts": -1}, id="before 1970"),
    ],
)
def test_legacy_as_it_comes(token: str, claims: dict[str, Any]) -> None:
    found = decode(token)
    assert found is not None
    assert {name: found.claims.raw.get(name) for name in claims} == claims
    assert verify(found, SECRET)


@pytest.mark.parametrize(
    ("token", "damage", "segments", "verifies"),
    [
        pytest.param(PADDED, ("padding",), 3, True, id="padding"),
        pytest.param(SYMBOLS, ("standard base64",), 3, True, id="standard base64"),
        pytest.param(RUBY, ("white space",), 3, True, id="line ends"),
        pytest.param(f" {TOKEN[:200]} {TOKEN[200:]}", ("white space",), 3, True, id="spaces"),
        pytest.param(tokens.hexadecimal(web()), ("a hexadecimal HMAC",), 3, True, id="hexadecimal"),
        pytest.param(
            signed(web(), encode=lambda raw: base64.encodebytes(raw).decode()),
            ("white space", "padding", "standard base64"),
            3,
            True,
            id="MIME",
        ),
        pytest.param(f"{TOKEN}.AAAA", (), 4, True, id="four parts"),
        pytest.param(tokens.shared_fields(web()), (), 5, False, id="five parts"),
        pytest.param(TOKEN.rpartition(".")[0], (), 2, False, id="two parts"),
        pytest.param(TOKEN.rpartition(".")[0] + ".", (), 2, False, id="an empty third part"),
        pytest.param(f"{TOKEN}.", (), 3, True, id="a dot at its end"),
        pytest.param(TOKEN[:-9], (), 3, False, id="cut off"),
        pytest.param(f"{TOKEN.rpartition('.')[0]}.@@@", (), 3, False, id="no base64"),
        pytest.param(f"{TOKEN.rpartition('.')[0]}.ü", (), 3, False, id="no ASCII"),
    ],
)
def test_damage(token: str, damage: tuple[str, ...], segments: int, verifies: bool) -> None:
    found = decode(token)
    assert found is not None
    assert found.format is WEB
    assert found.claims.raw["mn"] == MEETING
    assert (found.damage, found.segments) == (damage, segments)
    assert verify(found, SECRET) is verifies


@pytest.mark.parametrize(
    ("payload", "claims"),
    [
        pytest.param(web(iat=1795280241.5), {"iat": 1795280241.5}, id="float"),
        pytest.param(web(iat=1795280241.0), {"iat": 1795280241.0}, id="whole float"),
        pytest.param(web(iat="1795280241"), {"iat": "1795280241"}, id="text"),
        pytest.param(web(mn=98765432101), {"mn": 98765432101}, id="number for a meeting"),
        pytest.param(web(role=None), {"role": None}, id="null"),
        pytest.param(web(role={"a": [1]}), {"role": {"a": [1]}}, id="object"),
        pytest.param(b'{"mn":"1","role":0,"iat":1,"iat":2}', {"iat": 2}, id="a name twice"),
        pytest.param(b'{"mn":"1","role":0,"iat":1e999}', {"iat": math.inf}, id="beyond a float"),
        pytest.param(b'{"mn":"1","role":0,"iat":-Infinity}', {"iat": -math.inf}, id="minus infinity"),
        pytest.param(b'{"mn":"1","role":0,"iat":' + b"9" * 400 + b"}", {"iat": int("9" * 400)}, id="huge"),
        pytest.param(b'{"mn":"1","role":0,"x":"\xff"}', {"x": "\ufffd"}, id="not UTF-8"),
        pytest.param(b'{"mn":"1","role":0,"x":"\\ud800"}', {"x": "\ud800"}, id="half a character"),
        pytest.param(b' {"mn":"1","role":0,"x":"a\nb"}', {"x": "a\nb"}, id="a line end in a text"),
    ],
)
def test_payloads_as_they_come(payload: tokens.Payload, claims: dict[str, Any]) -> None:
    found = find(text({"signature": signed(payload)}))
    assert found is not None
    assert found.format is WEB
    shown = {name: found.claims.raw[name] for name in claims}
    assert (shown, list(map(type, shown.values()))) == (claims, list(map(type, claims.values())))


def test_not_a_number() -> None:
    found = decode(signed(b'{"mn":"1","role":0,"iat":NaN}'))
    assert found is not None
    assert math.isnan(found.claims.raw["iat"])  # type: ignore[arg-type]  # which is what is asserted
    assert found.claims.iat is None


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"[" * 3000, id="nested"),
        pytest.param(b'{"mn":"1","iat":' + b"9" * 4301 + b"}", id="an integer that Python does not read"),
        pytest.param(b'{"mn":"1"', id="cut off"),
        pytest.param(b"null", id="null"),
        pytest.param(b"", id="empty"),
    ],
)
def test_what_is_no_payload_is_no_token(payload: bytes) -> None:
    assert decode(signed(payload)) is None


@pytest.mark.parametrize(
    ("header", "alg"),
    [
        pytest.param({"typ": "JWT"}, None, id="no alg"),
        pytest.param({"alg": None, "typ": "JWT"}, None, id="null"),
        pytest.param({"alg": 256}, None, id="a number"),
        pytest.param({"alg": "none"}, "none", id="none"),
        pytest.param({"alg": "HS512", "kid": "1"}, "HS512", id="HS512"),
    ],
)
def test_headers(header: dict[str, Any], alg: str | None) -> None:
    found = decode(signed(web(), header=header))
    assert found is not None
    assert found.alg == alg


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("eyJhbGciOiJIUzI1NiJ", id="too short"),
        pytest.param("A" * 8193, id="too long"),
        pytest.param("." * 30, id="dots"),
        pytest.param(signed(web(), header=b'{"x":1}'), id="no header"),
        pytest.param(signed(web(), header={"alg": "A" * 1000}), id="a long header"),
        pytest.param(f"ü{TOKEN}", id="no ASCII"),
        pytest.param(f"Bearer{TOKEN}", id="a word before it"),
    ],
)
def test_no_token(token: str) -> None:
    assert decode(token) is None


@pytest.mark.parametrize("token", [TOKEN, NATIVE, LEGACY], ids=["web", "native", "legacy"])
@pytest.mark.parametrize(
    ("secret", "right"),
    [
        (SECRET, True),
        (SECRET + b"\n", False),
        (SECRET[:-1], False),
        (SECRET.swapcase(), False),
        (b"", False),
        (KEY.encode(), False),
    ],
    ids=["right", "line end", "cut off", "other case", "empty", "key"],
)
def test_verify(token: str, secret: bytes, right: bool) -> None:
    found = decode(token)
    assert found is not None
    assert verify(found, secret) is right


@pytest.mark.parametrize("secret", ["", "sécret-für-niemanden", "秘密" * 20, "\x00", "a" * 500])
def test_any_secret_verifies_what_it_signed(secret: str) -> None:
    for token in (signed(web(), secret=secret.encode()), tokens.legacy(secret=secret.encode())):
        found = decode(token)
        assert found is not None
        assert verify(found, secret.encode())
        assert not verify(found, secret.encode() + b"x")


def test_changed_claims_do_not_verify() -> None:
    header, _, mac = TOKEN.split(".")
    _, payload, _ = signed(web(role=1)).split(".")
    found = decode(f"{header}.{payload}.{mac}")
    assert found is not None
    assert not verify(found, SECRET)


@pytest.mark.parametrize("token", [TOKEN, LEGACY, NATIVE, VIDEO], ids=["web", "legacy", "native", "video"])
def test_no_repr_shows_what_could_be_replayed(token: str) -> None:
    shown = repr(decode(token))
    for part in (*token.split("."), MEETING, KEY, str(NOW)):
        assert part not in shown
