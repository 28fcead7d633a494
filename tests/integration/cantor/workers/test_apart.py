"""All the workers of a node: whose code shares a process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cantor.base.ids import NodeId
from cantor.tasks.calls import shipped
from cantor.tasks.future import Future
from cantor.tasks.listeners import FutureListener
from cantor.workers.apart import Apart, Principal
from cantor.workers.messages import NO_ARGUMENTS
from cantor.workers.pools import Pools
from cantor.workers.settings import WorkerSettings
from cantor.workers.units import PROCESS, THREAD, Terms

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration
SOON_S = 30.0


def whose(name: str) -> Principal:
    return Principal(NodeId(name), "", "none")


@pytest.fixture
def apart() -> Iterator[Apart]:
    made = Apart(NodeId("me"), lambda _: Pools(WorkerSettings(workers=1)))
    try:
        yield made
    finally:
        made.close(kill=True)


def process_of(apart: Apart, principal: Principal, mode: int) -> int:
    """The process in which a unit of that principal runs."""
    future: Future[int] = Future()
    terms = Terms(name="getpid", mode=mode)
    listener = FutureListener(future, terms)
    apart.of(principal).submit(shipped(os.getpid), NO_ARGUMENTS, (), listener, terms)
    return future.result(SOON_S)


@pytest.mark.parametrize("mode", [THREAD, PROCESS])
def test_two_principals_share_no_process(apart: Apart, mode: int) -> None:
    desk, gate = whose("desk"), whose("gate")
    first, second = process_of(apart, desk, mode), process_of(apart, gate, mode)

    assert first != second
    assert process_of(apart, desk, mode) == first
    assert process_of(apart, gate, mode) == second


@pytest.mark.parametrize("mode", [THREAD, PROCESS])
def test_of_many_principals_one_that_is_idle_makes_room(
    apart: Apart, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    monkeypatch.setattr("cantor.workers.apart.IDLE_MAX", 2)
    desk, gate, roof = whose("desk"), whose("gate"), whose("roof")
    first, second = process_of(apart, desk, mode), process_of(apart, gate, mode)

    third = process_of(apart, roof, mode)  # desk's was used longest ago

    assert len({first, second, third}) == 3
    assert process_of(apart, gate, mode) == second
    assert process_of(apart, desk, mode) != first
