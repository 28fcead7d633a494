from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import EnrolmentError
from cantor.identity.admission import (
    Applicant,
    Bind,
    Case,
    Keep,
    RaiseAlarm,
    parse_application,
    respond,
    rule,
)
from cantor.identity.certificates import CertificateChain
from cantor.identity.enrolment import (
    BoundKey,
    KeyState,
    Reason,
    Refuse,
    TokenRecord,
    key_hash_of,
)
from cantor.identity.store import IdentityFolder

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from cantor.identity.authority import Authority

TOKEN = TokenRecord("hash", expires_at=2e9)


def application(folder: Path, **changes: object) -> bytes:
    csr = IdentityFolder(folder).csr_pem().decode()
    wish = {"secret": "s", "csr": csr, "nonce": "n", "facts": {"hostname": "press\n-4"}}
    return json.dumps({**wish, **changes}).encode()


@pytest.fixture
def applicant(tmp_path: Path) -> Applicant:
    return parse_application(application(tmp_path))


def bound(applicant: Applicant) -> TokenRecord:
    key = BoundKey(key_hash_of(applicant.public_key), KeyState.ISSUED)
    return replace(TOKEN, bound=(key,))


def test_a_box_with_a_good_token_is_bound_and_certified(
    authority: Authority, applicant: Applicant, now: dt.datetime
) -> None:
    ruling = rule(Case(TOKEN), applicant, authority, now.timestamp())
    assert isinstance(ruling.answer, CertificateChain)
    assert ruling.writes == (Bind(KeyState.ISSUED), Keep(ruling.answer))
    assert ruling.answer.check().node_id == applicant.node_id
    assert applicant.name == "press-4"


def test_the_same_key_gets_the_same_certificate_and_nothing_is_written(
    authority: Authority, applicant: Applicant, now: dt.datetime
) -> None:
    before = authority.issue(applicant.csr_pem, now=now)
    ruling = rule(Case(bound(applicant), before.pem), applicant, authority, now.timestamp())
    assert (ruling.answer, ruling.writes) == (before, ())


def test_a_thief_raises_the_alarm_each_time(
    authority: Authority, applicant: Applicant, now: dt.datetime
) -> None:
    spent = replace(TOKEN, bound=(BoundKey("another", KeyState.ISSUED),))
    first = rule(Case(spent), applicant, authority, now.timestamp())
    again = rule(Case(replace(spent, stolen=True)), applicant, authority, now.timestamp())
    assert first.writes == (RaiseAlarm(),)
    assert again.writes == (RaiseAlarm(),)
    assert isinstance(again.answer, Refuse)
    assert again.answer.reason is Reason.STOLEN


def test_an_evicted_key_needs_a_new_token_and_gets_a_certificate_that_counts(
    authority: Authority, applicant: Applicant, now: dt.datetime
) -> None:
    evicted_s = now.timestamp() + 1
    before = authority.issue(applicant.csr_pem, now=now)
    old = Case(bound(applicant), before.pem, earliest_s=evicted_s)
    assert rule(old, applicant, authority, now.timestamp()).answer == Refuse(Reason.DENIED)
    new = rule(Case(TOKEN, earliest_s=evicted_s), applicant, authority, now.timestamp()).answer
    assert isinstance(new, CertificateChain)
    assert new.leaf.not_valid_before_utc.timestamp() == evicted_s


def test_a_banned_key_gets_nothing_whatever_it_shows(
    authority: Authority, applicant: Applicant, now: dt.datetime
) -> None:
    ruling = rule(Case(TOKEN, is_banned=True), applicant, authority, now.timestamp())
    status, body = respond(ruling, applicant, authority, now_s=0.0, seeds=())
    assert (status, body["code"], ruling.writes) == (403, "token-denied", ())


@pytest.mark.parametrize(
    "changes",
    [{"secret": 1}, {"nonce": ""}, {"csr": "x"}, {"csr": None}, {"facts": []}, {"nonce": "n" * 129},
     {"facts": {"hostname": "h" * 257}}],
)  # fmt: skip
def test_what_is_malformed_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(EnrolmentError):
        parse_application(application(tmp_path, **changes))


@given(st.binary(max_size=99))
def test_no_bytes_break_the_parser(data: bytes) -> None:
    with pytest.raises(EnrolmentError):
        parse_application(data)
