"""A node's processes without processes: does what upkeep wants, and says when they end."""

from __future__ import annotations

from dataclasses import dataclass, field

from cantor.base.ids import NodeId
from cantor.services.orders import Stamp
from cantor.services.upkeep import Effect, Keep, Plan, Start, Stop, Upkeep

A, B = NodeId("a" * 32), NodeId("b" * 32)


def plan(number: int, **said: object) -> Plan:
    """A revision of its own code, on trial for 10 s."""
    base: dict[str, object] = {"bundle": f"{number:064x}", **said}
    return Plan(Stamp(number, A), **base)  # type: ignore[arg-type] # as the test says


@dataclass
class Box:
    """One service on one node. ``alive`` are its processes; what is kept is kept in ``kept``."""

    upkeep: Upkeep = field(default_factory=Upkeep)
    now: float = 100.0
    alive: dict[int, Plan] = field(default_factory=dict)
    stopping: set[int] = field(default_factory=set)
    kept: Keep | None = None
    starts: int = 0

    def do(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Start(run, plan):
                    assert not any(one.bars(plan) for one in self.alive.values())
                    self.alive[run] = plan
                    self.starts += 1
                    self.upkeep.begun(run, self.now)
                case Stop(run):
                    assert run in self.alive
                    self.stopping.add(run)
                case Keep():
                    self.kept = effect

    def want(self, plan: Plan | None) -> None:
        self.do(self.upkeep.want(plan, self.now))
        self.settle()

    def settle(self) -> None:
        """What was asked to end, ends."""
        while self.stopping:
            self.end(self.stopping.pop())

    def end(self, run: int, how: str = "exit code 1", *, is_success: bool = False) -> None:
        del self.alive[run]
        self.stopping.discard(run)
        self.do(self.upkeep.ended(run, how, is_success=is_success, now=self.now))

    def crash(self, number: int, how: str = "exit code 1", *, is_success: bool = False) -> None:
        self.end(self.run_of(number), how, is_success=is_success)
        self.settle()

    def well(self, number: int) -> None:
        self.do(self.upkeep.well(self.run_of(number), self.now))
        self.settle()

    def run_of(self, number: int) -> int:
        return next(run for run, one in self.alive.items() if one.stamp.number == number)

    def later(self, seconds: float) -> None:
        """Time passes; upkeep is told when it has asked for that, and no more often."""
        end = self.now + seconds
        looks = 0
        while (at := self.upkeep.next_at()) is not None and at <= end:
            self.now = max(self.now, at)
            self.do(self.upkeep.tick(self.now))
            self.settle()
            looks += 1
            assert looks < 10_000, "it asks for the same moment again and again"
        self.now = end

    def good(self, number: int, **said: object) -> None:
        """Let a revision become good."""
        self.want(plan(number, **said))
        self.well(number)
        self.later(10.0)
        assert self.state == "running"

    @property
    def running(self) -> list[int]:
        return sorted(one.stamp.number for one in self.alive.values())

    @property
    def state(self) -> str:
        report = self.upkeep.report(0.0)
        return report.state if report else ""
