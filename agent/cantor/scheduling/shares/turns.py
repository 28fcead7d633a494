"""Whose tasks the workers of a node take next, if several projects have some there.

Workers are a quantity of the pool as any other, ``Worker``. But nothing is written down for each
task, and while one project alone has tasks here nothing is decided: they are counted by number, and
the accounts hear of it when they are asked.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from cantor.scheduling.shares.debts import Debt
from cantor.scheduling.shares.reclaim import GRACE_S, TENURE_S
from cantor.scheduling.shares.uses import Use, add
from cantor.scheduling.tasks.pace import Pace

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.scheduling.shares.accounts import Accounts
    from cantor.scheduling.shares.order import FairOrder

WORKER = "Worker"
"""The quantity: each task in a process takes one of its node's while it runs."""
SLOW_S = 0.1
"""While a task has run so long, no other is given to the pool ahead."""
LEANING_S = 0.3
"""How far a node leans to one project at most, in seconds with all workers of the pool."""
_ONE = {WORKER: 1}
T = TypeVar("T")


class _Waits(NamedTuple):
    since_s: float
    may_reclaim: bool


@dataclass(slots=True)
class _Project(Generic[T]):
    """``lines`` are those that wait, by priority, in the order in which they came."""

    lines: dict[int, dict[T, _Waits]] = field(default_factory=dict)
    waiting: int = 0
    running: int = 0
    yielding: int = 0
    counted: tuple[int, int, int] = (0, 0, 0)
    """What the accounts know of these three numbers."""

    def first(self) -> tuple[T, _Waits]:
        """Who is next of it; somebody waits."""
        return next(iter(self.lines[min(self.lines)].items()))


@dataclass(frozen=True, slots=True)
class _Runs:
    project: str
    begun_s: float
    may_reclaim: bool


