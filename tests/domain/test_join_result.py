"""Beacons: what is taken and how it is judged, what is refused and what the sender is told, what is scrubbed."""

from __future__ import annotations

import base64
import dataclasses
import json
import random
import string
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.domain.join_result import (
    JoinResult,
    Outcome,
    Reject,
    Rejected,
    View,
    parse,
    read_envelope,
    sdk_major,
)
from proxy.domain.sdk_error import KEYS, scrub

ID = "000102030405060708090a0b0c0d0e0f"
LEAST: dict[str, Any] = {"receipt": "r", "id": ID, "outcome": "failed"}


def beacon(**fields: Any) -> JoinResult:
    return parse(read_envelope(json.dumps(LEAST | fields).encode()))


def rejected(body: bytes) -> Rejected:
    with pytest.raises(Rejected) as error:
        parse(read_envelope(body))
    return error.value


def test_a_whole_beacon() -> None:
    result = beacon(
        attempt=2,
        error={
            "method": "join",
            "status": False,
            "result": "Invalid signature.",
            "errorCode": 3712,
            "stack": "x",
        },
        age_ms=812.4,
        asked="seen",
        age_clock="wall",
        join_ms=2210,
        step=3,
        suspended=True,
        signature_intact=True,
        meeting_matches=False,
        view="component",
        sdk_version="2.8.0",
        dropped=7,
        something_newer={"deep": [1]},
    )
    assert result == JoinResult(
        result_id=ID,
        attempt=2,
        outcome=Outcome.INVALID_SIGNATURE,
        code="3712",
        error={"method": "join", "status": False, "errorCode": 3712, "result": "Invalid signature."},
        age_ms=812.4,
        asked="seen",
        age_clock="wall",
        join_ms=2210.0,
        step=3,
        suspended=True,
        signature_intact=True,
        meeting_matches=False,
        view=View.COMPONENT,
        sdk_version="2.8.0",
        dropped=7,
    )


DEFAULTS = JoinResult(
    result_id=ID,
    attempt=1,
    outcome=Outcome.OTHER_FAILURE,
    code=None,
    error={},
    age_ms=None,
    asked="assumed",
    age_clock="monotonic",
    join_ms=None,
    step=None,
    suspended=False,
    signature_intact=None,
    meeting_matches=None,
    view=View.OTHER,
    sdk_version=None,
    dropped=0,
)


def test_what_is_missing_or_null_has_a_default() -> None:
    optional = ("attempt", "error", "age_ms", "asked", "age_clock", "join_ms", "step", "suspended")
    more = ("signature_intact", "meeting_matches", "view", "sdk_version", "dropped")
    assert beacon() == DEFAULTS
    assert beacon(**dict.fromkeys(optional + more)) == DEFAULTS


# The SDK's own objects, observed with @zoom/meetingsdk 6.2.0 and @zoomus/websdk 2.8.0, or quoted in Zoom's forum.
CLIENT = {"method": "join", "status": False}
FAILED = "JOIN_MEETING_FAILED"
UNKNOWN = "Fail to join the meeting."
INVALID, EXPIRED, OTHER = Outcome.INVALID_SIGNATURE, Outcome.SIGNATURE_EXPIRED, Outcome.OTHER_FAILURE


def client(result: object, code: object, message: object = UNKNOWN) -> dict[str, object]:
    return {**CLIENT, "result": result, "errorCode": code, "errorMessage": message}


