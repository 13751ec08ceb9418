"""Receipts: what is sealed opens, nothing else does, and it always fits."""

from __future__ import annotations

import base64
import math
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.domain.receipt import (
    MAX_CHARACTERS,
    Issuance,
    ReceiptRefused,
    Receipts,
    Refusal,
    _key_id,
    decode_key,
    encode_key,
)

KEY = bytes(range(32))
OLD_KEY = bytes(range(100, 132))
SENT = 1_795_280_241.25
MAX_AGE = 777_600.0

ISSUANCE = Issuance(
    receipt_id="8f0c2f6bb3f94e7f9d2f1c5a40b7e611",
    sent_at=SENT,
    route="/sign/{tenant}",
    asked="java",
    signer="node",
    replica="10.0.0.7:8080",
    format="meeting_sdk_web",
    iat=1_795_280_260.0,
    exp=1_795_287_460.0,
    iat_offset_s=18.75,
    iat_offset_bound_s=0.031,
    clock_offset_s=-0.002,
    clock_bound_s=0.011,
    backend_clock_offset_s=0.4,
    backend_clock_bound_s=0.25,
    findings=("time/iat_ahead", "time/lifetime_short"),
)
BARE = msgspec.structs.replace(
    ISSUANCE,
    replica=None,
    iat=None,
    exp=None,
    iat_offset_s=None,
    iat_offset_bound_s=None,
    clock_offset_s=None,
    clock_bound_s=None,
    backend_clock_offset_s=None,
    backend_clock_bound_s=None,
    findings=(),
)
HOST = msgspec.structs.replace(ISSUANCE, role=1)

GOLDEN = (
    "AfbIoN75d3csTOCPVvipyXWcyeTobil0wteG3RXkXyL1vRzzKG-dgrHhXIo3IiqhJi7OuYfzuByuDtXhn4q-t8B4QlZ40W"
    "T9XP_uK87FPY-lXlvW1EeYlV7iJSIGdblFprFW7Dq-ISrDJFkpjV4aJvC_Y3352tHSkS7QtlaW3GttqByQ00g7p0zlgo2M"
    "OvoO4PvBHEErlirng84pNyToCgC-hZJz61jI89iT_kfSBGMToq3EChhnX0TbR8Ge6PMAC79P4A0xGukvvYyP3L4v7CgGaE"
    "nGERuT3etc_NEbpCI4w2avRNailtk71KtJDOv-3zW7"
)


def receipts(*keys: bytes) -> Receipts:
    return Receipts(keys or (KEY,), MAX_AGE)


def refusal(opened_by: Receipts, token: str, now: float = SENT) -> Refusal:
    with pytest.raises(ReceiptRefused) as refused:
        opened_by.open(token, now)
    assert token not in str(refused.value) or len(token) < 20
    return refused.value.reason


@pytest.mark.parametrize("issuance", [ISSUANCE, BARE, HOST], ids=["full", "bare", "host"])
def test_what_is_sealed_opens(issuance: Issuance) -> None:
    assert receipts().open(receipts().seal(issuance), SENT + 5) == issuance


def test_a_receipt_sealed_by_the_first_release_still_opens() -> None:
    assert receipts().open(GOLDEN, SENT) == ISSUANCE


def test_nothing_can_be_read_without_the_key() -> None:
    raw = base64.urlsafe_b64decode(receipts().seal(ISSUANCE))
    assert b"java" not in raw
    assert b"iat_ahead" not in raw


def test_the_id_makes_the_receipt_differ() -> None:
    other = msgspec.structs.replace(ISSUANCE, receipt_id="0123456789abcdef0123456789abcdef")
    sealed, twin = receipts().seal(ISSUANCE), receipts().seal(other)
    assert sealed[:4] == twin[:4]
    assert sealed[12:40] != twin[12:40]


@pytest.mark.parametrize(
    ("age_s", "reason"),
    [
        (0.0, None),
        (MAX_AGE, None),
        (MAX_AGE + 3600.0, None),
        (MAX_AGE + 3600.5, Refusal.EXPIRED),
        (1e12, Refusal.EXPIRED),
        (-61.0, None),
        (-3600.0, None),
        (-3600.5, Refusal.NOT_YET),
        (-1e9, Refusal.NOT_YET),
    ],
)
def test_age(age_s: float, reason: Refusal | None) -> None:
    token = receipts().seal(ISSUANCE)
    if reason is None:
        assert receipts().open(token, SENT + age_s) == ISSUANCE
    else:
        assert refusal(receipts(), token, SENT + age_s) is reason


