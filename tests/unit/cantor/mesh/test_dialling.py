from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

from cantor.base.ids import NodeId
from cantor.mesh.dialling import BACKOFF_MAX_S, TURN_S, Dialling
from cantor.mesh.settings import MeshSettings

if TYPE_CHECKING:
    import pytest

NODES = [NodeId(f"{number:032x}") for number in range(40)]


def dialling(count: int, *, near: int = 0) -> Dialling:
    made = Dialling(Random(1), MeshSettings(links_max=4))  # noqa: S311
    for number, node in enumerate(NODES[:count]):
        made.seen(node, ("h:1",), 0.0, is_near=number < near)
    return made


def due(made: Dialling, now: float, alive: frozenset[NodeId] = frozenset()) -> list[NodeId]:
    return [node for node, _ in made.due(alive, lambda _: 0, now)]


def test_at_first_a_few_are_dialled_and_a_few_more_if_they_do_not_answer() -> None:
    made = dialling(30)
    first = due(made, 0.1)
    assert len(first) == 3
    assert due(made, 0.1 + TURN_S / 2) == []
    assert len(due(made, 0.1 + TURN_S)) == 3


def test_a_node_with_enough_links_dials_nobody_that_is_reached() -> None:
    made = dialling(30)
    for node in NODES[:3]:
        made.linked(node, 1.0)
    assert due(made, 2.0, frozenset(NODES)) == []
    made.lost(NODES[0], 3.0)
    assert len(due(made, 4.0, frozenset(NODES))) == 1


def test_somebody_apart_is_dialled_whatever_the_number_of_links() -> None:
    made = dialling(30)
    for node in NODES[:10]:
        made.linked(node, 1.0)
    assert due(made, 2.0, frozenset(NODES) - {NODES[20]}) == [NODES[20]]


def test_the_near_come_first_and_one_at_random_last() -> None:
    made = dialling(40, near=2)
    chosen = due(made, 1.0, frozenset(NODES))
    assert set(chosen[:2]) == set(NODES[:2])
    assert chosen[2] not in NODES[:2]


def test_nodes_with_many_links_are_left_alone() -> None:
    made = dialling(40)
    chosen = made.due(frozenset(NODES), lambda node: 1 if node == NODES[7] else 4, 1.0)
    assert chosen[0][0] == NODES[7]


def test_pauses_grow_to_a_limit_and_a_link_that_ended_at_once_does_not_count() -> None:
    made = dialling(1)
    now, pauses = 0.0, []
    for _ in range(12):
        now = max(now, made.next_due)
        assert due(made, now) == NODES[:1]
        made.linked(NODES[0], now)
        made.lost(NODES[0], now)
        made.due(frozenset(), lambda _: 0, now)
        pauses.append(made.next_due - now)
    assert pauses[0] < 0.5
    assert max(pauses) <= 1.5 * BACKOFF_MAX_S
    assert min(pauses[5:]) > 0.7


def apart_after_a_loss(count: int, together: int) -> tuple[Dialling, frozenset[NodeId]]:
    """Linked with two; the link with the first is lost, and ``together`` others are reached."""
    made = dialling(count)
    for node in NODES[:2]:
        made.linked(node, 0.0)
    made.lost(NODES[0], 10.0)
    return made, frozenset(NODES[1 : 1 + together])


def dialled(made: Dialling, alive: frozenset[NodeId], seconds: float) -> list[tuple[float, NodeId]]:
    """When it dials which of those apart, while nobody answers for 3 s."""
    found: list[tuple[float, NodeId]] = []
    ends: list[tuple[float, NodeId]] = []
    for step in range(round(seconds * 20)):
        now = 10.0 + step / 20
        while ends and ends[0][0] <= now:
            made.failed(ends.pop(0)[1], now)
        for node in due(made, now, alive):
            found += [(now, node)] if node not in alive else []
            ends.append((now + 3.0, node))
    return found


def test_a_neighbour_whose_link_was_lost_is_dialled_again_and_again() -> None:
    made, alive = apart_after_a_loss(20, together=10)
    assert sum(node == NODES[0] for _, node in dialled(made, alive, 60.0)) >= 10


def test_of_several_former_neighbours_one_is_dialled_at_a_time_and_each_in_its_turn() -> None:
    made, alive = apart_after_a_loss(3, together=1)
    made.linked(NODES[2], 0.0)
    made.lost(NODES[2], 10.0)
    found = dialled(made, alive, 40.0)
    assert all(later - at >= 3.0 for (at, _), (later, _) in pairwise(found))
    assert len(found) >= 10
    assert {node for _, node in found} == {NODES[0], NODES[2]}


def test_the_more_are_together_the_more_seldom_each_dials_those_that_it_never_met() -> None:
    few, many = (
        sum(node != NODES[0] for _, node in dialled(*apart_after_a_loss(40, together), 60.0))
        for together in (3, 19)
    )
    assert 4 * many < few
    assert many >= 60.0 / (20 * TURN_S) - 1  # all together as often as one alone


def test_somebody_alone_dials_as_many_as_it_needs_whatever_it_lost() -> None:
    made = dialling(30)
    made.linked(NODES[0], 0.0)
    made.lost(NODES[0], 10.0)
    assert len(dialled(made, frozenset(), 1.0)) > 6


def test_where_no_more_fit_one_that_never_answered_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cantor.mesh.dialling.PEERS_MAX", 4)
    made = dialling(4)
    made.linked(NODES[0], 0.0)
    made.seen(NODES[10], ("h:1",), 0.0)
    assert NODES[10] not in due(made, 0.1)  # all that are known may still answer
    for turn in range(3):
        for node in NODES[1:4]:
            made.failed(node, 1.0 + turn)
    made.failed(NODES[2], 5.0)

    made.seen(NODES[10], ("h:1",), 6.0)

    found: list[NodeId] = []
    for turn in range(1, 5):
        found += due(made, 6.0 + 100.0 * turn)
    assert sorted(found) == [NODES[1], NODES[3], NODES[10]]


def test_room_is_made_for_as_many_strangers_as_come_and_no_link_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cantor.mesh.dialling.PEERS_MAX", 4)
    made = dialling(2)
    made.linked(NODES[0], 0.0)
    for number, node in enumerate(NODES[1:]):
        made.seen(node, ("h:1",), float(number))
        made.failed(node, float(number))
    assert len(made._candidates) == 4
    assert NODES[0] in made._candidates
    assert NODES[-1] in made._candidates
