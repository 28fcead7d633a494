from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pytest

from cantor.base.errors import NeedsError
from cantor.workers.ahead import AHEAD_MAX, RECALL_AFTER_S
from cantor.workers.assignment import Assignment
from cantor.workers.seat import Seat
from cantor.workers.starts import STARTS_FAILED_MAX
from cantor.workers.units import PLAIN, Death, End, Gang, Terms, Unit

if TYPE_CHECKING:
    from cantor.workers.units import Listener

KILLED = Death(signal=9, code=None)
NOBODY = cast("Listener", None)


@dataclass(frozen=True)
class Code:
    id: str = "f"
    data: bytes = b""


class Bench:
    """A core with seats, and what it wanted since it was last asked."""

    def __init__(self, size: int = 2, seats: int | None = None) -> None:
        self.core = Assignment(size)
        self.seats: list[Seat] = []
        self.numbers = 0
        for _ in range(size if seats is None else seats):
            self.join()

    def join(self) -> Seat:
        seat = Seat(len(self.seats))
        self.seats.append(seat)
        self.core.started(seat)
        self.core.ready(seat, 0.0)
        return seat

    def submit(self, terms: Terms = PLAIN, code: str = "f", deadline: float | None = None) -> Unit:
        self.numbers += 1
        unit = Unit(self.numbers, Code(code), b"", (), NOBODY, terms, deadline)
        self.core.submit(unit, 0.0)
        return unit

    def given(self) -> list[tuple[int, int]]:
        given = [(seat.id, unit.id) for seat, unit in self.core.gives]
        self.core.gives.clear()
        return given

    def ended(self) -> list[tuple[int, End]]:
        ended = [(unit.id, end) for unit, end, _ in self.core.ends]
        self.core.ends.clear()
        return ended

    def learn_that_it_is_quick(self, code: str = "f") -> None:
        unit = self.submit(code=code)
        seat = cast("Seat", unit.seat)
        self.core.finished(seat, unit.id, 1e-5, 0.0)
        self.given()


def test_units_go_to_idle_seats_and_others_wait() -> None:
    bench = Bench(size=2)
    for _ in range(3):
        bench.submit()

    assert bench.given() == [(1, 1), (0, 2)]
    assert bench.core.waiting == 1

    bench.core.finished(bench.seats[0], 2, 1.0, 1.0)

    assert bench.given() == [(0, 3)]


def test_urgent_units_overtake_those_that_wait() -> None:
    bench = Bench(size=1)
    bench.submit()
    bench.submit(Terms(priority=2))
    bench.submit(Terms(priority=0))
    bench.given()

    bench.core.finished(bench.seats[0], 1, 1.0, 1.0)

    assert bench.given() == [(0, 3)]


def test_as_many_workers_are_wanted_as_there_is_work_up_to_the_size() -> None:
    bench = Bench(size=2, seats=0)
    assert bench.core.missing == 0

    for _ in range(3):
        bench.submit()
    assert bench.core.missing == 2

    bench.core.started(Seat(7))
    assert bench.core.missing == 1


def test_small_units_are_given_ahead_and_unknown_ones_are_not() -> None:
    bench = Bench(size=1)
    bench.learn_that_it_is_quick("small")

    first = bench.submit(code="small")
    bench.submit(code="small")
    bench.submit(code="unknown")

    assert bench.given() == [(0, first.id), (0, first.id + 1)]


def test_no_more_is_given_ahead_than_the_bound() -> None:
    bench = Bench(size=1)
    bench.learn_that_it_is_quick()
    for _ in range(AHEAD_MAX * 3):
        bench.submit()

    assert len(bench.given()) == AHEAD_MAX


@pytest.mark.parametrize(
    "terms", [Terms(at_most_once=True), Terms(is_stream=True), Terms(memory_bytes=1)]
)
def test_what_must_not_wait_behind_another_gets_a_seat_of_its_own(terms: Terms) -> None:
    bench = Bench(size=1)
    bench.learn_that_it_is_quick()
    bench.submit()
    bench.submit(terms)

    assert len(bench.given()) == 1


