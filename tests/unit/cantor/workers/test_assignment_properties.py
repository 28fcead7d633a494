"""Whatever happens in whatever order: every unit ends once, and no seat runs what it must not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.unit.cantor.workers.test_assignment import NOBODY, Code

from cantor.base.resources import Resource
from cantor.scheduling.grants.stock import Have
from cantor.workers.assignment import Assignment
from cantor.workers.grants import Asking, MachineGrants
from cantor.workers.seat import Seat
from cantor.workers.units import Death, Gang, Terms, Unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.workers.grants import Answer
    from cantor.workers.lines import Ask
    from cantor.workers.queueing import Queueing

DEATH = Death(signal=9, code=None)
SIZE = 3
TOTALS = {"GPU": 2, "Memory": 3}
HAVE = Have(tuple(Resource(name, "quantity", n) for name, n in TOTALS.items()), {}, {})
NEEDS = ["", "GPU = 1", "GPU = 2", "Memory = 2 and GPU = 1", "GPU = 2 or Memory = 3"]

TERMS = st.builds(
    Terms,
    priority=st.integers(0, 2),
    retries=st.integers(0, 2),
    at_most_once=st.booleans(),
    is_stream=st.booleans(),
    needs=st.sampled_from(NEEDS),
)


class Life(RuleBasedStateMachine):
    """A pool in which workers start, die, finish and return units as hypothesis likes."""

    def __init__(self) -> None:
        super().__init__()
        self.core = self.make_core()
        self.asking = Asking(MachineGrants(lambda: HAVE), self.core.lines.effects, self._granted)
        self.now = 0.0
        self.units: list[Unit] = []
        self.seats: list[Seat] = []
        self.ends: dict[int, int] = {}
        self.begun: dict[int, int] = {}
        self.number = 0
        self.gangs: list[Gang] = []
        self.children: list[tuple[Seat, int, Unit]] = []
        self.parents: set[int] = set()
        """Units that have ever submitted others."""

    def make_core(self) -> Queueing:
        return Assignment(SIZE)

    @rule(terms=TERMS, code=st.sampled_from("ab"), after=st.none() | st.floats(0.0, 2.0))
    def submit(self, terms: Terms, code: str, after: float | None) -> None:
        self.submit_one(terms, code, after)

    def submit_one(self, terms: Terms, code: str, after: float | None) -> None:
        deadline = None if after is None else self.now + after
        unit = Unit(len(self.units) + 1, Code(code), b"", (), NOBODY, terms, deadline)
        self.units.append(unit)
        self.core.submit(unit, self.now)

    @precondition(lambda self: self.core.missing)
    @rule()
    def start(self) -> None:
        self.number += 1
        seat = Seat(self.number)
        self.seats.append(seat)
        self.core.started(seat)

    @rule(data=st.data())
    def ready(self, data: st.DataObject) -> None:
        self._on_one(data, lambda seat: not seat.is_ready, lambda s: self.core.ready(s, self.now))

    @rule(data=st.data(), took_s=st.sampled_from([1e-5, 1e-4, 1.0]))
    def finish(self, data: st.DataObject, took_s: float) -> None:
        def end(seat: Seat) -> None:
            done = data.draw(st.sampled_from(self.may_end(seat)))
            unit = self.core.finished(seat, done.id, took_s, self.now)
            if unit is not None:
                self._count(unit)

        self._on_one(data, lambda seat: bool(seat.running), end)

    def may_end(self, seat: Seat) -> list[Unit]:
        return [seat.running[0]]

    @rule(data=st.data(), all_of_them=st.booleans())
    def give_back(self, data: st.DataObject, all_of_them: bool) -> None:
        def give_back(seat: Seat) -> None:
            behind = [unit.id for unit in seat.running][1:]
            back = behind if all_of_them else []
            self.core.recalls.remove(seat)
            self.core.returned(seat, back, self.now)

        self._on_one(data, lambda seat: seat in self.core.recalls, give_back)

    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        self._on_one(data, lambda _: True, self._die)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if self.units:
            self.core.cancel(data.draw(st.sampled_from(self.units)), self.now)

    @rule(data=st.data())
    def retire(self, data: st.DataObject) -> None:
        self._on_one(data, lambda seat: seat.is_ready, self.core.retire)

    @rule(data=st.data())
    def submit_below(self, data: st.DataObject) -> None:
        """A unit that runs submits another, and may wait for it."""

        def submit(seat: Seat) -> None:
            parent = data.draw(st.sampled_from(self.may_end(seat)))
            self.parents.add(parent.id)
            self.core.child_began(seat, parent.id)
            self.submit_one(Terms(), "a", None)
            self.children.append((seat, parent.id, self.units[-1]))

        self._on_one(data, lambda seat: bool(seat.running), submit)

    @rule(terms=st.lists(TERMS, min_size=2, max_size=SIZE), needs=st.sampled_from(NEEDS))
    def submit_together(self, terms: list[Terms], needs: str) -> None:
        gang = Gang([], needs)
        for one in terms:
            alike = replace(one, priority=terms[0].priority)
            number = len(self.units) + 1
            unit = Unit(number, Code("a"), b"", (), NOBODY, alike, gang=gang)
            self.units.append(unit)
            gang.units.append(unit)
        self.gangs.append(gang)
        self.core.submit_together(gang, self.now)

    @invariant()
    def gangs_begin_together_or_not_at_all(self) -> None:
        self.at_most_once_is_given_once()
        for gang in self.gangs:
            begun = [unit for unit in gang.units if unit.id in self.begun]
            if gang.has_begun:
                assert all(unit.id in self.begun for unit in gang.open)
            else:
                assert not begun
                assert len({unit.holds for unit in gang.open}) <= 1

    @invariant()
    def what_was_submitted_below_ends(self) -> None:
        for seat, parent, child in [one for one in self.children if one[2].has_ended]:
            self.core.child_ended(seat, parent)
            self.children.remove((seat, parent, child))

    @rule(by=st.floats(0.0, 3.0))
    def time_passes(self, by: float) -> None:
        self.now += by
        self.core.passed(self.now)

    @invariant()
    def what_ended_is_noted_once(self) -> None:
        for unit, _, _ in self.core.ends:
            self._count(unit)
        self.core.ends.clear()
        assert all(number == 1 for number in self.ends.values())
        assert all(unit.has_ended == (unit.id in self.ends) for unit in self.units)

    @invariant()
    def every_open_unit_has_one_place(self) -> None:
        waiting = sum(unit.seat is None for unit in self.units if not unit.has_ended)
        behind = [g.open[1:] for g in self.gangs if g.open and not g.has_begun and g.needs]
        stand_behind = sum(not unit.is_queued for units in behind for unit in units)
        assert self.core.waiting + len(list(self.core.lines)) + stand_behind == waiting
        for seat in self.core.seats.values():
            assert all(unit.seat is seat for unit in seat.running)

    @invariant()
    def no_unit_of_a_quantity_has_two_users(self) -> None:
        self.asking.pass_on()
        using = [ask.taken for ask in {unit.holds for unit in self.units} if ask is not None]
        for name, total in TOTALS.items():
            assert sum(taken.get(name, 0) for taken in using) <= total
        for seat in self.core.seats.values():
            assert all(unit.holds or unit.gang for unit in seat.running if unit.terms.needs)

    @invariant()
    def nothing_waits_behind_what_may_not_be_lost(self) -> None:
        for seat in self.core.seats.values():
            for unit in seat.running:
                assert unit.terms.is_plain or len(seat.running) == 1

    @invariant()
    def nobody_waits_while_a_worker_is_idle(self) -> None:
        idle = [s for s in self.core.seats.values() if s.is_ready and not s.is_ending]
        if not any(gang.open[0].is_queued for gang in self.gangs if gang.open):
            assert not self.core.waiting or all(map(self.is_full, idle))

    def is_full(self, seat: Seat) -> bool:
        return bool(seat.running)

    @invariant()
    def at_most_once_is_given_once(self) -> None:
        for _, unit in self.core.gives:
            self.begun[unit.id] = self.begun.get(unit.id, 0) + 1
            if unit.terms.at_most_once:
                assert self.begun[unit.id] == 1
        self.core.gives.clear()

    def teardown(self) -> None:
        """Whatever happened before: with workers that do their work, all units end."""
        for _ in range(10 * (len(self.units) + 5)):
            for seat in list(self.core.seats.values()):
                if seat.is_ending:
                    self._die(seat)
                elif not seat.is_ready:
                    self.core.ready(seat, self.now)
                elif seat in self.core.recalls:
                    self.core.recalls.remove(seat)
                    self.core.returned(seat, [unit.id for unit in seat.running][1:], self.now)
                elif seat.running:
                    unit = self.core.finished(seat, seat.running[0].id, 1e-5, self.now)
                    if unit is not None:
                        self._count(unit)
            self.asking.pass_on()
            for _ in range(self.core.missing):
                self.start()
        self.what_ended_is_noted_once()
        assert all(unit.has_ended and unit.holds is None for unit in self.units)

    def _granted(self, ask: Ask, answer: Answer) -> None:
        assert isinstance(answer, dict)
        self.core.granted(ask, answer, self.now)

    def _die(self, seat: Seat) -> None:
        if seat in self.core.recalls:
            self.core.recalls.remove(seat)
        self.core.died(seat, DEATH, self.now)

    def _on_one(
        self, data: st.DataObject, fits: Callable[[Seat], bool], do: Callable[[Seat], None]
    ) -> None:
        seats = [seat for seat in self.core.seats.values() if fits(seat)]
        if seats:
            do(data.draw(st.sampled_from(seats)))

    def _count(self, unit: Unit) -> None:
        self.ends[unit.id] = self.ends.get(unit.id, 0) + 1


TestLife = cast("type", Life.TestCase)
TestLife.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)  # type: ignore[attr-defined]
