"""Views of nodes are made anew when what they show changes, and only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.ids import NodeId
from cantor.ledger.ledger import Ledger
from cantor.node.view import KnownNodes, view_nodes

if TYPE_CHECKING:
    from cantor.wire.frame import Value

ASH, BIRCH = NodeId("a" * 32), NodeId("b" * 32)
GPU: list[Value] = [{"name": "GPU", "kind": "quantity", "value": 1, "unit": ""}]


def a_ledger(node: NodeId) -> Ledger:
    return Ledger(node, epoch=1, sign=lambda data: data, certificate=b"c", verify=lambda *_: True)


def test_a_view_is_that_of_all_facts_and_is_kept_until_something_in_it_changes() -> None:
    ledger, birch = a_ledger(ASH), a_ledger(BIRCH)
    known = KnownNodes(ledger)
    ledger.publish({"node": {"name": "ash"}, "resources": GPU}, 1)
    ledger.merge(birch.publish({"node": {"name": "birch"}}, 1)[0], 2)

    def seen(alive: set[NodeId], standings: dict[NodeId, str]) -> list[object]:
        views = known.views(alive, standings)
        assert views == view_nodes(ledger.all_facts(), alive, standings)
        return list(views)

    first = seen({ASH, BIRCH}, {})
    ledger.publish({"other": 1}, 3)
    assert all(now is before for now, before in zip(seen({ASH, BIRCH}, {}), first, strict=True))

    seen({ASH}, {BIRCH: "stale"})
    ledger.publish({"resources": []}, 4)
    assert known.views({ASH}, {})[0].resources == ()
    ledger.merge(birch.publish({"node": None}, 5)[0], 5)
    assert len(seen({ASH}, {})) == 1


def test_what_a_node_changes_in_place_and_publishes_again_is_seen() -> None:
    ledger = a_ledger(ASH)
    known = KnownNodes(ledger)
    about: dict[str, Value] = {"name": "ash"}
    ledger.publish({"node": about}, 1)
    known.views({ASH}, {})

    about["name"] = "oak"
    ledger.publish({"node": about}, 2)

    assert [view.name for view in known.views({ASH}, {})] == ["oak"]
