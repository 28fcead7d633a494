"""The workers of a node by principal: whose threads share a process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cantor.base.ids import NodeId
from cantor.tasks.calls import shipped
from cantor.tasks.future import Future
from cantor.tasks.listeners import FutureListener
from cantor.workers.apart import IDLE_MAX, Apart, Principal
from cantor.workers.messages import NO_ARGUMENTS
from cantor.workers.pools import Pools
from cantor.workers.settings import WorkerSettings
from cantor.workers.units import THREAD, Terms

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration
SOON_S = 30.0
IN_A_THREAD = Terms(name="getpid", mode=THREAD)
HERE, DESK, GATE = (Principal(NodeId(sign * 32), "", "none") for sign in "abc")


@pytest.fixture
def apart() -> Iterator[Apart]:
    made = Apart(HERE.node, lambda _: Pools(WorkerSettings(workers=1)))
    try:
        yield made
    finally:
        made.close(kill=True)


def process_of(apart: Apart, principal: Principal) -> int:
    """The process in which a thread of that principal runs."""
    future: Future[int] = Future()
    listener = FutureListener(future, IN_A_THREAD)
    apart.of(principal).submit(shipped(os.getpid), NO_ARGUMENTS, (), listener, IN_A_THREAD)
    return future.result(SOON_S)


def test_threads_of_two_principals_share_no_process(apart: Apart) -> None:
    first, second = process_of(apart, DESK), process_of(apart, GATE)

    assert first != second
    assert process_of(apart, DESK) == first
    assert process_of(apart, GATE) == second


def test_of_many_principals_one_that_is_idle_makes_room(
    apart: Apart, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert IDLE_MAX > 2
    monkeypatch.setattr("cantor.workers.apart.IDLE_MAX", 2)
    first, second = process_of(apart, DESK), process_of(apart, GATE)

    third = process_of(apart, Principal(NodeId("d" * 32), "", "none"))  # longest ago: the desk

    assert len({first, second, third}) == 3
    assert process_of(apart, GATE) == second
    assert process_of(apart, DESK) != first
