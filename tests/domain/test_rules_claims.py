"""The rules about the presence and the types of claims."""

from __future__ import annotations

from tests.domain.rule_tables import Row, Table, assert_row, every_row, refused, silent, warns
from tests.support.secrets import KEY
from tests.support.tokens import NOW, legacy, native, signed, web, without

TOKEN = signed(web())
NATIVE = signed(native())

ROWS: Table = {
    "claims/key_missing": [
        refused("neither", signed(without(web(), "appKey", "sdkKey")), "Put the Client ID into"),
        refused("app_key", signed(without(web(app_key=KEY), "appKey", "sdkKey")), "under app_key; rename"),
        refused("apiKey", signed(without(web(apiKey=KEY), "appKey", "sdkKey")), "under apiKey; rename"),
        silent("empty", signed(web(appKey="", sdkKey=""))),
        refused("native", signed(without(native(), "appKey")), "Put the Client ID into"),
        warns("a number", signed(without(web(appKey=17), "sdkKey")), "is no string"),
        silent("both", TOKEN),
        silent("appKey", signed(without(web(), "sdkKey"))),
        silent("sdkKey", signed(without(web(), "appKey"))),
        silent("sdkKey beside an empty appKey", signed(web(appKey=""))),
        silent("legacy", legacy(key="")),
    ],
    "claims/key_empty": [
        refused("both", signed(web(appKey="", sdkKey="")), "hold nothing"),
        refused("one", signed(without(web(appKey=""), "sdkKey")), "hold nothing"),
        refused("null", signed(without(web(appKey=None), "sdkKey")), "hold nothing"),
        refused("undefined", signed(web(appKey="undefined", sdkKey="undefined")), "is the word undefined"),
        refused("None", signed(without(native(appKey="None"), "sdkKey")), "is the word None"),
        silent("one of them has a value", signed(web(appKey=""))),
        silent("missing", signed(without(web(), "appKey", "sdkKey"))),
        silent("a number", signed(without(web(appKey=17), "sdkKey"))),
        silent("sound", TOKEN),
    ],
    "claims/key_damaged": [
        warns("a line end", signed(web(appKey=f"{KEY}\n")), "line end of a file"),
        warns("a space", signed(web(appKey=f" {KEY}")), "white space"),
        warns("quotation marks", signed(web(appKey=f'"{KEY}"')), "quotation marks"),
        warns("a byte order mark", signed(web(appKey=f"\ufeff{KEY}")), "byte order mark"),
        warns("a placeholder", signed(web(appKey="<YOUR_CLIENT_ID>")), "brackets"),
        warns("a variable", signed(native(appKey="${ZOOM_KEY}")), "brackets"),
        silent("undefined", signed(web(appKey="[object Object]"))),
        silent("missing", signed(without(web(), "appKey", "sdkKey"))),
        silent("letters and digits", signed(web(appKey="AbC019"))),
        silent("sound", TOKEN),
    ],
    "claims/keys_differ": [
        warns("another", signed(web(sdkKey="test_sdk_key_not_real_1")), "into both, or leave"),
        warns("a line end more", signed(web(sdkKey=f"{KEY}\n")), "into both"),
        silent("the same", TOKEN),
        silent("only one", signed(without(web(), "sdkKey"))),
        silent("one of them empty", signed(web(sdkKey=""))),
    ],
    "claims/app_key_missing": [
        warns("sdkKey only", signed(without(web(), "appKey")), "same value as sdkKey"),
        warns("an empty appKey", signed(web(appKey="")), "same value as sdkKey"),
        silent("both", TOKEN),
        silent("appKey only", signed(without(web(), "sdkKey"))),
        silent("neither", signed(without(web(), "appKey", "sdkKey"))),
    ],
    "claims/iat_missing": [
        refused("missing", signed(without(web(), "iat")), "missing or unreadable"),
        refused("null", signed(web(iat=None)), "missing or unreadable"),
        refused("no number", signed(web(iat="now")), "missing or unreadable"),
        refused("a boolean", signed(web(iat=True)), "missing or unreadable"),
        refused("NaN", signed(b'{"mn":"1","role":0,"iat":NaN}'), "missing or unreadable"),
        refused("0", signed(web(iat=0)), "iat is 0."),
        refused("far below zero", signed(web(iat=-1e15)), "iat is -1e+15."),
        silent("an overflow", signed(web(iat=-447310725))),
        refused("native", signed(without(native(), "iat")), "missing or unreadable"),
        silent("1", signed(web(iat=1))),
        silent("a text", signed(web(iat=str(NOW)))),
        silent("a fraction", signed(web(iat=NOW + 0.5))),
        silent("legacy", legacy(stamp=-1)),
    ],
    "claims/exp_missing": [
        refused("missing", signed(without(web(), "exp")), "missing or unreadable"),
        refused("no number", signed(web(exp="tomorrow")), "missing or unreadable"),
        refused("native", signed(without(native(), "exp")), "missing or unreadable"),
        silent("there", TOKEN),
        silent("0", signed(web(exp=0))),
        silent("legacy", legacy()),
    ],
    "claims/mn_missing": [
        refused("missing", signed(without(web(), "mn")), "Add the claim mn"),
        refused(
            "meetingNumber", signed(without(web(meetingNumber="1"), "mn")), "under meetingNumber; rename"
        ),
        refused("meeting_number", signed(without(web(meeting_number=1), "mn")), "under meeting_number"),
        silent("there", TOKEN),
        silent("null", signed(web(mn=None))),
        silent("native", NATIVE),
    ],
    "claims/role_missing": [
        refused("missing", signed(without(web(), "role")), "Add the claim role"),
        silent("there", TOKEN),
        silent("null", signed(web(role=None))),
        silent("native", NATIVE),
        silent("legacy", legacy(role="")),
    ],
    "claims/iat_type": [
        warns("a text", signed(web(iat=str(NOW - 60))), "iat is a string"),
        warns(
            "a fraction", signed(web(iat=NOW - 60.5)), "iat is a number with a fraction part, as Date.now()"
        ),
        warns(
            "a whole float", signed(web(iat=float(NOW - 60))), "iat is a whole number written with a fraction"
        ),
        warns("a boolean", signed(web(iat=True)), "iat is a boolean"),
        warns("an array", signed(web(iat=[1])), "iat is an object or array"),
        warns("native", signed(native(iat=str(NOW))), "iat is a string"),
        silent("an integer", TOKEN),
        silent("missing", signed(without(web(), "iat"))),
        silent("null", signed(web(iat=None))),
    ],
    "claims/exp_type": [
        warns("exp a text", signed(web(exp=str(NOW + 7200))), "exp is a string"),
        warns("tokenExp a text", signed(web(tokenExp=str(NOW + 7200))), "tokenExp is a string"),
        warns("both", signed(web(exp=1.5, tokenExp=1.5)), "exp is a number with a fraction part"),
        silent("integers", TOKEN),
        silent("no tokenExp", signed(without(web(), "tokenExp"))),
        silent("iat a text", signed(web(iat="1"))),
    ],
    "claims/role_type": [
        warns("a text", signed(web(role="0")), "role is a string"),
        warns("2", signed(web(role=2)), "role is another number"),
        warns("-1", signed(web(role=-1)), "role is another number"),
        warns("0.0", signed(web(role=0.0)), "role is a number with a fraction part"),
        warns("a boolean", signed(web(role=False)), "role is a boolean"),
        warns("null", signed(web(role=None)), "role is null"),
        silent("0", TOKEN),
        silent("1", signed(web(role=1))),
        silent("missing", signed(without(web(), "role"))),
        silent("legacy", legacy(role="host")),
    ],
    "claims/mn_type": [
        warns("spaces", signed(web(mn="987 6543 2101")), "Remove spaces, dashes and letters"),
        warns("dashes", signed(web(mn="987-6543-2101")), "Remove spaces"),
        warns("a UUID", signed(web(mn="4444AAAiAAAAAiAiAiiAii==")), "Remove spaces"),
        warns("digits of another script", signed(web(mn="٩٨٧٦٥٤٣٢١")), "Remove spaces"),
        warns("a negative number", signed(web(mn=-1)), "cut to 32 bits"),
        warns("undefined", signed(web(mn="undefined")), "request's meeting number was not found"),
        warns("empty", signed(web(mn="")), "mn is empty"),
        warns("null", signed(web(mn=None)), "mn is null"),
        warns("a fraction", signed(web(mn=98765432101.0)), "mn is a number with a fraction part"),
        warns("a boolean", signed(web(mn=True)), "mn is a boolean"),
        silent("a text", TOKEN),
        silent("a number", signed(web(mn=98765432101))),
        silent("missing", signed(without(web(), "mn"))),
        silent("legacy", legacy(meeting="987 6543")),
    ],
    "claims/mn_cut": [
        warns("a number", signed(web(mn=2147483647)), "Keep the meeting number a string"),
        warns("a text", signed(web(mn="2147483647")), "Keep the meeting number"),
        warns("another was asked for", signed(web(mn=2147483647)), "a string", meeting="98765432101"),
        silent("asked for", signed(web(mn=2147483647)), meeting="2147483647"),
        silent("another", signed(web(mn=2147483646))),
        silent("missing", signed(without(web(), "mn"))),
    ],
}


@every_row(ROWS)
def test_rule(rule_id: str, row: Row) -> None:
    assert_row(rule_id, row)
