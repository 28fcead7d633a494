from __future__ import annotations

from random import Random

from cantor.base.ids import NodeId
from cantor.mesh.dialling import BACKOFF_MAX_S, TURN_S, Dialling
from cantor.mesh.settings import MeshSettings

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
