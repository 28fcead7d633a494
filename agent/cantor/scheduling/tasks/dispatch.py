"""The submitter's side: which attempt of which task runs where, and whose result counts.

Only the node of the submitter begins attempts, one after the other, and only what its latest
attempt tells is the result. So it does not matter how late or how often others speak. A task that
may run once has one attempt: what becomes of it when its node is lost, nobody knows.

A node gets as many tasks of each project at once as it has workers, and more of them ahead if they
turn out to be small: whose turn it is there, the node decides. A task that another one waits for
goes out at once, for workers that wait make room there. One whose units are taken refuses; when all
have, the task waits at the best of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from cantor.scheduling.tasks import placing
from cantor.scheduling.tasks.pace import Pace
from cantor.scheduling.tasks.records import (
    Abort,
    Cancelled,
    Commit,
    Died,
    Dropped,
    Effect,
    Ended,
    GiveUp,
    Hosts,
    Refused,
    Run,
    Submitted,
    Tick,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.base.ids import NodeId
    from cantor.scheduling.tasks.records import Event, Host, Job, Why

SHARED = 2
"""So many tasks for each worker wait or run at a node while projects compete and more wait than all
nodes could run: whoever is owed the next worker must have one there, also if several end at once.
"""


@dataclass(slots=True)
class _Task:
    job: Job
    attempt: int = 0
    failed: int = 0
    """Attempts that count against its retries."""
    node: NodeId | None = None
    begun: float = 0.0
    is_parked: bool = False
    """It waits at a node for units."""
    refused: set[NodeId] = field(default_factory=set)
    """Nodes to be asked again only after all others: they are busy, or its worker died there."""


@dataclass(slots=True)
class _Kind:
    """Tasks that the same nodes can run, and these nodes."""

    waiting: list[tuple[int, int, _Task]] = field(default_factory=list)
    """By priority, then by order."""
    hosts: dict[NodeId, Host] | None = None


@dataclass(slots=True)
class _Room:
    """What nodes have of one project's tasks, and which of them may be given more."""

    running: dict[NodeId, int] = field(default_factory=dict)
    pace: dict[NodeId, Pace] = field(default_factory=dict)
    open: dict[NodeId, Host] = field(default_factory=dict)

    def has(self, host: Host, deep: int = 1) -> bool:
        pace, workers = self.pace.get(host.id), deep * host.workers
        room = workers if pace is None else pace.room(workers)
        return self.running.get(host.id, 0) < room

    def left(self, host: Host, task: _Task, now: float | None) -> None:
        """A node has one less; ``now``: it is done with it."""
        running = self.running[host.id]
        self.running[host.id] = running - 1
        if now is not None:
            pace = self.pace.setdefault(host.id, Pace())
            pace.ended(task.begun, now, min(host.workers, running))
        if self.has(host):
            self.open[host.id] = host