def test_what_waits_behind_a_long_unit_is_called_back_and_given_to_another() -> None:
    bench = Bench(size=2)
    bench.learn_that_it_is_quick()
    for _ in range(4):
        bench.submit()
    bench.given()

    assert bench.core.due() == pytest.approx(RECALL_AFTER_S)
    bench.core.passed(RECALL_AFTER_S)
    (long,) = bench.core.recalls
    first, *behind = long.running
    other = next(seat for seat in bench.seats if seat is not long)
    bench.core.finished(other, other.running[0].id, 1e-5, 0.1)
    bench.core.returned(long, [unit.id for unit in behind], 0.1)

    assert list(long.running) == [first]
    assert list(other.running) == behind


def test_what_takes_quantities_gets_them_before_a_worker() -> None:
    bench = Bench(size=1)
    unit = bench.submit(Terms(needs="GPU = 1"))
    bench.submit()
    ((ask, is_new),) = bench.core.lines.effects
    assert is_new
    assert bench.given() == [(0, 2)]

    bench.core.granted(ask, {"GPU": 1}, 1.0)
    bench.core.finished(bench.seats[0], 2, 1.0, 1.0)
    assert bench.given() == [(0, unit.id)]

    bench.core.finished(bench.seats[0], unit.id, 1.0, 2.0)
    assert bench.core.lines.effects[-1] == (ask, False)


def test_what_an_urgent_unit_waits_for_does_not_wait_behind_others() -> None:
    bench = Bench(size=1)
    bench.submit()
    background = bench.submit(Terms(needs="GPU = 1", priority=2))
    bench.core.granted(bench.core.lines.effects[0][0], {"GPU": 1}, 0.0)
    bench.submit()
    bench.given()

    bench.submit(Terms(needs="GPU = 1", priority=0))
    bench.core.finished(bench.seats[0], 1, 1.0, 1.0)

    assert bench.given() == [(0, background.id)]


def test_what_can_never_be_had_ends_its_unit() -> None:
    bench = Bench(size=1)
    unit = bench.submit(Terms(needs="GPU = 9"))
    error = NeedsError("there are 2")

    bench.core.refused(bench.core.lines.effects[0][0], error)

    assert bench.core.failures == [(unit, error)]


def test_a_unit_whose_worker_died_is_tried_again_as_often_as_its_terms_say() -> None:
    bench = Bench(size=1)
    unit = bench.submit(Terms(retries=1))

    bench.core.died(bench.seats[0], KILLED, 0.0)
    assert bench.ended() == []
    bench.join()
    bench.core.died(bench.seats[1], KILLED, 0.0)

    assert bench.ended() == [(unit.id, End.DIED)]
    assert unit.attempt == 2


def test_a_unit_that_had_not_begun_is_not_blamed_for_the_death() -> None:
    bench = Bench(size=1)
    bench.learn_that_it_is_quick()
    first, second = bench.submit(), bench.submit()

    bench.core.died(bench.seats[0], KILLED, 0.0)
    bench.given()

    assert bench.ended() == [(first.id, End.DIED)]
    bench.join()
    assert bench.given() == [(1, second.id)]
    assert second.attempt == 1


def test_at_most_once_is_never_tried_again() -> None:
    bench = Bench(size=1)
    unit = bench.submit(Terms(retries=3, at_most_once=True))

    bench.core.died(bench.seats[0], KILLED, 0.0)

    assert bench.ended() == [(unit.id, End.DIED)]


def test_a_cancelled_unit_that_waits_never_runs() -> None:
    bench = Bench(size=1)
    bench.submit()
    waiting = bench.submit()
    bench.given()

    assert bench.core.cancel(waiting, 0.0)
    assert not bench.core.cancel(waiting, 0.0)
    bench.core.finished(bench.seats[0], 1, 1.0, 1.0)

    assert bench.ended() == [(waiting.id, End.CANCELLED)]
    assert bench.given() == []


def test_a_cancelled_unit_that_runs_ends_at_once_and_its_worker_is_killed() -> None:
    bench = Bench(size=1)
    unit = bench.submit()

    bench.core.cancel(unit, 0.0)

    assert bench.ended() == [(unit.id, End.CANCELLED)]
    assert bench.core.kills == [bench.seats[0]]
    assert bench.core.finished(bench.seats[0], unit.id, 0.0, 0.0) is None  # it came too late


