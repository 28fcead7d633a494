"""One service on one node: trial, return, restarts with pauses, make before break."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cantor.services.upkept import Box, plan

from cantor.services.upkeep import TRIES, Upkeep

if TYPE_CHECKING:
    from cantor.services.upkeep import Plan


def test_a_revision_is_good_when_it_was_well_for_long_enough() -> None:
    box = Box()
    box.want(plan(1))
    assert box.state == "starting"
    box.well(1)
    box.later(9.9)
    assert (box.state, box.kept) == ("trial", None)

    box.later(0.1)

    assert box.state == "running"
    assert box.kept is not None
    assert box.kept.good == plan(1)


def test_the_old_one_runs_until_the_new_one_is_well() -> None:
    box = Box()
    box.good(1)
    box.want(plan(2))
    assert box.running == [1, 2]

    box.well(2)

    assert box.running == [2]


@pytest.mark.parametrize(
    "said", [{"ports": frozenset({8080})}, {"takes": "GPU = 1"}], ids=["port", "units"]
)
def test_what_cannot_run_at_once_is_stopped_first(said: dict[str, object]) -> None:
    box = Box()
    box.good(1, **said)
    box.do(box.upkeep.want(plan(2, **said), box.now))
    assert box.running == [1]

    box.settle()

    assert box.running == [2]


def test_a_revision_that_crashes_returns_by_itself_and_says_why() -> None:
    box = Box()
    box.good(1)
    box.want(plan(2))
    for _ in range(TRIES):
        box.crash(2, "exit code 3")
        box.later(1.0)

    report = box.upkeep.report(0.0)

    assert box.running == [1]
    assert report is not None
    assert (report.state, report.running, report.why) == ("returned", 1, "exit code 3")
    assert box.kept is not None
    assert box.kept.failed == (plan(2).stamp,)


def test_what_had_to_stop_for_it_is_started_again() -> None:
    box = Box()
    port = frozenset({80})
    box.good(1, ports=port)
    box.want(plan(2, ports=port))
    for _ in range(TRIES):
        box.crash(2)
        box.later(1.0)

    assert box.running == [1]
    box.well(1)
    assert box.state == "returned"


def test_a_crash_after_it_was_well_for_a_while_returns_too_while_it_is_on_trial() -> None:
    box = Box()
    box.good(1)
    box.want(plan(2))
    for _ in range(TRIES):
        box.well(2)
        box.later(3.0)
        box.crash(2)
        box.later(1.0)

    assert box.running == [1]


def test_what_is_not_well_in_time_has_failed() -> None:
    box = Box()
    box.good(1)
    box.want(plan(2, within_s=5.0))
    box.later(TRIES * 7.0)

    report = box.upkeep.report(0.0)

    assert box.running == [1]
    assert report is not None
    assert report.why == "not well within 5 s"


def test_what_becomes_ill_is_ended_and_started_again() -> None:
    box = Box()
    box.good(1)
    box.do(box.upkeep.ill(box.run_of(1), "HTTP 500 at /"))
    box.settle()
    assert box.running == []
    report = box.upkeep.report(0.0)
    assert report is not None
    assert (report.state, report.why) == ("restarting", "HTTP 500 at /")

    box.later(0.5)

    assert box.running == [1]


def test_a_good_one_is_started_again_later_each_time_and_soon_after_a_calm() -> None:
    box = Box()
    box.good(1)
    pauses = []
    for _ in range(9):
        box.crash(1)
        before = box.now
        while not box.alive:
            box.later(0.25)
        pauses.append(box.now - before)
        box.well(1)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    report = box.upkeep.report(0.0)
    assert report is not None
    assert report.restarts == 9

    box.later(60.0)
    box.crash(1)
    box.later(0.5)

    assert box.running == [1]


def test_a_first_revision_that_fails_is_tried_again_later_each_time() -> None:
    box = Box()
    box.want(plan(1))
    for _ in range(TRIES):
        box.crash(1)
        box.later(1.0)
    assert box.state == "failing"
    box.later(5.0)
    assert box.running == [1]

    box.well(1)
    box.later(10.0)

    assert box.state == "running"


@pytest.mark.parametrize(("restart", "is_success", "state"), [
    ("never", True, "finished"), ("on-failure", True, "finished"), ("never", False, "failed"),
])  # fmt: skip
def test_what_is_not_to_be_started_again_is_not(restart: str, is_success: bool, state: str) -> None:
    box = Box()
    box.want(plan(1, restart=restart))
    box.crash(1, is_success=is_success)
    box.later(1000.0)

    assert (box.running, box.state, box.starts) == ([], state, 1)


def test_a_job_that_fails_leaves_its_place_to_the_one_before() -> None:
    box = Box()
    box.good(1, restart="never")
    box.want(plan(2, restart="never"))
    box.crash(2)

    assert box.running == [1]


def test_when_a_job_has_finished_the_one_before_is_stopped() -> None:
    box = Box()
    box.good(1)
    box.want(plan(2, restart="on-failure"))
    box.crash(2, is_success=True)

    assert (box.running, box.state) == ([], "finished")


def test_refused_code_is_never_started() -> None:
    box = Box()
    box.do(box.upkeep.refuse(plan(1), "a path leads out of its folder", box.now))
    box.later(1000.0)

    assert (box.starts, box.state) == (0, "refused")


def test_refused_code_leaves_what_is_good_as_it_is() -> None:
    box = Box()
    box.good(1)
    box.do(box.upkeep.refuse(plan(2), "too large", box.now))
    box.settle()

    assert (box.running, box.state) == ([1], "returned")


def test_the_same_code_in_a_new_order_goes_on_as_it_is() -> None:
    box = Box()
    box.good(1)
    box.want(plan(5, bundle=plan(1).bundle))

    report = box.upkeep.report(0.0)

    assert report is not None
    assert (report.running, report.state, box.starts) == (5, "running", 1)
    assert box.kept is not None
    assert box.kept.good == plan(5, bundle=plan(1).bundle)


def test_a_restarted_node_remembers_what_is_good_and_what_failed() -> None:
    box = Box(Upkeep(plan(1), (plan(2).stamp,)))

    box.want(plan(2))

    assert (box.running, box.state) == ([1], "returned")


def test_nothing_wanted_is_nothing_running() -> None:
    box = Box()
    box.good(1)
    box.want(plan(2))
    box.want(None)
    box.later(100.0)

    assert (box.running, box.state) == ([], "")
    assert box.upkeep.is_idle


def test_what_is_wanted_again_while_it_ends_is_waited_for_without_asking_for_the_time() -> None:
    box = Box()
    box.want(plan(1))
    box.well(1)
    box.do(box.upkeep.want(None, box.now))
    box.do(box.upkeep.want(plan(1), box.now))
    box.now += 30.0

    assert box.upkeep.next_at() is None
    box.settle()
    assert (box.running, box.starts) == ([1], 2)


def test_of_several_pushes_in_a_row_the_last_one_runs() -> None:
    box = Box()
    box.good(1)
    for number in (2, 3, 4):
        box.want(plan(number))
    assert box.running == [1, 4]

    box.well(4)

    assert box.running == [4]


def _wild(box: Box, dice: random.Random, plans: list[Plan]) -> None:
    """One thing that may happen."""
    match dice.randrange(7):
        case 0:
            box.do(box.upkeep.want(dice.choice([*plans, None]), box.now))
        case 1 if box.alive:
            box.end(dice.choice(list(box.alive)), is_success=dice.random() < 0.3)
        case 2 if box.alive:
            box.do(box.upkeep.well(dice.choice(list(box.alive)), box.now))
        case 3 if box.alive:
            box.do(box.upkeep.ill(dice.choice(list(box.alive)), "ill"))
        case 4 if box.stopping:
            box.end(dice.choice(sorted(box.stopping)))
        case 5:
            box.do(box.upkeep.refuse(dice.choice(plans), "refused", box.now))
        case _:
            box.now += dice.random() * 40.0
            box.do(box.upkeep.tick(box.now))


@given(st.integers(0, 2**32))
def test_whatever_happened_a_sound_revision_runs_alone_in_the_end(seed: int) -> None:
    """Box asserts all along that nothing starts beside what bars it."""
    dice = random.Random(seed)  # noqa: S311
    ports = [frozenset[int](), frozenset({80}), frozenset({80, 81})]
    plans = [
        plan(n, ports=dice.choice(ports), takes=dice.choice(["", "", "GPU = 1"]))
        for n in range(1, 6)
    ]
    box = Box()
    for _ in range(dice.randrange(60)):
        _wild(box, dice, plans)
    last = plan(9)

    box.settle()
    box.want(last)
    for _ in range(20):
        box.settle()
        box.later(1.0)
        for run, one in list(box.alive.items()):
            if one == last:
                box.do(box.upkeep.well(run, box.now))
    box.later(10.0)

    assert (box.running, box.state) == ([9], "running")
