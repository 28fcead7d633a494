"""Closed filters that take all that there is, or a device that is not theirs."""

from __future__ import annotations

import asyncio
import os
import tty
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.integration.cantor.workers.escapes import bombs
from tests.integration.galaxy.others import FRAMES, closed_processes, into, run, trying
from tests.integration.galaxy.test_deployments import Fleet, Machine, all_known, service, until

from cantor.base.resources import Device, Resource
from galaxy.pipeline import FilterSpec

if TYPE_CHECKING:
    from cantor.node.agent import Agent

pytestmark = pytest.mark.integration
BOMBS = ("fork_bomb", "memory_bomb", "write_one_large_file", "open_everything")
"""Those that take more than a worker may that is given ``MEMORY``."""
MEMORY = "Memory = 384MiB"
LOOKS, LOOK_S = 300, 0.1


async def test_a_filter_takes_no_more_than_its_worker_may(fleet_with_others: Fleet) -> None:
    left, hub = await fleet_with_others.add("left"), await fleet_with_others.add("hub", role="hub")
    await all_known(left, hub)

    reports = await run(hub, trying({}, list(BOMBS), "weak", needs=MEMORY))

    assert reports["tries"]["outcomes"] == dict.fromkeys(BOMBS, "held")
    assert reports["tries"]["seen"] == FRAMES
    one = next(one for one in bombs.ATTEMPTS if one.name == "memory_bomb")
    assert one.function() == str(bombs.MEMORY_BYTES), "outside there is as much"


async def test_a_filter_that_takes_all_memory_fails_alone(fleet_with_others: Fleet) -> None:
    left, hub = await fleet_with_others.add("left"), await fleet_with_others.add("hub", role="hub")
    await all_known(left, hub)
    bomb = FilterSpec("bomb", {"takes": "memory"}, MEMORY)

    view = await service(hub).deploy(into("bomb", bomb))
    view = await until(hub, view.id, lambda view: view.state == "failed")

    (failed,) = (group for group in view.groups if group.state == "failed")
    assert failed.leader == "bomb"
    assert "MemoryError" in failed.error
    assert (await run(left, trying({}, [], "weak")))["tries"]["seen"] == FRAMES


async def test_a_filter_that_forks_without_end_hinders_nobody_and_is_ended_whole(
    fleet_with_others: Fleet,
) -> None:
    left, hub = await fleet_with_others.add("left"), await fleet_with_others.add("hub", role="hub")
    await all_known(left, hub)
    endless = FilterSpec("conveyor", {"paced": True})
    bomb = FilterSpec("bomb", {"takes": "processes"})

    view = await service(hub).deploy(into("bomb", bomb, endless))
    await until(hub, view.id, lambda view: view.state == "running")
    for _ in range(LOOKS):
        if await refusals(hub, view.id):
            break
        await asyncio.sleep(LOOK_S)
    else:
        pytest.fail("the bomb has reached no limit")
    assert len(closed_processes()) > 100
    assert (await run(left, trying({}, [], "weak")))["tries"]["seen"] == FRAMES

    await service(hub).stop(view.id)
    await until(left, view.id, lambda view: view.state == "stopped")
    for _ in range(LOOKS):
        if not closed_processes():
            return
        await asyncio.sleep(LOOK_S)
    pytest.fail(f"still there: {len(closed_processes())}")


async def refusals(asker: Agent, identity: str) -> int:
    """How often the kernel has refused the bomb itself a process."""
    figures = cast("Any", await service(asker).figures(identity))
    return int(figures["filters"].get("bomb", {}).get("counters", {}).get("refused", 0))


async def test_a_closed_filter_speaks_to_the_device_that_it_took_and_sees_no_other(
    fleet_with_others: Fleet,
) -> None:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    path = os.ttyname(theirs)
    os.chmod(path, 0o660)  # noqa: PTH101 (as devices of a group are)
    machine = fleet_with_others.machines["left"] = WithPort(path)
    left, hub = await fleet_with_others.add("left"), await fleet_with_others.add("hub", role="hub")
    await all_known(left, hub)
    os.write(ours, b"it is me\n")

    took = await run(hub, into("speaks", FilterSpec("speaks", {"device": path}, "Port = 1")))
    looked = await run(hub, into("speaks", FilterSpec("speaks", {"device": path}, "Port >= 1")))

    assert machine.scans
    assert (took["speaks"]["heard"], os.read(ours, 100)) == ("it is me\n", b"who?\n")
    assert looked["speaks"]["heard"].startswith("none: ")
    assert set(took["speaks"]["seen"]) - set(looked["speaks"]["seen"]) == {"pts"}
    os.close(ours)
    os.close(theirs)


class WithPort(Machine):
    """A machine with a serial port, which one at a time may have."""

    def __init__(self, path: str) -> None:
        super().__init__(camera=False)
        self.scans = 0
        self._port = Device("port-1", "serial", "A port", path, (Resource("Port", "quantity", 1),))

    def scan(self) -> tuple[list[Device], list[Resource]]:
        self.scans += 1
        _, resources = super().scan()
        return [self._port], [*resources, *self._port.provides]
