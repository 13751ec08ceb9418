"""A missing program is a skip that names its package, and a failure in CI."""

from __future__ import annotations

import sys

import pytest

from tests.support.real import require


def test_a_program_that_is_there() -> None:
    assert require("sh").endswith("/sh")
    assert require(sys.executable) == sys.executable


@pytest.mark.parametrize(
    ("ci", "outcome"),
    [("", pytest.skip.Exception), ("false", pytest.skip.Exception), ("true", pytest.fail.Exception)],
)
def test_a_program_that_is_missing(
    ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match=r"no-such-program is not installed: .*apt-get install no-such-program"):
        require("no-such-program")
