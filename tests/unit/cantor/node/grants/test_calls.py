"""What other nodes say of their grants, as ``cantor resources`` is told it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh
from cantor.node.grants.calls import ResourceCalls
from cantor.node.grants.showing import SHOW_TOPIC
from cantor.node.services import Reply
from cantor.scheduling.grants.records import Key, Lease

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from cantor.wire.frame import Value

WALL, ROOF = NodeId("a" * 32), NodeId("b" * 32)
LEASE = Lease(Key("run/1", 1), WALL, 1 << 32, {"GPU": 1}, {}, 15.0, 9.0).as_value()


async def told(folder: Path, held: Value) -> dict[str, Any]:
    """What the wall's agent answers about the roof, which says this."""
    mesh = FakeMesh()
    wall = mesh.add(WALL, folder, name="wall")
    mesh.add(ROOF, folder, name="roof\x1b[2J").answer(SHOW_TOPIC, lambda _: Reply({"held": held}))
    call = ResourceCalls(wall, wall.grants).calls()["resources"]
    rows = await cast("Awaitable[list[dict[str, Any]]]", call({}))
    return next(row for row in rows if row["id"] == ROOF)


async def test_what_another_node_has_granted_is_passed_on(tmp_path: Path) -> None:
    row = await told(tmp_path, [LEASE])

    assert row["held"] == [LEASE]
    assert row["name"] == "roof?[2J"


@pytest.mark.parametrize("odd", [{}, {**LEASE, "since": 1e300}, {**LEASE, "taken": [1]}])
async def test_a_node_that_talks_nonsense_counts_as_one_that_cannot_be_asked(
    tmp_path: Path, odd: dict[str, Value]
) -> None:
    assert (await told(tmp_path, [odd]))["held"] is None
