from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cantor.base.ids import NodeId
from cantor.scheduling.actors.keeping import GIVEN_MAX, Keeping
from cantor.scheduling.actors.records import (
    Answered,
    CallCancelled,
    Called,
    Closed,
    CommitCall,
    Failed,
    Fell,
    Forgone,
    Invoke,
    Lives,
    LoseCall,
    Over,
    Started,
    Stop,
)
from cantor.scheduling.needs import parse
from cantor.scheduling.tasks.records import Abort, Dropped, Host, Hosts, Job, Refused, Run

if TYPE_CHECKING:
    from cantor.scheduling.actors.records import Effect, Event

WALL, ROOF = NodeId("1" * 32), NodeId("2" * 32)
ACTOR = 1


def host(node: NodeId, life: int = 1) -> Host:
    return Host(node, node[:2], life, 1, "3.11", distance=0.25)


def tell(core: Keeping, *events: Event) -> list[Effect]:
    effects: list[Effect] = []
    for event in events:
        effects = core.handle(event, 0.0)
    return effects


def keeping(*hosts: Host, restarts: int = 1) -> Keeping:
    core = Keeping()
    job = replace(Job(ACTOR, parse("")), retries=restarts, is_nested=True)
    tell(core, Hosts(hosts), Started(job))
    return core


@pytest.fixture
def alive() -> Keeping:
    """An actor in its first life on the wall, with another fitting node."""
    core = keeping(host(WALL), host(ROOF))
    tell(core, Lives(WALL, ACTOR, 1))
    return core


def test_calls_wait_for_the_life_and_are_given_in_their_order() -> None:
    core = keeping(host(WALL))
    assert tell(core, Called(ACTOR, 10)) == []
    tell(core, Called(ACTOR, 11))

    assert tell(core, Lives(WALL, ACTOR, 1)) == [
        Invoke(WALL, ACTOR, 1, 0, 10),
        Invoke(WALL, ACTOR, 1, 1, 11),
    ]
    assert tell(core, Called(ACTOR, 12)) == [Invoke(WALL, ACTOR, 1, 2, 12)]
    assert tell(core, Answered(WALL, ACTOR, 1, 10)) == [CommitCall(10)]


def test_only_so_many_are_given_before_the_first_is_answered(alive: Keeping) -> None:
    for call in range(GIVEN_MAX):
        assert tell(alive, Called(ACTOR, call)) != []
    assert tell(alive, Called(ACTOR, GIVEN_MAX)) == []

    assert tell(alive, Answered(WALL, ACTOR, 1, 0)) == [
        CommitCall(0),
        Invoke(WALL, ACTOR, 1, GIVEN_MAX, GIVEN_MAX),
    ]


def test_a_lost_node_loses_what_may_have_run_and_a_new_life_begins_elsewhere(
    alive: Keeping,
) -> None:
    tell(alive, Called(ACTOR, 10), Called(ACTOR, 11, retries=1))

    assert tell(alive, Hosts((host(ROOF),))) == [
        LoseCall(10, "lost"),
        Abort(WALL, ACTOR, 1),
        Run(ROOF, 1, ACTOR, 2, may_wait=False),
    ]
    assert tell(alive, Lives(ROOF, ACTOR, 2)) == [Invoke(ROOF, ACTOR, 2, 0, 11)]


def test_what_a_former_life_answers_does_not_count(alive: Keeping) -> None:
    tell(alive, Called(ACTOR, 11, retries=1), Hosts((host(ROOF),)))

    assert tell(alive, Answered(WALL, ACTOR, 1, 11)) == []
    assert tell(alive, Lives(WALL, ACTOR, 1)) == []
    assert tell(alive, Fell(WALL, ACTOR, 1, 0)) == []
    tell(alive, Lives(ROOF, ACTOR, 2))
    assert tell(alive, Answered(WALL, ACTOR, 1, 11)) == []
    assert tell(alive, Answered(ROOF, ACTOR, 2, 11)) == [CommitCall(11)]
    assert tell(alive, Answered(ROOF, ACTOR, 2, 11)) == []


def test_a_worker_that_ends_loses_only_what_had_begun(alive: Keeping) -> None:
    tell(alive, Called(ACTOR, 10), Called(ACTOR, 11), Called(ACTOR, 12))
    tell(alive, Answered(WALL, ACTOR, 1, 10))

    effects = tell(alive, Fell(WALL, ACTOR, 1, 2))

    assert effects[0] == LoseCall(11, "died")
    assert isinstance(effects[1], Run)
    again = tell(alive, Lives(effects[1].node, ACTOR, 2), Called(ACTOR, 13))
    assert again == [Invoke(effects[1].node, ACTOR, 2, 1, 13)]


