"""With whom a node exchanges variables: the mesh's spanning tree, without nodes of other tenants.

Where nodes of others lie between, those around them that belong together are joined across: in the
order of their ids, each with a few below it. All nodes that know the same tree join the same, and
what comes of it is a tree again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from cantor.base.ids import NodeId

    Branches = Mapping[NodeId, Collection[NodeId]]

BELOW = 4


def neighbours(node: NodeId, branches: Branches, members: Collection[NodeId]) -> set[NodeId]:
    """The members next to ``node``, which is one; ``branches`` are the neighbours in the tree."""
    found: set[NodeId] = set()
    for peer in branches.get(node, ()):
        if peer in members:
            found.add(peer)
        else:
            found |= _across(node, _around(peer, branches, members))
    return found


def _around(stranger: NodeId, branches: Branches, members: Collection[NodeId]) -> list[NodeId]:
    """The members at the edge of the part of strangers that ``stranger`` is in."""
    seen, ahead, edge = {stranger}, [stranger], set()
    while ahead:
        for peer in branches.get(ahead.pop(), ()):
            if peer in members:
                edge.add(peer)
            elif peer not in seen:
                seen.add(peer)
                ahead.append(peer)
    return sorted(edge)


def _across(node: NodeId, edge: list[NodeId]) -> set[NodeId]:
    place = edge.index(node)
    near = {edge[(place - 1) // BELOW]} if place else set()
    return near | set(edge[BELOW * place + 1 : BELOW * place + BELOW + 1])
