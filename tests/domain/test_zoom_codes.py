"""The codes: which are labels, what they mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.zoom_codes import KNOWN, LABELS, code_label, meaning


def test_the_labels_are_those_of_the_contract() -> None:
    assert sorted(LABELS) == [
        "-3000",
        "1",
        "200",
        *(str(code) for code in range(3704, 3714)),
        "4003",
        "403",
        "local",
        "other",
    ]


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("3712", "3712"),
        ("-3000", "-3000"),
        ("local", "local"),
        ("3004", "other"),
        ("", "other"),
        (None, "other"),
    ],
)
def test_label(code: str | None, label: str) -> None:
    assert code_label(code) == label


@given(st.none() | st.text())
def test_no_text_of_a_client_becomes_a_label(code: str | None) -> None:
    assert code_label(code) in LABELS


def test_every_label_but_other_is_explained_in_one_sentence() -> None:
    assert LABELS - {"other"} <= KNOWN.keys()
    for code, known in KNOWN.items():
        assert known.name.replace("_", "").isalpha(), code
        assert known.sentence[0].isupper(), code
        assert known.sentence.endswith("."), code


def test_an_unknown_code_is_said_to_be_unknown() -> None:
    assert meaning("3712").name == "invalid_signature"
    assert meaning("9999").name == meaning(None).name == "unknown"