def component(reason: object, code: object) -> dict[str, object]:
    return {"type": FAILED, "reason": reason, "errorCode": code}


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        pytest.param(
            client("Invalid signature.", 3712, "Signature is invalid."), INVALID, "3712", id="client 6.2.0"
        ),
        pytest.param(
            {
                "method": "join",
                "status": False,
                "result": "Invalid signature.",
                "errorMessage": "Signature is invalid.",
                "errorCode": 3712,
            },
            INVALID,
            "3712",
            id="client 2.8.0",
        ),
        pytest.param(
            client("Invalid signature.", 3712, None), INVALID, "3712", id="client, errorMessage undefined"
        ),
        pytest.param(
            client("Invalid signature.", 3712, "Unterschrift ist ungültig."),
            INVALID,
            "3712",
            id="client, German",
        ),
        pytest.param(component("Signature is invalid.", 3712), INVALID, "3712", id="component"),
        pytest.param(component("署名は無効です。", 3712), INVALID, "3712", id="component, Japanese"),
        pytest.param(
            {"state": "Fail", "reason": "Signature is invalid.", "errorCode": 3712},
            INVALID,
            "3712",
            id="component, connection-change",
        ),
        pytest.param(component("Signature is invalid.", "3712"), INVALID, "3712", id="code as text"),
        pytest.param(component("Signature is invalid.", 3712.0), INVALID, "3712", id="code as float"),
        pytest.param(client("Invalid signature", 1), INVALID, "1", id="client, no dot"),
        pytest.param(client("Signature is invalid.", 1), INVALID, "1", id="client, other order"),
        pytest.param(client("INVALID_SIGNATURE!", "1"), INVALID, "1", id="client, case and punctuation"),
        pytest.param(
            component("Invalid signature.", 200), INVALID, "200", id="component, 3712 sent by the server"
        ),
        pytest.param(component("  signature is  INVALID ", 200), INVALID, "200", id="component, white space"),
        pytest.param(client("Your signature is invalid.", 1), OTHER, "1", id="another sentence"),
        pytest.param(client(None, 1, "Invalid signature."), OTHER, "1", id="only the localised text says so"),
        pytest.param(component("Invalid signature.", 403), OTHER, "403", id="the text with another code"),
        pytest.param(component("Invalid signature.", -3000), OTHER, "-3000", id="the text with -3000"),
        pytest.param(client("The signature has expired.", 3705), EXPIRED, "3705", id="client, expired"),
        pytest.param(component("The signature has expired.", 3705), EXPIRED, "3705", id="component, expired"),
        pytest.param(client("The signature has expired", 1), EXPIRED, "1", id="1.x, expired"),
        pytest.param(
            component("the signature has expired!", 200), EXPIRED, "200", id="component, expired by text"
        ),
        pytest.param(client("The api key is wrong.", 3704), OTHER, "3704", id="client, wrong key"),
        pytest.param(component("The api key is wrong.", 3704), OTHER, "3704", id="component, wrong key"),
        pytest.param(client(None, 1), OTHER, "1", id="1.x, and the client's lost connection"),
        pytest.param(
            {**CLIENT, "errorCode": 1, "errorMessage": UNKNOWN}, OTHER, "1", id="client, result undefined"
        ),
        pytest.param(client("not exist", 3610), OTHER, "3610", id="client, no such meeting"),
        pytest.param(client("-1", 403, "service offline"), OTHER, "403", id="client, service offline"),
        pytest.param(component("wrong password", 3004), OTHER, "3004", id="component, passcode"),
        pytest.param(component("connection error", -3000), OTHER, "-3000", id="component, lost connection"),
        pytest.param(component("", 200), OTHER, "200", id="component, empty reason"),
        pytest.param(component(None, 200), OTHER, "200", id="component, reason undefined"),
        pytest.param(component(UNKNOWN, 200), OTHER, "200", id="component, unknown"),
        pytest.param(
            {
                "type": "REQUEST_WEB_JOIN_MEETING_ERROR",
                "status": False,
                "result": "AjaxError: ajax error 403",
                "errorCode": -3000,
            },
            OTHER,
            "-3000",
            id="client, joinMeetingFail event",
        ),
        pytest.param(
            {"errorCode": 4003, "errorMessage": " signatrue length error, 0 < length < 150"},
            OTHER,
            "4003",
            id="client 2.8.0, empty signature",
        ),
        pytest.param(
            client("", 3633, "You have reached the API limit for this call."),
            OTHER,
            "3633",
            id="client, too often",
        ),
        pytest.param(
            {"name": "Error", "message": "appKey can not empty in the signature"},
            OTHER,
            "local",
            id="no appKey",
        ),
        pytest.param(
            {"name": "TypeError", "message": "Cannot read properties of undefined (reading 'replace')"},
            OTHER,
            "local",
            id="not a JWT",
        ),
        pytest.param(
            {"type": "INVALID_OPERATION", "reason": "Invalid apiKey/sdkKey and/or signature"},
            OTHER,
            "local",
            id="component 2.8.0, empty signature",
        ),
        pytest.param({"reason": "Signature is invalid."}, OTHER, "local", id="the text without a code"),
        pytest.param({"errorCode": None, "message": "x"}, OTHER, "local", id="code null"),
        pytest.param({"errorCode": "EACCES"}, OTHER, None, id="code a word"),
        pytest.param({"errorCode": True}, OTHER, None, id="code a truth"),
        pytest.param({"errorCode": 37.12}, OTHER, None, id="code a fraction"),
        pytest.param({"errorCode": 85012345678}, OTHER, None, id="code a meeting number"),
        pytest.param({"errorCode": [3712]}, OTHER, None, id="code a list"),
        pytest.param({}, OTHER, None, id="empty"),
        pytest.param({"errorCode": None}, OTHER, None, id="nothing said"),
        pytest.param({"stack": "at x"}, OTHER, None, id="no known key"),
        pytest.param("Invalid signature.", OTHER, None, id="a text"),
        pytest.param([{"errorCode": 3712}], OTHER, None, id="a list"),
    ],
)
def test_what_the_sdk_said(error: object, outcome: Outcome, code: str | None) -> None:
    result = beacon(error=error)
    assert (result.outcome, result.code) == (outcome, code)


