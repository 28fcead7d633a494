from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from cantor.base.ids import NodeId
from cantor.scheduling.tasks import hosting
from cantor.scheduling.tasks.hosting import Begin, End, Hosting, Key

if TYPE_CHECKING:
    import pytest

DESK = NodeId("0" * 32)
FIRST = Key(DESK, 1, 7, 1)
SECOND = replace(FIRST, attempt=2)


def test_an_attempt_begins_once() -> None:
    core = Hosting(3)

    assert core.asked(FIRST, 3) == [Begin(FIRST)]
    assert core.asked(FIRST, 3) == []
    core.ended(FIRST)
    assert core.asked(FIRST, 3) == []
    assert core.running == 0


def test_what_was_meant_for_a_former_life_does_not_begin() -> None:
    assert Hosting(3).asked(FIRST, 2) == []


def test_a_later_attempt_ends_an_earlier_one_which_does_not_come_back() -> None:
    core = Hosting(3)
    core.asked(FIRST, 3)

    assert core.asked(SECOND, 3) == [End(FIRST), Begin(SECOND)]
    assert core.asked(FIRST, 3) == []
    assert core.is_running(SECOND)


def test_what_was_called_off_ends_and_does_not_begin_later() -> None:
    core = Hosting(3)
    core.asked(FIRST, 3)
    other = replace(FIRST, task=8)

    assert core.called_off(FIRST) == [End(FIRST)]
    assert core.called_off(other) == []
    assert core.asked(other, 3) == []


def test_a_new_life_of_a_submitter_ends_what_it_wanted_before() -> None:
    core = Hosting(3)
    core.asked(FIRST, 3)
    again = replace(FIRST, life=2)

    assert core.asked(again, 3) == [End(FIRST), Begin(again)]
    assert core.asked(FIRST, 3) == []
    assert core.called_off(FIRST) == []
    assert core.is_running(again)


def test_when_a_submitter_has_gone_nothing_runs_for_it() -> None:
    core = Hosting(3)
    core.asked(FIRST, 3)
    core.asked(replace(FIRST, task=8), 3)

    assert core.gone(DESK) == [End(FIRST), End(replace(FIRST, task=8))]
    assert core.gone(DESK) == []
    assert core.running == 0


def test_little_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "KNOWN_MAX", 10)
    core = Hosting(1)
    for number in range(100):
        core.asked(replace(FIRST, task=number), 1)

    assert len(core._submitters[DESK].known) == 10


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["asked", "called off", "ended", "gone"]),
            st.integers(1, 2),
            st.integers(1, 3),
            st.integers(1, 3),
        ),
        max_size=60,
    )
)
def test_whatever_comes_nothing_begins_twice_and_one_attempt_of_a_task_runs(
    steps: list[tuple[str, int, int, int]],
) -> None:
    core = Hosting(1)
    begun: set[Key] = set()
    running: dict[int, Key] = {}
    for what, life, task, attempt in steps:
        key = Key(DESK, life, task, attempt)
        if what == "asked":
            effects = core.asked(key, 1)
        elif what == "called off":
            effects = core.called_off(key)
        elif what == "gone":
            effects = core.gone(DESK)
        else:
            core.ended(key)
            effects = []
            running = {one: key for one, key in running.items() if core.is_running(key)}
        for effect in effects:
            if isinstance(effect, Begin):
                assert effect.key not in begun
                assert effect.key.task not in running
                begun.add(effect.key)
                running[effect.key.task] = effect.key
            else:
                assert running.pop(effect.key.task) == effect.key
    assert core.running == len(running)
