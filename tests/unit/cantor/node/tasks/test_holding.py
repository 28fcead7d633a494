from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from cantor.base.ids import NodeId
from cantor.node.tasks.holding import Holding

if TYPE_CHECKING:
    from cantor.node.grants.reservation import Reservation

HERE = NodeId("0" * 32)


class Reserved:
    """A reservation that says when and where it is dropped."""

    def __init__(self) -> None:
        self.leases = {HERE: SimpleNamespace(taken={"Memory": 1024})}
        self.dropped_in: list[threading.Thread] = []
        self.is_dropped = asyncio.Event()

    def drop(self) -> None:
        self.dropped_in.append(threading.current_thread())
        self.is_dropped.set()


async def test_what_an_attempt_holds_is_given_back_on_the_loop_when_its_worker_has_ended() -> None:
    holding, reserved = Holding(HERE, asyncio.get_running_loop()), Reserved()
    ask = holding.hold(cast("Reservation", reserved), "train")

    assert ask.taken == {"Memory": 1024}
    assert reserved.dropped_in == []
    await asyncio.to_thread(holding.take_back, ask)  # the pool's thread saw the worker end
    await reserved.is_dropped.wait()
    assert reserved.dropped_in == [threading.current_thread()]


async def test_it_is_given_back_once() -> None:
    holding, reserved = Holding(HERE, asyncio.get_running_loop()), Reserved()
    ask = holding.hold(cast("Reservation", reserved), "train")
    holding.take_back(ask)
    holding.take_back(ask)
    await reserved.is_dropped.wait()
    await asyncio.sleep(0)

    assert len(reserved.dropped_in) == 1


def test_a_worker_may_end_after_the_loop() -> None:
    async def hold() -> tuple[Holding, object]:
        holding = Holding(HERE, asyncio.get_running_loop())
        return holding, holding.hold(cast("Reservation", Reserved()), "train")

    holding, ask = asyncio.run(hold())

    holding.take_back(ask)  # type: ignore[arg-type] # nothing is left to give it back to