def behind_a_gang_of_two(bench: Bench) -> tuple[Gang, Unit]:
    """What waits behind a gang for which there is no room yet."""
    gang = Gang([])
    for number in (8, 9):
        gang.units.append(Unit(number, Code(), b"", (), NOBODY, PLAIN, 5.0, gang=gang))
    bench.core.submit_together(gang, 0.0)
    behind = bench.submit()
    assert bench.given() == []
    return gang, behind


def test_what_waited_behind_a_gang_begins_when_that_expires() -> None:
    bench = Bench(size=2, seats=1)
    _, behind = behind_a_gang_of_two(bench)

    bench.core.passed(5.0)

    assert bench.given() == [(0, behind.id)]


def test_the_rest_of_a_gang_begins_when_there_is_room_for_it_without_a_cancelled_one() -> None:
    bench = Bench(size=2, seats=1)
    gang, _ = behind_a_gang_of_two(bench)

    bench.core.cancel(gang.units[0], 0.0)

    assert bench.given() == [(0, gang.units[1].id)]


def test_a_deadline_ends_what_waits_and_what_runs() -> None:
    bench = Bench(size=1)
    running, waiting = bench.submit(deadline=5.0), bench.submit(deadline=4.0)
    assert bench.core.due() == pytest.approx(4.0)

    bench.core.passed(5.0)

    assert bench.ended() == [(waiting.id, End.EXPIRED), (running.id, End.EXPIRED)]
    assert bench.core.kills == [bench.seats[0]]


def test_a_seat_whose_unit_waits_for_its_children_leaves_its_place_to_another_worker() -> None:
    bench = Bench(size=1)
    bench.submit()
    bench.core.child_began(bench.seats[0], 1)
    bench.submit()
    assert bench.core.missing == 1

    bench.core.child_ended(bench.seats[0], 1)
    assert bench.core.missing == 0


def test_workers_that_cannot_start_end_what_waits_for_them() -> None:
    bench = Bench(size=1, seats=0)
    unit = bench.submit()
    for number in range(STARTS_FAILED_MAX):
        assert bench.ended() == []
        seat = Seat(number)
        bench.core.started(seat)
        bench.core.died(seat, KILLED, 0.0)

    assert bench.ended() == [(unit.id, End.DIED)]


def test_the_end_of_a_unit_that_is_not_the_first_of_its_seat_is_refused() -> None:
    bench = Bench(size=1)
    bench.submit()

    with pytest.raises(LookupError):
        bench.core.finished(bench.seats[0], 99, 0.0, 0.0)


def test_an_idle_worker_is_retired_and_a_busy_one_is_not() -> None:
    bench = Bench(size=2)
    unit = bench.submit()
    busy = cast("Seat", unit.seat)
    idle = next(seat for seat in bench.seats if seat is not busy)

    for seat in bench.seats:
        bench.core.retire(seat)

    assert bench.core.kills == [idle]


def test_warm_workers_are_wanted_without_work() -> None:
    core = Assignment(3, warm=2)
    assert core.missing == 2

    core.started(Seat(1))
    assert core.missing == 1


def test_after_the_last_start_that_is_allowed_units_end() -> None:
    bench = Bench(size=1, seats=0)
    bench.core = Assignment(1, starts_max=1)
    waiting = bench.submit()
    seat = bench.join()
    bench.core.died(seat, KILLED, 0.0)
    late = bench.submit()

    assert bench.core.missing == 0
    assert bench.ended() == [(waiting.id, End.DIED), (late.id, End.DIED)]


def test_a_setup_that_fails_ends_what_waits_and_its_worker() -> None:
    bench = Bench(size=1, seats=0)
    unit = bench.submit()
    seat = Seat(1)
    bench.core.started(seat)

    assert bench.core.setup_failed(seat) == [unit]
    assert bench.core.kills == [seat]
    assert unit.has_ended
    assert bench.core.waiting == 0
