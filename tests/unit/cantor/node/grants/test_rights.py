"""Rights to shared units between nodes in memory: they come where work waits, and are counted."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId
from cantor.node.fake import FakeDisk, FakeMesh
from cantor.node.grants.grants import Grants
from cantor.node.grants.owning import ANSWER_TOPIC, RECALL_TOPIC
from cantor.node.grants.rights import ASK_TOPIC, TOLD_TOPIC
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from cantor.node.fake import FakeNode
    from cantor.wire.frame import Value

OFFICE, WALL, ROOF = (NodeId(letter * 32) for letter in "abc")
WAIT_S = 10.0
LOOK_S = 0.05


class SickDisk(FakeDisk):
    """Refuses while it is ``sick``, and counts how often."""

    sick = False
    refused = 0

    def append(self, data: bytes) -> None:
        if self.sick:
            self.refused += 1
            raise OSError(errno.ENOSPC, "No space left on device")

    def replace(self, data: bytes) -> None:
        self.append(data)


class Site:
    """Three nodes in memory, of which the office owns three licences."""

    def __init__(self, folder: Path) -> None:
        self.mesh = FakeMesh()
        self.dead: set[NodeId] = set()
        self.disk = SickDisk()
        for node_id, name in ((OFFICE, "office"), (WALL, "wall"), (ROOF, "roof")):
            node = self.mesh.add(node_id, folder, name=name)
            shared = {"Licence": 3} if node_id == OFFICE else {}
            node.grants = Grants(
                node, epoch=1, disk=FakeDisk(), shared=shared,
                rights_disk=self.disk if node_id == WALL else FakeDisk(),
                is_dead=self.dead.__contains__,
            )  # fmt: skip
            node.grants.start()
            node.offer("test", (), ())

    def node(self, node_id: NodeId) -> FakeNode:
        return self.mesh.nodes[node_id]

    def held(self) -> dict[NodeId, int]:
        """Who has how many rights, as the office says."""
        return self.node(WALL).grants.rights.sharing.held(OFFICE, "Licence")

    def away(self, node_id: NodeId) -> int:
        return self.node(node_id).grants.rights.away().get("Licence", -1)

    async def until(self, holds: Callable[[], bool]) -> None:
        changed = asyncio.Event()
        self.node(WALL).subscribe(changed.set)
        async with asyncio.timeout(WAIT_S):
            while not holds():
                with contextlib.suppress(TimeoutError):  # what a node has read changes no fact
                    await asyncio.wait_for(changed.wait(), LOOK_S)
                changed.clear()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path)
    await made.until(lambda: made.away(WALL) == 3)
    yield made
    for node in made.mesh.nodes.values():
        await node.grants.close()


async def test_rights_come_where_work_waits_and_are_units_of_its_own(site: Site) -> None:
    held = await site.node(WALL).reserve("run/1", 1, {WALL: parse("Licence = 2")}).held(WAIT_S)

    assert site.away(WALL) == 1
    await site.until(lambda: site.held() == {WALL: 2})
    roof = site.node(ROOF).grants.rights
    await site.until(lambda: roof.elsewhere() == {"Licence": 2})
    await held.release()


async def test_what_idles_goes_to_who_waits_and_what_is_used_does_not(site: Site) -> None:
    wall, roof = site.node(WALL), site.node(ROOF)
    used = await wall.reserve("run/1", 1, {WALL: parse("Licence = 1")}).held(WAIT_S)
    idle = await wall.reserve("run/2", 1, {WALL: parse("Licence = 2")}).held(WAIT_S)
    await idle.release()

    more = await roof.reserve("run/3", 1, {ROOF: parse("Licence = 2")}).held(WAIT_S)

    await site.until(lambda: site.held() == {WALL: 1, ROOF: 2})
    assert (site.away(WALL), site.away(ROOF)) == (2, 1)
    await used.release()
    await more.release()


async def test_the_rights_of_the_dead_come_back_and_they_get_no_more(site: Site) -> None:
    wall, roof = site.node(WALL), site.node(ROOF)
    await wall.reserve("run/1", 1, {WALL: parse("Licence = 3")}).held(WAIT_S)
    site.dead.add(WALL)

    held = await roof.reserve("run/2", 1, {ROOF: parse("Licence = 3")}).held(WAIT_S)

    await site.until(lambda: site.held() == {ROOF: 3})
    await held.release()


async def test_a_right_whose_end_the_disk_refuses_is_kept(site: Site) -> None:
    wall, roof = site.node(WALL), site.node(ROOF)
    await (await wall.reserve("run/1", 1, {WALL: parse("Licence = 3")}).held(WAIT_S)).release()
    await site.until(lambda: site.held() == {WALL: 3})
    site.disk.sick = True
    waits = roof.reserve("run/2", 1, {ROOF: parse("Licence = 1")})
    await site.until(lambda: site.disk.refused > 1)
    assert site.held() == {WALL: 3}
    site.disk.sick = False

    held = await waits.held(WAIT_S)

    assert site.away(ROOF) == 2
    await held.release()


async def test_only_an_owner_that_lost_its_record_is_counted(site: Site) -> None:
    assert site.node(OFFICE).grants.rights.count(3) == {"held": 0}
    with pytest.raises(ConfigError, match="this node shares nothing"):
        site.node(WALL).grants.rights.count(3)


@pytest.mark.parametrize(
    ("topic", "odd"),
    [
        (ASK_TOPIC, {}),
        (ASK_TOPIC, {"ask": "reserve", "task": "x", "needs": "("}),
        (ANSWER_TOPIC, {"task": 3}),
        (RECALL_TOPIC, {"name": "Licence", "units": "many", "life": "x"}),
        (RECALL_TOPIC, {"name": 3}),
        (TOLD_TOPIC, {"life": "x"}),
        (TOLD_TOPIC, {"life": "x", "rights": [{"task": "a"}]}),
    ],
)
async def test_odd_words_change_nothing(
    site: Site, caplog: pytest.LogCaptureFixture, topic: str, odd: dict[str, Value]
) -> None:
    site.node(ROOF).send(OFFICE, topic, odd)

    held = await site.node(WALL).reserve("run/1", 1, {WALL: parse("Licence = 3")}).held(WAIT_S)

    assert any("odd words about rights" in one.message for one in caplog.records)
    await held.release()