def test_rotation() -> None:
    old, both, new = receipts(OLD_KEY), receipts(KEY, OLD_KEY), receipts(KEY)
    before = old.seal(ISSUANCE)
    assert both.open(before, SENT) == ISSUANCE
    after = both.seal(ISSUANCE)
    assert new.open(after, SENT) == ISSUANCE
    assert refusal(old, after) is Refusal.BAD
    assert refusal(new, before) is Refusal.BAD


def test_every_flipped_bit_is_refused() -> None:
    opener = receipts()
    token = opener.seal(ISSUANCE)
    for at in range(len(token)):
        for bit in range(8):
            flipped = token[:at] + chr(ord(token[at]) ^ 1 << bit) + token[at + 1 :]
            assert refusal(opener, flipped) is Refusal.BAD


def test_another_spelling_of_the_same_bytes_is_refused() -> None:
    opener = receipts()
    token = next(t for t in map(opener.seal, _of_every_length()) if t.endswith("=") and not t.endswith("=="))
    assert opener.open(token, SENT).receipt_id == ISSUANCE.receipt_id
    last = token[-2]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare_bit = alphabet[alphabet.index(last) ^ 1]
    same_bytes = token[:-2] + spare_bit + "="
    assert base64.urlsafe_b64decode(same_bytes) == base64.urlsafe_b64decode(token)
    spellings = [
        same_bytes,
        token + "\n",
        " " + token,
        token[:9] + "!" + token[9:],
        token.rstrip("="),
        token + "=",
    ]
    for spelled in spellings:
        assert refusal(opener, spelled) is Refusal.BAD


def _of_every_length() -> list[Issuance]:
    return [msgspec.structs.replace(BARE, route="/" * length) for length in range(1, 100)]


@pytest.mark.parametrize("length", [0, 1, 4, 50, 300], ids=str)
def test_a_truncated_receipt_is_refused(length: int) -> None:
    assert refusal(receipts(), receipts().seal(ISSUANCE)[:length]) is Refusal.BAD


def _sealed_by_hand(payload: bytes) -> str:
    head, nonce = b"\x01" + _key_id(KEY), bytes(12)
    return base64.urlsafe_b64encode(head + nonce + AESGCM(KEY).encrypt(nonce, payload, head)).decode()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x00",
        b"\xc1",
        msgspec.msgpack.encode([2, *msgspec.structs.astuple(ISSUANCE)]),
        msgspec.msgpack.encode(["1", *msgspec.structs.astuple(ISSUANCE)]),
        msgspec.msgpack.encode([1, "id"]),
        msgspec.msgpack.encode({"type": 1}),
        msgspec.msgpack.encode([1, *([3] * 17)]),
        b"\x91" * 600,
    ],
    ids=["empty", "number", "not msgpack", "version 2", "version as text", "short", "map", "types", "nested"],
)
def test_an_authentic_receipt_of_another_version_is_refused(payload: bytes) -> None:
    assert refusal(receipts(), _sealed_by_hand(payload)) is Refusal.BAD


def test_fields_appended_by_a_newer_release_are_ignored() -> None:
    payload = msgspec.msgpack.encode([1, *msgspec.structs.astuple(ISSUANCE), "newer"])
    assert receipts().open(_sealed_by_hand(payload), SENT) == ISSUANCE


NAMES = ("receipt_id", "route", "asked", "signer", "replica", "format")
LONG: dict[str, Any] = dict.fromkeys(NAMES, "\U0001f600" * 999)
WITHOUT: dict[str, Any] = dict.fromkeys(NAMES, "") | {"findings": ()}


@pytest.mark.parametrize(
    "findings",
    [
        (),
        ("group/thing",) * 1000,
        ("x" * 5000,),
        ("é" * 40,) * 100,
        ("\ud800" * 300, "b"),
        tuple("abcdefghijklmnopqr" * 40),
    ],
    ids=["none", "many", "long", "two bytes", "surrogates", "letters"],
)
@pytest.mark.parametrize("fields", [LONG, {}], ids=["long names", "usual names"])
def test_the_worst_case_fits(fields: dict[str, Any], findings: tuple[str, ...]) -> None:
    worst = msgspec.structs.replace(ISSUANCE, **fields, findings=findings)
    token = receipts().seal(worst)
    assert len(token) <= MAX_CHARACTERS
    opened = receipts().open(token, SENT)
    written = tuple(finding.replace("\ud800", "?") for finding in findings)
    assert opened.findings == written[: len(opened.findings)]
    assert msgspec.structs.replace(opened, **WITHOUT) == msgspec.structs.replace(ISSUANCE, **WITHOUT)
    assert worst.route.startswith(opened.route)
    assert opened.route


