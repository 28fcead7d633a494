"""What nodes say of replica groups."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.ledger.facts import Fact
from cantor.node.state.replicas.about import FACT, About, about_from, seen_in, told
from cantor.replication.events import Standing
from cantor.replication.records import Epoch, Members, Seat

ASH, BIRCH = NodeId("a" * 32), NodeId("b" * 32)
ABOUT = About("kv", ASH, "orders", 3)
PLAIN = st.recursive(
    st.none() | st.integers() | st.text(max_size=4), lambda inner: st.lists(inner, max_size=5)
)


def test_what_is_said_is_understood() -> None:
    standing = Standing(
        BIRCH, False, Epoch(4, BIRCH), False, True, Members((Seat(ASH, 1), Seat(BIRCH, 2)))
    )
    fact = Fact(ASH, FACT + ABOUT.id, told(ABOUT, standing), 1, 1)
    (seen,) = seen_in([fact])[ABOUT.id]
    assert (seen.about, seen.owner, seen.counter, seen.members) == (ABOUT, BIRCH, 4, (ASH, BIRCH))


@given(PLAIN)
def test_no_words_about_a_group_do_harm(value: object) -> None:
    try:
        assert about_from(value).as_value() == value
    except RemoteProtocolError:
        return


@pytest.mark.parametrize(
    "change",
    [
        {"about": None},
        {"about": ["kv", ASH, "other", 3]},
        {"owner": "nobody"},
        {"counter": -1},
        {"counter": "1"},
        {"members": None},
        {"members": [ASH] * 99},
        {"members": ["nobody"]},
    ],
)
def test_odd_facts_are_left_out(change: dict[str, Any]) -> None:
    value = {"about": ABOUT.as_value(), "owner": "", "counter": 1, "members": [ASH], **change}
    assert seen_in([Fact(ASH, FACT + ABOUT.id, value, 1, 1), Fact(ASH, FACT, 5, 1, 1)]) == {}
