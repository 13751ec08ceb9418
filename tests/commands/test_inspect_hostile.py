"""Bad input to inspect: a finding or a clear error, never a traceback, never a wait.

The suite makes 5 times 1000 strings; 5 times 20,000 take some minutes:
INSPECT_EXAMPLES=20000 .venv/bin/python -m pytest tests/commands/test_inspect_hostile.py --timeout 1800
"""

from __future__ import annotations

import base64
import json
import os
import time
from typing import Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from proxy.commands.inspect import judge
from proxy.commands.inspect_text import as_text
from proxy.commands.pasted import MAX_BYTES, NotASignature, read, text_of
from proxy.commands.terminal import Paint
from proxy.domain.secret import Secret
from tests.support import tokens
from tests.support.fake_time import FakeTime
from tests.support.secrets import CLIENT_SECRET, KEY
from tests.support.tokens import HEADER, NOW, legacy, native, signed, unpadded, video, web

EXAMPLES: Final = int(os.environ.get("INSPECT_EXAMPLES", "1000"))
LONGEST_S: Final = 1.0

TIME = FakeTime(wall_s=float(NOW))
SECRET = Secret(CLIENT_SECRET)


def inspected(data: bytes, secret: Secret | None = SECRET) -> list[str]:
    """The verdicts, after everything was printed both ways; what is no signature gives "none"."""
    try:
        found = read(text_of(data))
    except NotASignature as error:
        said = str(error)
    else:
        said = ""
    if said:
        assert said.startswith(("no signature: ", "this is over "))
        assert len(said) < 800
        assert said.isprintable()
        return ["none"]
    inspections = judge(found, at=None, key=None, secret=secret, time=TIME)
    for each in inspections:
        text = as_text(each, Paint(coloured=False))
        assert all(line.isprintable() for line in text.split("\n"))
        assert CLIENT_SECRET not in text
        object_ = json.loads(json.dumps(each.as_json(), allow_nan=False))
        assert list(object_) == ["verdict", "format", "claims", "findings"]
    return [str(each.verdict) for each in inspections]


def jwt(payload: bytes, header: bytes = json.dumps(HEADER).encode()) -> bytes:
    return f"{unpadded(header)}.{unpadded(payload)}.{'A' * 43}".encode()


# By chance

