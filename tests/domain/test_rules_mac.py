"""The rules about the HMAC, and how it comes to be known."""

from __future__ import annotations

import hmac

import pytest

from proxy.domain.credentials import Credentials
from proxy.domain.findings import check_mac
from proxy.domain.rules.base import Flaw, Mac, MacState
from proxy.domain.secret import Secret
from proxy.domain.signature import Format, Signature, decode
from tests.domain.rule_tables import Row, Table, assert_row, every_row, look_alike, refused, silent, warns
from tests.support import tokens
from tests.support.secrets import CLIENT_SECRET, KEY, OTHER_CLIENT_SECRET
from tests.support.tokens import legacy, native, signed, video, web, without

TOKEN = signed(web())


def explained(flaw: Flaw, state: MacState = MacState.WRONG) -> Mac:
    return Mac(state, flaw, "It is shown.")


SWAPPED = explained(Flaw.SWAPPED, MacState.UNKNOWN_KEY)
THEIR_SECRET = Mac(MacState.UNKNOWN_KEY, detail="It verifies with another.")

ROWS: Table = {
    "mac/wrong": [
        refused("web", TOKEN, "another secret, or changed", mac=Mac.WRONG),
        refused("native", signed(native()), "another secret", mac=Mac.WRONG),
        refused("legacy", legacy(), "another secret", mac=Mac.WRONG),
        silent("right", TOKEN, mac=Mac.RIGHT),
        silent("unknown key", TOKEN, mac=Mac.UNKNOWN_KEY),
        silent("not checked", TOKEN),
        silent("explained", TOKEN, mac=explained(Flaw.DAMAGED)),
        silent("no HMAC", TOKEN.rpartition(".")[0], mac=Mac.WRONG),
        silent("five parts", tokens.shared_fields(web()), mac=Mac.WRONG),
        silent("cut off", TOKEN[:-4], mac=Mac.WRONG),
    ],
    "mac/other_secret": [
        refused("shown", TOKEN, "It is shown.", mac=explained(Flaw.OTHER_CREDENTIALS)),
        silent("not shown", TOKEN, mac=Mac.WRONG),
        silent("another", TOKEN, mac=SWAPPED),
    ],
    "mac/swapped": [
        refused("shown", TOKEN, "It is shown.", mac=SWAPPED),
        refused("with no secret", TOKEN, "shown", mac=explained(Flaw.SWAPPED, MacState.NOT_CHECKED)),
        silent("not shown", TOKEN, mac=Mac.WRONG),
        silent("another", TOKEN, mac=explained(Flaw.EMPTY)),
    ],
    "mac/damaged_secret": [
        refused("shown", TOKEN, "It is shown.", mac=explained(Flaw.DAMAGED)),
        refused("legacy", legacy(), "It is shown.", mac=explained(Flaw.DAMAGED)),
        silent("not shown", TOKEN, mac=Mac.WRONG),
        silent("another", TOKEN, mac=SWAPPED),
    ],
    "mac/empty_secret": [
        refused("with no secret", TOKEN, "shown", mac=explained(Flaw.EMPTY, MacState.NOT_CHECKED)),
        refused("shown", TOKEN, "It is shown.", mac=explained(Flaw.EMPTY)),
        silent("not shown", TOKEN),
        silent("another", TOKEN, mac=SWAPPED),
    ],
    "mac/encoding": [
        refused("base64url arrived", TOKEN, "It is shown.", mac=explained(Flaw.ENCODING)),
        warns(
            "padding arrived",
            signed(web(), encode=tokens.padded),
            "It is shown. Whether Zoom mends",
            mac=explained(Flaw.ENCODING),
        ),
        silent("not shown", TOKEN, mac=Mac.WRONG),
        silent("another", TOKEN, mac=SWAPPED),
    ],
    "mac/construction": [
        refused("shown", TOKEN, "It is shown.", mac=explained(Flaw.CONSTRUCTION)),
        silent("not shown", TOKEN, mac=Mac.WRONG),
        silent("another", TOKEN, mac=SWAPPED),
    ],
    "mac/unknown_key": [
        warns("web", TOKEN, "Add its credentials", mac=Mac.UNKNOWN_KEY),
        warns("legacy", legacy(), "Add its credentials", mac=Mac.UNKNOWN_KEY),
        warns("whose secret it is", TOKEN, "It verifies with another.", mac=THEIR_SECRET),
        silent("explained", TOKEN, mac=SWAPPED),
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


TOKEN_WITH_KEY = signed(web(), secret=KEY.encode())


@pytest.mark.parametrize(
    ("token", "credentials", "mac"),
    [
        pytest.param(TOKEN, [], Mac.NOT_CHECKED, id="nothing configured"),
        pytest.param(TOKEN, [APP], Mac.RIGHT, id="right"),
        pytest.param(TOKEN, [OTHER, APP], Mac.RIGHT, id="chosen by the key"),
        pytest.param(TOKEN, [APP_BEFORE, APP], Mac.RIGHT, id="one key, two secrets"),
        pytest.param(TOKEN, [APP_BEFORE], Mac.WRONG, id="another secret"),
        pytest.param(TOKEN, [OTHER], Mac.UNKNOWN_KEY, id="another key"),
        pytest.param(signed(web(appKey="x"), secret=b"y"), [APP, OTHER], Mac.UNKNOWN_KEY, id="neither"),
        pytest.param(signed(web(appKey="")), [APP], Mac.RIGHT, id="only sdkKey has a value"),
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


@pytest.mark.parametrize(
    ("token", "credentials", "others", "mac"),
    [
        pytest.param(
            signed(web(appKey=OTHER.client_id)),
            [APP, OTHER],
            [],
            Mac(MacState.WRONG, Flaw.OTHER_CREDENTIALS, "It is the secret of the credentials app."),
            id="the secret of another key of the backend",
        ),
        pytest.param(
            TOKEN,
            [APP_BEFORE],
            [Credentials("staging", "x", Secret(CLIENT_SECRET))],
            Mac(MacState.WRONG, Flaw.OTHER_CREDENTIALS, "It is the secret of the credentials staging."),
            id="the secret of another backend",
        ),
        pytest.param(
            signed(web(appKey="another")),
            [OTHER],
            [APP],
            Mac(
                MacState.UNKNOWN_KEY,
                detail="It verifies with the secret of the credentials app: their client id is not the key in it.",
            ),
            id="a right secret, an unknown key",
        ),
        pytest.param(
            signed(web(appKey=CLIENT_SECRET), secret=KEY.encode()),
            [APP],
            [],
            Mac(
                MacState.UNKNOWN_KEY,
                Flaw.SWAPPED,
                "The key in it is the secret of the credentials app, and it verifies with their client id as"
                " the secret.",
            ),
            id="swapped",
        ),
        pytest.param(
            signed(web(appKey=f"{CLIENT_SECRET}\n"), secret=b"something else"),
            [OTHER],
            [APP],
            Mac(MacState.UNKNOWN_KEY, Flaw.SWAPPED, "The key in it is the secret of the credentials app."),
            id="the secret as the key, of another backend",
        ),
        pytest.param(
            TOKEN_WITH_KEY,
            [OTHER],
            [],
            Mac(MacState.UNKNOWN_KEY, Flaw.SWAPPED, "It verifies with the key that it names as the secret."),
            id="an unknown key as the secret",
        ),
        pytest.param(
            TOKEN_WITH_KEY,
            [APP],
            [],
            Mac(MacState.WRONG, Flaw.SWAPPED, "It verifies with the key in the place of the secret."),
            id="the key as the secret",
        ),
        pytest.param(
            signed(web(appKey="", sdkKey=""), secret=b""),
            [APP],
            [],
            Mac(MacState.UNKNOWN_KEY, Flaw.EMPTY, "It verifies with the empty text as the secret."),
            id="credentials not loaded",
        ),
        pytest.param(
            signed(web(), secret=b""),
            [],
            [],
            Mac(MacState.NOT_CHECKED, Flaw.EMPTY, "It verifies with the empty text as the secret."),
            id="an empty secret, nothing configured",
        ),
        pytest.param(
            signed(web(appKey=f"{KEY}\r\n", sdkKey=""), secret=f"{CLIENT_SECRET}\r\n".encode()),
            [APP],
            [],
            Mac(
                MacState.UNKNOWN_KEY,
                Flaw.DAMAGED,
                "It verifies with the secret and a Windows line end (\\r\\n) after it.",
            ),
            id="key and secret with a line end",
        ),
    ],
)
def test_check_mac_explains(
    token: str, credentials: list[Credentials], others: list[Credentials], mac: Mac
) -> None:
    signature = decode(token)
    assert signature is not None
    assert check_mac(signature, iter(credentials), iter(others)) == mac


def test_nothing_is_probed_where_the_hmac_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []
    digest = hmac.digest

    def counted(key: bytes, msg: bytes, name: str) -> bytes:
        made.append(key)
        return digest(key, msg, name)

    monkeypatch.setattr(hmac, "digest", counted)
    signature = decode(TOKEN)
    assert signature is not None
    assert check_mac(signature, [OTHER, APP], [APP_BEFORE]) is Mac.RIGHT
    assert made == [CLIENT_SECRET.encode()]