@pytest.mark.parametrize(
    ("step", "outcome"), [(None, INVALID), (0, INVALID), (7, INVALID), (8, OTHER), (16, OTHER)], ids=str
)
def test_from_step_8_on_the_signature_was_accepted(step: int | None, outcome: Outcome) -> None:
    result = beacon(error=component("Signature is invalid.", 3712), step=step)
    assert (result.outcome, result.code) == (outcome, "3712")
    expired = beacon(error=component("The signature has expired.", 3705), step=step)
    assert expired.outcome is (EXPIRED if outcome is INVALID else OTHER)


@pytest.mark.parametrize("reported", ["joined", "no_result"])
def test_only_a_failure_is_judged_by_its_error(reported: str) -> None:
    result = beacon(outcome=reported, error=component("Signature is invalid.", 3712))
    assert (result.outcome, result.code, result.error["errorCode"]) == (Outcome(reported), None, 3712)


@pytest.mark.parametrize(
    "spelled",
    [
        ID,
        ID.upper(),
        "00010203-0405-0607-0809-0a0b0c0d0e0f",
        "00010203-0405-0607-0809-0A0B0C0D0E0F",
        "AAECAwQFBgcICQoLDA0ODw",
    ],
    ids=["hex", "upper case", "uuid", "upper-case uuid", "base64url"],
)
def test_one_id_in_every_spelling(spelled: str) -> None:
    assert beacon(id=spelled).result_id == ID


