"""What a node says to its neighbours about variables, and when."""

from __future__ import annotations

from typing import Any

import pytest

from cantor.base.errors import RemoteProtocolError, UnavailableError
from cantor.base.ids import NodeId
from cantor.ledger.variables.entry import make_entry, pack_rows, unpack_rows
from cantor.ledger.variables.replica import Limits, Replica
from cantor.ledger.variables.spreading import (
    AGAIN_S,
    ANSWERS_AT_ONCE,
    COMPARE_S,
    LARGE_BYTES,
    NEVER,
    TOGETHER_S,
    Message,
    Spreading,
)

ASH, BIRCH, ELM, FIR = (NodeId(letter * 32) for letter in "abef")
NOW = 1_750_000_000.0


class Node:
    """One node at a time that is its own."""

    def __init__(self, node: NodeId, near: set[NodeId], limits: Limits | None = None) -> None:
        self.spreading = Spreading(Replica(node, limits=limits))
        self.now = 0.0
        self.ahead_s = 0.0
        self.spreading.around(near, sorted({node, *near}), self.now, self.wall)
        self.said()

    @property
    def wall(self) -> float:
        return NOW + self.now + self.ahead_s

    def said(self) -> list[Message]:
        return self.spreading.take_messages()

    def set(self, name: str, value: bytes | None) -> list[Message]:
        self.spreading.set(name, value, self.now, self.wall)
        return self.said()

    def hear(
        self,
        source: NodeId,
        step: str,
        rows: bytes | None = None,
        **headers: Any,  # noqa: ANN401 (as they travel)
    ) -> None:
        told = {"s": step, "w": int(1000 * (NOW + self.now)), "h": 0, **headers}
        body = () if rows is None else (rows,)
        self.spreading.heard(source, told, body, self.now, self.wall)

    def wait(self, seconds: float) -> list[Message]:
        self.now += seconds
        self.spreading.do_due(self.now, self.wall)
        return self.said()


def names(message: Message) -> list[Any]:
    return [row[0] for row in unpack_rows(message.body)]  # type: ignore[index]


def entry_row(name: str, at: float = NOW, value: bytes | None = b"x") -> list[object]:
    return make_entry(name, int(at * 1000) << 16, ELM, value).row()


def test_a_change_leaves_at_once_and_what_follows_leaves_together() -> None:
    node = Node(ASH, {BIRCH, ELM})

    first = node.set("a", b"1")
    second = node.set("b", b"1") + node.set("c", b"1") + node.set("b", b"2")
    third = node.wait(TOGETHER_S)

    assert [(m.to, m.headers["s"]) for m in first] == [(BIRCH, "put"), (ELM, "put")]
    assert second == []
    assert [names(message) for message in third] == [["b", "c"]] * 2


def test_what_one_neighbour_says_goes_to_the_others_once() -> None:
    node = Node(ASH, {BIRCH, ELM})
    rows = pack_rows([entry_row("a")])

    node.hear(BIRCH, "put", rows)
    first = node.said()
    node.hear(BIRCH, "put", rows)

    assert [message.to for message in first] == [ELM]
    assert node.said() == []
    assert [entry.name for entry in node.spreading.take_changed()[0]] == ["a"]


def test_what_a_neighbour_has_said_itself_is_not_sent_back() -> None:
    node = Node(ASH, {BIRCH})
    node.set("a", b"1")
    node.set("b", b"1")

    node.hear(BIRCH, "put", pack_rows([entry_row("b", NOW + 10)]))

    assert node.wait(TOGETHER_S) == []


def test_a_new_neighbour_is_compared_with_at_once_and_every_one_now_and_then() -> None:
    node = Node(ASH, set())
    node.set("a", b"1")

    node.spreading.around({BIRCH}, [ASH, BIRCH], node.now, node.wall)

    assert [m.headers["s"] for m in node.said()] == ["root"]
    assert node.wait(COMPARE_S / 2) == []
    assert [m.headers["s"] for m in node.wait(COMPARE_S / 2)] == ["root"]


def test_nodes_without_variables_compare_seldom() -> None:
    node = Node(ASH, {BIRCH})

    assert node.wait(COMPARE_S) == []
    assert [m.headers["s"] for m in node.wait(60.0)] == ["root"]


def test_who_was_just_asked_does_not_ask_as_well() -> None:
    node = Node(BIRCH, {ASH})
    node.spreading.around({ASH}, [ASH, BIRCH], node.now, node.wall)
    node.hear(ASH, "root", d=bytes(16))

    assert [m.headers["s"] for m in node.said()] == ["same"]
    assert node.wait(1.0) == []


