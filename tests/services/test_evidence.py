"""How many joins of one address count as evidence, and for how long."""

from __future__ import annotations

import pytest

from proxy.services import evidence
from proxy.services.evidence import JOINS_PER_CLIENT, WINDOW_S, EvidenceQuota

SALT = b"test-salt-not-real"


def taken(quota: EvidenceQuota, client: str, joins: range, now: float = 0.0) -> list[bool]:
    return [quota.take(client, f"join-{number}", now) for number in joins]


def test_five_joins_of_one_address_count() -> None:
    assert JOINS_PER_CLIENT == 5
    assert taken(EvidenceQuota(SALT), "192.0.2.1", range(7)) == [True] * 5 + [False] * 2


def test_addresses_have_their_own_quota() -> None:
    quota = EvidenceQuota(SALT)
    assert not all(taken(quota, "192.0.2.1", range(9)))
    assert all(taken(quota, "192.0.2.2", range(5)))
    assert all(taken(quota, "2001:db8::1", range(5)))


def test_the_same_join_again_takes_nothing_more() -> None:
    quota = EvidenceQuota(SALT)
    assert all(taken(quota, "192.0.2.1", range(4)) * 3)
    assert all(quota.take("192.0.2.1", "join-0", 1.0) for _ in range(20))
    assert taken(quota, "192.0.2.1", range(4, 7), 2.0) == [True, False, False]
    assert quota.take("192.0.2.1", "join-0", 3.0)


@pytest.mark.parametrize(
    ("at", "counts"),
    [(0.0, False), (WINDOW_S - 0.001, False), (WINDOW_S, True), (10 * WINDOW_S, True)],
)
def test_a_new_window_starts_anew(at: float, counts: bool) -> None:
    quota = EvidenceQuota(SALT)
    taken(quota, "192.0.2.1", range(5))
    assert quota.take("192.0.2.1", "another", at) is counts


def test_a_crowd_is_taken_at_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MAX_CLIENTS", 3)
    quota = EvidenceQuota(SALT)
    for client in ("a", "b", "c"):
        taken(quota, client, range(5))
    assert taken(quota, "d", range(9)) == [True] * 9
    assert not quota.take("a", "another", 0.0)
    assert len(quota._joins) == 3


def test_memory_holds_neither_addresses_nor_joins() -> None:
    quota = EvidenceQuota(SALT)
    quota.take("192.0.2.1", "join-0", 0.0)
    other = EvidenceQuota(b"another salt")
    other.take("192.0.2.1", "join-0", 0.0)
    assert "192.0.2.1" not in str(vars(quota))
    assert "join-0" not in str(vars(quota))
    assert quota._joins.keys().isdisjoint(other._joins)


def test_no_address_is_refused() -> None:
    quota = EvidenceQuota(SALT)
    assert all(quota.take(client, "join", 0.0) for client in ("", "unknown", "\ud800", "x" * 10_000))
