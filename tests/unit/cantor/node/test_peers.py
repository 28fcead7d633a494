from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cantor.base.ids import NodeId
from cantor.mesh.events import PeerSeen
from cantor.node.memory import PEERS_MAX, NodeMemory
from cantor.node.peers import Peers

if TYPE_CHECKING:
    from pathlib import Path

ME, OTHER = NodeId("a" * 32), NodeId("b" * 32)


async def test_what_is_known_of_a_node_is_told_again_after_a_restart(tmp_path: Path) -> None:
    seen: list[PeerSeen] = []
    memory = NodeMemory(tmp_path)
    peers = Peers(ME, "mesh.test", memory, seen.append)

    peers.told(OTHER, ["10.0.0.2:1", 7])
    await asyncio.sleep(0)
    peers.reached(OTHER, "10.0.0.3:1")
    await peers.close()
    memory.close()
    again = Peers(ME, "mesh.test", NodeMemory(tmp_path), seen.append)
    again.say_all()

    newest_first = PeerSeen(OTHER, "mesh.test", ("10.0.0.3:1", "10.0.0.2:1"))
    assert seen == [PeerSeen(OTHER, "mesh.test", ("10.0.0.2:1",)), newest_first, newest_first]


async def test_a_node_does_not_look_for_itself_nor_believe_nonsense(tmp_path: Path) -> None:
    seen: list[PeerSeen] = []
    peers = Peers(ME, "mesh.test", NodeMemory(tmp_path), seen.append)

    peers.told(ME, ["10.0.0.1:1"])
    peers.told(OTHER, "10.0.0.2:1")
    await asyncio.sleep(0)

    assert seen == []


async def test_of_too_many_nodes_those_that_were_seen_last_are_kept(tmp_path: Path) -> None:
    memory = NodeMemory(tmp_path)
    peers = Peers(ME, "mesh.test", memory, lambda _: None)
    living, left, reached, told = (NodeId(letter * 32) for letter in "fedc")
    strangers = [NodeId(f"{number:032x}") for number in range(PEERS_MAX + 8)]

    for node in (living, left, reached, told):
        peers.told(node, ["10.0.0.2:1"])
    for node in (living, left):
        peers.came(node)
    for node in strangers:
        peers.told(node, ["10.0.0.3:1"])
    peers.left(left)
    peers.reached(reached, "10.0.0.2:1")
    await peers.close()
    memory.close()

    kept = list(NodeMemory(tmp_path).peers())
    assert kept == [*strangers[-PEERS_MAX + 3 :], left, reached, living]


async def test_addresses_of_a_node_that_was_given_up_are_kept_no_longer(tmp_path: Path) -> None:
    memory = NodeMemory(tmp_path)
    peers = Peers(ME, "mesh.test", memory, lambda _: None)

    peers.told(OTHER, ["10.0.0.2:1"])
    await asyncio.sleep(0)
    peers.forget(OTHER)
    await peers.close()
    memory.close()

    assert NodeMemory(tmp_path).peers() == {}
