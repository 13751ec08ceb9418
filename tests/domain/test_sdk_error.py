"""Spellings of a passcode that an error text may have, and words that only speak of one."""

from __future__ import annotations

import pytest

from proxy.domain.sdk_error import scrub


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ('{\\"pwd\\":\\"hunter2\\"}', '{\\"[token]'),
        ("pwd%3Dhunter2", "[token]"),
        ("zak%3Dabc", "[token]"),
        ('password "x"', "[token]"),
        ("Passcode 123456", "[token]"),
        ("passcode is 4711", "[token]"),
        ("987.6543.2101", "[number]"),
        ("Wrong passcode.", "Wrong passcode."),
        ("The passcode is wrong", "The passcode is wrong"),
        ("meeting passcode required", "meeting passcode required"),
        ("Signature is invalid.", "Signature is invalid."),
    ],
)
def test_scrub(text: str, scrubbed: str) -> None:
    assert scrub(text) == scrubbed
