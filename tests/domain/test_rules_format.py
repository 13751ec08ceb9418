"""The rules about the format, the encoding and the product that a token belongs to."""

from __future__ import annotations

from proxy.domain.signature import Format
from tests.domain.rule_tables import (
    Row,
    Table,
    assert_row,
    every_row,
    informs,
    look_alike,
    refused,
    silent,
    warns,
)
from tests.support import tokens
from tests.support.tokens import MEETING, legacy, native, signed, video, web

TOKEN = signed(web())
NATIVE = signed(native())


def twice(mac: bytes) -> str:
    """PHP's hash_hmac without its fourth argument, and then base64."""
    return tokens.unpadded(mac.hex().encode())


ROWS: Table = {
    "format/native": [
        informs("no meeting asked for", NATIVE, "Android, iOS, Windows, macOS and Linux"),
        silent("a meeting asked for", NATIVE, meeting=MEETING),
        silent("web", TOKEN),
    ],
    "format/legacy": [
        refused("legacy", legacy(), "Meeting SDK JWT with a Client ID"),
        refused("legacy, url-safe", legacy(encode=tokens.unpadded), "Meeting SDK JWT"),
        silent("web", TOKEN),
    ],
    "format/video_sdk": [
        refused("whole", signed(video()), "credentials and claims of a Meeting SDK app"),
        refused("its kind", look_alike(Format.VIDEO_SDK), "Meeting SDK app"),
        silent("web", TOKEN),
        silent("web with app_key", signed(web(app_key="x"))),
    ],
    "format/other_token": [
        refused("REST", signed(tokens.rest()), "retired REST API"),
        refused("OAuth", signed(tokens.oauth()), "ZAK goes into the join option zak"),
        refused("a session", signed(tokens.session()), "not those of a Meeting SDK"),
        refused("its kind", look_alike(Format.OTHER_JWT), "not those of a Meeting SDK"),
        silent("web", TOKEN),
        silent("Video SDK", signed(video())),
    ],
    "format/hmac_only": [
        refused("its kind", look_alike(Format.HMAC_ONLY, 1), "joined by dots"),
        silent("web", TOKEN),
        silent("legacy", legacy()),
    ],
    "format/algorithm": [
        refused("HS512", signed(web(), header={"alg": "HS512"}), "Set alg to HS256"),
        refused("none", signed(web(), header={"alg": "none"}), "Set alg to HS256"),
        refused("lower case", signed(web(), header={"alg": "hs256"}), "Set alg to HS256"),
        refused("missing", signed(native(), header={"typ": "JWT"}), "Set alg to HS256"),
        silent("HS256", TOKEN),
        silent("HS256 with a kid", signed(web(), header={"alg": "HS256", "kid": "1"})),
        silent("another token's", signed(tokens.session(), header={"alg": "RS256"})),
    ],
    "format/mac_missing": [
        refused("two parts", TOKEN.rpartition(".")[0], "joined by dots"),
        refused("an empty third part", TOKEN.rpartition(".")[0] + ".", "joined by dots"),
        silent("three parts", TOKEN),
        silent("five parts", tokens.shared_fields(web())),
        silent("only the HMAC", look_alike(Format.HMAC_ONLY, 1)),
    ],
    "format/mac_length": [
        refused(
            "hexadecimal, encoded",
            signed(web(), encode_mac=twice),
            "has 64 bytes: that is the length of SHA-512",
        ),
        refused(
            "SHA-1", signed(web(), encode_mac=lambda mac: tokens.unpadded(mac[:20])), "20 bytes: that is"
        ),
        refused("cut off", TOKEN[:-4], "has 29 bytes: characters were lost"),
        refused("undecodable", TOKEN[:-2], "has 0 bytes: it cannot be decoded"),
        refused("native", NATIVE[:-4], "has 29 bytes"),
        silent("whole", TOKEN),
        silent("hexadecimal", tokens.hexadecimal(web())),
        silent("another algorithm", signed(web(), header={"alg": "HS512"}, encode_mac=twice)),
        silent("no HMAC", TOKEN.rpartition(".")[0]),
        silent("five parts", tokens.shared_fields(web())),
        silent("legacy", legacy()),
    ],
    "format/segments": [
        refused("five", tokens.shared_fields(web()), "It has 5 parts"),
        refused("four", f"{TOKEN}.AAAA", "It has 4 parts"),
        refused("a look-alike", look_alike(Format.OAUTH, 4), "It has 4 parts"),
        silent("three", TOKEN),
        silent("two", TOKEN.rpartition(".")[0]),
        silent("legacy", legacy()),
    ],
    "format/encoding": [
        warns("padding", signed(web(), encode=tokens.padded), "It has padding. Whether Zoom"),
        warns("standard base64", tokens.with_symbols(), "It has standard base64. Whether"),
        warns("line ends", signed(web(), encode=tokens.ruby), "It has white space. Whether"),
        refused("hexadecimal", tokens.hexadecimal(web()), "It has a hexadecimal HMAC. That decodes to 48"),
        refused("hexadecimal with white space", f" {tokens.hexadecimal(web())}", "white space and a hexadec"),
        silent("base64url", TOKEN),
        silent("legacy", legacy()),
    ],
}


@every_row(ROWS)
def test_rule(rule_id: str, row: Row) -> None:
    assert_row(rule_id, row)