def test_nodes_further_off_are_compared_with_in_turn() -> None:
    members = [NodeId(f"{number:032x}") for number in range(9)]
    node = Node(members[0], {members[1]})
    node.spreading.around({members[1]}, members, node.now, node.wall)
    node.set("a", b"1")

    asked = {m.to for _ in range(8) for m in node.wait(COMPARE_S)}

    assert asked == {members[place] for place in (1, 2, 4, 8)}


def test_who_is_not_a_neighbour_any_more_is_sent_nothing() -> None:
    node = Node(ASH, {BIRCH})
    node.set("a", b"1")
    node.set("b", b"1")
    node.spreading.around(set(), [ASH], node.now, node.wall)

    assert node.wait(1.0) == []
    assert node.spreading.neighbours == set()


def test_large_values_leave_as_large_messages_and_answers_as_repairs() -> None:
    node = Node(ASH, {BIRCH})

    (small,) = node.set("a", b"1")
    node.now += 1
    (large,) = node.set("b", bytes(LARGE_BYTES))
    node.hear(BIRCH, "want", pack_rows(["b"]))  # type: ignore[list-item]
    (repair,) = node.said()

    assert not small.is_large
    assert (large.is_large, large.is_repair) == (True, False)
    assert (repair.is_large, repair.is_repair) == (True, True)


def test_rows_before_a_bad_one_are_taken_and_spread() -> None:
    node = Node(ASH, {BIRCH, ELM})

    with pytest.raises(RemoteProtocolError):
        node.hear(BIRCH, "put", pack_rows([entry_row("a"), ["bad"]]))

    assert [entry.name for entry in node.spreading.take_changed()[0]] == ["a"]
    assert [m.to for m in node.wait(0.0)] == [ELM]


def test_an_entry_from_ahead_is_refused_and_its_writer_named() -> None:
    node = Node(ASH, {BIRCH})
    rows = [entry_row("a", NOW + 100), entry_row("b", NOW + 100)]

    node.hear(BIRCH, "put", pack_rows(rows))

    assert [m.headers["s"] for m in node.said()] == ["time"]
    assert node.spreading.counters == {"ahead": 2}
    assert node.spreading.clocks_apart(node.now) == {ELM: pytest.approx(100.0)}
    node.hear(BIRCH, "put", pack_rows([entry_row("a", NOW)]))
    assert node.spreading.clocks_apart(node.now) == {}


def test_a_node_that_is_told_that_its_clock_is_wrong_refuses_to_set() -> None:
    node = Node(ASH, {BIRCH})
    node.ahead_s = -3600.0
    node.hear(BIRCH, "time")

    with pytest.raises(UnavailableError, match="3600 s behind"):
        node.set("a", b"1")
    node.ahead_s = 0.0
    node.set("a", b"1")


def test_who_asks_too_often_is_not_answered() -> None:
    node = Node(ASH, set())
    for _ in range(int(ANSWERS_AT_ONCE) + 10):
        node.hear(FIR, "root", d=b"other")

    assert len(node.said()) == ANSWERS_AT_ONCE
    assert node.spreading.counters == {"too_often": 10}


def test_tombstones_are_forgotten_only_while_neighbours_have_the_same() -> None:
    node = Node(ASH, {BIRCH}, Limits(tombstones_s=100.0))
    node.set("a", b"1")
    node.set("a", None)
    node.now += 200.0
    node.spreading.do_due(node.now, node.wall, may_forget=True)
    assert "a" in node.spreading.replica.entries

    node.hear(BIRCH, "same")
    node.now += 20.0
    node.spreading.do_due(node.now, node.wall)
    assert "a" in node.spreading.replica.entries
    node.now += 20.0
    node.spreading.do_due(node.now, node.wall, may_forget=True)

    assert node.spreading.take_changed()[1] == ["a"]


def test_who_has_the_same_takes_the_horizon_too_if_it_can_be() -> None:
    node = Node(ASH, {BIRCH}, Limits(tombstones_s=100.0))
    long_ago = int((NOW - 1000) * 1000) << 16

    node.hear(BIRCH, "same", h=int(NOW * 1000) << 16)
    assert node.spreading.replica.horizon == 0
    node.hear(BIRCH, "same", h=long_ago)

    assert node.spreading.replica.horizon == long_ago


def test_nothing_is_due_for_a_node_that_is_alone_and_has_nothing() -> None:
    assert Node(ASH, set()).spreading.next_due() == NEVER


def test_a_neighbour_that_something_could_not_be_sent_to_is_compared_with_soon() -> None:
    node = Node(ASH, {BIRCH})
    node.hear(BIRCH, "root", d=bytes(16))
    node.said()
    node.set("a", b"1")

    node.spreading.not_sent(BIRCH, node.now)
    node.spreading.not_sent(FIR, node.now)

    assert [(m.to, m.headers["s"]) for m in node.wait(AGAIN_S)] == [(BIRCH, "root")]
