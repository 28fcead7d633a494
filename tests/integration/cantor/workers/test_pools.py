"""All the workers of a node: whose threads share a process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cantor.tasks.calls import shipped
from cantor.tasks.future import Future
from cantor.tasks.listeners import FutureListener
from cantor.workers.messages import NO_ARGUMENTS
from cantor.workers.pools import PRINCIPALS_MAX, Pools
from cantor.workers.settings import WorkerSettings
from cantor.workers.units import THREAD, Terms

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration
SOON_S = 30.0
IN_A_THREAD = Terms(name="getpid", mode=THREAD)


@pytest.fixture
def pools() -> Iterator[Pools]:
    made = Pools(WorkerSettings(workers=1))
    try:
        yield made
    finally:
        made.close(kill=True)


def process_of(pools: Pools, principal: str) -> int:
    """The process in which a thread of that principal runs."""
    future: Future[int] = Future()
    listener = FutureListener(future, IN_A_THREAD)
    pools.submit(shipped(os.getpid), NO_ARGUMENTS, (), listener, IN_A_THREAD, principal)
    return future.result(SOON_S)


def test_threads_of_two_principals_share_no_process(pools: Pools) -> None:
    first, second = process_of(pools, "desk"), process_of(pools, "gate")

    assert first != second
    assert process_of(pools, "desk") == first
    assert process_of(pools, "gate") == second


def test_of_many_principals_one_that_is_idle_makes_room(
    pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PRINCIPALS_MAX > 2
    monkeypatch.setattr("cantor.workers.pools.PRINCIPALS_MAX", 2)
    first = process_of(pools, "desk")
    second = process_of(pools, "gate")

    third = process_of(pools, "roof")  # desk's was used longest ago

    assert len({first, second, third}) == 3
    assert process_of(pools, "gate") == second
    assert process_of(pools, "desk") != first
