from __future__ import annotations

import pytest
from tests.unit.cantor.workers.test_assignment import KILLED, NOBODY, Code

from cantor.workers.seat import Seat
from cantor.workers.sharing import STOP_S, Sharing
from cantor.workers.units import PLAIN, THREAD, End, Terms, Unit


class Bench:
    """A core of one worker with two places."""

    def __init__(self) -> None:
        self.core = Sharing(1, 2)
        self.numbers = 0
        self.seat = self.join()

    def join(self) -> Seat:
        seat = self.seat = Seat(self.numbers)
        self.core.started(seat)
        self.core.ready(seat, 0.0)
        return seat

    def submit(self, terms: Terms = PLAIN, deadline: float | None = None) -> Unit:
        self.numbers += 1
        unit = Unit(self.numbers, Code(), b"", (), NOBODY, terms, deadline)
        self.core.submit(unit, 0.0)
        return unit

    def given(self) -> list[int]:
        given = [unit.id for _, unit in self.core.gives]
        self.core.gives.clear()
        return given

    def ended(self) -> list[tuple[int, End]]:
        ended = [(unit.id, end) for unit, end, _ in self.core.ends]
        self.core.ends.clear()
        return ended


def test_units_run_together_until_all_places_are_taken() -> None:
    bench = Bench()
    first, second, third = (bench.submit() for _ in range(3))
    assert bench.given() == [first.id, second.id]
    assert not bench.core.missing

    bench.core.finished(bench.seat, second.id, 0.0, 0.0)

    assert bench.given() == [third.id]


def test_who_waits_for_others_leaves_its_place() -> None:
    bench = Bench()
    parent, _, third = (bench.submit() for _ in range(3))
    bench.given()

    bench.core.child_began(bench.seat, parent.id)

    assert bench.given() == [third.id]


def test_when_a_worker_dies_all_that_had_begun_are_charged() -> None:
    bench = Bench()
    once, twice = bench.submit(), bench.submit(Terms(retries=1))
    waiting = bench.submit()

    bench.core.died(bench.seat, KILLED, 0.0)

    assert bench.ended() == [(once.id, End.DIED)]
    assert twice.attempt == 2
    assert waiting.attempt == 1


def test_a_cancelled_unit_is_asked_to_end_and_others_go_on() -> None:
    bench = Bench()
    cancelled, other = bench.submit(), bench.submit()

    assert bench.core.cancel(cancelled, 0.0)

    assert bench.ended() == [(cancelled.id, End.CANCELLED)]
    assert bench.core.stops == [(bench.seat, cancelled)]
    assert not bench.core.kills
    assert bench.core.finished(bench.seat, cancelled.id, 0.0, 0.0) is None
    assert bench.core.finished(bench.seat, other.id, 0.0, 0.0) is other


def test_a_worker_with_a_unit_that_does_not_end_is_left_and_then_ended() -> None:
    bench = Bench()
    stuck, other = bench.submit(), bench.submit()
    bench.core.cancel(stuck, 0.0)
    assert bench.core.due() == pytest.approx(0.0)  # it wants to know the time
    bench.core.passed(5.0)
    assert bench.core.due() == pytest.approx(5.0 + STOP_S)
    bench.core.passed(5.0 + STOP_S)
    bench.given()

    later = bench.submit()
    assert bench.given() == []
    assert bench.core.missing == 1
    assert not bench.core.kills

    left = bench.seat
    bench.core.finished(left, other.id, 0.0, 0.0)
    assert bench.core.kills == [left]
    bench.join()
    assert bench.given() == [later.id]


def test_a_unit_that_ends_when_it_is_asked_keeps_its_worker() -> None:
    bench = Bench()
    unit = bench.submit()
    bench.core.cancel(unit, 0.0)
    bench.core.passed(5.0)

    bench.core.finished(bench.seat, unit.id, 0.0, 5.5)
    bench.core.passed(9.0)

    assert not bench.core.kills
    bench.given()
    later = bench.submit()
    assert bench.given() == [later.id]


def test_a_deadline_ends_one_unit_only() -> None:
    bench = Bench()
    late, other = bench.submit(THREADED, 4.0), bench.submit(THREADED)

    bench.core.passed(4.0)

    assert bench.ended() == [(late.id, End.EXPIRED)]
    assert other.is_running


THREADED = Terms(mode=THREAD)


def test_a_worn_worker_gets_nothing_more_and_ends_when_it_is_empty() -> None:
    bench = Bench()
    unit = bench.submit()
    bench.given()

    bench.core.retire(bench.seat)
    bench.submit()

    assert bench.given() == []
    bench.core.finished(bench.seat, unit.id, 0.0, 0.0)
    assert bench.core.kills == [bench.seat]


def test_nothing_is_given_back() -> None:
    bench = Bench()

    with pytest.raises(LookupError):
        bench.core.returned(bench.seat, [1], 0.0)