SPELL_OUT = "128 random bits as 32 hexadecimal digits, a UUID, or 22 characters of URL-safe base64"
AGES = "milliseconds from 0 to 1382400000 (16 days), or null"
SECRET = "hunter2-and-some-more"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": None}, f'"id" is missing, must be {SPELL_OUT}'),
        ({"id": ID[:-1]}, f'"id" is a text of 31 characters, must be {SPELL_OUT}'),
        ({"id": ID[:-1] + "٣"}, f'"id" is a text of 32 characters, must be {SPELL_OUT}'),
        ({"id": ID + "\n"}, f'"id" is a text of 33 characters, must be {SPELL_OUT}'),
        ({"id": "A" * 21 + "+"}, f'"id" is a text of 22 characters, must be {SPELL_OUT}'),
        ({"id": 7}, f'"id" is 7, must be {SPELL_OUT}'),
        ({"outcome": None}, '"outcome" is missing, must be one of "joined", "failed", "no_result"'),
        (
            {"outcome": SECRET},
            '"outcome" is a text of 21 characters, must be one of "joined", "failed", "no_result"',
        ),
        (
            {"outcome": "JOINED"},
            '"outcome" is a text of 6 characters, must be one of "joined", "failed", "no_result"',
        ),
        ({"attempt": 0}, '"attempt" is 0, must be a whole number from 1 to 1000000'),
        ({"attempt": 1_000_001}, '"attempt" is 1e+06, must be a whole number from 1 to 1000000'),
        ({"attempt": 1.5}, '"attempt" is 1.5, must be a whole number from 1 to 1000000'),
        ({"attempt": "1"}, '"attempt" is a text of 1 characters, must be a whole number from 1 to 1000000'),
        ({"attempt": True}, '"attempt" is true, must be a whole number from 1 to 1000000'),
        ({"age_ms": -0.5}, f'"age_ms" is -0.5, must be {AGES}'),
        ({"age_ms": 1382400001}, f'"age_ms" is 1.38e+09, must be {AGES}'),
        ({"age_ms": 10**400}, f'"age_ms" is a number that is too large, must be {AGES}'),
        ({"age_ms": "812"}, f'"age_ms" is a text of 3 characters, must be {AGES}'),
        ({"age_ms": [812]}, f'"age_ms" is a list, must be {AGES}'),
        ({"join_ms": -1}, f'"join_ms" is -1, must be {AGES}'),
        ({"join_ms": {}}, f'"join_ms" is an object, must be {AGES}'),
        ({"asked": "perhaps"}, '"asked" is a text of 7 characters, must be one of "seen", "assumed"'),
        ({"age_clock": "sun"}, '"age_clock" is a text of 3 characters, must be one of "monotonic", "wall"'),
        ({"age_clock": 1}, '"age_clock" is 1, must be one of "monotonic", "wall"'),
        ({"step": -1}, '"step" is -1, must be a whole number from 0 to 64'),
        ({"step": 65}, '"step" is 65, must be a whole number from 0 to 64'),
        ({"suspended": "yes"}, '"suspended" is a text of 3 characters, must be true, false or null'),
        ({"suspended": 0}, '"suspended" is 0, must be true, false or null'),
        ({"signature_intact": 1}, '"signature_intact" is 1, must be true, false or null'),
        ({"meeting_matches": []}, '"meeting_matches" is a list, must be true, false or null'),
        ({"dropped": -1}, '"dropped" is -1, must be a whole number from 0 to 1000000'),
        (
            {"dropped": 1e300},
            '"dropped" is a number that is too large, must be a whole number from 0 to 1000000',
        ),
    ],
    ids=lambda value: (
        "-".join(f"{k}={str(v)[:12]!r}" for k, v in value.items()) if isinstance(value, dict) else ""
    ),
)
def test_a_field_that_is_wrong(fields: dict[str, Any], message: str) -> None:
    error = rejected(json.dumps(LEAST | fields).encode())
    assert (error.reason, str(error)) == (Reject.INVALID_FIELD, message)


def test_an_infinite_age_is_refused() -> None:
    error = rejected(b'{"receipt":"r","id":"%s","outcome":"failed","age_ms":1e999}' % ID.encode())
    assert (error.reason, str(error)) == (
        Reject.INVALID_FIELD,
        f'"age_ms" is a number that is too large, must be {AGES}',
    )


DEEP = "the body is nested more than 16 levels deep"


