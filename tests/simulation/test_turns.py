"""Tasks in step on the workers of nodes that hear of each other late: projects have their shares.

Small tasks that take equally long begin and end together on all nodes. Whoever then looks at what
the others ran some tenths of a second ago turns to the same project as they do.
"""

from __future__ import annotations

import heapq
import itertools
import random
from functools import partial
from typing import TYPE_CHECKING

import pytest

from cantor.base.ids import NodeId
from cantor.scheduling.shares.accounts import Accounts
from cantor.scheduling.shares.order import FairOrder
from cantor.scheduling.shares.terms import Terms
from cantor.scheduling.shares.turns import WORKER, Turns
from cantor.scheduling.shares.uses import told_from_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.scheduling.shares.uses import Told

pytestmark = pytest.mark.simulation

NODES, WORKERS, WAITING = 10, 2, 3
TERMS = {"vision": Terms(3), "lab": Terms(1)}
TELL_S, LATE_S = 0.35, 0.1
ALONE_S, BOTH_S, WINDOW_S = 5.0, 30.0, 5.0
OFF_MAX = 0.05

Task = tuple[str, int]


class Node:
    """One with workers, whose accounts hear of the others."""

    def __init__(self, number: int) -> None:
        self.id = NodeId(f"{number:032x}")
        self.accounts = Accounts(TERMS.__getitem__, 0.0)
        self.accounts.totals = {WORKER: NODES * WORKERS}
        order = FairOrder(self.id, self.accounts, lambda _, project: project)
        self.turns: Turns[Task] = Turns(self.id, self.accounts, order, WORKERS)
        self.waiting = dict.fromkeys(TERMS, 0)


class World:
    """Ten of them and a clock; ``parts`` tells what part of the work was the small project's."""

    def __init__(self, seed: int, task_s: float) -> None:
        self.random = random.Random(seed)  # noqa: S311 (repeatable)
        self.task_s = task_s
        self.nodes = [Node(number) for number in range(NODES)]
        self.wanting: set[str] = set()
        self.spans: list[tuple[str, float, float]] = []
        self.tasks = itertools.count()
        self.due: list[tuple[float, int, Callable[[], None]]] = []
        self.now = 0.0
        for node in self.nodes:
            self.after(TELL_S * self.random.random(), partial(self.tell, node))
        for project, at_s in (("vision", 0.0), ("lab", ALONE_S)):
            self.after(at_s, partial(self.come, project))

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        heapq.heappush(self.due, (self.now + seconds, next(self.tasks), do))

    def run(self) -> list[float]:
        while self.due[0][0] < ALONE_S + BOTH_S:
            self.now, _, do = heapq.heappop(self.due)
            do()
        starts = itertools.takewhile(
            lambda at_s: at_s + WINDOW_S <= ALONE_S + BOTH_S, itertools.count(ALONE_S, 0.5)
        )
        return [self.part(at_s) for at_s in starts]

    def part(self, start: float) -> float:
        had = dict.fromkeys(TERMS, 0.0)
        for project, began, ended in self.spans:
            had[project] += max(0.0, min(ended, start + WINDOW_S) - max(began, start))
        return had["lab"] / sum(had.values())

    def come(self, project: str) -> None:
        self.wanting.add(project)
        for node in self.nodes:
            self.feed(node)

    def feed(self, node: Node) -> None:
        for project in sorted(self.wanting):
            for _ in range(WAITING - node.waiting[project]):
                task = project, next(self.tasks)
                node.turns.put(task, project, 0, self.now, may_reclaim=False)
                node.waiting[project] += 1
        while (next_one := node.turns.next(self.now)) is not None:
            self.begin(node, next_one)

    def begin(self, node: Node, task: Task) -> None:
        node.waiting[task[0]] -= 1
        took_s = self.task_s + 0.01 * self.random.random()
        self.spans.append((task[0], self.now, self.now + took_s))
        self.after(took_s, partial(self.end, node, task))

    def end(self, node: Node, task: Task) -> None:
        node.turns.ended(task, self.now)
        self.feed(node)

    def tell(self, node: Node) -> None:
        node.turns.settle(self.now)
        told = told_from_value(node.accounts.own_told(1, self.now).as_value())
        for other in self.nodes:
            if other is not node:
                late_s = LATE_S * (0.3 + self.random.random())
                self.after(late_s, partial(self.hear, other, node.id, told))
        self.after(TELL_S, partial(self.tell, node))

    def hear(self, node: Node, source: NodeId, told: Told) -> None:
        node.accounts.told(source, told, self.now)


@pytest.mark.parametrize("task_s", [0.1, 0.5, 2.0])
@pytest.mark.parametrize("seed", range(2))
def test_each_project_has_its_share_from_the_first_window_on(seed: int, task_s: float) -> None:
    parts = World(seed, task_s).run()

    assert len(parts) > 50
    assert max(abs(part - 0.25) for part in parts) < OFF_MAX + 1 / (
        NODES * WORKERS * WINDOW_S / task_s
    )


def test_looking_at_what_others_ran_a_while_ago_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = FairOrder.turn

    def looking_around(
        order: FairOrder, project: str, since_s: float, now: float, _: float
    ) -> object:
        return turn(order, project, since_s, now)

    monkeypatch.setattr(FairOrder, "turn", looking_around)
    parts = World(0, 0.5).run()

    assert max(abs(part - 0.25) for part in parts) > OFF_MAX
