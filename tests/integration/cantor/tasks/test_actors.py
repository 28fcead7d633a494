"""Actors: objects in processes of their own."""

from __future__ import annotations

import os

import pytest
from tests.bed.waiting import until
from tests.integration.cantor.tasks import jobs

import cantor
from cantor.base.errors import ConfigError
from cantor.workers.errors import PoolClosedError, WorkerDiedError

pytestmark = pytest.mark.integration
SOON_S = 30.0


def test_an_actor_keeps_its_state_and_answers_in_order() -> None:
    with jobs.Counter.start(10) as counter:
        futures = [counter.add.submit(1) for _ in range(200)]

        assert [future.result(SOON_S) for future in futures] == list(range(11, 211))
        assert counter.pid() != os.getpid()


def test_called_as_usual_it_is_an_object_here() -> None:
    assert jobs.Counter(3).add(1) == 4


async def test_calls_can_be_awaited_and_methods_be_coroutines() -> None:
    with jobs.Counter.start() as counter, jobs.Gate.start() as gate:
        assert await counter.add.submit(2) == 2
        assert await gate.add_to.submit(counter, 3) == 5


def test_coroutines_overlap_and_all_begin_in_order() -> None:
    with jobs.Gate.start() as gate:
        waiting = [gate.wait.submit(str(number)) for number in range(50)]
        seen = gate.seen.submit()
        assert seen.result(SOON_S) == [str(number) for number in range(50)]

        gate.open()

        assert [future.result(SOON_S) for future in waiting] == [str(n) for n in range(50)]
        assert waiting[7].output == "7 waits\n"


def test_a_cancelled_coroutine_ends_and_its_actor_lives_on() -> None:
    with jobs.Gate.start() as gate:
        first, second = gate.wait.submit("first"), gate.wait.submit("second")
        until(lambda: gate.seen() == ["first", "second"])

        assert first.cancel()
        until(lambda: "first ends" in gate.seen())

        gate.open()
        assert second.result(SOON_S) == "second"


def test_a_coroutine_that_fails_is_the_error_of_its_call_only() -> None:
    with jobs.Gate.start() as gate:
        waiting = gate.wait.submit("on")
        with pytest.raises(ValueError, match="odd") as caught:
            gate.fail("odd")

        assert "raise ValueError(text)" in str(caught.value.__cause__)
        gate.open()
        assert waiting.result(SOON_S) == "on"


def test_when_its_process_dies_all_calls_that_ran_end() -> None:
    with jobs.RestartedGate.start() as gate:
        waiting = gate.wait.submit("lost")
        dying = gate.die.submit()

        for future in (waiting, dying):
            with pytest.raises(WorkerDiedError, match="signal 9"):
                future.result(SOON_S)
        assert gate.seen() == []  # it began anew


def test_an_actor_submits_tasks_to_the_pool_of_the_program() -> None:
    with cantor.local(workers=1), jobs.Counter.start(1) as counter:
        assert counter.add_below.submit(2).result(SOON_S) == 3


def test_tasks_call_actors_by_their_handle() -> None:
    with cantor.local(workers=2), jobs.Counter.start() as counter:
        futures = [jobs.add_to.submit(counter, 1) for _ in range(20)]

        assert sorted(future.result(SOON_S) for future in futures) == list(range(1, 21))
        assert "by the program that started it" in jobs.close_actor.submit(counter).result(SOON_S)
        assert jobs.start_an_actor.submit(6).result(SOON_S) == 7


def test_a_handle_of_an_actor_that_is_closed_says_so_in_a_task_too() -> None:
    with cantor.local(workers=1):
        with jobs.Counter.start() as counter:
            pass
        with pytest.raises(PoolClosedError, match="was closed"):
            jobs.add_to.submit(counter, 1).result(SOON_S)
        counter.close()


def test_two_actors_are_apart() -> None:
    with jobs.Counter.start() as one, jobs.Counter.start() as other:
        one.add(5)

        assert other.add(1) == 1
        assert one.pid() != other.pid()


def test_an_actor_that_cannot_begin_says_why_at_each_call() -> None:
    with jobs.Counter.start(-1) as counter, pytest.raises(ValueError, match="from 0 on"):
        counter.add.submit(1).result(SOON_S)


def test_a_method_that_it_does_not_have_is_refused_here() -> None:
    with jobs.Counter.start() as counter, pytest.raises(AttributeError, match="subtract"):
        counter.subtract(1)


def test_when_its_process_dies_all_its_calls_end() -> None:
    with jobs.Counter.start() as counter:
        dying, waiting = counter.die.submit(), counter.add.submit(1)

        for future in (dying, waiting, counter.add.submit(1)):
            with pytest.raises(WorkerDiedError, match="signal 9"):
                future.result(SOON_S)


def test_with_restarts_it_begins_anew_and_goes_on() -> None:
    with jobs.RestartedCounter.start(7) as counter:
        assert counter.add(1) == 8
        dying, waiting = counter.die.submit(), counter.add.submit(1)

        with pytest.raises(WorkerDiedError):
            dying.result(SOON_S)
        assert waiting.result(SOON_S) == 8


def test_an_actor_is_found_by_its_name() -> None:
    with jobs.Counter.start_named("shop", 1) as counter:
        assert cantor.find_actor("shop") is counter
        with pytest.raises(ConfigError, match="of that name"):
            jobs.Counter.start_named("shop")

    with pytest.raises(LookupError):
        cantor.find_actor("shop")
    with pytest.raises(PoolClosedError):
        counter.add.submit(1)
