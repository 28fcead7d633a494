from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantor.identity.enrolment import (
    AlreadyIssued,
    Approval,
    Issue,
    KeyState,
    Pending,
    Reason,
    Refuse,
    TokenRecord,
    approve,
    deny,
    key_hash_of,
    redeem,
)

FRESH = TokenRecord("hash", expires_at=100.0)
MANUAL = replace(FRESH, approval=Approval.MANUAL)


def bound(record: TokenRecord, key: bytes, now: float = 1.0) -> TokenRecord:
    decision = redeem(record, key, now)
    assert isinstance(decision, Issue | Pending)
    return decision.record


def test_the_first_key_binds_the_token_and_gets_the_same_certificate_ever_after() -> None:
    record = bound(FRESH, b"mine")
    assert redeem(record, b"mine", 2.0) == AlreadyIssued()
    assert redeem(record, b"mine", 1e12) == AlreadyIssued()


def test_another_key_is_refused_and_raises_the_alarm_for_good() -> None:
    decision = redeem(bound(FRESH, b"mine"), b"theirs", 2.0)
    assert isinstance(decision, Refuse)
    assert (decision.reason, decision.alarm) == (Reason.STOLEN, True)
    assert decision.record is not None
    assert decision.record.stolen
    again = redeem(decision.record, b"third", 1e12)
    assert isinstance(again, Refuse)
    assert again.reason is Reason.STOLEN
    assert redeem(decision.record, b"mine", 3.0) == AlreadyIssued()


@pytest.mark.parametrize(
    ("record", "now", "reason", "status"),
    [
        (None, 0.0, Reason.UNKNOWN, 403),
        (FRESH, 100.0, Reason.EXPIRED, 410),
        (replace(FRESH, revoked=True), 0.0, Reason.REVOKED, 410),
        (replace(FRESH, uses_max=0), 0.0, Reason.STOLEN, 409),
    ],
)
def test_a_token_that_is_not_live_is_refused_with_its_reason(
    record: TokenRecord | None, now: float, reason: Reason, status: int
) -> None:
    decision = redeem(record, b"key", now)
    assert isinstance(decision, Refuse)
    assert decision.reason is reason
    assert (reason.status, bool(reason.detail)) == (status, True)


def test_a_fleet_token_serves_its_number_of_boxes_without_alarm() -> None:
    record = replace(FRESH, uses_max=3)
    for key in (b"a", b"b", b"c"):
        record = bound(record, key)
    assert redeem(record, b"d", 1.0) == Refuse(Reason.USED)
    assert redeem(record, b"b", 1.0) == AlreadyIssued()


def test_a_waiting_node_gets_in_when_a_person_approves_it_even_after_expiry() -> None:
    record = bound(MANUAL, b"mine")
    assert redeem(record, b"mine", 5.0) == Pending(record)
    approved = approve(record, key_hash_of(b"mine"))
    assert redeem(approved, b"mine", 500.0) == AlreadyIssued()
    assert approve(record, key_hash_of(b"other")) == record


def test_a_denied_node_stays_denied() -> None:
    key_hash = key_hash_of(b"mine")
    for record in (bound(MANUAL, b"mine"), bound(FRESH, b"mine")):
        denied = approve(deny(record, key_hash), key_hash)
        assert redeem(denied, b"mine", 1.0) == Refuse(Reason.DENIED)


def test_a_revoked_token_helps_nobody() -> None:
    record = replace(bound(FRESH, b"mine"), revoked=True)
    assert redeem(record, b"mine", 1.0) == Refuse(Reason.REVOKED)


@given(
    uses_max=st.integers(1, 3),
    tries=st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), st.floats(0, 200))),
)
@settings(max_examples=60)
def test_no_order_of_tries_lets_more_keys_in_than_allowed(
    uses_max: int, tries: list[tuple[bytes, float]]
) -> None:
    record, issued = replace(FRESH, uses_max=uses_max), set[bytes]()
    for key, now in tries:
        decision = redeem(record, key, now)
        if isinstance(decision, Issue):
            assert now < record.expires_at
            issued.add(key)
        if isinstance(decision, AlreadyIssued):
            assert key in issued
        if isinstance(decision, Issue | Refuse) and decision.record is not None:
            record = decision.record
    assert len(issued) <= uses_max
    assert {key.key_hash for key in record.bound} == {key_hash_of(key) for key in issued}
    assert all(key.state is KeyState.ISSUED for key in record.bound)
