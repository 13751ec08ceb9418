"""The one header that joinwatch adds, and the one that it lets pages read."""

from __future__ import annotations

import pytest

from proxy.domain.ports import Headers
from proxy.web.signatures import with_receipt

OURS = ("Join-Receipt", "r")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param((), (("Access-Control-Expose-Headers", "Join-Receipt"), OURS), id="none"),
        pytest.param(
            (("A", "1"), ("access-control-expose-headers", "ETag"), ("B", "2")),
            (("A", "1"), ("access-control-expose-headers", "ETag, Join-Receipt"), ("B", "2"), OURS),
            id="appended by name, in its place",
        ),
        pytest.param(
            (("Access-Control-Expose-Headers", "*"),),
            (("Access-Control-Expose-Headers", "*, Join-Receipt"), OURS),
            id="beside a wildcard, which a request with credentials does not honour",
        ),
        pytest.param(
            (("Access-Control-Expose-Headers", " "),),
            (("Access-Control-Expose-Headers", "Join-Receipt"), OURS),
            id="empty",
        ),
        pytest.param(
            (("Access-Control-Expose-Headers", "A"), ("Access-Control-Expose-Headers", "B")),
            (
                ("Access-Control-Expose-Headers", "A, Join-Receipt"),
                ("Access-Control-Expose-Headers", "B"),
                OURS,
            ),
            id="two fields",
        ),
        pytest.param(
            (("JOIN-RECEIPT", "of the joinwatch behind"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")),
            (
                ("Set-Cookie", "a=1"),
                ("Set-Cookie", "b=2"),
                ("Access-Control-Expose-Headers", "Join-Receipt"),
                OURS,
            ),
            id="another joinwatch behind this one",
        ),
    ],
)
def test_with_receipt(before: Headers, after: Headers) -> None:
    assert with_receipt(before, "r") == after