class Dispatch:
    """The tasks that were submitted at one node."""

    def __init__(self) -> None:
        self._hosts: dict[NodeId, Host] = {}
        self._others: tuple[tuple[Host, str], ...] = ()
        self._kinds: dict[tuple[str, str, bool, str], _Kind] = {}
        self._tasks: dict[int, _Task] = {}
        self._rooms: dict[str, _Room] = {}
        self._is_shared = False
        self._deadlines: list[tuple[float, int]] = []
        self._order = count()
        self._effects: list[Effect] = []

    @property
    def due(self) -> float:
        """When :class:`Tick` must be told next."""
        while self._deadlines and self._deadlines[0][1] not in self._tasks:
            heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else math.inf

    def counts(self, node: NodeId, task: int, attempt: int) -> bool:
        """Whether what a node says of an attempt concerns anybody."""
        known = self._tasks.get(task)
        return known is not None and known.node == node and known.attempt == attempt

    def where(self, task: int) -> tuple[NodeId | None, int]:
        """The node that has a task, if any, and which attempt that is."""
        known = self._tasks.get(task)
        return (None, 0) if known is None else (known.node, known.attempt)

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take note of what happened; what shall be done, in order."""
        effects: list[Effect] = []
        self._effects = effects
        match event:
            case Submitted(job):
                self._submitted(job)
            case Ended(node, task, attempt):
                self._ended(node, task, attempt, now)
            case Hosts(hosts, others, is_shared):
                self._is_shared = is_shared
                self._hosts_changed(hosts, others)
            case Died(node, task, attempt):
                self._died(node, task, attempt)
            case Refused():
                self._refused(event)
            case Dropped(node, task, attempt):
                self._dropped(node, task, attempt)
            case Cancelled(task):
                self._give_up(task, "cancelled")
            case Tick():
                self._expire(now)
        self._pump(now)
        return effects

    def _submitted(self, job: Job) -> None:
        task = self._tasks[job.id] = _Task(job)
        if job.deadline < math.inf:
            heappush(self._deadlines, (job.deadline, job.id))
        if self._fitting(self._kind(job), job) or job.is_again:
            self._put(task)
        else:
            text = placing.never(job.needs, job.python, self._hosts.values(), self._others)
            self._give_up(job.id, "never", text)

    def _hosts_changed(self, hosts: tuple[Host, ...], others: tuple[tuple[Host, str], ...]) -> None:
        before, self._others = self._hosts, others
        self._hosts = {host.id: host for host in hosts}
        lost = [old for old in before.values() if not _is_same(old, self._hosts.get(old.id))]
        for kind in self._kinds.values():
            kind.hosts = None
        for room in self._rooms.values():
            for host in lost:
                room.running.pop(host.id, None)
                room.pace.pop(host.id, None)
            room.open = {one.id: one for one in hosts if room.has(one)}
        for number, task in list(self._tasks.items()):
            if any(task.node == host.id for host in lost):
                self._lost(number, task)
        for name in [name for name, kind in self._kinds.items() if not kind.waiting]:
            del self._kinds[name]

    def _lost(self, number: int, task: _Task) -> None:
        """Nobody knows how far its node got with it."""
        node, task.node = task.node, None
        task.is_parked = False
        if node is not None:
            self._effects.append(Abort(node, number, task.attempt))
        if self._may_try_again(task):
            self._put(task, first=True)
        else:
            self._give_up(number, "lost", node=node)

    def _dropped(self, node: NodeId, number: int, attempt: int) -> None:
        if self.counts(node, number, attempt):
            task = self._tasks[number]
            self._left(task, node)
            task.node = node
            self._lost(number, task)

    def _ended(self, node: NodeId, number: int, attempt: int, now: float) -> None:
        if not self.counts(node, number, attempt):
            return
        task = self._tasks.pop(number)
        self._left(task, node, now)
        self._effects.append(Commit(number, attempt))

    def _died(self, node: NodeId, number: int, attempt: int) -> None:
        if not self.counts(node, number, attempt):
            return
        task = self._tasks[number]
        self._left(task, node)
        if self._may_try_again(task):
            task.refused.add(node)
            self._put(task, first=True)
        else:
            del self._tasks[number]
            self._effects.append(Commit(number, attempt))

    def _refused(self, refused: Refused) -> None:
        node, number = refused.node, refused.task
        if not self.counts(node, number, refused.attempt):
            return
        task = self._tasks[number]
        self._left(task, node)
        task.refused.add(node)
        fits = self._fitting(self._kind(task.job), task.job)
        if refused.why == "unfit":
            fits.pop(node, None)
        if fits:
            self._put(task, first=True)
        else:
            self._give_up(number, "never", refused.text)

    def _may_try_again(self, task: _Task) -> bool:
        task.failed += 1
        return not task.job.at_most_once and task.failed <= task.job.retries

    def _give_up(self, number: int, why: Why, text: str = "", node: NodeId | None = None) -> None:
        task = self._tasks.pop(number, None)
        if task is None:
            return
        if task.node is not None:
            self._effects.append(Abort(task.node, number, task.attempt))
            self._left(task, task.node)
        self._effects.append(GiveUp(number, why, text, node))

    def _expire(self, now: float) -> None:
        while self.due <= now:
            self._give_up(heappop(self._deadlines)[1], "expired")

    def _left(self, task: _Task, node: NodeId, now: float | None = None) -> None:
        """A node has one task less; ``now``: it is done with it."""
        host = self._hosts.get(node)
        task.node = None
        if task.is_parked or host is None:
            task.is_parked = False
            return
        self._room(task).left(host, task, now)

    def _room(self, task: _Task) -> _Room:
        room = self._rooms.get(task.job.project)
        if room is None:
            hosts = dict(self._hosts)
            room = self._rooms[task.job.project] = _Room(open=hosts)
        return room

    def _put(self, task: _Task, *, first: bool = False) -> None:
        order = next(self._order)
        place = (task.job.priority, -order if first else order, task)
        heappush(self._kind(task.job).waiting, place)

    def _kind(self, job: Job) -> _Kind:
        kind = self._kinds.get(job.kind)
        if kind is None:
            kind = self._kinds[job.kind] = _Kind()
        return kind

    def _fitting(self, kind: _Kind, job: Job) -> dict[NodeId, Host]:
        if kind.hosts is None:
            found = placing.fitting(job.needs, job.python, self._hosts.values())
            kind.hosts = {host.id: host for host in found}
        return kind.hosts

    def _pump(self, now: float) -> None:
        """Give out what waits, to nodes that have room: what is urgent first."""
        kinds = [kind for kind in self._kinds.values() if kind.waiting]
        while kinds:
            heads = [(kind, head) for kind in kinds if (head := _first(kind, self._tasks))]
            if not heads:
                return
            kind, (_, _, task) = min(heads, key=lambda pair: pair[1][:2])
            if self._place(task, kind, now):
                heappop(kind.waiting)
            else:
                kinds = [other for other, _ in heads if other is not kind]

    def _place(self, task: _Task, kind: _Kind, now: float) -> bool:
        needs, room, fits = task.job.needs, self._room(task), self._fitting(kind, task.job)
        near = task.job.near
        asked = [host for node, host in room.open.items() if node in fits]
        open_to = [host for host in asked if host.id not in task.refused]
        if task.refused and not open_to and (asked or task.refused.issuperset(fits)):
            # All are busy that have room: it waits at one of them. Others may have none for long.
            open_to = asked or [*fits.values()]
            host = placing.best(needs, open_to, room.running, free_only=False, near=near)
            if host is not None:
                task.refused.clear()
                self._run(task, host, now, may_wait=True)
            return host is not None
        if not open_to and task.job.is_nested:  # else it waits for what waits for it
            open_to = [host for node, host in fits.items() if node not in task.refused]
        if not open_to and self._is_shared and self._is_long(kind, fits):
            open_to = [host for host in fits.values() if room.has(host, SHARED)]
        host = placing.best(needs, open_to, room.running, free_only=True, near=near)
        if host is None:
            host = placing.best(needs, open_to, room.running, free_only=False, near=near)
        if host is not None:
            self._run(task, host, now, may_wait=False)
        return host is not None

    @staticmethod
    def _is_long(kind: _Kind, fits: Mapping[NodeId, Host]) -> bool:
        """Whether more wait than the nodes have workers."""
        return len(kind.waiting) > sum(host.workers for host in fits.values())

    def _run(self, task: _Task, host: Host, now: float, *, may_wait: bool) -> None:
        task.attempt += 1
        task.node, task.begun, task.is_parked = host.id, now, may_wait
        if not may_wait:
            room = self._room(task)
            room.running[host.id] = room.running.get(host.id, 0) + 1
            if not room.has(host):
                room.open.pop(host.id, None)
        self._effects.append(Run(host.id, host.life, task.job.id, task.attempt, may_wait))


def _is_same(old: Host, new: Host | None) -> bool:
    return new is not None and new.life == old.life


def _first(kind: _Kind, tasks: Mapping[int, _Task]) -> tuple[int, int, _Task] | None:
    """What waits first; what nobody wants any more is forgotten."""
    while kind.waiting:
        head = kind.waiting[0]
        if head[2].job.id in tasks and head[2].node is None:
            return head
        heappop(kind.waiting)
    return None