NAMES = (
    "appKey",
    "sdkKey",
    "mn",
    "role",
    "iat",
    "exp",
    "tokenExp",
    "app_key",
    "tpc",
    "iss",
    "aud",
    "meetingNumber",
)
NUMBERS = st.one_of(
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.integers(NOW - 10**6, NOW + 10**6),
    st.floats(),
    st.sampled_from(
        [0, -0.0, 2**31, -(2**31), 2**53, 10**400, 1e308, float("inf"), float("nan"), NOW * 1000]
    ),
)
VALUES = st.recursive(
    st.one_of(NUMBERS, st.text(max_size=30), st.booleans(), st.none(), NUMBERS.map(str)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
CLAIMS = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=12), VALUES, max_size=9)
SOUND = (
    signed(web()),
    signed(native()),
    signed(video()),
    legacy(),
    tokens.hmac_only(web()),
    tokens.hexadecimal(web()),
    tokens.shared_fields(web()),
    signed(web(), encode=tokens.ruby),
    signed(web(), encode=tokens.padded),
)
WRAPPINGS = (
    "{}",
    '"{}"',
    '{{"signature":"{}"}}',
    "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 16:57:21 GMT\r\n\r\n{}",
    "HTTP/2 200\n\n{}",
    "< HTTP/1.1 200\n<\n{}",
    "https://a.example/?signature={}&x=1",
    "{}\n{}",
    "Bearer {}",
    "%7B{}%7D",
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sound token in some wrapping, with parts of it cut, doubled or overwritten."""
    token = draw(st.sampled_from(SOUND))
    text = draw(st.sampled_from(WRAPPINGS)).replace("{}", token)
    data = text.encode()
    for _ in range(draw(st.integers(0, 4))):
        start, end = sorted(draw(st.tuples(st.integers(0, len(data)), st.integers(0, len(data)))))
        data = (
            data[:start]
            + draw(st.binary(max_size=6) | st.sampled_from([b"", b" ", b"=", data[start:end]]))
            + data[end:]
        )
    return data


by_chance = settings(
    max_examples=EXAMPLES,
    deadline=LONGEST_S * 1000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@by_chance
@given(damaged())
def test_damaged_tokens(data: bytes) -> None:
    assert inspected(data)


@by_chance
@given(CLAIMS, st.sampled_from(WRAPPINGS), st.sampled_from(["HS256", "none", "\x1b[0m", 7, None]))
def test_tokens_with_any_claims(claims: dict[str, object], wrapping: str, alg: object) -> None:
    token = signed(json.dumps(claims).encode(), header={"alg": alg, "typ": "JWT"})
    assert inspected(wrapping.replace("{}", token).encode())


@by_chance
@given(st.text(max_size=300) | st.text(alphabet="eyJ.-_+/= \n\"'{}[]:,%\\A0", max_size=300))
@example("\ufeff")
@example("HTTP/1.1 200 OK")
@example("< HTTP/1.1 200 OK")
def test_any_text(text: str) -> None:
    assert inspected(text.encode("utf-8", "surrogatepass"))


@by_chance
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    assert inspected(data)


@by_chance
@given(st.binary(max_size=200), st.sampled_from([b".", b"", b".."]))
def test_any_payload_and_any_legacy_text(payload: bytes, end: bytes) -> None:
    assert inspected(jwt(payload) + end)
    assert inspected(base64.b64encode(payload + b".1.1795280241000.0." + payload))


# By design

DEEP: Final = 10_000

HOSTILE = {
    "1e999": jwt(b'{"appKey":"k","mn":1,"role":0,"iat":1e999,"exp":-1e999}'),
    "400 digits": jwt(b'{"appKey":"k","mn":%b,"role":%b,"iat":%b,"exp":%b}' % ((b"9" * 400,) * 4)),
    "5000 digits": jwt(b'{"appKey":"k","mn":%b,"role":0,"iat":1}' % (b"9" * 5000)),
    "400 digits in a text": jwt(b'{"appKey":"k","mn":"1","role":0,"iat":"%b"}' % (b"9" * 400)),
    "NaN": jwt(b'{"appKey":"k","mn":NaN,"role":NaN,"iat":NaN,"exp":Infinity,"tokenExp":-Infinity}'),
    "a subnormal": jwt(b'{"appKey":"k","mn":1,"role":0,"iat":5e-324,"exp":1}'),
    "an exponent without end": jwt(b'{"appKey":"k","mn":1,"role":0,"iat":1e99999999999999999999}'),
    "nested lists": jwt(b'{"appKey":"k","mn":1,"role":0,"iat":' + b"[" * 2500 + b"]" * 2500 + b"}"),
    "nested objects": jwt(b'{"appKey":"k","mn":1,"role":0,"iat":' + b'{"a":' * 1000 + b"1" + b"}" * 1001),
    "JSON 10,000 deep": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "a token 10,000 deep": b'{"a":' * DEEP + b'"' + signed(web()).encode() + b'"' + b"}" * DEEP,
    "lists 10,000 deep": b"[" * DEEP + b"]" * DEEP,
    "lists without end": b"[" * 500_000,
    "duplicate keys": jwt(b'{"appKey":"k","appKey":"l","mn":1,"role":0,"role":1,"iat":1,"iat":"x"}'),
    "a duplicate signature": b'{"signature":1,"signature":"%b"}' % signed(web()).encode(),
    "no object": jwt(b"[1]"),
    "a list as header": jwt(b'{"iat":1}', b"[]"),
    "lone surrogates": jwt(b'{"appKey":"\\ud800","mn":"\\udfff","role":"\\ud800","\\ud800":1,"iat":1}'),
    "terminal escapes": jwt(b'{"appKey":"\\u001b]0;x\\u0007","mn":"\\u001b[2J","\\u202e\\u0000":1,"iat":1}'),
    "NUL bytes": jwt(b'{"appKey":"k\\u0000","mn":"1\\u0000","role":0,"iat":1}') + b"\0\0",
    "an alg of 900 characters": jwt(
        b'{"appKey":"k","mn":1,"role":0,"iat":1}', b'{"alg":"%b"}' % (b"H" * 600)
    ),
    "1000 claims": jwt(json.dumps({f"c{n}": n for n in range(400)} | {"mn": 1, "iat": 1}).encode()),
    "1 MB in one segment": jwt(b"A" * 700_000),
    "1 MB of dots": b"." * 1_000_000,
    "1 MB of ey": b"ey" * 500_000,
    "1 MB of tokens": b"eyJhbGci.eyJ9.A" * 66_000,
    "1 MB of tokens, a line each": (signed(web()).encode() + b"\n") * 3000,
    "1 MB of base64": b"QUFB" * 250_000,
    "1 MB of padding": b"=" * 1_000_000,
    "1 MB of spaces in a token": signed(web()).encode().replace(b".", b" " * 500_000 + b"."),
    "1 MB of status lines": b"HTTP/1.1 200 OK\n\n" * 60_000,
    "1 MB of headers": b"HTTP/1.1 200 OK\n" + b"a: b\n" * 200_000,
    "1 MB of curl -v": b"< HTTP/1.1 200 OK\n" + b"* x\n> y\n" * 120_000,
    "1 MB of quotation marks": b'"' * 1_000_000,
    "1 MB of backslashes": b'{"' + b"\\" * 1_000_000,
    "1 MB of escapes": b"%2" * 500_000,
    "1 MB of titles": b"<html>" + b"<title" * 160_000,
    "1 MB of line ends": b"\n" * 999_999 + b"x",
    "1 MB of short strings": b'["' + b'","'.join([b"eyJa"] * 140_000) + b'"]',
    "too large": b"x" * (MAX_BYTES + 1),
    "UTF-16 of nonsense": b"\xff\xfe" + bytes(range(256)) * 40,
    "UTF-16, an odd number of bytes": signed(web()).encode("utf-16")[:-1],
    "half a UTF-8 character": signed(web()).encode() + b"\xc3",
    "a secret as the key": signed(web(appKey=CLIENT_SECRET, sdkKey=f" {CLIENT_SECRET}\n")).encode(),
    "a secret as a claim's name": signed(web(**{CLIENT_SECRET: 1})).encode(),
    "a secret as the alg": signed(web(), header={"alg": CLIENT_SECRET}).encode(),
    "a Date out of time": b"HTTP/1.1 200 OK\nDate: Sat, 99 Nov 9999 99:99:99 GMT\nAge: 99999999999\n\n"
    + signed(web()).encode(),
    "an Age without end": b"HTTP/1.1 200 OK\nDate: Sat, 21 Nov 2026 16:57:21 GMT\nAge: 9999999999\n\n"
    + signed(web()).encode(),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("secret", [None, SECRET], ids=["", "with a secret"])
def test_hostile_input_is_answered_at_once(data: bytes, secret: Secret | None) -> None:
    before = time.process_time()
    assert inspected(data, secret)
    assert time.process_time() - before < LONGEST_S


@pytest.mark.parametrize("text", [KEY, CLIENT_SECRET, signed(web()).rpartition(".")[2], "pass word"])
def test_what_is_refused_is_not_repeated(text: str) -> None:
    with pytest.raises(NotASignature) as error:
        read(f"x {text} y")
    assert text not in str(error.value)