def test_one_that_may_begin_no_more_is_over_with_all_that_waits() -> None:
    core = keeping(host(WALL), restarts=0)
    tell(core, Lives(WALL, ACTOR, 1), Called(ACTOR, 10), Called(ACTOR, 11))

    assert tell(core, Fell(WALL, ACTOR, 1, 1)) == [
        LoseCall(10, "died"),
        Over(ACTOR, "died"),
        LoseCall(11, "over"),
    ]
    assert tell(core, Called(ACTOR, 12)) == [LoseCall(12, "over")]


def test_one_whose_submitter_was_out_of_sight_begins_anew(alive: Keeping) -> None:
    tell(alive, Called(ACTOR, 10))

    effects = tell(alive, Dropped(WALL, ACTOR, 1))

    assert effects[:2] == [LoseCall(10, "lost"), Abort(WALL, ACTOR, 1)]
    assert isinstance(effects[2], Run)


def test_one_that_cannot_be_made_is_over(alive: Keeping) -> None:
    assert tell(alive, Called(ACTOR, 10), Failed(WALL, ACTOR, 1)) == [
        Over(ACTOR, "failed"),
        LoseCall(10, "over"),
    ]


def test_one_that_no_node_can_have_is_over_at_once() -> None:
    core = Keeping()
    job = Job(ACTOR, parse("Teleporter == 1"), "Teleporter == 1", is_nested=True)
    tell(core, Hosts((host(WALL),)))

    (over,) = tell(core, Started(job))

    assert isinstance(over, Over)
    assert over.why == "never"
    assert "Teleporter" in over.text


def test_one_that_is_refused_is_tried_elsewhere() -> None:
    core = keeping(host(WALL), host(ROOF))

    assert tell(core, Refused(WALL, ACTOR, 1, "busy")) == [Run(ROOF, 1, ACTOR, 2, may_wait=False)]


def test_closing_waits_for_the_calls_that_were_made(alive: Keeping) -> None:
    tell(alive, Called(ACTOR, 10))
    assert tell(alive, Closed(ACTOR)) == []
    assert tell(alive, Called(ACTOR, 11)) == [LoseCall(11, "over")]

    assert tell(alive, Answered(WALL, ACTOR, 1, 10)) == [
        CommitCall(10),
        Abort(WALL, ACTOR, 1),
        Over(ACTOR, "closed"),
    ]


def test_killing_waits_for_nothing(alive: Keeping) -> None:
    tell(alive, Called(ACTOR, 10))

    assert tell(alive, Closed(ACTOR, kill=True)) == [
        Abort(WALL, ACTOR, 1),
        Over(ACTOR, "closed"),
        LoseCall(10, "over"),
    ]
    assert tell(alive, Closed(ACTOR, kill=True)) == []


def test_a_cancelled_call_is_ended_where_it_runs(alive: Keeping) -> None:
    tell(alive, Called(ACTOR, 10))

    assert tell(alive, CallCancelled(10)) == [
        Stop(WALL, ACTOR, 1, 10),
        LoseCall(10, "cancelled"),
    ]
    assert tell(alive, Answered(WALL, ACTOR, 1, 10)) == []
    assert tell(alive, CallCancelled(10)) == []


def test_a_call_whose_caller_has_gone_runs_on_but_never_again(alive: Keeping) -> None:
    tell(alive, Called(ACTOR, 10, retries=5))

    assert tell(alive, Forgone(10)) == []
    assert tell(alive, Hosts((host(ROOF),)))[0] == LoseCall(10, "lost")


def test_a_waiting_call_whose_caller_has_gone_is_dropped() -> None:
    core = keeping(host(WALL))
    tell(core, Called(ACTOR, 10), Called(ACTOR, 11))

    assert tell(core, Forgone(10)) == [LoseCall(10, "cancelled")]
    assert tell(core, Lives(WALL, ACTOR, 1)) == [Invoke(WALL, ACTOR, 1, 0, 11)]


def test_a_node_that_began_a_new_life_has_lost_the_actor(alive: Keeping) -> None:
    effects = tell(alive, Hosts((host(WALL, life=2), host(ROOF))))

    assert effects[0] == Abort(WALL, ACTOR, 1)
    assert isinstance(effects[1], Run)
