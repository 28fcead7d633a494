"""Whose tasks workers take next: by shares, limits and priorities; what is lent comes back."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.ids import NodeId
from cantor.scheduling.shares.accounts import Accounts
from cantor.scheduling.shares.order import AGING_S, FairOrder
from cantor.scheduling.shares.reclaim import GRACE_S, TENURE_S
from cantor.scheduling.shares.terms import Terms
from cantor.scheduling.shares.turns import SLOW_S, WORKER, Turns
from cantor.scheduling.shares.uses import Told, Use, told_from_value

ME, OTHER = NodeId("a" * 32), NodeId("b" * 32)
TERMS = {
    "vision": Terms(3),
    "lab": Terms(1),
    "first": Terms(1, priority=1),
    "small": Terms(1, limits={WORKER: 1}),
}


class Node:
    """The workers of one node, and a clock."""

    def __init__(self, workers: int, me: NodeId = ME, pool: int = 0) -> None:
        self.now = 0.0
        self.accounts = Accounts(TERMS.__getitem__, 0.0)
        self.accounts.totals = {WORKER: pool or workers}
        order = FairOrder(me, self.accounts, lambda _, project: project)
        self.turns: Turns[str] = Turns(me, self.accounts, order, workers)
        self.count = Counter[str]()
        self.running: list[str] = []

    def put(self, project: str, count: int = 1, priority: int = 1, **terms: bool) -> None:
        for _ in range(count):
            self.count[project] += 1
            task = f"{project} {self.count[project]}"
            may = {"may_reclaim": True, **terms}
            self.turns.put(task, project, priority, self.now, **may)

    def give(self) -> list[str]:
        """What begins now."""
        begun = []
        while (task := self.turns.next(self.now)) is not None:
            begun.append(task)
        self.running += begun
        return begun

    def end(self, task: str, *, is_done: bool = True) -> None:
        self.running.remove(task)
        self.turns.ended(task, self.now, is_done=is_done)

    def back(self) -> list[tuple[str, str]]:
        """What is ended for others."""
        found = self.turns.wanted_back(self.now)
        for task, _ in found:
            self.end(task, is_done=False)
        return found

    def projects(self) -> Counter[str]:
        return Counter(task.split()[0] for task in self.running)


def test_one_project_alone_goes_by_priority_then_in_order() -> None:
    node = Node(2)
    node.put("lab", 2)
    node.put("lab", priority=0)
    assert node.give() == ["lab 3", "lab 1"]
    node.end("lab 3")
    assert node.give() == ["lab 2"]


def test_three_to_one_over_time_whoever_came_first() -> None:
    node = Node(4)
    node.put("lab", 400)
    node.give()
    node.put("vision", 400)
    had: Counter[str] = Counter()
    for step in range(1, 400):
        node.now = step * 0.1
        node.end(node.running[0])
        node.give()
        assert len(node.running) == 4
        if node.now > 10:
            had += node.projects()
    assert abs(had["vision"] / had.total() - 0.75) < 0.01


def test_who_was_idle_has_not_saved_up() -> None:
    node = Node(4)
    node.put("vision", 1)
    node.put("lab", 400)
    node.give()
    node.now = 0.1
    node.end("vision 1")  # vision has no work from now on
    for step in range(2, 300):
        node.now = step * 0.1
        node.end(node.running[0])
        node.give()
    node.put("vision", 400)
    had: Counter[str] = Counter()
    for step in range(300, 350):
        node.now = step * 0.1
        node.end(node.running[0])
        node.give()
        had += node.projects()
    assert 0.5 < had["vision"] / had.total() < 0.8


def test_a_higher_priority_goes_first_but_nobody_waits_for_ever() -> None:
    node = Node(1)
    node.put("lab")
    node.now = 1.0
    node.put("first", 3)
    assert node.give() == ["first 1"]
    node.now = AGING_S + 1
    node.end("first 1")
    assert node.give() == ["lab 1"]


def test_a_limit_is_not_passed_and_stands_in_nobodys_way() -> None:
    node = Node(3, pool=6)
    node.put("small", 3)
    node.put("lab", 1)
    assert sorted(node.give()) == ["lab 1", "small 1"]
    node.end("small 1")
    used_elsewhere = Told(1, {"small": Use(held={WORKER: 1})})
    node.accounts.told(OTHER, used_elsewhere, node.now)
    assert node.give() == []
    node.accounts.told(OTHER, None, node.now)
    assert node.give() == ["small 2"]


def test_small_tasks_are_given_ahead_until_one_is_slow() -> None:
    node = Node(1)
    node.put("lab", 100)
    for step in range(10):
        node.now = step * 0.001
        node.give()
        node.end(node.running[0])
    assert len(node.running) > 5
    node.now += 2 * SLOW_S
    node.end(node.running[0])
    assert node.give() == []


def test_tasks_that_were_called_off_do_not_count_as_small() -> None:
    node = Node(1)
    node.put("lab", 100)
    for _ in range(20):
        node.give()
        node.end(node.running[0], is_done=False)
    assert len(node.give()) == 1


def test_what_is_lent_comes_back_after_a_grace_the_youngest_first_and_no_more() -> None:
    node = Node(4)
    for _ in range(4):
        node.put("lab")
        node.give()
        node.now += 1.0
    node.put("vision", 4)
    node.now += GRACE_S - 0.1
    assert node.back() == []
    node.now += 0.1
    assert node.back() == [("lab 4", "vision"), ("lab 3", "vision"), ("lab 2", "vision")]
    assert node.give() == ["vision 1", "vision 2", "vision 3"]
    node.now += 10 * GRACE_S
    assert node.back() == []
    assert node.accounts.own["lab"].moved == {}


def test_what_runs_once_and_what_was_granted_is_not_taken_back() -> None:
    node = Node(2)
    node.put("lab", 2, may_reclaim=False)
    node.give()
    node.turns.begun("granted", "lab", node.now)
    node.put("vision", 2)
    node.now = 100.0
    assert node.back() == []
    node.running.append("granted")
    node.end("granted")
    node.turns.settle(node.now)
    assert node.accounts.held("lab") == {WORKER: 2}


def test_a_project_whose_share_is_less_than_a_worker_has_its_turn() -> None:
    node = Node(1)
    node.put("vision", 2)
    node.give()
    node.put("lab")
    node.now = TENURE_S - 1
    assert node.back() == []
    node.now = TENURE_S
    assert node.back() == [("vision 1", "lab")]
    assert node.give() == ["lab 1"]


@pytest.mark.parametrize("first", [ME, OTHER])
def test_two_nodes_take_back_together_what_is_owed(first: NodeId) -> None:
    nodes = {ME: Node(1, ME, 5), OTHER: Node(4, OTHER, 5)}
    order = [first, *({ME, OTHER} - {first})]

    def tell() -> None:
        for one, node in nodes.items():
            node.turns.settle(node.now)
            told = told_from_value(node.accounts.own_told(1, node.now).as_value())
            for other in nodes.keys() - {one}:
                nodes[other].accounts.told(one, told, node.now)

    for node, count in zip(nodes.values(), (1, 4), strict=True):
        node.put("lab", count)
        node.give()
        node.put("vision", count)
    for node in nodes.values():
        node.now = GRACE_S
    tell()
    had: Counter[str] = Counter()
    for one in order:
        nodes[one].back()
        nodes[one].give()
        had += nodes[one].projects()
        tell()
    assert had == {"vision": 3, "lab": 2}


@given(st.data())
def test_whatever_happens_workers_are_used_and_the_accounts_agree(data: st.DataObject) -> None:
    node = Node(3)
    for _ in range(data.draw(st.integers(1, 60))):
        node.now += data.draw(st.floats(0.0, 5.0))
        match data.draw(st.integers(0, 3)):
            case 0:
                project = data.draw(st.sampled_from(sorted(TERMS)))
                node.put(project, data.draw(st.integers(1, 3)), data.draw(st.integers(0, 2)))
            case 1 if node.running:
                node.end(data.draw(st.sampled_from(node.running)))
            case 2:
                node.back()
            case _:
                waiting = sorted(node.turns._lined)
                if waiting:
                    node.turns.ended(waiting[0], node.now)
        node.give()
        node.turns.settle(node.now)
        waiting = [project for project, _ in node.turns._lined.values()]
        assert node.projects()["small"] <= 1
        if set(waiting) - {"small"}:
            assert len(node.running) >= 3
        for project in TERMS:
            assert node.accounts.held(project).get(WORKER, 0) == node.projects()[project]
            assert node.accounts.waiting(project).get(WORKER, 0) == waiting.count(project)
        assert all(not use.moved for use in node.accounts.own.values())
