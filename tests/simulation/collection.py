"""Months of a mesh in which a node leaves for ever: what it said goes, and nobody brings it back.

All clocks go on by a week at a time, while things go wrong. Two nodes are apart from the others
until the end, with all that they know, and a node with a sound key says again what it once heard.
Once a month the clock of the issuer is set to the next year for a moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.simulation.faults import clock_jump, crash, flap, link_cut, power_cut, stall
from tests.simulation.scenario import FORM_S, await_equal
from tests.simulation.world import World, check

from cantor.ledger.days import DAY_S, day_of, day_to_say, has_lapsed
from cantor.mesh.events import DaySaid, LocalFact, Received
from cantor.mesh.exchange import COLLECT_AFTER_S
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.ledger.facts import Batch
    from cantor.mesh.effects import FactsChanged
    from cantor.wire.frame import Value

FIRST_DAY = 20_000
WEEKS = 14
AWAY_DAYS = 60
DAY, LASTING, PASSING = "day", "deployment/a", "hardware"
FAULTS = (flap, link_cut, power_cut, crash, stall, clock_jump)
STEP_S = 0.5
WEEK_S = 4.0
TODAY_WITHIN_S = 15.0
STILL_S = 12.0
"""Neighbours have compared their ledgers twice."""
RESTS_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run gave: the digest of all that happened, and how many facts were given up."""

    digest: str
    given_up: int


def simulate_months(nodes: int, seed: int) -> Outcome:
    """One run; raises CantorError where something that must hold does not."""
    return _Months(nodes, seed).run()


class _Months:
    def __init__(self, nodes: int, seed: int) -> None:
        self.world = World(nodes, seed, is_measuring=False, wall_offset_s=FIRST_DAY * DAY_S)
        self.world.on_facts = self._changed
        ids = self.world.ids
        self.issuer, self.leaver, self.staying = ids[0], ids[-1], ids[:-1]
        self.apart = set(ids[-3:-1])
        self.said = 0
        self.given_up = 0

    @property
    def today(self) -> int:
        """The day that every clock shows."""
        return int((self.world.now + self.world.wall_offset_s) // DAY_S)

    def run(self) -> Outcome:
        world = self.world
        for node in world.ids:
            self._speak(node)
        world.run(world.now + FORM_S)
        old = self._leave()
        for week in range(WEEKS):
            self._pass_week()
            self._say_day(ahead_days=365 * (week % 4 == 3))
            self._go_wrong(old)
        world.heal()
        self._start_all()
        await_equal(world, "the ledgers differ 5 s after the months")
        self._say_today()
        world.run(world.now + COLLECT_AFTER_S)
        self._is_collected()
        self._stays_so(old)
        return Outcome(world.digest, self.given_up)

    def _speak(self, node: NodeId) -> None:
        self.world.post(0.0, node, LocalFact(PASSING, 1))
        self.world.post(0.0, node, LocalFact(LASTING, 1, lasting=True))
        if node == self.issuer and self.said:
            self.world.post(0.0, node, LocalFact(DAY, self.said, lasting=True))

    def _leave(self) -> list[Batch]:
        """One node leaves for ever, two are apart; the batches of the one that left."""
        ledger = self.world.boxes[self.issuer].core.ledger
        old = [ledger.batch(self.leaver, name) for name in (PASSING, LASTING)]
        self.world.stop(self.leaver, power=True)
        for name in (PASSING, LASTING, "links"):
            del self.world.said[self.leaver, name]
        return [batch for batch in old if batch is not None]

    def _start_all(self) -> None:
        for node in self.staying:
            if node not in self.world.boxes:
                self.world.start(node)
                self._speak(node)

    def _pass_week(self) -> None:
        """A week later all faults are over, and all nodes run."""
        world = self.world
        world.heal()
        near = [node for node in self.staying if node not in self.apart]
        world.network.cut((a, b) for a in self.apart for b in near)
        world.wall_offset_s += 7 * DAY_S
        for node, box in world.boxes.items():
            box.core.wall_offset_s = world.wall_offset_s + world.skews[node]
        self._start_all()
        world.run(world.now + WEEK_S)

    def _say_day(self, ahead_days: int = 0) -> None:
        """Let the issuer say which day it is by its clock, if it may."""
        box = self.world.boxes.get(self.issuer)
        if box is None:
            return
        alive = {self.issuer, *box.core.alive}
        wall_s = self.world.now + box.core.wall_offset_s + ahead_days * DAY_S
        day = day_to_say(box.core.ledger.all_facts(), self.issuer, alive, wall_s)
        if day is not None and day > self.said:
            self.said = day
            self.world.post(0.0, self.issuer, LocalFact(DAY, day, lasting=True))

    def _go_wrong(self, old: list[Batch]) -> None:
        for _ in range(2):
            node = self.world.faults.choice(self.staying)
            self.world.faults.choice(FAULTS)(self.world, node)
            self._replay(old)
            self.world.run(self.world.now + STEP_S)

    def _replay(self, old: list[Batch]) -> None:
        for node, box in self.world.boxes.items():
            for link in box.core.links:
                for batch in old:
                    body = (batch.data, batch.signature, batch.certificate)
                    headers: dict[str, Value] = {"owners": [batch.owner]}
                    frame = DataFrame(
                        Kind.FACTS, link.peer, node, ttl=1, headers=headers, body=body
                    )  # fmt: skip
                    self.world.post(0.02, node, Received(link.peer, frame))

    def _changed(self, node: NodeId, changed: FactsChanged) -> None:
        for fact in changed.facts:
            if fact.name == DAY and isinstance(fact.value, int) and fact.value <= day_of(fact.hlc):
                self.world.post(0.0, node, DaySaid(fact.value))
            if fact.name == PASSING and fact.value is None:
                self.given_up += 1
                is_here = (fact.owner in self.apart) == (node in self.apart)
                lives = fact.owner in self.world.boxes and is_here
                check(not lives, "what a living node says was given up")
                is_long_ago = self.today - FIRST_DAY > AWAY_DAYS
                check(is_long_ago, "a node was given up that was not away for 60 days")

    def _say_today(self) -> None:
        for node in self.world.boxes:  # agents get a new lease twice a day
            self.world.post(0.0, node, LocalFact("lease", self.today))
        until = self.world.now + TODAY_WITHIN_S
        while self.said < self.today:
            check(self.world.now < until, "the issuer does not come to say today's day")
            self._say_day()
            self.world.run(self.world.now + STEP_S)
        await_equal(self.world, "the ledgers differ 5 s after the day was said")

    def _is_collected(self) -> None:
        for box in self.world.boxes.values():
            ledger = box.core.ledger
            left = [fact.name for fact in ledger.facts_of(self.leaver)]
            check(left == [LASTING], f"of a node that left for ever there is {left}")
            lapsed = [fact for fact in ledger.all_facts() if has_lapsed(fact, self.said)]
            check(not lapsed, "what has lapsed is still held")
            for node in self.staying:
                check(ledger.get(node, PASSING) == 1, "what a living node says is missing")

    def _stays_so(self, old: list[Batch]) -> None:
        """Nobody takes what is said again, and once the links rest no facts are sent."""
        world = self.world
        self._replay(old)
        until = world.now + RESTS_WITHIN_S
        sent = -1
        while world.sent["FACTS"] != sent:
            check(world.now < until, "facts are sent to and fro in quiet")
            sent = world.sent["FACTS"]
            world.run(world.now + STILL_S)
        self._is_collected()