@pytest.mark.parametrize(
    ("body", "reason", "message"),
    [
        (b"", "invalid_json", "the body is not JSON at character 0: Expecting value"),
        (b"\xff\xfe{}", "not_utf8", "the body is not UTF-8 at byte 0: send JSON in UTF-8"),
        (b'{"receipt":"\xed\xa0\x80"}', "not_utf8", "the body is not UTF-8 at byte 12: send JSON in UTF-8"),
        (b'{"receipt":"r"', "invalid_json", "the body is not JSON at character 14: Expecting ',' delimiter"),
        (b'{"receipt":"r"}{}', "invalid_json", "the body is not JSON at character 15: Extra data"),
        (b"receipt=r&id=1", "invalid_json", "the body is not JSON at character 0: Expecting value"),
        (b'{"receipt":"r","age_ms":NaN}', "invalid_json", None),
        (b'{"receipt":"r","age_ms":-Infinity}', "invalid_json", None),
        (b'{"receipt":"r","age_ms":' + b"9" * 5000 + b"}", "invalid_json", None),
        (b'{"receipt":"r","x":' + b"[" * 16 + b"]" * 16 + b"}", "invalid_json", DEEP),
        (b'{"receipt":"r","x":' + b'{"x":[' * 9 + b"]}" * 9 + b"}", "invalid_json", DEEP),
        (b"[" * 8192, "invalid_json", None),
        (b"[" * 4096 + b"]" * 4096, None, None),
        (b'{"a":' * 1300 + b"1" + b"}" * 1300, "invalid_json", DEEP),
        (b"[]", "not_an_object", "the body is a list, must be a JSON object"),
        (b"null", "not_an_object", "the body is missing, must be a JSON object"),
        (b'"hunter2"', "not_an_object", "the body is a text of 7 characters, must be a JSON object"),
        (b"3712", "not_an_object", "the body is 3.71e+03, must be a JSON object"),
        (b"{}", "no_receipt", None),
        (b'{"receipt":null}', "no_receipt", None),
        (b'{"receipt":""}', "no_receipt", None),
        (
            b'{"receipt":["r"]}',
            "no_receipt",
            '"receipt" is a list, must be the value of the Join-Receipt header of the signature',
        ),
    ],
    ids=[
        "empty",
        "utf-16",
        "surrogate bytes",
        "truncated",
        "two values",
        "form",
        "NaN",
        "-Infinity",
        "5000 digits",
        "17 levels",
        "19 levels",
        "8192 opened",
        "4096 nested lists",
        "1300 nested objects",
        "list",
        "null",
        "text",
        "number",
        "no receipt",
        "receipt null",
        "receipt empty",
        "receipt a list",
    ],
)
def test_a_body_that_is_wrong(body: bytes, reason: str | None, message: str | None) -> None:
    error = rejected(body)
    assert error.reason in ((reason,) if reason else ("invalid_json", "not_an_object"))
    assert error.reason.final
    assert message is None or str(error) == message


def test_sixteen_levels_are_taken() -> None:
    nested: object = 1
    for _ in range(15):
        nested = [nested]
    assert beacon(anything=nested) == DEFAULTS


def test_half_an_emoji_costs_no_result() -> None:
    body = (
        b'{"receipt":"r","id":"%s","outcome":"failed","error":{"errorCode":1,"result":"a\\ud83d"}}'
        % ID.encode()
    )
    result = parse(read_envelope(body))
    assert result.error == {"errorCode": 1, "result": "a\ufffd"}
    assert json.dumps(result.error, ensure_ascii=False).encode()


def test_every_reason_has_a_status() -> None:
    assert {reason.value: (reason.status, reason.final) for reason in Reject} == {
        "content_type": (400, True),
        "content_encoding": (400, True),
        "too_large": (413, True),
        "rate_limited": (429, False),
        "not_utf8": (400, True),
        "invalid_json": (400, True),
        "not_an_object": (400, True),
        "no_receipt": (400, True),
        "bad_receipt": (403, True),
        "expired_receipt": (403, True),
        "invalid_field": (400, True),
        "impossible_age": (400, True),
        "too_many_attempts": (429, False),
        "ledger_unavailable": (503, False),
        "internal": (503, False),
        "incomplete": (503, False),
    }


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("2.8.0", "2.8.0"),
        ("6.2.0-beta.1+7", "6.2.0-beta.1+7"),
        ("6", "6"),
        ("", None),
        ("1.2.3.4.5.6.7", None),
        ("1" * 33, None),
        ("85012345678", None),
        ("AbCdEfGhIjKlMnOpQrStUv", None),
        ("2.8.0 <b>", None),
        ("2..8", None),
        (2.8, None),
        (["2.8.0"], None),
    ],
    ids=str,
)
def test_sdk_version(sent: object, taken: str | None) -> None:
    assert beacon(sdk_version=sent).sdk_version == taken


