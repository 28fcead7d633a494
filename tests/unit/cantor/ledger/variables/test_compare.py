"""Two copies that compare become equal, whatever each has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.ledger.variables import compare
from cantor.ledger.variables.compare import Said, Saying
from cantor.ledger.variables.entry import make_entry, pack_rows, read_entry, unpack_rows
from cantor.ledger.variables.replica import Limits, Replica

ASH, BIRCH = NodeId("a" * 32), NodeId("b" * 32)
NOW = 1_750_000_000.0
FEW = Limits(tombstones_s=100.0)


def said(saying: Saying, replica: Replica, wall_s: float) -> Said:
    body = () if saying.rows is None else (saying.rows,)
    headers: dict[str, Any] = {
        "s": saying.step, "w": int(wall_s * 1000), "h": replica.horizon, **saying.headers,
    }  # fmt: skip
    return compare.read_message(headers, body)


def meet(one: Replica, other: Replica, *, at: float = NOW, other_at: float = NOW) -> list[str]:
    """Compare until nothing is said any more; the steps."""
    clocks = {one.node: at, other.node: other_at}
    messages = [(one, other, compare.root(one))]
    steps: list[str] = []
    while messages:
        source, target, saying = messages.pop(0)
        steps.append(saying.step)
        if saying.step == "put":
            assert saying.rows is not None
            for row in unpack_rows((saying.rows,)):
                target.take(read_entry(row), clocks[target.node])
        answers, _ = compare.answer(
            target, said(saying, source, clocks[source.node]), clocks[target.node]
        )
        messages += [(target, source, answer) for answer in answers]
    return steps


def test_equal_copies_say_so() -> None:
    assert meet(Replica(ASH), Replica(BIRCH)) == ["root", "same"]


def test_who_has_nothing_is_sent_all_without_stamps() -> None:
    one, other = Replica(ASH), Replica(BIRCH)
    for number in range(300):
        one.set(f"v{number}", b"x", NOW)

    assert meet(one, other) == ["root", "buckets", "put"]
    assert one.root == other.root
    other.set("v", b"x", NOW)
    third = Replica(NodeId("c" * 32))
    assert meet(third, other)[:3] == ["root", "buckets", "keys"]
    assert third.root == other.root


changes = st.lists(
    st.tuples(
        st.sampled_from([ASH, BIRCH]),
        st.integers(0, 30),
        st.sampled_from([b"x", b"y", None]),
        st.integers(0, 3),
    ),
    max_size=60,
)


@given(changes, changes)
def test_what_differs_is_exchanged(ours: list[Any], theirs: list[Any]) -> None:
    one, other = Replica(ASH), Replica(BIRCH)
    for replica, rows in ((one, ours), (other, theirs)):
        for writer, number, value, at in rows:
            hlc = int((NOW + at) * 1000) << 16
            replica.take(make_entry(f"v{number}", hlc, writer, value), NOW)

    meet(one, other)

    assert one.entries == other.entries
    assert meet(one, other) == ["root", "same"]


def test_what_lies_ahead_of_the_other_clock_is_not_sent() -> None:
    one, other = Replica(ASH), Replica(BIRCH)
    one.set("a", b"1", NOW + 3600)
    one.set("b", b"1", NOW + 3600)
    other.set("b", b"2", NOW)

    for starts, follows in ((one, other), (other, one)):
        ahead = {one: NOW + 3600, other: NOW}
        steps = meet(starts, follows, at=ahead[starts], other_at=ahead[follows])
        assert "put" not in steps or list(other.entries) == ["b"]

    assert list(other.entries) == ["b"]
    assert other.entries["b"].value == b"2"


def test_who_was_away_too_long_gives_up_what_was_deleted_meanwhile() -> None:
    one, other = Replica(ASH, limits=FEW), Replica(BIRCH, limits=FEW)
    one.set("a", b"1", NOW)
    one.set("kept", b"1", NOW)
    meet(one, other)
    one.set("a", None, NOW + 1)
    one.forget(NOW + 200)
    other.set("own", b"1", NOW + 199)

    meet(one, other, at=NOW + 200, other_at=NOW + 200)

    assert set(one.entries) == set(other.entries) == {"kept", "own"}


def test_large_copies_go_in_pieces() -> None:
    one, other = Replica(ASH), Replica(BIRCH)
    for number in range(40):
        one.set(f"v{number}", bytes(60_000), NOW)

    steps = meet(one, other)

    assert steps.count("put") >= 8
    assert one.root == other.root


@pytest.mark.parametrize(
    "headers", [{}, {"s": "root", "w": "x", "h": 0}, {"s": 1, "w": 1, "h": 1}, {"s": "a", "w": 1}]
)
def test_what_is_no_message(headers: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError):
        compare.read_message(headers, ())


@pytest.mark.parametrize(
    ("step", "headers", "body"),
    [
        ("buckets", {}, (b"x",)),
        ("keys", {}, (pack_rows([]),)),
        ("keys", {"b": [0] * 2000}, (pack_rows([]),)),
        ("keys", {"b": [0]}, (pack_rows([["a"]]),)),
        ("keys", {"b": [0]}, (pack_rows([["a", "1", b""]]),)),
        ("want", {}, ()),
    ],
)
def test_steps_of_a_wrong_shape(
    step: str, headers: dict[str, Any], body: tuple[bytes, ...]
) -> None:
    with pytest.raises(RemoteProtocolError):
        compare.answer(Replica(ASH), Said(step, NOW, 0, headers, body), NOW)


def test_steps_of_later_versions_are_left_alone() -> None:
    assert compare.answer(Replica(ASH), Said("new", NOW, 0, {}, ()), NOW) == ([], [])
