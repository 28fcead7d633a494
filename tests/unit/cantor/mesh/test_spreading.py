from __future__ import annotations

from cantor.base.ids import NodeId
from cantor.ledger.ledger import Ledger
from cantor.mesh.cost import LinkCost
from cantor.mesh.graph import Graph
from cantor.mesh.links import Link
from cantor.mesh.spreading import Spreading

A, B, C, D = (NodeId(letter * 32) for letter in "abcd")


def ledger(node: NodeId) -> Ledger:
    return Ledger(
        node,
        epoch=1,
        sign=lambda data: node.encode() + data,
        certificate=b"",
        verify=lambda *_: True,
    )


def test_a_neighbour_is_not_sent_what_it_has_just_sent_itself() -> None:
    ours = ledger(A)
    spreading = Spreading(A, ours, Graph())
    for peer in (B, C):
        link = Link(peer, peer, True, LinkCost(1.0, 1.0), silent_at=9.0, up_at=0.0, heard_at=0.0)
        spreading.opened(link, 0.0)
    news, other = (ledger(D).publish({name: 1}, 1)[0] for name in "xy")
    for batch in (news, other):
        ours.merge(batch, 2)
    spreading.spread([news, other], 1.0, heard_from=None)

    spreading.has_sent(B, [news.signature])
    assert spreading.take(B, 2.0)[0] == [other]
    assert spreading.take(C, 2.0)[0] == [news, other]
