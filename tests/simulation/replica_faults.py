"""What happens to the boxes of simulated replicas."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.simulation.replica_parts import Box
    from tests.simulation.replicas import World


KINDS = {
    "restart": 10, "cut": 10, "lose_disk": 3, "lose_box": 2, "fill": 3, "slow": 2, "jump": 3,
    "mistake": 3, "blackout": 1, "fence": 1,
}  # fmt: skip


def trouble(world: World, kinds: Mapping[str, int]) -> None:
    """One fault, by chance; ``kinds`` are functions here, and how often each is meant."""
    random = world.random
    nodes = [*world.members()[1].nodes, *world.wanted] if random.random() < 0.9 else [*world.boxes]
    box = world.boxes[random.choice(nodes)]
    (kind,) = random.choices(list(kinds), list(kinds.values()))
    _KINDS[kind](world, box)


def restart(world: World, box: Box) -> None:
    """It ends and comes back."""
    if box.core is None:
        return
    world.fired["ended"] += 1
    world.end(box)
    world.mesh_says(box.id, is_reachable=False)
    world.at(5.0 * world.random.random() ** 2, partial(come_back, world, box, box.life))


def come_back(world: World, box: Box, life: int) -> None:
    """It starts again."""
    if box.life == life and box.core is None and not box.is_gone:
        world.start(box)
        world.mesh_says(box.id, is_reachable=True)


def blackout(world: World, _: Box) -> None:
    """All end at once."""
    for box in world.boxes.values():
        restart(world, box)


def cut(world: World, box: Box) -> None:
    """A box is cut off from some others for a while, or only one way."""
    random = world.random
    others = [node for node in world.boxes if node != box.id]
    some = random.sample(others, random.randrange(1, len(others) + 1))
    way = random.randrange(3)
    pairs = {(box.id, node) for node in some if way != 1} | {
        (node, box.id) for node in some if way != 0
    }
    world.fired["cut" if way == 2 else "cut one way"] += 1
    world.cuts |= pairs
    if way == 2:
        world.mesh_says(box.id, is_reachable=False)

    def heal() -> None:
        world.cuts -= pairs
        world.mesh_says(box.id, is_reachable=True)

    world.at(6.0 * random.random(), heal)


def is_lost(world: World, node: str, birth: int) -> bool:
    """Whether a seat's log will never be heard of again."""
    box = next(box for box in world.boxes.values() if box.id == node)
    return box.is_gone or box.kept.birth != birth or node in world.deaths


def may_lose(world: World, box: Box) -> bool:
    """Whether the group bears one more loss: it has the members that it should, all know it, and
    fewer are lost than may be.
    """
    at, members = world.members()
    seat = members.seat_of(box.id)
    if seat is None or seat.birth != box.kept.birth or len(members.seats) < 2:
        return False
    lost = sum(is_lost(world, one.node, one.birth) for one in members.seats)
    for one in members.seats:
        other = world.boxes[one.node]
        if not is_lost(world, *one) and (other.kept.committed < at or other.core is None):
            return False
    for other in world.boxes.values():
        if other.core is not None and other.core._ground.log.members_at > at:
            return False
    bearable = 1 if len(members.seats) == 2 else (len(members.seats) - 1) // 2
    return lost < bearable


def lose_disk(world: World, box: Box) -> None:
    """It ends and comes back with nothing."""
    if box.core is None or not may_lose(world, box):
        return
    world.fired["disk lost"] += 1
    world.end(box)
    box.kept = world.blank()
    world.at(3.0 * world.random.random(), partial(come_back, world, box, box.life))


def lose_box(world: World, box: Box) -> None:
    """It ends for ever, and some time after is declared dead and replaced."""
    if box.is_gone or not world.spares or not may_lose(world, box):
        return
    world.fired["gone for ever"] += 1
    if box.core is not None:
        world.end(box)
    box.is_gone = True
    world.mesh_says(box.id, is_reachable=False)
    world.at(4.0 * world.random.random(), partial(bury, world, box))


def bury(world: World, box: Box) -> None:
    """It is declared dead, and another shall take its place."""
    if box.id in world.deaths:
        return
    world.fired["declared dead"] += 1
    world.declare_dead(box.id)
    if box.id in world.wanted:
        others = tuple(node for node in world.wanted if node != box.id)
        world.fired["replaced"] += bool(world.spares)
        world.wanted = (*others, world.spares.pop(0)) if world.spares else others


def fence(world: World, box: Box) -> None:
    """It is declared dead though it lives: of two that must not be, for it may be read."""
    if box.is_gone or not world.spares or len(world.members()[1].seats) < 4:
        return
    if may_lose(world, box):
        world.fired["fenced alive"] += 1
        bury(world, box)


def fill(world: World, box: Box) -> None:
    """Its disk takes nothing for a while."""
    box.is_full = True
    world.fired["disk refuses"] += 1

    def free() -> None:
        box.is_full = False

    world.at(3.0 * world.random.random(), free)


def slow(world: World, box: Box) -> None:
    """Its disk is slow for a while."""
    box.is_slow = True
    world.fired["slow disk"] += 1

    def hurry() -> None:
        box.is_slow = False

    world.at(4.0 * world.random.random(), hurry)


def jump(world: World, box: Box) -> None:
    """Its clock jumps ahead."""
    box.offset += 20.0 * world.random.random()
    world.fired["clock jumps"] += 1


def mistake(world: World, box: Box) -> None:
    """The mesh takes it for unreachable for a moment."""
    world.fired["wrongly unreachable"] += 1
    world.mesh_says(box.id, is_reachable=False)
    world.at(1.0 * world.random.random(), partial(world.mesh_says, box.id, is_reachable=True))


_KINDS: dict[str, Callable[[World, Box], None]] = {
    "restart": restart, "cut": cut, "lose_disk": lose_disk, "lose_box": lose_box, "fill": fill,
    "slow": slow, "jump": jump, "mistake": mistake, "blackout": blackout, "fence": fence,
}  # fmt: skip
