"""What a probe tells of HMACs is what was proven of them, whichever mistake explains a wrong one."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest

from proxy.domain.rules.base import Flaw, Mac, MacState
from proxy.domain.signature import Format
from proxy.services.probe_report import Hmac
from proxy.services.probe_request import Plan
from tests.support import tokens
from tests.support.probing import Endpoint, Sign, probed
from tests.support.secrets import CLIENT_SECRET, KEY, OTHER_CLIENT_SECRET

SECRET = CLIENT_SECRET.encode()


def claims(now: float, meeting: str, **changes: Any) -> dict[str, Any]:
    """Sound ones, of now."""
    begin = int(now) - 30
    return tokens.web(mn=meeting, iat=begin, exp=begin + 7200, tokenExp=begin + 7200) | changes


def signing(secret: bytes = SECRET, **changes: Any) -> Sign:
    """Signs with this secret, with claims that are changed."""
    return lambda now, meeting: tokens.signed(claims(now, meeting, **changes), secret=secret)


def hexadecimal(now: float, meeting: str) -> str:
    """The right HMAC, written as CryptoJS does."""
    return tokens.hexadecimal(claims(now, meeting))


def padded(now: float, meeting: str) -> str:
    """The right HMAC over segments that lost their padding on the way."""
    token = tokens.signed(claims(now, meeting, jti="xy"), encode=tokens.padded)
    return token.replace("=", "")


def sha512(now: float, meeting: str) -> str:
    """The right secret with another hash than the header says."""
    text = tokens.signed(claims(now, meeting)).rpartition(".")[0]
    mac = hmac.new(SECRET, text.encode(), hashlib.sha512).digest()
    return f"{text}.{tokens.unpadded(mac)}"


def too_short(now: float, meeting: str) -> str:
    """What stands in the place of an HMAC is none."""
    return tokens.signed(claims(now, meeting), encode_mac=lambda _mac: tokens.unpadded(b"x" * 20))


def without_key(now: float, meeting: str) -> str:
    """A signature that names no key at all."""
    return tokens.signed(tokens.without(claims(now, meeting), "appKey", "sdkKey"))


def legacy(now: float, meeting: str) -> str:
    """Of the JWT app type, signed with a secret of another app."""
    return tokens.legacy(meeting=meeting, stamp=int(now - 30) * 1000, secret=OTHER_CLIENT_SECRET.encode())


@pytest.mark.parametrize(
    ("sign", "finding", "expected"),
    [
        pytest.param(signing(), None, Hmac.RIGHT, id="right"),
        pytest.param(signing(SECRET + b"\n"), "mac/damaged_secret", Hmac.WRONG, id="a damaged secret"),
        pytest.param(signing(base64.b64encode(SECRET)), "mac/damaged_secret", Hmac.WRONG, id="base64"),
        pytest.param(signing(KEY.encode()), "mac/swapped", Hmac.WRONG, id="the key as the secret"),
        pytest.param(
            signing(KEY.encode(), appKey=CLIENT_SECRET, sdkKey=CLIENT_SECRET),
            "mac/swapped",
            Hmac.WRONG,
            id="key and secret swapped",
        ),
        pytest.param(signing(b""), "mac/empty_secret", Hmac.WRONG, id="an empty secret"),
        pytest.param(padded, "mac/encoding", Hmac.WRONG, id="encoding"),
        pytest.param(sha512, "mac/construction", Hmac.WRONG, id="construction"),
        pytest.param(signing(b"nobody-knows-it"), "mac/wrong", Hmac.WRONG, id="nothing explains it"),
        pytest.param(legacy, "mac/wrong", Hmac.WRONG, id="legacy"),
        pytest.param(too_short, None, Hmac.WRONG, id="no HMAC of 32 bytes"),
        pytest.param(hexadecimal, None, Hmac.RIGHT, id="right, as hexadecimal digits"),
        pytest.param(
            signing(SECRET, appKey="another", sdkKey="another"),
            "mac/unknown_key",
            Hmac.UNKNOWN_KEY,
            id="another key",
        ),
        pytest.param(without_key, None, Hmac.UNKNOWN_KEY, id="no key"),
        pytest.param(lambda _now, _mn: tokens.signed(tokens.oauth()), None, Hmac.NONE, id="an OAuth token"),
    ],
)
async def test_every_flaw(sign: Sign, finding: str | None, expected: Hmac) -> None:
    report = await probed(Endpoint(sign=sign), Plan(for_s=2.0))
    assert report.signatures > 0
    assert (report.hmac, report.hmacs) == (expected, {expected: report.signatures})
    assert {each for each in report.findings if each.startswith("mac/")} == ({finding} if finding else set())


@pytest.mark.parametrize(
    ("sign", "expected"),
    [
        pytest.param(signing(), Hmac.NOT_CHECKED, id="right"),
        pytest.param(signing(OTHER_CLIENT_SECRET.encode()), Hmac.NOT_CHECKED, id="wrong"),
        pytest.param(signing(b""), Hmac.WRONG, id="an empty secret needs none to be known"),
        pytest.param(lambda _now, _mn: tokens.signed(tokens.oauth()), Hmac.NONE, id="an OAuth token"),
    ],
)
async def test_without_a_secret(sign: Sign, expected: Hmac) -> None:
    report = await probed(Endpoint(sign=sign), Plan(for_s=2.0), verify=False)
    assert report.hmacs == {expected: report.signatures}


async def test_some_of_them_are_wrong() -> None:
    calls: list[str] = []

    def sign(now: float, meeting: str) -> str:
        calls.append(meeting)
        return signing(SECRET if len(calls) % 3 else OTHER_CLIENT_SECRET.encode())(now, meeting)

    report = await probed(Endpoint(sign=sign), Plan(for_s=2.0))
    wrong = len(calls) // 3
    assert report.hmacs == {Hmac.RIGHT: len(calls) - wrong, Hmac.WRONG: wrong}
    assert report.hmac is Hmac.WRONG


@pytest.mark.parametrize("flaw", Flaw, ids=str)
@pytest.mark.parametrize("state", MacState, ids=str)
def test_a_proven_flaw_is_wrong_whatever_could_be_checked(state: MacState, flaw: Flaw) -> None:
    """Among them the secret of other credentials, which a probe has none of."""
    assert Hmac.of(Mac(state, flaw), Format.MEETING_SDK) is Hmac.WRONG