@pytest.mark.parametrize(
    ("version", "major"),
    [
        ("2.8.0", "2"),
        ("6", "6"),
        ("6.2.0-beta", "6"),
        ("7.0.0", "other"),
        ("16.2", "other"),
        ("0.9", "other"),
        ("-1.0", "other"),
        ("٢.٨", "other"),
        ("", "other"),
        (None, "other"),
    ],
)
def test_sdk_major(version: str | None, major: str) -> None:
    assert sdk_major(version) == major


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("client", View.CLIENT),
        ("component", View.COMPONENT),
        ("other", View.OTHER),
        ("native", View.OTHER),
        (None, View.OTHER),
        (3, View.OTHER),
        ([], View.OTHER),
    ],
    ids=str,
)
def test_view(sent: object, taken: View) -> None:
    assert beacon(view=sent).view is taken


SIGNATURE = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhcHBLZXkiOiJ0ZXN0X3Nka19rZXlfbm90X3JlYWxfMCJ9"
    ".c2lnbmF0dXJlX29mX2FfdGVzdF9ub3RfcmVhbF8wMDA"
)
LEGACY = "dGVzdF9ub3RfcmVhbC44NTAxMjM0NTY3OC4xNzk1MjgwMjQxMDAwLjAuYWJjZGVmZ2hpams9"


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("Invalid signature.", "Invalid signature."),
        ("Unterschrift ist ungültig.", "Unterschrift ist ungültig."),
        ("署名は無効です。", "署名は無効です。"),
        ("REQUEST_WEB_JOIN_MEETING_ERROR", "REQUEST_WEB_JOIN_MEETING_ERROR"),
        ("InvalidCharacterError", "InvalidCharacterError"),
        (
            "Cannot read properties of null (reading 'status')",
            "Cannot read properties of null (reading 'status')",
        ),
        ("AjaxError: ajax error 403", "AjaxError: ajax error 403"),
        (" signatrue length error, 0 < length < 150", " signatrue length error, 0 < length < 150"),
        ("Api key length error, must 22/36", "Api key length error, must 22/36"),
        (f"bad signature {SIGNATURE} here", "bad signature [token] here"),
        (SIGNATURE[:150], "[token]"),
        (f"at {SIGNATURE.rpartition('.')[2]}", "at [token]"),
        (f"({LEGACY}==)", "([token])"),
        ("deadbeef00deadbeef00", "[token]"),
        ("AbCdEfGhIjKlMnOpQrStUv", "[token]"),
        ("id 00010203-0405-0607-0809-0a0b0c0d0e0f", "id [token]"),
        ("tk=abc", "[token]"),
        ("zak = x.y", "[token]"),
        ("pwd=a1 failed", "[token] failed"),
        ("no passcode: 1a2b3c", "no [token]"),
        ('{"passWord":"my code","x":1}', '{"[token],"x":1}'),
        ("see https://zoom.us/j/1?pwd=abc now", "see [url] now"),
        ("zoom.us/j/85012345678", "[url]"),
        ("www.example.com", "[url]"),
        ("/join?mn=1", "[url]"),
        ("blob:null/x", "[url]"),
        ("mail bob.smith@example.com!", "mail [email]"),
        ("bob%40example.com", "[email]"),
        ("meeting 85012345678 ended", "meeting [number] ended"),
        ("meeting 850 1234 5678 ended", "meeting [number] ended"),
        ("850-1234-5678", "[number]"),
        ("12345678", "12345678"),
        ("850\u200b1234\x005678", "[number]"),
        ("tk\u00ad=abc", "[token]"),
        ("a\x1b[31mb\x00c\u202ed", "a[31mbcd"),
        ("two\r\nlines", "two  lines"),
        ("", ""),
    ],
)
def test_scrub(text: str, scrubbed: str) -> None:
    assert scrub(text) == scrubbed


def test_the_error_object_keeps_what_it_may_and_costs_only_its_odd_parts() -> None:
    error = {
        "type": "x" * 10 + " " * 500,
        "method": None,
        "status": True,
        "errorCode": 85012345678,
        "result": {"signature": SIGNATURE},
        "reason": ["a"],
        "errorMessage": -3000.0,
        "name": 0.125,
        "message": SIGNATURE,
        "stack": "secret",
        "passWord": "secret",
    }
    assert beacon(error=error).error == {
        "type": "x" * 10 + " " * 190,
        "method": None,
        "status": True,
        "errorCode": "[number]",
        "errorMessage": -3000,
        "name": "0.125",
        "message": "[token]",
    }


