from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from cantor.scheduling.needs import parse
from cantor.scheduling.tasks.dispatch import Dispatch
from cantor.scheduling.tasks.pace import AHEAD_MAX
from cantor.scheduling.tasks.records import (
    Abort,
    Cancelled,
    Commit,
    Died,
    Dropped,
    Ended,
    GiveUp,
    Host,
    Hosts,
    Job,
    Refused,
    Run,
    Submitted,
    Tick,
)

if TYPE_CHECKING:
    from cantor.scheduling.tasks.records import Effect

HERE, WALL, ROOF = (NodeId(f"{number:02d}" * 16) for number in range(3))
CAMERA = Resource("USBCamera", "condition", value=True)


def host(node: NodeId, workers: int = 1, **about: object) -> Host:
    distance = 0.0 if node == HERE else 0.25
    made = Host(node, f"node {node[0:2]}", 1, workers, "3.11", distance=distance)
    return replace(made, **about)  # type: ignore[arg-type]


def job(number: int, needs: str = "", **about: object) -> Job:
    return replace(Job(number, parse(needs), needs, retries=2), **about)  # type: ignore[arg-type]


def dispatch(*hosts: Host) -> Dispatch:
    made = Dispatch()
    made.handle(Hosts(hosts), 0.0)
    return made


def runs(effects: list[Effect]) -> list[tuple[NodeId, int, int]]:
    return [(one.node, one.task, one.attempt) for one in effects if isinstance(one, Run)]


def test_a_task_runs_here_while_a_worker_is_free_here_and_else_on_the_next_node() -> None:
    core = dispatch(host(HERE), host(WALL), host(ROOF, distance=1.0))

    assert runs(core.handle(Submitted(job(1)), 0.0)) == [(HERE, 1, 1)]
    assert runs(core.handle(Submitted(job(2)), 0.0)) == [(WALL, 2, 1)]
    assert runs(core.handle(Submitted(job(3)), 0.0)) == [(ROOF, 3, 1)]
    assert runs(core.handle(Submitted(job(4)), 0.0)) == []
    assert runs(core.handle(Ended(WALL, 2, 1), 1.0)) == [(WALL, 4, 1)]


def test_a_task_runs_where_its_needs_are_met() -> None:
    core = dispatch(host(HERE), host(WALL, resources=(CAMERA,), free=(CAMERA,)))

    assert runs(core.handle(Submitted(job(1, "USBCamera == 1")), 0.0)) == [(WALL, 1, 1)]


def test_needs_that_nobody_can_ever_meet_end_a_task_at_once_and_say_why() -> None:
    core = Dispatch()
    shy = host(ROOF, resources=(CAMERA,), free=(CAMERA,))
    core.handle(Hosts((host(HERE),), ((shy, "does not want to"),)), 0.0)

    (end,) = core.handle(Submitted(job(1, "USBCamera == 1")), 0.0)

    assert isinstance(end, GiveUp)
    assert end.why == "never"
    assert end.text == "no node has USBCamera (USBCamera == 1); node 02 does not want to"


def test_code_for_one_python_goes_where_that_is() -> None:
    core = dispatch(host(HERE), host(WALL, python="3.12"))

    assert runs(core.handle(Submitted(job(1, python="3.12")), 0.0)) == [(WALL, 1, 1)]
    (end,) = core.handle(Submitted(job(2, python="3.13")), 0.0)
    assert isinstance(end, GiveUp)
    assert end.text == "its code is for Python 3.13 alone, and nodes have 3.11, 3.12"


def test_what_is_urgent_goes_first_whatever_it_needs() -> None:
    core = dispatch(host(HERE, resources=(CAMERA,), free=(CAMERA,)))
    core.handle(Submitted(job(1)), 0.0)
    for number, priority, needs in ((2, 2, ""), (3, 1, ""), (4, 0, "USBCamera == 1")):
        core.handle(Submitted(job(number, needs, priority=priority)), 0.0)

    order = []
    for running in (1, 4, 3):
        ((_, number, _),) = runs(core.handle(Ended(HERE, running, 1), 1.0))
        order.append(number)

    assert order == [4, 3, 2]


