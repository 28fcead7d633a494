"""How one node keeps one service up: a state machine without I/O, time is an argument.

A new revision is *on trial* until it was well for its ``hold_s``; then it is *good*, and is what a
later one returns to. A revision on trial that ends, or is not well, ``TRIES`` times is given up.
The revision before goes on meanwhile, where both can run at once, and is started again where not.
What is good and ends is started again, later each time.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.services.reports import Report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.services.manifest import Restart
    from cantor.services.orders import Stamp
    from cantor.services.reports import State

TRIES = 3
TRIAL_PAUSE_S = 0.2
PAUSE_S = 0.5
PAUSE_MAX_S = 60.0
CALM_S = 60.0
"""After so long without an end the pause begins small again."""
FAILED_MAX = 16


@dataclass(frozen=True, slots=True)
class Plan:
    """What upkeep needs to know of a revision.

    ``ports`` are those that only one can have; ``takes`` are its needs if it takes units while it
    runs, else empty: two that take units never run at once. ``level`` is how closed it runs;
    ``secrets`` are the versions that it is given.
    """

    stamp: Stamp
    bundle: str
    restart: Restart = "always"
    within_s: float = 30.0
    hold_s: float = 10.0
    ports: frozenset[int] = frozenset()
    takes: str = ""
    level: str = "none"
    secrets: tuple[tuple[str, int], ...] = ()

    def bars(self, other: Plan) -> bool:
        """Whether the two cannot run at once."""
        return bool(
            self.takes or other.takes or self.bundle == other.bundle or self.ports & other.ports
        )

    def is_same_as(self, other: Plan) -> bool:
        """Whether a process of the one is as good as one of the other."""
        mine = self.bundle, self.takes, self.level, self.secrets
        return mine == (other.bundle, other.takes, other.level, other.secrets)


@dataclass(frozen=True, slots=True)
class Start:
    """Start a process for this plan, and say :meth:`Upkeep.begun` when it runs.

    It is called by that number from now on.
    """

    run: int
    plan: Plan


@dataclass(frozen=True, slots=True)
class Stop:
    """End a process and all that it has started; say :meth:`Upkeep.ended` when it is gone."""

    run: int


@dataclass(frozen=True, slots=True)
class Keep:
    """Write down what is good, and which revisions failed: it must outlive this process."""

    good: Plan | None
    failed: tuple[Stamp, ...]


Effect = Start | Stop | Keep


@dataclass(slots=True)
class _Run:
    """A process. ``sick`` says why it is being ended although it is wanted."""

    plan: Plan
    begun_at: float | None = None
    well_at: float | None = None
    is_stopping: bool = False
    sick: str = ""


class Upkeep:
    """The service on this node. All times are monotonic seconds."""

    def __init__(self, good: Plan | None = None, failed: Iterable[Stamp] = ()) -> None:
        """``good`` and ``failed`` are what the last :class:`Keep` said."""
        self.good = good
        self.failed = tuple(failed)
        self.restarts = 0
        self._wanted: Plan | None = None
        self._runs: dict[int, _Run] = {}
        self._numbers = itertools.count(1)
        self._attempts = 0
        self._pause_s = PAUSE_S
        self._start_at = 0.0
        self._over: tuple[Stamp, State] | None = None  # it is not started any more
        self._why: dict[Stamp, str] = {}

    @property
    def is_idle(self) -> bool:
        """Whether no process is left."""
        return not self._runs

    @property
    def wanted(self) -> Plan | None:
        """The plan that was asked for last."""
        return self._wanted

    def plan_of(self, run: int) -> Plan | None:
        """What a process runs now: the same code may have come under another stamp meanwhile."""
        found = self._runs.get(run)
        return None if found is None else found.plan

    def want(self, plan: Plan | None, now: float) -> list[Effect]:
        """This is to run from now on; None: nothing."""
        if plan == self._wanted:
            return []
        effects: list[Effect] = []
        self._renew(plan, now)
        if plan is not None:
            effects += self._adopt(plan)
        return effects + self._step(now)

    def refuse(self, plan: Plan, why: str, now: float) -> list[Effect]:
        """The code of a plan cannot be used here: it counts as failed, and is not started."""
        self._renew(plan, now)
        self._over = plan.stamp, "refused"
        return [*self._give_up(plan, why), *self._step(now)]

    def ended(self, run: int, how: str, *, is_success: bool, now: float) -> list[Effect]:
        """A process is gone; ``how`` for people."""
        gone = self._runs.pop(run, None)
        if gone is None:
            return []
        effects: list[Effect] = []
        target = self._target()
        asked = gone.is_stopping and not gone.sick
        if not asked and target is not None and gone.plan.stamp == target.stamp:
            effects += self._lost(gone, gone.sick or how, now, is_success=is_success)
        return effects + self._step(now)

    def begun(self, run: int, now: float) -> list[Effect]:
        """A process runs: from now on it has ``within_s`` to be well."""
        if run in self._runs:
            self._runs[run].begun_at = now
        return []

    def well(self, run: int, now: float) -> list[Effect]:
        """A process shows that it is well."""
        found = self._runs.get(run)
        if found is None or found.is_stopping or found.well_at is not None:
            return []
        found.well_at = now
        return self._step(now)

    def ill(self, run: int, why: str) -> list[Effect]:
        """A process shows that it is not well any more: it is ended, and that counts as its end."""
        found = self._runs.get(run)
        if found is None or found.is_stopping:
            return []
        found.is_stopping, found.sick = True, why
        return [Stop(run)]

    def tick(self, now: float) -> list[Effect]:
        """Time passes; call it at :meth:`next_at` or later."""
        effects: list[Effect] = []
        for number, run in list(self._runs.items()):
            if run.well_at is None:
                if run.begun_at is not None and now >= run.begun_at + run.plan.within_s:
                    effects += self.ill(number, f"not well within {run.plan.within_s:g} s")
            elif not run.is_stopping and run.plan == self._target():
                if now >= run.well_at + run.plan.hold_s:
                    effects += self._proved(run.plan)
                if now >= run.well_at + CALM_S:
                    self._pause_s = PAUSE_S
        return effects + self._step(now)

    def next_at(self) -> float | None:
        """When to call :meth:`tick`; None if there is nothing to wait for."""
        target = self._target()
        times = [
            run.begun_at + run.plan.within_s
            for run in self._runs.values()
            if run.begun_at is not None and run.well_at is None and not run.is_stopping
        ]
        current = self._current()
        run = None if current is None else self._runs[current]
        well_at = None if run is None or run.is_stopping else run.well_at
        if target is not None and well_at is not None:
            if not self.is_good(target):
                times.append(well_at + target.hold_s)
            elif self._pause_s > PAUSE_S:
                times.append(well_at + CALM_S)
        is_barred = target is None or any(run.plan.bars(target) for run in self._runs.values())
        if target and not is_barred and current is None and not self._is_over(target):
            times.append(self._start_at)
        return min(times, default=None)

    def report(self, since: float) -> Report | None:
        """How the wanted plan is; None if none is wanted. ``since`` is UTC seconds."""
        plan = self._wanted
        if plan is None:
            return None
        runs = self._runs.values()
        live = [run.plan for run in runs if run.well_at is not None and not run.is_stopping]
        target = self._target()
        running = next((one for one in live if one == target), live[0] if live else None)
        number = running.stamp.number if running else 0
        why = self._why.get(plan.stamp, "")
        return Report(plan.stamp, self._state(plan), number, why, self.restarts, since)

    def _state(self, plan: Plan) -> State:
        target = self._target()
        if target != plan:
            return "returned"
        if self._over and self._over[0] == plan.stamp:
            return self._over[1]
        current = self._current()
        if plan.stamp in self.failed:
            return "failing"
        if current is None or self._runs[current].is_stopping:
            is_first = not self._attempts and not self.restarts
            return "starting" if is_first else "restarting"
        if self._runs[current].well_at is None:
            return "starting"
        return "running" if self.is_good(plan) else "trial"

    def _target(self) -> Plan | None:
        """What should run: the wanted plan, or what is good if that failed."""
        plan = self._wanted
        if plan is not None and plan.stamp in self.failed and self.good is not None:
            return self.good
        return plan

    def _current(self) -> int | None:
        """The process of the target."""
        target = self._target()
        return next((n for n, run in self._runs.items() if run.plan == target), None)

    def is_good(self, plan: Plan) -> bool:
        """Whether a plan has been well for long enough."""
        return self.good is not None and self.good.stamp == plan.stamp

    def _renew(self, plan: Plan | None, now: float) -> None:
        """Forget what came of the plan before."""
        self._wanted = plan
        self._attempts, self.restarts = 0, 0
        self._pause_s, self._start_at, self._over = PAUSE_S, now, None

    def _adopt(self, plan: Plan) -> list[Effect]:
        """The same code under another stamp goes on as it is."""
        for run in self._runs.values():
            if run.plan.is_same_as(plan) and not run.is_stopping:
                run.plan = plan
        if self.good is None or self.good == plan or not self.good.is_same_as(plan):
            return []
        self.good = plan
        return [self._keep()]

    def _step(self, now: float) -> list[Effect]:
        """End what is not wanted, start what is."""
        target = self._target()
        current = self._current()
        is_well = current is not None and self._runs[current].well_at is not None
        staying = self._staying(target)
        effects: list[Effect] = [
            self._stopped(number)
            for number, run in self._runs.items()
            if not run.is_stopping and number not in (current, None if is_well else staying)
        ]
        if target is None or current is not None or self._is_over(target) or now < self._start_at:
            return effects
        bars = [number for number, run in self._runs.items() if run.plan.bars(target)]
        effects += [self._stopped(n) for n in bars if not self._runs[n].is_stopping]
        if not bars:
            number = next(self._numbers)
            self._runs[number] = _Run(target)
            effects.append(Start(number, target))
        return effects

    def _staying(self, target: Plan | None) -> int | None:
        """The process of another plan that goes on until the target is well: the last well one."""
        if target is None or self._is_over(target):
            return None
        wells = [
            (run.well_at, number)
            for number, run in self._runs.items()
            if run.plan != target and run.well_at is not None and not run.is_stopping
        ]
        return max(wells)[1] if wells else None

    def _stopped(self, number: int) -> Stop:
        self._runs[number].is_stopping = True
        return Stop(number)

    def _is_over(self, plan: Plan) -> bool:
        return self._over is not None and self._over[0] == plan.stamp

    def _lost(self, run: _Run, how: str, now: float, *, is_success: bool) -> list[Effect]:
        """A process of the target is gone, and nobody asked for that."""
        plan = run.plan
        self._why[plan.stamp] = how
        ends = plan.restart == "never" or (plan.restart == "on-failure" and is_success)
        if ends and (is_success or self.is_good(plan)):
            self._over = plan.stamp, "finished" if is_success else "failed"
            return self._proved(plan) if is_success else []
        if ends or not self.is_good(plan):
            self._attempts += 1
            if ends or self._attempts >= TRIES:
                effects = self._give_up(plan, how)
                if ends and self._target() == plan:
                    self._over = plan.stamp, "failed"
                self._later(now)
                return effects
            self._start_at = now + TRIAL_PAUSE_S * self._attempts
            return []
        self.restarts += 1
        self._later(now)
        return []

    def _later(self, now: float) -> None:
        if self._target() != self._wanted:
            self._start_at = now  # what is good is wanted at once
            return
        self._start_at = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, PAUSE_MAX_S)

    def _give_up(self, plan: Plan, why: str) -> list[Effect]:
        self._why = {plan.stamp: why}
        if plan.stamp in self.failed:
            return []
        self.failed = (*self.failed, plan.stamp)[-FAILED_MAX:]
        return [self._keep()]

    def _proved(self, plan: Plan) -> list[Effect]:
        if self.is_good(plan):
            return []
        self.good = plan
        self.failed = tuple(stamp for stamp in self.failed if stamp != plan.stamp)
        self._attempts = 0
        self._why.pop(plan.stamp, None)
        return [self._keep()]

    def _keep(self) -> Keep:
        return Keep(self.good, self.failed)
