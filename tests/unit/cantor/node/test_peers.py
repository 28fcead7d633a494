from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cantor.base.ids import NodeId
from cantor.mesh.events import PeerSeen
from cantor.node.memory import NodeMemory
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