def test_an_infinite_number_in_the_error_object_is_dropped() -> None:
    body = (
        b'{"receipt":"r","id":"%s","outcome":"failed","error":{"errorCode":1e999,"name":"x"}}' % ID.encode()
    )
    result = parse(read_envelope(body))
    assert (result.code, result.error) == (None, {"name": "x"})


@pytest.mark.parametrize(
    "part",
    ["a", "1 ", "tk ", "%40a", "a@", "?a", "eyJ", "Aa", "1-", "a.b", "pwd", "\"'", "[", "Aaa", "pwd: "],
    ids=repr,
)
def test_scrubbing_takes_linear_time(part: str) -> None:
    """Quadratic would be a thousand times the time of a text a 32nd as long; a loaded machine is not."""

    def cost(length: int) -> float:
        text = part * (length // len(part)) + "!"
        began = time.perf_counter()
        scrub(text)
        return time.perf_counter() - began

    short, long = (min(cost(length) for _ in range(5)) for length in (4096, 131072))
    assert long < short * 250


_TEXT = st.text(st.characters(codec=None), max_size=40)
_SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | _TEXT
_JSON = st.recursive(
    _SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3)
)
_FIELDS = st.fixed_dictionaries(
    {
        "receipt": st.just("r"),
        "id": st.just(ID),
        "outcome": st.sampled_from(["failed", "joined", "no_result"]),
    },
    optional={
        "error": st.dictionaries(st.sampled_from(KEYS), _JSON) | _JSON,
        "step": st.none() | st.integers(0, 64),
    },
)


@settings(deadline=None)
@given(_FIELDS)
def test_no_error_object_costs_a_result(fields: dict[str, Any]) -> None:
    """Whatever a page's SDK threw at the script. (JSON from a browser has no NaN: it writes null.)"""
    body = json.dumps(fields).replace("NaN", "null").replace("-Infinity", "null").replace("Infinity", "null")
    result = parse(read_envelope(body.encode()))
    assert result.error.keys() <= set(KEYS)
    for value in result.error.values():
        assert value is None or isinstance(value, (bool, int, str))
        if isinstance(value, str):
            assert len(value) <= 200
            assert value.encode().decode() == value  # no lone surrogate is left
            assert not any(ord(character) < 32 for character in value)


def outcome(body: bytes) -> JoinResult | Rejected:
    try:
        return parse(read_envelope(body))
    except Rejected as error:
        return error


_NAMES = [*LEAST, *(field.name for field in dataclasses.fields(JoinResult))]


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(_NAMES, _JSON)), st.booleans())
def test_any_fields_are_taken_or_rejected(fields: dict[str, Any], with_the_least: bool) -> None:
    found = outcome(json.dumps(fields | LEAST if with_the_least else fields).encode())
    if isinstance(found, Rejected):
        assert found.reason in (Reject.INVALID_JSON, Reject.NO_RECEIPT, Reject.INVALID_FIELD)
        assert len(str(found)) < 200
    else:
        assert found.age_ms is None or 0 <= found.age_ms <= 16 * 86_400_000


@settings(deadline=None)
@given(st.binary() | st.text().map(str.encode))
def test_any_body_is_taken_or_rejected(body: bytes) -> None:
    assert rejected(body).reason.status == 400


@settings(deadline=None)
@given(
    st.text(st.characters(codec=None)), st.text(st.characters(codec=None)), st.integers(60, len(SIGNATURE))
)
def test_a_signature_is_found_whatever_surrounds_it_and_wherever_it_was_cut(
    before: str, after: str, length: int
) -> None:
    scrubbed = scrub(before + SIGNATURE[:length] + " " + after)
    assert all(part[:20] not in scrubbed for part in SIGNATURE.split("."))


def test_random_tokens_and_keys_do_not_pass_for_words() -> None:
    randomness = random.Random(3712)
    hmacs = [base64.urlsafe_b64encode(randomness.randbytes(32)).decode().rstrip("=") for _ in range(5000)]
    letters = string.ascii_letters + string.digits
    keys = ["".join(randomness.choices(letters, k=length)) for length in (22, 32) for _ in range(5000)]
    assert {scrub(secret) for secret in hmacs + keys} == {"[token]"}
