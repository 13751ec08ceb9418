"""Every mistake that a probe knows, made by hand with the hmac module, and told apart from all others."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.credentials import Credentials
from proxy.domain.findings import check, check_mac
from proxy.domain.mac_probes import MAX_PROBES, explain
from proxy.domain.rules.base import Circumstances, Flaw, Mac, MacState
from proxy.domain.secret import Secret
from proxy.domain.signature import Signature, decode
from tests.support import tokens
from tests.support.secrets import KEY, OTHER_CLIENT_SECRET
from tests.support.tokens import MEETING, NOW, legacy, native, signed, unpadded, web

SECRET = "TestSecretNotReal0123456789AbCdE"
"""32 letters and digits, as real ones are."""

APP = Credentials("app", KEY, Secret(SECRET))
OTHER = Credentials("other", "test_sdk_key_not_real_1", Secret(OTHER_CLIENT_SECRET))


def judged(token: str, secret: str = SECRET) -> Mac:
    """What is said of a token where this secret is configured."""
    signature = decode(token)
    assert signature is not None
    return check_mac(signature, [Credentials("app", KEY, Secret(secret))], [OTHER])


def resigned(mac: bytes, **claims: object) -> str:
    """The token of the official sample with another HMAC."""
    return f"{signed(web(**claims)).rpartition('.')[0]}.{unpadded(mac)}"


def text(**claims: object) -> bytes:
    """What its HMAC is made over."""
    return signed(web(**claims)).rpartition(".")[0].encode()


def sha256(secret: bytes, message: bytes) -> bytes:
    return hmac.new(secret, message, hashlib.sha256).digest()


PLAIN = SECRET.encode()

DAMAGED = {
    "a line end": f"{SECRET}\n".encode(),
    "a Windows line end": f"{SECRET}\r\n".encode(),
    "a carriage return": f"{SECRET}\r".encode(),
    "a space after": f"{SECRET} ".encode(),
    "a space before": f" {SECRET}".encode(),
    "double quotation marks": f'"{SECRET}"'.encode(),
    "single quotation marks": f"'{SECRET}'".encode(),
    "a byte order mark": SECRET.encode("utf-8-sig"),
    "decoded as base64": base64.b64decode(SECRET),
    "encoded as base64": base64.b64encode(PLAIN),
    "echo, then base64": base64.b64encode(PLAIN + b"\n"),
    "UTF-16": SECRET.encode("utf-16-le"),
    "lower case": SECRET.lower().encode(),
    "upper case": SECRET.upper().encode(),
}


@pytest.mark.parametrize("used", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("claims", [web(), native()], ids=["web", "native"])
def test_damaged_secrets(used: bytes, claims: dict[str, object]) -> None:
    found = judged(signed(claims, secret=used))
    assert (found.state, found.flaw) == (MacState.WRONG, Flaw.DAMAGED)
    assert found.detail.startswith("It verifies with the secret ")


def test_no_two_damages_are_said_alike() -> None:
    assert len({judged(signed(web(), secret=used)).detail for used in DAMAGED.values()}) == len(DAMAGED)


@pytest.mark.parametrize(
    ("configured", "used", "says"),
    [
        pytest.param(f" {SECRET}\n", PLAIN, "without the white space", id="white space in the configuration"),
        pytest.param(f'"{SECRET}"', PLAIN, "without the quotation marks", id="quoted in the configuration"),
        pytest.param(
            f"\ufeff{SECRET}", PLAIN, "without the byte order mark", id="a mark in the configuration"
        ),
        pytest.param("0123456789abcdef", bytes.fromhex("0123456789abcdef"), "hexadecimal", id="jsrsasign"),
        pytest.param(
            "a-b_c" * 7, base64.urlsafe_b64decode("a-b_c" * 7 + "="), "decoded as base64", id="base64url"
        ),
        pytest.param(
            "test-secret-not-real", base64.b64decode("testsecretnotreal"[:16]), "left out", id="PHP"
        ),
        pytest.param("a+b c%", b"a+b+c%25", "", id="nothing that is tried"),
        pytest.param("a%2Bb%20c", b"a+b c", "URL-decoded", id="URL-decoded"),
        pytest.param("a+b%2Fc", b"a+b/c", "URL-decoded, its + kept", id="URL-decoded, not as a form"),
        pytest.param("a+b/c=", quote("a+b/c=", safe="").encode(), "URL-encoded", id="URL-encoded"),
        pytest.param("a+b/c", quote_plus("a+b/c").encode(), "URL-encoded", id="form-encoded"),
        pytest.param("gehe\u00efm", "gehe\u00efm".encode("latin-1"), "Latin-1", id="Latin-1"),
    ],
)
def test_damages_of_unusual_secrets(configured: str, used: bytes, says: str) -> None:
    found = judged(signed(web(), secret=used), configured)
    assert found.flaw is (Flaw.DAMAGED if says else None)
    assert says in found.detail


@pytest.mark.parametrize(
    ("token", "flaw", "says"),
    [
        pytest.param(
            signed(web(), secret=KEY.encode()), Flaw.SWAPPED, "with the key in the place", id="the key"
        ),
        pytest.param(signed(web(), secret=b""), Flaw.EMPTY, "empty text", id="empty"),
        pytest.param(signed(web(), secret=b"undefined"), Flaw.EMPTY, "the word undefined", id="undefined"),
        pytest.param(signed(web(), secret=b"None"), Flaw.EMPTY, "the word None", id="None"),
        pytest.param(
            signed(web(), secret=OTHER_CLIENT_SECRET.encode()),
            Flaw.OTHER_CREDENTIALS,
            "credentials other",
            id="another secret",
        ),
        pytest.param(
            legacy(secret=f"{SECRET}\n".encode()), Flaw.DAMAGED, "line end", id="legacy, a line end"
        ),
        pytest.param(legacy(secret=KEY.encode()), Flaw.SWAPPED, "the key", id="legacy, the key"),
    ],
)
def test_other_secrets(token: str, flaw: Flaw, says: str) -> None:
    found = judged(token)
    assert found.flaw is flaw
    assert says in found.detail


def spelled(encode: Callable[[bytes], str]) -> str:
    """Signed over segments as `encode` writes them, and sent as base64url all the same."""
    header, payload = (base64.urlsafe_b64decode(part + b"==") for part in text(jti="~~~???>>>").split(b"."))
    mac = sha256(PLAIN, f"{encode(header)}.{encode(payload)}".encode())
    return resigned(mac, jti="~~~???>>>")


@pytest.mark.parametrize(
    ("token", "says"),
    [
        pytest.param(spelled(tokens.padded), "in base64url with padding", id="padded"),
        pytest.param(spelled(tokens.standard), "in standard base64 without", id="standard"),
        pytest.param(spelled(lambda raw: base64.b64encode(raw).decode()), "standard base64 with", id="both"),
        pytest.param(
            spelled(
                lambda raw: "".join(
                    base64.b64encode(raw[start : start + 45]).decode() + "\n"
                    for start in range(0, len(raw), 45)
                )
            ),
            "Ruby's encode64",
            id="Ruby",
        ),
        pytest.param(
            resigned(sha256(PLAIN, text()).hex().encode()), "twice: as hexadecimal", id="hexadecimal"
        ),
        pytest.param(
            resigned(base64.b64encode(sha256(PLAIN, text()))), "twice: as base64", id="base64 twice"
        ),
        pytest.param(
            resigned(unpadded(sha256(PLAIN, text())).encode()), "twice: as base64", id="base64url twice"
        ),
        pytest.param(
            resigned(sha256(PLAIN, text())[:29]), "the 29 bytes that are left are right", id="cut off"
        ),
    ],
)
def test_encodings(token: str, says: str) -> None:
    found = judged(token)
    assert found.flaw is Flaw.ENCODING
    assert says in found.detail


def test_padding_added_after_signing() -> None:
    header, payload, mac = signed(web(jti="padded"), secret=PLAIN).split(".")
    found = judged(f"{header}{'=' * (-len(header) % 4)}.{payload}{'=' * (-len(payload) % 4)}.{mac}")
    assert (found.flaw, "in base64url without padding" in found.detail) == (Flaw.ENCODING, True)


LEGACY_MESSAGE = f"{KEY}{MEETING}{(NOW - 60) * 1000}0".encode()
OLD = f"{KEY}{MEETING}{(NOW - 30) * 1000}0"


@pytest.mark.parametrize(
    ("token", "says"),
    [
        pytest.param(resigned(hmac.new(PLAIN, text(), "sha512").digest()), "with SHA-512", id="SHA-512"),
        pytest.param(resigned(hmac.new(PLAIN, text(), "sha384").digest()), "with SHA-384", id="SHA-384"),
        pytest.param(resigned(hmac.new(PLAIN, text(), "sha1").digest()), "with SHA-1 ", id="SHA-1"),
        pytest.param(resigned(sha256(text(), PLAIN)), "given as the text", id="arguments swapped"),
        pytest.param(resigned(hashlib.sha256(text() + PLAIN).digest()), "plain SHA-256", id="hash of both"),
        pytest.param(resigned(hashlib.sha256(PLAIN + text()).digest()), "plain SHA-256", id="secret first"),
        pytest.param(resigned(hashlib.sha256(text()).digest()), "plain SHA-256", id="hash of the text"),
        pytest.param(resigned(sha256(PLAIN, text().split(b".")[1])), "the payload alone", id="payload"),
        pytest.param(resigned(sha256(PLAIN, text().replace(b".", b""))), "without the dot", id="no dot"),
        pytest.param(
            resigned(
                sha256(
                    PLAIN, b".".join(base64.urlsafe_b64decode(part + b"==") for part in text().split(b"."))
                )
            ),
            "the JSON",
            id="JSON",
        ),
        pytest.param(
            resigned(sha256(PLAIN, base64.b64encode(LEGACY_MESSAGE))),
            "of the JWT app type",
            id="legacy message",
        ),
        pytest.param(
            base64.b64encode(
                f"{KEY}.{MEETING}.{(NOW - 30) * 1000}.0.".encode()
                + base64.b64encode(sha256(PLAIN, OLD.encode()))
            ).decode(),
            "message without base64",
            id="legacy, not base64",
        ),
    ],
)
def test_constructions(token: str, says: str) -> None:
    found = judged(token)
    assert found.flaw is Flaw.CONSTRUCTION
    assert says in found.detail


@given(st.binary(min_size=1, max_size=64), st.text(min_size=8, max_size=40))
def test_an_hmac_by_chance_is_explained_by_nothing(mac: bytes, secret: str) -> None:
    signature = decode(resigned(mac))
    assert signature is not None
    assert explain(signature, [Credentials("app", KEY, Secret(secret))], [OTHER]) is None


@given(st.text(min_size=1, max_size=60), st.text(max_size=40), st.sampled_from(["", "\n", "\ud800"]))
def test_any_configured_secret_and_any_key(secret: str, key: str, end: str) -> None:
    signature = decode(signed(web(appKey=key + end, sdkKey=""), secret=b"something else"))
    assert signature is not None
    for pair in (Credentials("app", key + end, Secret(secret)), Credentials("app", "x", Secret(secret))):
        found = check_mac(signature, [pair], [OTHER])
        assert found.state in (MacState.WRONG, MacState.UNKNOWN_KEY)


@given(st.text(alphabet=st.characters(codec="ascii", categories=("L", "N")), min_size=20, max_size=40))
def test_a_line_end_is_found_after_any_secret_and_never_shown(secret: str) -> None:
    found = judged(signed(web(), secret=f"{secret}\n".encode()), secret)
    assert found.flaw is Flaw.DAMAGED
    assert secret not in found.detail
    assert KEY not in found.detail


def count(
    signature: Signature, named: list[Credentials], others: list[Credentials], monkeypatch: pytest.MonkeyPatch
) -> int:
    made = 0
    digest = hmac.digest

    def counted(key: bytes, msg: bytes, name: str) -> bytes:
        nonlocal made
        made += 1
        return digest(key, msg, name)

    monkeypatch.setattr(hmac, "digest", counted)
    assert explain(signature, named, others) is None
    return made


def test_the_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    signature = decode(resigned(b"x" * 32))
    assert signature is not None
    usual = count(signature, [APP], [OTHER], monkeypatch)
    many = [Credentials(f"app{n}", f"key{n}", Secret(f"{SECRET}{n}")) for n in range(100)]
    assert usual <= 32
    assert count(signature, [APP, *many[:1]], many, monkeypatch) <= MAX_PROBES + 4


def test_what_is_shown_is_said_as_a_finding() -> None:
    signature = decode(signed(web(), secret=f"{SECRET}\n".encode()))
    assert signature is not None
    (finding,) = check(signature, Circumstances(float(NOW), mac=check_mac(signature, [APP])))
    assert (finding.id, finding.cause) == ("mac/damaged_secret", "damaged_secret")
    assert finding.detail == "It verifies with the secret and a line end (\\n) after it."
