"""The rules about the HMAC, and how it comes to be known."""

from __future__ import annotations

import pytest

from proxy.domain.credentials import Credentials
from proxy.domain.findings import check_mac
from proxy.domain.rules.base import Mac
from proxy.domain.secret import Secret
from proxy.domain.signature import Format, Signature, decode
from tests.domain.rule_tables import Row, Table, assert_row, every_row, look_alike, refused, silent, warns
from tests.support import tokens
from tests.support.secrets import CLIENT_SECRET, KEY, OTHER_CLIENT_SECRET
from tests.support.tokens import legacy, native, signed, video, web, without

TOKEN = signed(web())

ROWS: Table = {
    "mac/wrong": [
        refused("web", TOKEN, "another secret, or changed", mac=Mac.WRONG),
        refused("native", signed(native()), "another secret", mac=Mac.WRONG),
        refused("legacy", legacy(), "another secret", mac=Mac.WRONG),
        silent("right", TOKEN, mac=Mac.RIGHT),
        silent("unknown key", TOKEN, mac=Mac.UNKNOWN_KEY),
        silent("not checked", TOKEN),
    ],
    "mac/unknown_key": [
        warns("web", TOKEN, "Add its credentials", mac=Mac.UNKNOWN_KEY),
        warns("legacy", legacy(), "Add its credentials", mac=Mac.UNKNOWN_KEY),
        silent("an empty key", signed(web(appKey="", sdkKey="")), mac=Mac.UNKNOWN_KEY),
        silent("no key", signed(without(web(), "appKey", "sdkKey")), mac=Mac.UNKNOWN_KEY),
        silent("wrong", TOKEN, mac=Mac.WRONG),
        silent("right", TOKEN, mac=Mac.RIGHT),
        silent("not checked", TOKEN),
    ],
}


@every_row(ROWS)
def test_rule(rule_id: str, row: Row) -> None:
    assert_row(rule_id, row)


APP = Credentials("app", KEY, Secret(CLIENT_SECRET))
APP_BEFORE = Credentials("before", KEY, Secret(OTHER_CLIENT_SECRET))
OTHER = Credentials("other", "test_sdk_key_not_real_1", Secret(OTHER_CLIENT_SECRET))


@pytest.mark.parametrize(
    ("token", "credentials", "mac"),
    [
        pytest.param(TOKEN, [], Mac.NOT_CHECKED, id="nothing configured"),
        pytest.param(TOKEN, [APP], Mac.RIGHT, id="right"),
        pytest.param(TOKEN, [OTHER, APP], Mac.RIGHT, id="chosen by the key"),
        pytest.param(TOKEN, [APP_BEFORE, APP], Mac.RIGHT, id="one key, two secrets"),
        pytest.param(TOKEN, [APP_BEFORE], Mac.WRONG, id="another secret"),
        pytest.param(TOKEN, [OTHER], Mac.UNKNOWN_KEY, id="another key"),
        pytest.param(
            signed(web(appKey=OTHER.client_id)), [APP, OTHER], Mac.WRONG, id="the secret of another key"
        ),
        pytest.param(
            signed(web(appKey=CLIENT_SECRET), secret=KEY.encode()), [APP], Mac.UNKNOWN_KEY, id="swapped"
        ),
        pytest.param(signed(web(appKey="")), [APP], Mac.RIGHT, id="only sdkKey has a value"),
        pytest.param(
            signed(web(appKey="", sdkKey=""), secret=b""), [APP], Mac.UNKNOWN_KEY, id="credentials not loaded"
        ),
        pytest.param(signed(native()), [APP], Mac.RIGHT, id="native"),
        pytest.param(legacy(), [APP], Mac.RIGHT, id="legacy"),
        pytest.param(legacy(secret=b"x"), [APP], Mac.WRONG, id="legacy, another secret"),
        pytest.param(tokens.hexadecimal(web()), [APP], Mac.RIGHT, id="hexadecimal"),
        pytest.param(tokens.with_symbols(), [APP], Mac.RIGHT, id="standard base64"),
        pytest.param(tokens.shared_fields(web()), [APP], Mac.WRONG, id="five parts"),
        pytest.param(TOKEN.rpartition(".")[0], [APP], Mac.WRONG, id="no HMAC"),
        pytest.param(signed(video()), [APP], Mac.NOT_CHECKED, id="Video SDK"),
        pytest.param(look_alike(Format.HMAC_ONLY, 1), [APP], Mac.NOT_CHECKED, id="only the HMAC"),
    ],
)
def test_check_mac(token: str | Signature, credentials: list[Credentials], mac: Mac) -> None:
    signature = decode(token) if isinstance(token, str) else token
    assert signature is not None
    assert check_mac(signature, iter(credentials)) is mac