class Turns(Generic[T]):
    """The tasks of one node, with ``workers``; ``T`` stands for one. ``now`` is a steady clock."""

    def __init__(self, me: NodeId, accounts: Accounts, order: FairOrder, workers: int) -> None:
        self._me = me
        self._accounts = accounts
        self._order = order
        self._workers = workers
        self._pace = Pace()
        self._projects: dict[str, _Project[T]] = {}
        self._lined: dict[T, tuple[str, int]] = {}
        self._running: dict[T, _Runs] = {}
        self._wanted_by: dict[T, str] = {}
        self._in_room: dict[T, float] = {}
        self._leanings: dict[str, float] = {}

    @property
    def is_waited_for(self) -> bool:
        """Whether any task waits for its turn."""
        return bool(self._lined)

    def put(self, task: T, project: str, priority: int, now: float, *, may_reclaim: bool) -> None:
        """It waits for its turn; of its project a lower ``priority`` goes first, then who came.

        ``may_reclaim``: it may be ended and begun again for a project that is owed its worker.
        """
        of = self._projects.setdefault(project, _Project())
        of.lines.setdefault(priority, {})[task] = _Waits(now, may_reclaim)
        of.waiting += 1
        self._lined[task] = project, priority

    def next(self, now: float) -> T | None:
        """Whose turn it is, if there is room: it runs from now on."""
        if not self._lined or len(self._in_room) >= self._room(now):
            return None
        projects = self._in_turn(now)
        if not projects:
            return None
        of = self._projects[projects[0]]
        task, waits = of.first()
        self._leave(task)
        self._running[task] = _Runs(projects[0], now, waits.may_reclaim)
        self._in_room[task] = now
        of.running += 1
        of.yielding += waits.may_reclaim
        if self._accounts.is_shared:
            self.settle(now)
        return task

    def _room(self, now: float) -> int:
        """How many may have a worker or wait for one in the pool: none behind what is slow."""
        oldest_s = next(iter(self._in_room.values()), now)
        return self._workers if now - oldest_s > SLOW_S else self._pace.room(self._workers)

    def begun(self, task: T, project: str, now: float) -> None:
        """It runs from now on out of turn: it was granted units, or another waits for it."""
        self._running[task] = _Runs(project, now, False)
        self._projects.setdefault(project, _Project()).running += 1

    def ended(self, task: T, now: float, *, is_done: bool = True) -> None:
        """It waits and runs no more; ``is_done`` by itself: it tells how long tasks take."""
        if task in self._lined:
            self._leave(task)
        runs = self._running.pop(task, None)
        if runs is None:
            return
        of = self._projects[runs.project]
        of.running -= 1
        wanted_by = self._wanted_by.pop(task, "")
        if wanted_by:
            self._move(runs.project, wanted_by, -1)
        else:
            of.yielding -= runs.may_reclaim
        if task in self._in_room:
            if is_done:
                self._pace.ended(runs.begun_s, now, min(self._workers, len(self._in_room)))
            del self._in_room[task]

    def settle(self, now: float) -> None:
        """Tell the accounts what is used and waited for by now."""
        for name, of in self._projects.items():
            counts = of.running, of.waiting, of.yielding
            running, waiting, yielding = (a - b for a, b in zip(counts, of.counted, strict=True))
            of.counted = counts
            if running > 0:
                self._accounts.took(name, {WORKER: running}, now)
            elif running:
                self._accounts.gave(name, {WORKER: -running}, now)
            if waiting > 0:
                self._accounts.waits(name, {WORKER: waiting}, now)
            elif waiting:
                self._accounts.left(name, {WORKER: -waiting}, now)
            if yielding:
                add(self._accounts.own.setdefault(name, Use()).yields, {WORKER: yielding})

    def wanted_back(self, now: float) -> list[tuple[T, str]]:
        """Tasks to be ended, each with the project that has waited and is owed its worker.

        As :mod:`cantor.scheduling.shares.reclaim`: of what has run as long, the youngest first.
        """
        if len(self._in_room) < self._room(now):
            return []
        found: list[tuple[T, str]] = []
        self.settle(now)
        self._accounts.advance(now)
        for project in self._in_turn(now):
            if now - self._projects[project].first()[1].since_s < GRACE_S:
                continue
            debt = Debt(self._accounts, self._me, project, WORKER, 1)
            quota = debt.part() or self._turn(debt, now)
            for task, runs in self._lent(now):
                if quota.get(runs.project, 0) >= 1:
                    quota[runs.project] -= 1
                    self._wanted_by[task] = project
                    self._projects[runs.project].yielding -= 1
                    self._move(runs.project, project, 1)
                    found.append((task, project))
        return found

    def _lent(self, now: float) -> list[tuple[T, _Runs]]:
        lent = [
            (task, runs)
            for task, runs in self._running.items()
            if runs.may_reclaim and task not in self._wanted_by and now - runs.begun_s >= GRACE_S
        ]
        return sorted(lent, key=lambda pair: -pair[1].begun_s)

    def _turn(self, debt: Debt, now: float) -> dict[str, float]:
        lent = self._lent(now)
        old = {runs.project for _, runs in lent if now - runs.begun_s >= TENURE_S}
        return {lender: amount for lender, amount in debt.turn().items() if lender in old}

    def _move(self, lender: str, project: str, sign: int) -> None:
        own = self._accounts.own
        add(own.setdefault(lender, Use()).moved, _ONE, -sign)
        add(own.setdefault(project, Use()).moved, _ONE, sign)

    def _in_turn(self, now: float) -> list[str]:
        """The projects that wait and may have more, in the order of their turns."""
        waiting = [name for name, of in self._projects.items() if of.waiting]
        if len(waiting) == 1 and not self._accounts.terms(waiting[0]).limits:
            return waiting
        self.settle(now)
        may = [name for name in waiting if not self._order.lack(name, _ONE)]
        return sorted(may, key=lambda name: (self._turn_of(name, now), name))

    def _turn_of(self, project: str, now: float) -> tuple[float, float]:
        """With its part of the workers of this node: what it has elsewhere is heard of late.

        Small tasks end in the meantime, and nodes that looked at that would all turn to one project
        at once, and away again.
        """
        of = self._projects[project]
        level, ahead_s = self._order.turn(
            project, of.first()[1].since_s, now, of.running / max(1, self._workers)
        )
        return level, ahead_s + self._leaning_s(project)

    def _leaning_s(self, project: str) -> float:
        """Each node leans to some projects, another one to others: they do not turn in step."""
        if project not in self._leanings:
            digest = hashlib.sha256(f"{self._me} {project}".encode()).digest()
            self._leanings[project] = int.from_bytes(digest[:4], "big") / 2**32
        return LEANING_S * self._leanings[project] / self._accounts.terms(project).share

    def _leave(self, task: T) -> None:
        project, priority = self._lined.pop(task)
        of = self._projects[project]
        of.waiting -= 1
        del of.lines[priority][task]
        if not of.lines[priority]:
            del of.lines[priority]
