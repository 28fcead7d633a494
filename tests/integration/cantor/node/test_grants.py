"""Grants between agents with real links and a real disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.cantor.node.site import WAIT_S, Site, until

from cantor.base.errors import GrantError
from cantor.base.resources import Device, Resource
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.integration
GPU = Device("gpu-1", "gpu", "A GPU", provides=(Resource("GPU", "quantity", 1),))


class OneGpu:
    """A machine with one GPU."""

    def scan(self) -> tuple[list[Device], list[Resource]]:
        return [GPU], list(GPU.provides)


LICENCES = (Resource("Licence", "quantity", 2),)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Site]:
    """Two agents; ``wall`` may end and begin again."""
    pair = Site(tmp_path, OneGpu())
    wall = await pair.start("wall", resources=LICENCES)
    await pair.start("roof", wall.addresses[:1], resources=LICENCES)
    yield pair
    await pair.close()


async def test_a_unit_of_another_node_is_held_over_its_restart(pair: Site) -> None:
    wall, roof = pair.agents["wall"], pair.agents["roof"]
    await until(roof, lambda: wall.node_id in roof.alive())
    wants = {wall.node_id: parse("GPU = 1 and Licence = 1")}
    held = await roof.reserve("task/1", 1, wants).held(WAIT_S)
    lease = held.leases[wall.node_id]
    assert lease.units == {"GPU": ("gpu-1",)}
    with pytest.raises(GrantError, match="held by task/1"):
        await wall.reserve("task/2", 1, wants, may_wait=False).held(WAIT_S)

    await pair.stop("wall")
    again = await pair.start("wall", roof.addresses[:1], resources=LICENCES)
    assert held.is_held
    with pytest.raises(GrantError, match="held by task/1"):
        await again.reserve("task/3", 1, wants, may_wait=False).held(WAIT_S)

    other = again.reserve("task/4", 1, wants)
    await until(again, lambda: roof.node_id in again.alive())
    await held.release()
    await other.held(WAIT_S)
    assert other.leases[again.node_id].token > lease.token


async def test_what_is_taken_is_known_to_all_as_a_hint(pair: Site) -> None:
    wall, roof = pair.agents["wall"], pair.agents["roof"]
    await wall.reserve("task/1", 1, {wall.node_id: parse("Licence = 2")}).held(WAIT_S)

    def free() -> dict[str, object]:
        views = [view for view in roof.nodes() if view.id == wall.node_id]
        resources = [one for view in views for one in view.free()]
        return {one.name: one.value for one in resources if one.kind == "quantity"}

    await until(roof, lambda: free() == {"GPU": 1, "Licence": 0})
