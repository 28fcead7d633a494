"""Run the simulated mesh by seed: faults first, then quiet, with invariants checked all along.

Run: python -m tests.simulation.run --nodes 50 --seeds 20 --report build/simulation.json
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.simulation.world import FORGED, TTL, Send, World, check, node_sign

from cantor.base.errors import CantorError
from cantor.base.ids import BROADCAST, NodeId
from cantor.ledger.facts import Fact, pack_facts
from cantor.mesh.events import LocalFact, Received
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from random import Random

DEATH_SEEN_WITHIN_S = 2.0
SAFETY_S = 10.0
LIVENESS_S = 20.0
FAULTS = (
    "crash",
    "restart",
    "amnesia",
    "partition",
    "link cut",
    "flap",
    "heal",
    "forgery",
    "replay",
    "lost in flight",
    "duplicated",
)


def simulate(nodes: int, seed: int) -> tuple[str, Counter[str]]:
    """One run: faults, then healing; return its digest and how often each fault fired."""
    world = World(nodes, seed)
    world.run(3.0)
    forger = world.ids[0]
    world.forgers.add(forger)
    while world.now < 3.0 + SAFETY_S:
        _one_fault(world)
        _forge(world, forger)
        source, target = world.traffic.sample(world.ids, 2)
        if source in world.cores:
            _send(world, source, target, int(world.now * 100))
            world.post(0.0, source, LocalFact("node", {"at": world.now}))
        world.run(world.now + 0.7)
        _is_safe(world)
    world.cut.clear()
    world.forgers.clear()
    for node in world.ids:
        if node not in world.cores:
            world.start(node)
    world.run(world.now + LIVENESS_S)
    ledgers = [list(world.cores[node].ledger.all_facts()) for node in world.ids]
    check(all(ledger == ledgers[0] for ledger in ledgers), "the ledgers differ after healing")
    check(all(len(core.alive) == nodes - 1 for core in world.cores.values()), "a node is missing")
    deliver_all(world)
    _death_is_seen(world, world.faults)
    return world.digest, world.fired


def _send(world: World, source: NodeId, target: NodeId, number: int) -> int:
    message = world.lives[source] << 32 | number
    frame = DataFrame(Kind.DATA, source, target, message_id=message, ttl=TTL)
    world.post(0.0, source, Send(frame))
    return message


def _is_safe(world: World) -> None:
    check(len(world.delivered) == len(set(world.delivered)), "a frame was delivered twice")
    for core in world.cores.values():
        for fact in core.ledger.all_facts():
            check(fact.name != FORGED, "a forged fact was taken")


def deliver_all(world: World) -> None:
    """In a quiet network every frame arrives exactly once, a broadcast at every other node."""
    caller = world.traffic.choice(world.ids)
    message = _send(world, caller, BROADCAST, 2**31 + len(world.ids))
    expected = [(node, caller, message) for node in world.ids if node != caller]
    for number, source in enumerate(world.ids):
        target = world.traffic.choice([node for node in world.ids if node != source])
        expected.append((target, source, _send(world, source, target, 2**31 + number)))
    world.run(world.now + 2.0)
    counts = Counter(world.delivered)
    _is_safe(world)
    check(all(counts[entry] == 1 for entry in expected), "a frame in a quiet network was lost")


def _forge(world: World, forger: NodeId) -> None:
    """A node that holds a sound key floods facts in another's name and repeats old ones."""
    if forger not in world.cores:
        return
    victim = world.faults.choice(world.ids[1:])
    fact = Fact(victim, FORGED, 1, 1000, int(world.now * 1000) << 16)
    data = pack_facts([fact])
    body = (data, node_sign(forger)(data), b"")
    frame = DataFrame(Kind.FACTS, forger, victim, ttl=1, headers={"owners": [victim]}, body=body)
    replays = world.heard[:1] + world.heard[-2:]
    world.heard = world.heard[-100:]
    for pair, _ in sorted(world.open, key=lambda key: (sorted(key[0]), key[1])):
        if forger in pair:
            (peer,) = pair - {forger}
            for old in replays:
                world.fired["replay"] += 1
                world.post(0.02, peer, Received(forger, old))
            world.fired["forgery"] += 1
            world.post(0.03, peer, Received(forger, frame))


def _one_fault(world: World) -> None:
    faults = world.faults
    node, kind = faults.choice(world.ids), faults.randrange(6)
    dead = [other for other in world.ids if other not in world.cores]
    match kind:
        case 0 if node in world.cores:
            world.fired["crash"] += 1
            world.stop(node)
        case 1 if dead:
            node = faults.choice(dead)
            remembers = faults.random() < 0.5
            world.fired["restart" if remembers else "amnesia"] += 1
            world.start(node, remembers=remembers)
        case 2:
            world.fired["partition"] += 1
            side = set(faults.sample(world.ids, len(world.ids) // 2))
            world.cut = {frozenset((a, b)) for a in side for b in world.ids if b not in side}
        case 3 if world.open:
            world.fired["link cut"] += 1
            world.cut.add(faults.choice(sorted({key[0] for key in world.open}, key=sorted)))
        case 4:
            for _ in range(3):
                world.fired["flap"] += 1
                world.break_one(faults)
                world.run(world.now + 0.05)
        case _:
            world.fired["heal"] += 1
            world.cut.clear()


def _death_is_seen(world: World, faults: Random) -> None:
    victim = faults.choice(world.ids)
    world.dead_seen.clear()
    world.cut = {frozenset((victim, other)) for other in world.ids if other != victim}
    world.run(world.now + DEATH_SEEN_WITHIN_S)
    others = set(world.ids) - {victim}
    check(set(world.dead_seen.get(victim, {})) >= others, "a death was not seen by all in time")


def main() -> int:
    """Run many seeds; print the command that repeats the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--seed", type=int, help="run this one only")
    parser.add_argument("--report", type=Path, help="write the figures there as JSON")
    options = parser.parse_args()
    seeds = range(options.seeds) if options.seed is None else [options.seed]
    fired: Counter[str] = Counter(dict.fromkeys(FAULTS, 0))
    digests: dict[str, str] = {}
    failure, began = "", time.monotonic()
    for seed in seeds:
        try:
            digests[str(seed)], happened = simulate(options.nodes, seed)
        except CantorError as error:
            again = f"python -m tests.simulation.run --nodes {options.nodes} --seed {seed}"
            failure = f"{error}\nrepeat: {again}"
            print(failure)
            break
        fired += Counter(happened)
        print(f"seed {seed}: {digests[str(seed)]}")
    if options.report is not None:
        figures = {
            "nodes": options.nodes,
            "seconds": round(time.monotonic() - began, 3),
            "digests": digests,
            "faults": {name: fired[name] for name in FAULTS},
            "failure": failure,
        }
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
