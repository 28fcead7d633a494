from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import EnrolmentError
from cantor.identity.authority import Authority
from cantor.identity.certificates import CertificateChain
from cantor.identity.denials import DenyList
from cantor.identity.enrolment import key_hash_of
from cantor.identity.leases import LEASE, LEASE_S, lease_in
from cantor.identity.renewal import (
    ABSENT,
    DENIED,
    FOREIGN,
    Refusal,
    Renewal,
    parse_renewal,
    renew,
    renewal_request,
    respond,
)
from cantor.identity.reply import check_reply
from cantor.identity.rollover import go_over
from cantor.identity.statements import StatementReader
from cantor.identity.store import IdentityFolder
from cantor.node.lifecycle.presence import Presence

if TYPE_CHECKING:
    from pathlib import Path

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
NOW_S = NOW.timestamp()
DAY_S = 86_400.0


@pytest.fixture
def authority() -> Authority:
    return Authority.create("plant", now=NOW)


@pytest.fixture
def box(authority: Authority, tmp_path: Path) -> IdentityFolder:
    folder = IdentityFolder(tmp_path / "box")
    folder.install(authority.issue(folder.csr_pem(), now=NOW))
    return folder


def asked(box: IdentityFolder, authority: Authority, *, certificate: bool = True) -> Renewal:
    wish = renewal_request(box.csr_pem(), box.chain.pem, "n", wants_certificate=certificate)
    return parse_renewal(json.dumps(dict(wish)).encode(), authority.root_pem)


def test_a_node_gets_more_time_for_the_key_that_it_has_and_a_lease(
    box: IdentityFolder, authority: Authority
) -> None:
    asks = asked(box, authority)
    answer = renew(asks, authority, DenyList(), NOW_S + 8 * DAY_S)
    assert isinstance(answer, CertificateChain)
    status, body = respond(answer, asks, authority, now_s=NOW_S + 8 * DAY_S, lease_s=LEASE_S)
    reply = check_reply(body, nonce="n", root_pin=authority.root_pin)
    assert status == 200
    assert box.install(reply.chain).not_after == NOW_S + 43 * DAY_S
    lease = lease_in(StatementReader("plant", authority.root_pem).read(reply.lease, LEASE))
    assert (lease.node, lease.key_hash) == (box.node_id, key_hash_of(asks.public_key))
    assert (lease.from_s, lease.until_s) == (NOW_S + 8 * DAY_S, NOW_S + 9 * DAY_S)


def test_a_lease_alone_leaves_the_certificate(box: IdentityFolder, authority: Authority) -> None:
    answer = renew(asked(box, authority, certificate=False), authority, DenyList(), NOW_S)
    assert answer == CertificateChain(box.chain.pem, authority.root_pem)


def test_who_was_evicted_renews_nothing_with_what_it_has(
    box: IdentityFolder, authority: Authority
) -> None:
    denials = DenyList()
    denials.evict(authority, [box.node_id], NOW_S)
    for certificate in (True, False):
        asks = asked(box, authority, certificate=certificate)
        assert renew(asks, authority, denials, NOW_S) is DENIED


def test_a_box_that_was_off_comes_back_within_90_days_after_the_end(
    box: IdentityFolder, authority: Authority
) -> None:
    back_s, late_s = NOW_S + (35 + 90) * DAY_S, NOW_S + (35 + 91) * DAY_S
    assert isinstance(renew(asked(box, authority), authority, DenyList(), back_s), CertificateChain)
    assert renew(asked(box, authority), authority, DenyList(), late_s) is ABSENT


def test_after_400_days_without_an_issuer_every_node_comes_back(
    box: IdentityFolder, authority: Authority, tmp_path: Path
) -> None:
    before = Presence(tmp_path / "presence.json")
    for hour in range(48):
        before.since_s(NOW_S + 3600 * hour)
    assert before.since_s(NOW_S + 2 * DAY_S) == NOW_S

    back_s = NOW_S + 400 * DAY_S
    presence = Presence(tmp_path / "presence.json")
    answers = []
    for day in (0, 89, 91):
        now_s = back_s + day * DAY_S
        for hour in range(0, 24 * day, 12):
            presence.since_s(back_s + 3600 * hour)
        since_s = presence.since_s(now_s)
        answers.append(
            renew(asked(box, authority), authority, DenyList(), now_s, awake_since_s=since_s)
        )
    assert [isinstance(answer, CertificateChain) for answer in answers] == [True, True, False]


def test_certificates_of_another_mesh_or_tenant_are_refused(
    box: IdentityFolder, authority: Authority
) -> None:
    other = Authority.create("plant", now=NOW)
    tenant = authority.for_tenant("other", now=NOW)
    assert renew(asked(box, other), other, DenyList(), NOW_S) is FOREIGN
    assert renew(asked(box, authority), tenant, DenyList(), NOW_S) is FOREIGN


def test_a_certificate_of_the_former_root_is_renewed_under_the_new_one(
    box: IdentityFolder, authority: Authority
) -> None:
    go_over(authority, NOW)
    answer = renew(asked(box, authority), authority, DenyList(), NOW_S)
    assert isinstance(answer, CertificateChain)
    assert len(answer.root_pins) == 2


def test_a_request_that_is_signed_by_another_key_is_refused(
    box: IdentityFolder, authority: Authority, tmp_path: Path
) -> None:
    thief = IdentityFolder(tmp_path / "thief")
    wish = renewal_request(thief.csr_pem(), box.chain.pem, "n", wants_certificate=True)
    with pytest.raises(EnrolmentError):
        parse_renewal(json.dumps(dict(wish)).encode(), authority.root_pem)


@given(st.binary(max_size=99))
def test_no_bytes_break_the_parser(data: bytes) -> None:
    with pytest.raises(EnrolmentError):
        parse_renewal(data, b"")


def test_a_refusal_says_why() -> None:
    refusal = Refusal(403, "code", "why")
    status, body = respond(refusal, None, None, now_s=0.0, lease_s=0.0)  # type: ignore[arg-type]
    assert (status, body["code"], body["detail"]) == (403, "code", "why")
