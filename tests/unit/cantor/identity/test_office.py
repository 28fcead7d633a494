from __future__ import annotations

import datetime as dt
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError
from cantor.identity.admission import Applicant, parse_application
from cantor.identity.authority import Authority
from cantor.identity.certificates import CertificateChain
from cantor.identity.denials import DenyList
from cantor.identity.enrolment import Approval, Pending, Reason, Refuse
from cantor.identity.office import FILE_NAME, Office, TokenWish
from cantor.identity.store import IdentityFolder

if TYPE_CHECKING:
    from pathlib import Path

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
NOW_S = NOW.timestamp()
AUTHORITY = Authority.create("plant", now=NOW)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def applicant(folder: Path, secret: str) -> Applicant:
    csr = IdentityFolder(folder).csr_pem().decode()
    return parse_application(json.dumps({"secret": secret, "csr": csr, "nonce": "n"}).encode())


def admit(office: Office, asks: Applicant) -> object:
    return office.admit(asks, AUTHORITY, DenyList(), NOW_S)[0].answer


def test_a_lost_reply_costs_nothing_and_a_thief_marks_the_token(
    office: Office, tmp_path: Path
) -> None:
    token_id, secret = office.create(TokenWish(), NOW_S)
    box = applicant(tmp_path / "box", secret)
    first = admit(office, box)
    assert isinstance(first, CertificateChain)
    assert admit(Office(tmp_path), box) == first
    assert office.tokens(NOW_S)[0].state == "used"

    thief = admit(office, applicant(tmp_path / "thief", secret))
    assert isinstance(thief, Refuse)
    assert thief.reason is Reason.STOLEN
    assert office.tokens(NOW_S)[0].state == "stolen"
    assert token_id == office.tokens(NOW_S)[0].id
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
        dump = "\n".join(database.iterdump())
    assert secret not in dump
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_of_boxes_that_race_exactly_as_many_get_in_as_the_token_allows(
    office: Office, tmp_path: Path
) -> None:
    _, secret = office.create(TokenWish(max_uses=3), NOW_S)
    boxes = [applicant(tmp_path / str(number), secret) for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda box: admit(office, box), boxes))
    assert sum(isinstance(answer, CertificateChain) for answer in answers) == 3
    assert all(a.reason is Reason.USED for a in answers if isinstance(a, Refuse))


def test_a_person_approves(office: Office, tmp_path: Path) -> None:
    _, secret = office.create(TokenWish(approval=Approval.MANUAL), NOW_S)
    box = applicant(tmp_path / "box", secret)
    assert isinstance(admit(office, box), Pending)
    assert [node for node, _ in office.waiting()] == [box.node_id]
    office.approve(box.node_id)
    assert isinstance(admit(office, box), CertificateChain)
    assert office.waiting() == []
    with pytest.raises(ConfigError, match="does not wait"):
        office.approve(box.node_id)


def test_a_token_that_is_revoked_or_old_lets_nobody_in(office: Office, tmp_path: Path) -> None:
    token_id, secret = office.create(TokenWish(ttl_s=60), NOW_S)
    box = applicant(tmp_path / "box", secret)
    late = office.admit(box, AUTHORITY, DenyList(), NOW_S + 61)[0]
    assert late.answer == Refuse(Reason.EXPIRED)
    office.revoke(token_id, NOW_S)
    assert admit(office, box) == Refuse(Reason.REVOKED)
    with pytest.raises(ConfigError, match="there is no token"):
        office.revoke("x", NOW_S)
    assert admit(office, applicant(tmp_path / "box", "wrong")) == Refuse(Reason.UNKNOWN)


@pytest.mark.parametrize(("ttl_s", "uses"), [(59, 1), (60, 0), (366 * 86400, 1), (60, 100_001)])
def test_wishes_have_limits(ttl_s: int, uses: int) -> None:
    with pytest.raises(ConfigError):
        TokenWish(uses, ttl_s)
