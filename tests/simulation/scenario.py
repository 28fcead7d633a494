"""One run: faults first, then quiet; what must hold is checked all along and at the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.simulation.checks import are_equal, is_safe
from tests.simulation.faults import STALL_S, forge, lie, one_fault
from tests.simulation.happenings import Send
from tests.simulation.world import World, check

from cantor.base.errors import CantorError
from cantor.base.ids import BROADCAST, NodeId
from cantor.mesh.events import LocalFact
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from cantor.mesh.settings import MeshSettings

DEATH_SEEN_WITHIN_S = 2.0
EQUAL_WITHIN_S = 5.0
FORM_S = 3.0
QUIET_S = 1.5
TURNS_MAX = 4
SETTLED_WITHIN_S = 20.0
FAULTS_S = 8.0
STEP_S = 0.5
TTL = 255


@dataclass(slots=True)
class Outcome:
    """What a run gave: the digest of all that happened, how often each fault fired, and times."""

    digest: str
    fired: Counter[str]
    equal_after_s: float
    death_seen_s: float
    sent: Counter[str] = field(default_factory=Counter)


def simulate(nodes: int, seed: int, *, settings: MeshSettings | None = None) -> Outcome:
    """One run; raises CantorError where something that must hold does not."""
    world = World(nodes, seed, settings=settings)
    world.run(FORM_S)
    go_wrong(world)
    equal_after_s = come_together(world)
    deliver_all(world)
    _stands_still(world)
    death_seen_s = _death_is_seen(world)
    is_safe(world)
    return Outcome(world.digest, world.fired, equal_after_s, death_seen_s, world.sent)


def go_wrong(world: World) -> None:
    """Let one thing after another go wrong for some seconds."""
    forger, liar = world.ids[0], world.ids[1]
    world.forgers.add(forger)
    until = world.now + FAULTS_S
    while world.now < until:
        one_fault(world)
        forge(world, forger)
        if world.faults.random() < 0.2:
            lie(world, liar)
        for number in range(3):
            source, target = world.traffic.sample(world.ids, 2)
            if source in world.boxes:
                send(world, source, target, int(world.now * 100) * 3 + number)
                world.post(0.0, source, LocalFact("node", {"at": world.now}))
        world.run(world.now + STEP_S)
        is_safe(world)


def come_together(world: World) -> float:
    """Let all faults end; how long it takes until every ledger is equal."""
    world.heal()
    world.forgers.clear()
    for node in world.ids:
        if node not in world.boxes:
            world.start(node)
    return await_equal(world, "the ledgers differ 5 s after healing")


def await_equal(world: World, what: str) -> float:
    """Wait until every ledger is equal; the time that it took."""
    began = world.now
    while not are_equal(world):
        check(world.now - began < EQUAL_WITHIN_S, what)
        world.run(world.now + 0.1)
        is_safe(world)
    return world.now - began


def send(world: World, source: NodeId, target: NodeId, number: int) -> int:
    """Let a node send a frame; its message id."""
    message = world.lives[source] << 32 | number
    frame = DataFrame(Kind.DATA, source, target, message_id=message, ttl=TTL)
    world.post(0.0, source, Send(frame))
    return message


def deliver_all(world: World) -> None:
    """While routes stay, every frame arrives exactly once, a broadcast at every other node."""
    for turn in range(1, TURNS_MAX + 1):
        _await_quiet(world)
        sent_at = world.now
        caller = world.traffic.choice(world.ids)
        first = turn * 2**28
        message = send(world, caller, BROADCAST, first + len(world.ids))
        expected = [(node, caller, message) for node in world.ids if node != caller]
        for number, source in enumerate(world.ids):
            target = world.traffic.choice([node for node in world.ids if node != source])
            expected.append((target, source, send(world, source, target, first + number)))
        world.run(world.now + 1.5)
        is_safe(world)
        lost = [entry for entry in expected if world.delivered[entry] != 1]
        if not lost:
            return
        check(world.routes_changed_at >= sent_at, f"a frame was lost in quiet: to {lost[0]}")
    raise CantorError("routes do not stay while frames are on their way")


def _await_quiet(world: World) -> None:
    until = world.now + SETTLED_WITHIN_S
    while world.now - world.routes_changed_at < QUIET_S:
        check(world.now < until, "routes do not settle in quiet")
        world.run(world.now + 0.25)


def _stands_still(world: World) -> None:
    """A node that does nothing for two seconds takes nobody for dead after that."""
    sleeper = world.faults.choice(world.ids)
    world.dead_seen.clear()
    world.stalled[sleeper] = world.now + STALL_S
    world.run(world.now + STALL_S + 2.0)
    check(not world.dead_seen, "a node was taken for dead because one stood still")
    await_equal(world, "the ledgers differ after a node stood still")


def _death_is_seen(world: World) -> float:
    """A node falls silent; how long it takes until every other knows."""
    victim = world.faults.choice(world.ids)
    world.dead_seen.clear()
    began = world.now
    world.network.cut((victim, other) for other in world.ids if other != victim)
    world.run(began + DEATH_SEEN_WITHIN_S)
    seen = world.dead_seen.get(victim, {})
    check(set(seen) >= set(world.ids) - {victim}, "a death was not seen by all in time")
    check(
        {dead for dead in world.dead_seen if dead != victim} <= set(world.ids),
        "somebody unknown died",
    )
    return max(at for node, at in seen.items() if node != victim) - began
