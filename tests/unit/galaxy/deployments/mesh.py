"""A mesh of facts in memory: nodes that hear of each other late, die, return, and lose sight.

Nothing but :func:`galaxy.deployments.keeper.reconcile` decides here. Everything follows from the
seed.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from cantor.ledger.facts import Fact
from cantor.node.view import NodeView
from galaxy.deployments import keeper
from galaxy.deployments.facts import Facts, Memory
from galaxy.deployments.records import Able, Deployment, GroupRun

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cantor.wire.frame import Value

DELAY_TICKS_MAX = 6
SETTLE_TICKS = 8
QUIET_TICKS = 12
TICKS_MAX = 600
TYPES = {"camera": "USBCamera == 1", "detect": "", "sink": ""}


def node_id(number: int) -> NodeId:
    return NodeId(f"{number:032x}")


def chain(name: str = "chain", detect: str = "GPU = 1") -> dict[str, object]:
    """camera → detect → sink, each a group of its own."""
    return {
        "name": name,
        "filters": {
            "camera": {"type": "camera"},
            "detect": {"type": "detect", "needs": detect},
            "sink": {"type": "sink"},
        },
        "connections": [
            {"from": "camera.image", "to": "detect.image", "kind": "weak"},
            {"from": "detect.image", "to": "sink.frame", "kind": "weak"},
        ],
    }


@dataclass
class Box:
    """One node: its ledger, what it sees alive, and the runs of its present life."""

    id: NodeId
    resources: tuple[Resource, ...]
    hlc: int = 0
    ledger: dict[tuple[NodeId, str], Fact] = field(default_factory=dict)
    sees: dict[NodeId, int] = field(default_factory=dict)
    """Other nodes, with the tick at which it will notice that they are there or gone."""
    alive: set[NodeId] = field(default_factory=set)
    runs: dict[str, dict[str, GroupRun]] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    started_at: int = 0


class Mesh:
    """Boxes and the facts under way. ``fired`` counts what each fault has done."""

    def __init__(self, seed: int, boxes: Iterable[tuple[Resource, ...]]) -> None:
        self.random = random.Random(seed)  # noqa: S311 (a simulation, not a secret)
        self.tick = 0
        self.fired: Counter[str] = Counter()
        self.published: Counter[str] = Counter()
        self.dead: set[NodeId] = set()
        self.side: dict[NodeId, int] = {}
        self.starts: list[tuple[NodeId, str, int, str, int]] = []
        self.boxes: dict[NodeId, Box] = {}
        self._under_way: list[tuple[int, int, NodeId, NodeId, Fact]] = []
        self._sent = 0
        for number, resources in enumerate(boxes):
            box = Box(node_id(number + 1), resources)
            self.boxes[box.id] = box
            self.side[box.id] = 0
        for box in self.boxes.values():
            self._begin(box)
        self._notice()

    # What people do

    def deploy(self, at: NodeId, identity: str, document: Mapping[str, object]) -> None:
        deployment = Deployment(identity, document, created_at=float(self.tick))
        self._publish(self.boxes[at], deployment.fact, deployment.as_value())

    def want(self, at: NodeId, identity: str, wanted: str) -> bool:
        """Change it from the copy that this box holds; False if it knows none."""
        held = self.look(self.boxes[at]).held.get(identity)
        if held is None or wanted not in ("running", "stopped", "removed"):
            return False
        if held.deployment.wanted in ("removed", wanted):
            return False
        changed = held.deployment.with_wanted(wanted, float(self.tick))  # type: ignore[arg-type] # one of three
        self._publish(self.boxes[at], changed.fact, changed.as_value())
        return True

    def finish(self, node: NodeId, identity: str, leader: str, state: str = "finished") -> None:
        run = self.boxes[node].runs[identity][leader]
        self.boxes[node].runs[identity][leader] = GroupRun.of(leader, run.epoch, state)
        self.fired[state] += 1

    # Faults

    def kill(self, node: NodeId) -> None:
        self.fired["kill"] += 1
        self.fired["kill of runs"] += any(self.running(node).values())
        self.dead.add(node)
        self._notice()

    def restart(self, node: NodeId) -> None:
        """Back with what it had kept: its own lasting facts, and nothing of others."""
        self.fired["return"] += 1
        self.dead.discard(node)
        box = self.boxes[node]
        for runs in box.runs.values():
            self.fired["return to lost runs"] += any(run.goes_on for run in runs.values())
        box.ledger = {key: fact for key, fact in box.ledger.items() if key[0] == node}
        box.runs, box.revisions, box.memory = {}, {}, Memory()
        self._begin(box)
        self._notice()

    def part(self, sides: Mapping[NodeId, int]) -> None:
        self.fired["partition"] += len(set(sides.values())) > 1
        self.side.update(sides)
        self._notice()

    def heal(self) -> None:
        self.fired["heal"] += len(set(self.side.values())) > 1
        self.side = dict.fromkeys(self.boxes, 0)
        self._notice()

    def change_resources(self, node: NodeId, resources: tuple[Resource, ...]) -> None:
        self.fired["resources"] += resources != self.boxes[node].resources
        self.boxes[node].resources = resources
        self._say_itself(self.boxes[node])

    # Time

    def step(self) -> int:
        """One tick; returns how many facts were published in it."""
        before = self.published.total()
        self.tick += 1
        due = sorted(row for row in self._under_way if row[0] <= self.tick)
        self._under_way = [row for row in self._under_way if row[0] > self.tick]
        for _, _, source, target, fact in due:
            if not self.linked(source, target):
                self.fired["lost"] += 1
            elif self._merge(self.boxes[target], fact):
                self._flood(target, fact)
        for box in self.living():
            for other, at in list(box.sees.items()):
                if at <= self.tick:
                    del box.sees[other]
                    self._see(box, other)
        for box in self.living():
            self._act(box)
        return self.published.total() - before

    def settle(self) -> None:
        """Go on until nothing is published or under way for a while."""
        quiet = 0
        for _ in range(TICKS_MAX):
            published = self.step()
            busy = published or self._under_way or any(box.sees for box in self.living())
            quiet = 0 if busy else quiet + 1
            if quiet >= QUIET_TICKS + SETTLE_TICKS:
                return
        raise AssertionError(f"no rest after {TICKS_MAX} ticks: {self.published.most_common(5)}")

    # Looking

    def living(self) -> list[Box]:
        return [box for box in self.boxes.values() if box.id not in self.dead]

    def linked(self, one: NodeId, other: NodeId) -> bool:
        return not {one, other} & self.dead and self.side[one] == self.side[other]

    def sides(self) -> list[list[Box]]:
        found: dict[int, list[Box]] = {}
        for box in self.living():
            found.setdefault(self.side[box.id], []).append(box)
        return list(found.values())

    def look(self, box: Box) -> Facts:
        views = [
            NodeView(owner, f"box-{owner[-2:]}", owner in box.alive, "1", {}, (), resources, ())
            for owner, resources in sorted(self._resources_known(box).items())
        ]
        facts = [box.ledger[key] for key in sorted(box.ledger)]
        return Facts.read(facts, views, box.alive, box.memory)

    def running(self, node: NodeId) -> dict[str, dict[str, int]]:
        """The runs that go on here now: epoch by deployment and leader."""
        return {
            identity: {run.leader: run.epoch for run in runs.values() if run.goes_on}
            for identity, runs in self.boxes[node].runs.items()
        }

    # How a box works

    def _resources_known(self, box: Box) -> dict[NodeId, tuple[Resource, ...]]:
        return {
            owner: tuple(
                Resource(str(row["name"]), row["kind"], row["value"])  # type: ignore[index,call-overload,arg-type] # as _say_itself wrote it
                for row in fact.value  # type: ignore[union-attr] # the same
            )
            for (owner, name), fact in box.ledger.items()
            if name == "resources"
        }

    def _begin(self, box: Box) -> None:
        box.started_at = self.tick
        box.alive, box.sees = {box.id}, {}
        self._say_itself(box)
        self._publish(box, "galaxy", Able(TYPES).as_value())

    def _say_itself(self, box: Box) -> None:
        rows: list[Value] = [
            {"name": one.name, "kind": one.kind, "value": one.value} for one in box.resources
        ]
        self._publish(box, "resources", rows)

    def _notice(self) -> None:
        """Each box notices each change after a time of its own."""
        for box in self.living():
            for other in self.boxes:
                if other != box.id and self.linked(box.id, other) != (other in box.alive):
                    delay = self.random.randint(1, DELAY_TICKS_MAX)
                    box.sees.setdefault(other, self.tick + delay)

    def _see(self, box: Box, other: NodeId) -> None:
        if not self.linked(box.id, other):
            box.alive.discard(other)
            return
        box.alive.add(other)
        for fact in self.boxes[other].ledger.values():  # a new neighbour tells all that it knows
            self._post(other, box.id, fact)

    def _act(self, box: Box) -> None:
        facts = self.look(box)
        settled = self.tick - box.started_at >= SETTLE_TICKS
        decision = keeper.reconcile(facts, box.id, float(self.tick), may_keep=settled)
        for name, value in decision.publish.items():
            self._publish(box, name, value)
        for identity in [identity for identity in box.runs if identity not in decision.runs]:
            del box.runs[identity]
        for identity, local in decision.runs.items():
            self._apply(box, identity, local)

    def _apply(self, box: Box, identity: str, local: keeper.LocalRun) -> None:
        """What the service does: start, go on, stop, and say how each group is."""
        revision = local.deployment.revision
        if box.revisions.get(identity) != revision:
            box.revisions[identity] = revision
            box.runs.pop(identity, None)
        if identity not in box.runs:
            box.runs[identity] = {name: run.ended() for name, run in local.past.items()}
        runs = box.runs[identity]
        for leader, run in list(runs.items()):
            if run.state == "starting" and self.random.random() < 0.5:
                runs[leader] = GroupRun.of(leader, run.epoch, "running")
            if leader not in local.groups:
                runs[leader] = runs[leader].ended()
        for leader, epoch in local.groups.items():
            if leader not in runs or runs[leader].epoch != epoch:
                self.starts.append((box.id, identity, revision, leader, epoch))
                runs[leader] = GroupRun.of(leader, epoch, "starting")
        said = keeper.pack_runs(local.deployment, runs.values())
        known = box.ledger.get((box.id, keeper.run_fact(identity)))
        if runs and (known is None or known.value != said):
            self._publish(box, keeper.run_fact(identity), said)

    # How facts travel

    def _publish(self, box: Box, name: str, value: Value) -> None:
        box.hlc = max(box.hlc + 1, self.tick * 1000)
        self.published[name.partition("/")[0]] += 1
        fact = Fact(box.id, name, value, 1, box.hlc)
        box.ledger[(box.id, name)] = fact
        self._flood(box.id, fact)

    def _merge(self, box: Box, fact: Fact) -> bool:
        known = box.ledger.get((fact.owner, fact.name))
        if known is not None and known.stamp >= fact.stamp:
            self.fired["out of order"] += known.stamp > fact.stamp
            return False
        box.ledger[(fact.owner, fact.name)] = fact
        return True

    def _flood(self, source: NodeId, fact: Fact) -> None:
        for other in self.boxes:
            if other != source and self.linked(source, other):
                self._post(source, other, fact)

    def _post(self, source: NodeId, target: NodeId, fact: Fact) -> None:
        self._sent += 1
        at = self.tick + self.random.randint(1, DELAY_TICKS_MAX)
        self._under_way.append((at, self._sent, source, target, fact))
