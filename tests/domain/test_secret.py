"""A Secret shows itself only when asked."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import msgspec
import pytest

from proxy.domain.credentials import Credentials
from proxy.domain.secret import Secret

VALUE = "test-secret-not-real-0123456789abcd"
PAIR = Credentials("zoom", "test_sdk_key_not_real_0", Secret(VALUE))


def test_reveal() -> None:
    assert PAIR.client_secret.reveal() == VALUE


@pytest.mark.parametrize(
    "shown",
    [
        repr(PAIR),
        str(PAIR),
        f"{PAIR.client_secret}",
        f"{PAIR.client_secret!r:>40}",
        "%s" % PAIR.client_secret,  # noqa: UP031 the old way of showing is what is tested
        str(dataclasses.asdict(PAIR)),
        str(copy.deepcopy(PAIR)),
        str(Exception(PAIR.client_secret)),
    ],
)
def test_no_way_of_showing_it_shows_it(shown: str) -> None:
    assert VALUE not in shown
    assert "…" in shown


def test_it_is_not_serialised() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(PAIR)
    with pytest.raises(TypeError):
        msgspec.json.encode(PAIR)


def test_equal_by_value() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