def test_small_tasks_are_given_ahead_and_long_ones_are_not() -> None:
    core = dispatch(host(HERE))
    for number in range(1, 200):
        core.handle(Submitted(job(number)), 0.0)
    now = 0.0
    for number in range(1, 20):
        now += 0.0002
        core.handle(Ended(HERE, number, 1), now)
    given = sum(core.where(number)[0] is not None for number in range(20, 200))
    assert 20 <= given <= AHEAD_MAX + 1

    slow = dispatch(host(HERE))
    for number in range(1, 9):
        slow.handle(Submitted(job(number)), 0.0)
    for number in range(1, 5):
        assert len(runs(slow.handle(Ended(HERE, number, 1), float(number)))) == 1


def test_what_a_task_waits_for_does_not_wait_for_its_worker() -> None:
    core = dispatch(host(HERE))
    core.handle(Submitted(job(1)), 0.0)

    assert runs(core.handle(Submitted(job(2)), 0.0)) == []
    assert runs(core.handle(Submitted(job(3, is_nested=True)), 0.0)) == [(HERE, 3, 1)]


def test_the_tasks_of_a_lost_node_begin_anew_elsewhere_and_late_results_do_not_count() -> None:
    core = dispatch(host(WALL), host(ROOF))
    core.handle(Submitted(job(1)), 0.0)

    effects = core.handle(Hosts((host(ROOF),)), 1.0)

    assert effects == [Abort(WALL, 1, 1), Run(ROOF, 1, 1, 2, may_wait=False)]
    assert not core.counts(WALL, 1, 1)
    assert core.handle(Ended(WALL, 1, 1), 2.0) == []
    assert core.handle(Ended(ROOF, 1, 2), 3.0) == [Commit(1, 2)]
    assert core.handle(Ended(ROOF, 1, 2), 3.0) == []


def test_a_node_that_was_started_anew_has_lost_what_it_ran() -> None:
    core = dispatch(host(WALL))
    core.handle(Submitted(job(1)), 0.0)

    effects = core.handle(Hosts((host(WALL, life=2),)), 1.0)

    assert effects == [Abort(WALL, 1, 1), Run(WALL, 2, 1, 2, may_wait=False)]


def test_attempts_end_with_the_retries_and_what_may_run_once_has_one() -> None:
    core = dispatch(host(WALL))
    core.handle(Submitted(job(1, retries=1)), 0.0)
    assert runs(core.handle(Died(WALL, 1, 1), 1.0)) == [(WALL, 1, 2)]
    assert core.handle(Died(WALL, 1, 2), 2.0) == [Commit(1, 2)]

    core.handle(Submitted(job(2, at_most_once=True)), 3.0)
    assert core.handle(Hosts(()), 4.0) == [Abort(WALL, 2, 1), GiveUp(2, "lost", node=WALL)]


def test_after_its_worker_died_a_task_prefers_another_node() -> None:
    core = dispatch(host(WALL, workers=4), host(ROOF, workers=4, distance=1.0))
    core.handle(Submitted(job(1)), 0.0)

    assert runs(core.handle(Died(WALL, 1, 1), 1.0)) == [(ROOF, 1, 2)]


def test_a_task_whose_worker_died_here_and_that_all_others_refuse_waits_for_nobody() -> None:
    core = dispatch(host(WALL), host(ROOF, distance=1.0))
    core.handle(Submitted(job(1)), 0.0)
    core.handle(Died(WALL, 1, 1), 1.0)

    assert runs(core.handle(Refused(ROOF, 1, 2, "busy"), 2.0)) == [(WALL, 1, 3)]


