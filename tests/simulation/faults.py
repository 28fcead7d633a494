"""What goes wrong in a simulated mesh: one fault at a time, drawn by the seed, each counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.world import FORGED, node_sign

from cantor.ledger.facts import Fact, pack_facts
from cantor.mesh.events import Received
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.world import World

    from cantor.base.ids import NodeId

STALL_S = 2.0
SKEW_S = 25.0
FAULTS = (
    "crash",
    "power cut",
    "restart",
    "amnesia",
    "partition",
    "link cut",
    "one-way cut",
    "flap",
    "flapping cut",
    "stall",
    "clock jump",
    "heal",
    "forgery",
    "replay",
    "false link",
    "lost in flight",
    "duplicated",
)


def one_fault(world: World) -> None:
    """Let something go wrong."""
    node = world.faults.choice(world.ids)
    kind = world.faults.choice(KINDS)
    kind(world, node)


def crash(world: World, node: NodeId) -> None:
    """The process ends: its connections are closed by the system."""
    if node in world.boxes:
        world.fired["crash"] += 1
        world.stop(node)


def power_cut(world: World, node: NodeId) -> None:
    """The box is gone without a word."""
    if node in world.boxes:
        world.fired["power cut"] += 1
        world.stop(node, power=True)


def restart(world: World, _node: NodeId) -> None:
    """A node comes back, with or without its memory."""
    dead = [other for other in world.ids if other not in world.boxes]
    if dead:
        remembers = world.faults.random() < 0.5
        world.fired["restart" if remembers else "amnesia"] += 1
        world.start(world.faults.choice(dead), remembers=remembers)


def partition(world: World, _node: NodeId) -> None:
    """Two halves that do not reach each other."""
    world.fired["partition"] += 1
    side = set(world.faults.sample(world.ids, len(world.ids) // 2))
    world.network.cut((a, b) for a in world.ids if a in side for b in world.ids if b not in side)


def link_cut(world: World, _node: NodeId) -> None:
    """Nothing passes between two nodes, or only one way."""
    lines = list(world.network.lines.values())
    if lines:
        line = world.faults.choice(lines)
        is_one_way = world.faults.random() < 0.5
        world.fired["one-way cut" if is_one_way else "link cut"] += 1
        world.network.cut([(line.ends[0], line.ends[1])], both=not is_one_way)


def flap(world: World, _node: NodeId) -> None:
    """Connections are reset again and again."""
    for _ in range(3):
        world.fired["flap"] += 1
        world.break_one(world.faults)
        world.run(world.now + 0.05)


def flapping_cut(world: World, node: NodeId) -> None:
    """A node that is reached every other moment."""
    for _ in range(3):
        world.fired["flapping cut"] += 1
        world.network.cut((node, other) for other in world.ids if other != node)
        world.run(world.now + 0.3)
        world.heal()
        world.run(world.now + 0.2)


def stall(world: World, node: NodeId) -> None:
    """The node does nothing for two seconds."""
    if node in world.boxes:
        world.fired["stall"] += 1
        world.stalled[node] = world.now + STALL_S


def clock_jump(world: World, node: NodeId) -> None:
    """Somebody sets the wall clock."""
    if node in world.boxes:
        world.fired["clock jump"] += 1
        world.skews[node] = SKEW_S * (2 * world.faults.random() - 1)
        world.boxes[node].core.wall_offset_s = world.wall_offset_s + world.skews[node]


def heal(world: World, _node: NodeId) -> None:
    """All cuts end."""
    world.fired["heal"] += 1
    world.heal()


KINDS: tuple[Callable[[World, NodeId], None], ...] = (
    crash,
    power_cut,
    restart,
    restart,
    partition,
    link_cut,
    flap,
    flapping_cut,
    stall,
    clock_jump,
    heal,
)


def forge(world: World, forger: NodeId) -> None:
    """A node with a sound key says things in another's name, and repeats what it heard before."""
    if forger not in world.boxes:
        return
    victim = world.faults.choice(world.ids[1:])
    stamp = int((world.now + world.wall_offset_s) * 1000) << 16
    fact = Fact(victim, FORGED, 1, 1000, stamp)
    data = pack_facts([fact])
    body = (data, node_sign(forger)(data), b"")
    forged = DataFrame(Kind.FACTS, forger, victim, ttl=1, headers={"owners": [victim]}, body=body)
    replays = world.heard[:1] + world.heard[-2:]
    world.heard = world.heard[-100:]
    for line in world.network.of(forger):
        peer = line.other(forger)
        for old in replays:
            world.fired["replay"] += 1
            world.post(0.02, peer, Received(forger, old))
        world.fired["forgery"] += 1
        world.post(0.03, peer, Received(forger, forged))


def lie(world: World, liar: NodeId) -> None:
    """A node with a sound key says that it is linked with everybody, and cheaply."""
    if liar not in world.boxes:
        return
    world.fired["false link"] += 1
    rows = [[node, 0.001] for node in world.ids if node != liar]
    epoch = world.boxes[liar].core.ledger.epoch
    stamp = int((world.now + world.wall_offset_s) * 1000) << 16 | 0xFFFF  # none that it uses truly
    data = pack_facts([Fact(liar, "links", rows, epoch, stamp)])  # type: ignore[arg-type]
    body = (data, node_sign(liar)(data), b"")
    frame = DataFrame(Kind.FACTS, liar, liar, ttl=1, headers={"owners": [liar]}, body=body)
    for line in world.network.of(liar):
        world.post(0.02, line.other(liar), Received(liar, frame))
