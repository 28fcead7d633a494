from __future__ import annotations

from tests.unit.cantor.workers.test_assignment import NOBODY, Code

from cantor.workers.lines import Ask, Lines
from cantor.workers.units import Terms, Unit


def unit(number: int, needs: str = "GPU = 1", priority: int = 1) -> Unit:
    terms = Terms(name="f", needs=needs, priority=priority)
    return Unit(number, Code(), b"", (), NOBODY, terms)


def done(lines: Lines) -> list[tuple[Ask, bool]]:
    effects = list(lines.effects)
    lines.effects.clear()
    return effects


def test_few_questions_are_open_however_many_units_wait() -> None:
    lines = Lines(asks_max=2)
    units = [unit(number) for number in range(5)]
    for one in units:
        lines.put(one)

    (first, _), (second, _) = done(lines)
    assert lines.granted(second, {"GPU": 1}) is units[0]
    assert lines.granted(first, {"GPU": 1}) is units[1]
    assert done(lines) == []  # both have no worker yet: what is left is for others

    lines.begun(units[0])
    ((third, _),) = done(lines)
    assert lines.granted(third, {"GPU": 1}) is units[2]


def test_each_need_and_each_priority_has_a_line_of_its_own() -> None:
    lines = Lines(asks_max=1)
    units = [unit(1), unit(2, "GPU = 2"), unit(3, priority=0)]
    for one in units:
        lines.put(one)

    asks = [ask for ask, _ in done(lines)]
    assert [(ask.needs, ask.priority) for ask in asks] == [("GPU = 1", 1), ("GPU = 2", 1),
                                                           ("GPU = 1", 0)]  # fmt: skip
    assert [lines.granted(ask, {}) for ask in asks] == units


def test_a_question_that_no_unit_waits_for_is_taken_back() -> None:
    lines = Lines(asks_max=2)
    one, other = unit(1), unit(2)
    lines.put(one)
    lines.put(other)
    (first, _), (second, _) = done(lines)

    lines.forget(one)
    assert done(lines) == [(second, False)]
    assert lines.granted(second, {}) is None  # it came too late
    assert lines.granted(first, {}) is other


def test_what_a_unit_holds_is_given_back_once() -> None:
    lines = Lines(asks_max=1)
    one = unit(1)
    lines.put(one)
    ((ask, _),) = done(lines)
    lines.granted(ask, {"GPU": 1})

    lines.free(one)
    lines.free(one)

    assert done(lines) == [(ask, False)]
    assert not lines.ready