def test_a_node_that_lost_sight_of_us_counts_as_an_attempt() -> None:
    core = dispatch(host(WALL))
    core.handle(Submitted(job(1)), 0.0)

    assert runs(core.handle(Dropped(WALL, 1, 1), 1.0)) == [(WALL, 1, 2)]


def test_busy_nodes_are_asked_one_after_the_other_then_it_waits_at_one() -> None:
    gpu = (Resource("GPU", "quantity", 1),)
    core = dispatch(host(WALL, resources=gpu, free=gpu), host(ROOF, resources=gpu, free=gpu))
    assert core.handle(Submitted(job(1, "GPU = 1")), 0.0) == [Run(WALL, 1, 1, 1, may_wait=False)]

    assert core.handle(Refused(WALL, 1, 1, "busy"), 0.0) == [Run(ROOF, 1, 1, 2, may_wait=False)]
    assert core.handle(Refused(ROOF, 1, 2, "busy"), 0.0) == [Run(WALL, 1, 1, 3, may_wait=True)]

    assert runs(core.handle(Submitted(job(2)), 0.0)) == [(WALL, 2, 1)]  # its worker is free
    assert core.handle(Ended(WALL, 1, 3), 1.0) == [Commit(1, 3)]


def test_it_waits_at_a_busy_node_that_has_room_though_another_is_full_for_ever() -> None:
    core = dispatch(host(WALL), host(ROOF))
    assert runs(core.handle(Submitted(job(1)), 0.0)) == [(WALL, 1, 1)]
    assert runs(core.handle(Submitted(job(2)), 0.0)) == [(ROOF, 2, 1)]

    assert core.handle(Refused(WALL, 1, 1, "busy"), 0.0) == [Run(WALL, 1, 1, 2, may_wait=True)]


def test_what_is_free_is_asked_first() -> None:
    gpu = (Resource("GPU", "quantity", 1),)
    core = dispatch(host(WALL, resources=gpu), host(ROOF, resources=gpu, free=gpu, distance=1.0))

    assert runs(core.handle(Submitted(job(1, "GPU = 1")), 0.0)) == [(ROOF, 1, 1)]


def test_a_node_that_does_not_fit_after_all_is_not_asked_again() -> None:
    core = dispatch(host(WALL))
    core.handle(Submitted(job(1)), 0.0)

    (end,) = core.handle(Refused(WALL, 1, 1, "unfit", "no code of strangers"), 0.0)

    assert end == GiveUp(1, "never", "no code of strangers")


@pytest.mark.parametrize("is_running", [True, False])
def test_cancelled_and_late_tasks_end(is_running: bool) -> None:
    core = dispatch(host(WALL))
    if not is_running:
        core.handle(Submitted(job(9)), 0.0)
    core.handle(Submitted(job(1)), 0.0)
    core.handle(Submitted(job(2, deadline=5.0)), 0.0)
    assert core.due == 5.0

    effects = core.handle(Cancelled(1), 1.0)

    assert GiveUp(1, "cancelled") in effects
    assert (Abort(WALL, 1, 1) in effects) is is_running
    assert core.handle(Tick(), 4.9) == []
    assert GiveUp(2, "expired") in core.handle(Tick(), 5.0)
    assert core.due == math.inf


def test_a_task_goes_where_what_it_reads_is_if_that_node_has_room() -> None:
    core = dispatch(host(HERE), host(WALL, distance=1.0), host(ROOF))
    near = frozenset({WALL})
    assert runs(core.handle(Submitted(job(1, near=near)), 1.0)) == [(WALL, 1, 1)]
    assert runs(core.handle(Submitted(job(2)), 1.0)) == [(HERE, 2, 1)]
    assert runs(core.handle(Submitted(job(3, near=near)), 1.0)) == [(ROOF, 3, 1)], "it is busy"
    assert runs(core.handle(Ended(WALL, 1, 1), 2.0)) == []
    assert runs(core.handle(Submitted(job(4, near=frozenset({HERE, WALL}))), 3.0)) == [(WALL, 4, 1)]
