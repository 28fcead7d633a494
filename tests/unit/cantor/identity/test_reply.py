from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cantor.base.errors import EnrolmentError
from cantor.identity.reply import check_reply, sign_reply
from cantor.identity.store import IdentityFolder

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from cantor.identity.authority import Authority

Body = dict[str, object]


@pytest.fixture
def body(authority: Authority, tmp_path: Path, now: dt.datetime) -> Body:
    chain = authority.issue(IdentityFolder(tmp_path / "box").csr_pem(), now=now)
    signed = sign_reply(
        authority, chain, nonce="n1", time_s=now.timestamp(), name="箱-1", seeds=["a:1", "b:2"]
    )
    received: Body = json.loads(json.dumps(signed))
    return received


def test_an_answer_is_believed_as_it_was_signed(
    body: Body, authority: Authority, now: dt.datetime
) -> None:
    reply = check_reply(body, nonce="n1", root_pin=authority.root_pin)
    assert (reply.name, reply.seeds) == ("箱-1", ("a:1", "b:2"))
    assert (reply.mesh, reply.tenant, reply.time_s) == ("mesh.test", "acme", now.timestamp())


def test_a_field_that_was_added_on_the_way_is_noticed(body: Body, authority: Authority) -> None:
    with pytest.raises(EnrolmentError, match="signature"):
        check_reply({**body, "later": 1}, nonce="n1", root_pin=authority.root_pin)


def test_an_old_answer_or_another_root_is_refused(body: Body, authority: Authority) -> None:
    with pytest.raises(EnrolmentError, match="another request"):
        check_reply(body, nonce="n2", root_pin=authority.root_pin)
    with pytest.raises(EnrolmentError, match="token pins"):
        check_reply(body, nonce="n1", root_pin="0" * 32)


@pytest.mark.parametrize("name", ["time", "name", "seeds", "mesh", "tenant", "signature"])
def test_no_field_can_be_changed_or_left_out(body: Body, authority: Authority, name: str) -> None:
    for value in (None, "x", ["x"], 1.0, math.nan, True, "\ud800"):
        with pytest.raises(EnrolmentError):
            check_reply({**body, name: value}, nonce="n1", root_pin=authority.root_pin)
    del body[name]
    with pytest.raises(EnrolmentError):
        check_reply(body, nonce="n1", root_pin=authority.root_pin)


@pytest.mark.parametrize("name", ["certificate", "root"])
def test_a_damaged_certificate_is_refused(body: Body, authority: Authority, name: str) -> None:
    for value in ("", "\ud800", "x" * 99_999, str(body[name])[:-60], str(body[name]) * 9):
        with pytest.raises(EnrolmentError):
            check_reply({**body, name: value}, nonce="n1", root_pin=authority.root_pin)


def test_another_tenants_authority_cannot_sign_for_this_one(
    body: Body, authority: Authority, tmp_path: Path, now: dt.datetime
) -> None:
    other = authority.for_tenant("evil", now=now)
    csr = IdentityFolder(tmp_path / "box").csr_pem()
    forged = sign_reply(
        other, authority.issue(csr, now=now), nonce="n1", time_s=0.0, name="x", seeds=[]
    )
    for fields in (forged, {**forged, "tenant": "acme"}):
        with pytest.raises(EnrolmentError):
            check_reply(fields, nonce="n1", root_pin=authority.root_pin)


@given(
    junk=st.dictionaries(
        st.sampled_from(["certificate", "root", "nonce", "time", "mesh", "seeds", "signature"]),
        st.none() | st.integers() | st.floats() | st.text(max_size=20) | st.lists(st.text()),
    )
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_junk_gives_an_enrolment_error(authority: Authority, junk: Body) -> None:
    with pytest.raises(EnrolmentError):
        check_reply(junk, nonce="n1", root_pin=authority.root_pin)
