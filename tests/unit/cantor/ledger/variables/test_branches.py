"""Nodes of one tenant make a tree of their own, however many strangers lie between."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cantor.base.ids import NodeId
from cantor.ledger.variables.branches import BELOW, neighbours


def named(number: int) -> NodeId:
    return NodeId(f"{number:032x}")


@given(st.integers(1, 40), st.randoms(use_true_random=False), st.floats(0, 1))
def test_a_tree_without_strangers_is_a_tree(count: int, random: object, share: float) -> None:
    branches: dict[NodeId, list[NodeId]] = {named(0): []}
    for number in range(1, count):
        other = named(random.randrange(number))  # type: ignore[attr-defined]
        branches.setdefault(other, []).append(named(number))
        branches[named(number)] = [other]
    members = {n for n in branches if random.random() < share}  # type: ignore[attr-defined]

    near = {node: neighbours(node, branches, members) for node in members}

    assert all(one in near[other] for one in members for other in near[one])
    assert sum(map(len, near.values())) == 2 * max(0, len(members) - 1)
    reached, ahead = set(list(members)[:1]), list(members)[:1]
    while ahead:
        for peer in near[ahead.pop()] - reached:
            reached.add(peer)
            ahead.append(peer)
    assert reached == members


def test_around_one_stranger_none_has_many_neighbours() -> None:
    hub, members = named(999), {named(number) for number in range(100)}
    branches = {hub: sorted(members), **{one: [hub] for one in members}}

    assert max(len(neighbours(one, branches, members)) for one in members) == BELOW + 1


def test_a_node_that_is_alone_has_none() -> None:
    assert neighbours(named(1), {}, {named(1)}) == set()