def test_findings_are_cut_from_the_end_only_when_they_must_be() -> None:
    usual = tuple(f"group/some_finding_{number}" for number in range(12))
    assert (
        receipts().open(receipts().seal(msgspec.structs.replace(ISSUANCE, findings=usual)), SENT).findings
        == usual
    )
    many = tuple(f"group/some_finding_{number}" for number in range(99))
    kept = receipts().open(receipts().seal(msgspec.structs.replace(ISSUANCE, findings=many)), SENT).findings
    assert 15 < len(kept) < 30
    assert kept == many[: len(kept)]
    tight = receipts().seal(msgspec.structs.replace(ISSUANCE, findings=("a",) * 999))
    assert MAX_CHARACTERS - 4 <= len(tight) <= MAX_CHARACTERS


_NUMBERS = st.none() | st.floats() | st.integers(-(10**400), 10**400)
_TEXTS = st.text(st.characters(codec=None), max_size=400)


@settings(deadline=None)
@given(
    st.builds(
        Issuance,
        receipt_id=_TEXTS,
        sent_at=st.floats(0, 2**53, exclude_max=True),
        route=_TEXTS,
        asked=_TEXTS,
        signer=_TEXTS,
        replica=st.none() | _TEXTS,
        format=_TEXTS,
        iat=_NUMBERS,
        exp=_NUMBERS,
        iat_offset_s=_NUMBERS,
        iat_offset_bound_s=_NUMBERS,
        clock_offset_s=_NUMBERS,
        clock_bound_s=_NUMBERS,
        backend_clock_offset_s=_NUMBERS,
        backend_clock_bound_s=_NUMBERS,
        findings=st.lists(_TEXTS, max_size=60).map(tuple),
    )
)
def test_any_issuance_fits_and_opens(issuance: Issuance) -> None:
    token = receipts().seal(issuance)
    assert len(token) <= MAX_CHARACTERS
    opened = receipts().open(token, issuance.sent_at)
    assert opened.sent_at == issuance.sent_at
    assert len(opened.findings) <= len(issuance.findings)
    assert opened.iat is None or opened.iat == float(issuance.iat if issuance.iat is not None else math.nan)


@pytest.mark.parametrize("sent_at", [-1.0, math.nan, math.inf, 1e300], ids=str)
def test_a_time_sent_that_is_none_is_refused_at_once(sent_at: float) -> None:
    with pytest.raises(ValueError, match="look at this host's clock"):
        receipts().seal(msgspec.structs.replace(ISSUANCE, sent_at=sent_at))


@settings(deadline=None)
@given(st.text(st.characters(codec=None)) | st.from_regex(r"gAAAA[A-Za-z0-9_=-]{0,1100}", fullmatch=True))
def test_any_text_is_refused(text: str) -> None:
    assert refusal(receipts(), text) is Refusal.BAD


@settings(deadline=None)
@given(st.binary(max_size=900))
def test_any_bytes_in_base64_are_refused(raw: bytes) -> None:
    assert refusal(receipts(), base64.urlsafe_b64encode(b"\x80" + raw).decode()) is Refusal.BAD


@settings(deadline=None)
@given(st.binary(max_size=600))
def test_any_authentic_payload_opens_or_is_refused(payload: bytes) -> None:
    assert refusal(receipts(), _sealed_by_hand(payload)) is Refusal.BAD


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32), st.sampled_from(["{}", " {}\n", "{}\r\n"]))
def test_a_key_survives_its_spelling(key: bytes, line: str) -> None:
    assert decode_key(line.format(encode_key(key))) == key


@pytest.mark.parametrize(
    "text",
    ["", "short", "é" * 44, encode_key(KEY)[:-1], encode_key(KEY) + "=", "!" + encode_key(KEY)[1:], "A" * 64],
    ids=["empty", "short", "not ascii", "unpadded", "padded twice", "foreign", "48 bytes"],
)
def test_a_key_that_is_none_says_how_to_make_one_and_is_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="python -m proxy new-key") as error:
        decode_key(text)
    assert not text or text not in str(error.value)


def test_receipts_without_a_usable_key_say_how_to_make_one() -> None:
    with pytest.raises(ValueError, match="new-key"):
        Receipts([], MAX_AGE)
    with pytest.raises(ValueError, match="32 random bytes, not 5"):
        Receipts([KEY, b"short"], MAX_AGE)
