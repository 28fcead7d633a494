from __future__ import annotations

from tests.unit.cantor.workers.test_assignment import NOBODY, Code

from cantor.workers.units import Terms, Unit
from cantor.workers.waiting import Deadlines, Waiting


def unit(number: int, priority: int = 1, deadline: float | None = None) -> Unit:
    return Unit(number, Code(), b"", (), NOBODY, Terms(priority=priority), deadline)


def taken(waiting: Waiting) -> list[int]:
    found = []
    while (one := waiting.take()) is not None:
        found.append(one.id)
    return found


def test_priorities_come_first_then_the_order() -> None:
    waiting = Waiting()
    for number, priority in enumerate((1, 2, 0, 1)):
        waiting.put(unit(number, priority))
    waiting.put(unit(9), first=True)

    assert len(waiting) == 5
    assert taken(waiting) == [2, 9, 0, 3, 1]


def test_who_waits_no_longer_is_not_taken() -> None:
    waiting = Waiting()
    one, other = unit(1), unit(2)
    waiting.put(one)
    waiting.put(other)

    waiting.forget(one)
    waiting.forget(one)

    assert len(waiting) == 1
    assert waiting.first() is other
    assert list(waiting) == [other]
    assert taken(waiting) == [2]


def test_who_is_hurried_is_taken_once_and_before_those_of_that_priority() -> None:
    waiting = Waiting()
    late, urgent = unit(1, 2), unit(2, 0)
    waiting.put(late)
    waiting.put(urgent)

    waiting.hurry(late, 0)
    waiting.hurry(urgent, 1)  # which is no hurry

    assert taken(waiting) == [1, 2]
    assert not waiting


def test_deadlines_pass_in_their_order_and_not_for_what_has_ended() -> None:
    deadlines = Deadlines()
    first, second, ended = unit(1, deadline=1.0), unit(2, deadline=2.0), unit(3, deadline=0.5)
    for one in (second, ended, first, unit(4)):
        deadlines.put(one)
    ended.has_ended = True

    assert deadlines.next() == 1.0
    assert list(deadlines.over(1.5)) == [first]
    assert list(deadlines.over(5.0)) == [second]
    assert deadlines.next() is None
