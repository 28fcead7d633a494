from __future__ import annotations

import datetime as dt

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import IdentityError
from cantor.base.ids import NodeId
from cantor.identity.authority import Authority
from cantor.identity.denials import DENIED, DenyList
from cantor.identity.statements import StatementReader, make_statement

NODE, OTHER = NodeId("a" * 32), NodeId("b" * 32)
NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
NOW_S = NOW.timestamp()
ACME = Authority.create("mesh.test", "acme", now=NOW)
BETA = ACME.for_tenant("beta", now=NOW)


@pytest.fixture
def reader() -> StatementReader:
    return StatementReader("mesh.test", ACME.root_pem)


def test_an_evicted_node_comes_back_with_a_later_certificate_and_a_banned_one_never() -> None:
    denials = DenyList()
    denials.evict(ACME, [NODE], NOW_S)
    assert denials.is_denied("acme", NODE, NOW_S)
    assert not denials.is_denied("acme", NODE, denials.earliest_s("acme", NODE))
    assert not denials.is_banned("acme", NODE)

    denials.ban(ACME, [NODE], NOW_S)
    assert denials.is_banned("acme", NODE)
    denials.evict(ACME, [NODE], NOW_S + 1)
    assert denials.is_banned("acme", NODE), "an eviction must not soften a ban"

    denials.allow(ACME, [NODE], NOW_S + 2)
    assert not denials.is_denied("acme", NODE, 0)
    assert denials.nodes() == []


def test_two_evictions_in_one_second_refuse_also_what_was_issued_between_them() -> None:
    denials = DenyList()
    denials.evict(ACME, [NODE], NOW_S)
    between_s = denials.earliest_s("acme", NODE)
    denials.evict(ACME, [NODE], NOW_S)
    assert denials.is_denied("acme", NODE, between_s)


def test_a_tenants_authority_denies_nobody_of_another_tenant(reader: StatementReader) -> None:
    denials, theirs = DenyList(), DenyList()
    statement = theirs.ban(BETA, [NODE], NOW_S)
    denials.merge(reader.read(statement.packed, DENIED))
    assert denials.is_denied("beta", NODE, NOW_S)
    assert not denials.is_denied("acme", NODE, NOW_S)


@given(st.lists(st.tuples(st.sampled_from(["evict", "ban", "allow"]), st.booleans()), max_size=6))
def test_lists_that_heard_the_same_are_the_same_in_whatever_order(
    said: list[tuple[str, bool]],
) -> None:
    hub, site = DenyList(), DenyList()
    statements = [
        getattr(hub if at_hub else site, word)(ACME, [NODE], NOW_S + number)
        for number, (word, at_hub) in enumerate(said)
    ]
    forth, back = DenyList(), DenyList()
    for statement in statements:
        forth.merge(statement)
    for statement in reversed(statements):
        back.merge(statement)
    assert forth.earliest_s("acme", NODE) == back.earliest_s("acme", NODE)
    if statements:
        assert not forth.lacks(back.whole(ACME, NOW_S))


def test_a_newest_list_that_leaves_a_node_out_does_not_let_it_in(reader: StatementReader) -> None:
    denials = DenyList()
    old = denials.ban(ACME, [NODE], NOW_S)
    restored = DenyList().whole(ACME, NOW_S + 99)
    assert not denials.merge(reader.read(restored.packed, DENIED))
    assert denials.is_banned("acme", NODE)
    assert denials.lacks(restored)
    assert [proof.packed for proof in denials.statements()] == [old.packed]


def test_statements_that_are_superseded_are_not_kept() -> None:
    denials = DenyList()
    for second in range(9):
        denials.evict(ACME, [NODE if second % 2 else OTHER], NOW_S + second)
    assert len(denials.statements()) == 1


def test_words_of_anybody_else_are_refused(reader: StatementReader) -> None:
    stranger = Authority.create("mesh.test", "acme", now=NOW)
    foreign = Authority.create("other.test", "acme", now=NOW)
    good = msgpack.unpackb(DenyList().ban(ACME, [NODE], NOW_S).packed)
    beta = msgpack.unpackb(DenyList().ban(BETA, [NODE], NOW_S).packed)
    for packed in (
        DenyList().ban(stranger, [NODE], NOW_S).packed,
        DenyList().ban(foreign, [NODE], NOW_S).packed,
        make_statement(ACME, "lease", {}, NOW_S).packed,
        msgpack.packb({**good, "authority": beta["authority"]}),
        msgpack.packb({**beta, "body": good["body"]}),
        msgpack.packb({**good, "body": good["body"] + b"\0"}),
        msgpack.packb([]),
        b"",
        None,
        "text",
    ):
        with pytest.raises(IdentityError):
            reader.read(packed, DENIED)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with pytest.raises(IdentityError):
        StatementReader("mesh.test", ACME.root_pem).read(data, DENIED)


@pytest.mark.parametrize(
    "rows", [None, [1], [["a" * 32, 1]], [["x", 1, 1]], [["a" * 32, 1, -1]], [["a" * 32, True, 1]]]
)
def test_lists_of_the_wrong_shape_are_refused(rows: object) -> None:
    with pytest.raises(IdentityError):
        DenyList().merge(make_statement(ACME, DENIED, {"denied": rows}, NOW_S))  # type: ignore[dict-item]
