"""Grants on nodes in memory, with a real journal whose disk can refuse."""

from __future__ import annotations

import asyncio
import errno
import os
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError, GrantError, NeedsError
from cantor.base.ids import NodeId
from cantor.base.resources import Device, Resource
from cantor.node.fake import FakeMesh, FakeNode
from cantor.node.grants.grants import JOURNAL_NAME, Grants
from cantor.node.grants.journal_file import FileDisk
from cantor.scheduling.grants import journal
from cantor.scheduling.grants.records import QUANTITIES_MAX, UNITS_MAX
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    from pathlib import Path

WALL, ROOF = NodeId("a" * 64), NodeId("b" * 64)
GPUS = [Device(f"gpu-{n}", "gpu", "GPU", provides=(Resource("GPU", "quantity", 1),)) for n in "xy"]
RESOURCES = (Resource("GPU", "quantity", 2), Resource("Memory", "quantity", 2**30, "B"))


class SickDisk(FileDisk):
    """A disk that refuses while ``sick`` names an error."""

    sick = 0

    def append(self, data: bytes) -> None:
        self.refuse()
        super().append(data)

    def replace(self, data: bytes) -> None:
        self.refuse()
        super().replace(data)

    def refuse(self) -> None:
        if self.sick:
            raise OSError(self.sick, os.strerror(self.sick))


def node_at(mesh: FakeMesh, folder: Path, identity: NodeId, epoch: int = 1) -> FakeNode:
    folder.mkdir(exist_ok=True)
    node = mesh.add(identity, folder)
    node.grants = Grants(node, epoch=epoch, disk=SickDisk(folder / JOURNAL_NAME))
    node.offer("test", GPUS, RESOURCES)
    return node


async def test_a_unit_has_one_holder_and_the_next_waits_and_is_told_who_has_it(
    tmp_path: Path,
) -> None:
    node = node_at(FakeMesh(), tmp_path, WALL)
    first = await node.reserve("run/1", 1, {WALL: parse("GPU = 2 and Memory = 1MiB")}).held(5)
    assert first.is_held
    lease = first.leases[WALL]
    assert lease.units == {"GPU": ("gpu-x", "gpu-y")}
    assert lease.taken["Memory"] == 2**20
    second = node.reserve("run/2", 1, {WALL: parse("GPU = 1")})
    told = asyncio.Event()
    second.on_change(told.set)
    await told.wait()
    assert second.why == "GPU = 1 fails: 0 free; held by run/1"
    await first.release()
    assert not first.is_held
    await second.held(5)
    assert second.leases[WALL].token > lease.token
    await node.grants.close()


async def test_what_can_never_be_met_is_refused_at_once(tmp_path: Path) -> None:
    node = node_at(FakeMesh(), tmp_path, WALL)
    with pytest.raises(NeedsError, match="GPU = 3 fails: 2 free"):
        await node.reserve("run/1", 1, {WALL: parse("GPU = 3")}).held()
    with pytest.raises(NeedsError, match="whole units"):
        await node.reserve("run/2", 1, {WALL: parse("GPU = 0.5")}).held()
    await node.grants.close()


async def test_nothing_is_granted_that_could_not_be_read_back_from_the_journal(
    tmp_path: Path,
) -> None:
    node = node_at(FakeMesh(), tmp_path, WALL)
    named = [Resource(f"R{n}", "quantity", 1) for n in range(QUANTITIES_MAX + 1)]
    node.offer("test", GPUS, (Resource("GPU", "quantity", 10**9), *named))
    with pytest.raises(NeedsError, match=f"{UNITS_MAX} free"):
        await node.reserve("run/1", 1, {WALL: parse(f"GPU = {UNITS_MAX + 1}")}).held()
    every = " and ".join(f"{one.name} = 1" for one in named)
    with pytest.raises(NeedsError, match=f"more than {QUANTITIES_MAX} quantities"):
        await node.reserve("run/2", 1, {WALL: parse(every)}).held()
    with pytest.raises(ConfigError, match="project"):
        node.reserve("run/3", 1, {WALL: parse("R0 = 1")}, project="p" * 201)
    await node.reserve("run/4", 1, {WALL: parse(f"GPU = {UNITS_MAX}")}).held(5)
    kept = journal.read((tmp_path / JOURNAL_NAME).read_bytes())
    assert kept.is_whole
    assert [key.task for key in kept.leases] == ["run/4"]
    await node.grants.close()


async def test_who_may_not_wait_is_refused_and_who_waits_gives_up(tmp_path: Path) -> None:
    node = node_at(FakeMesh(), tmp_path, WALL)
    await node.reserve("run/1", 1, {WALL: parse("GPU = 2")}).held(5)
    with pytest.raises(GrantError, match="held by run/1"):
        await node.reserve("run/2", 1, {WALL: parse("GPU = 1")}, may_wait=False).held()
    with pytest.raises(GrantError, match=r"not granted in 0\.01 s"):
        await node.reserve("run/3", 1, {WALL: parse("GPU = 1")}).held(0.01)
    with pytest.raises(ConfigError, match="reserves already"):
        node.reserve("run/1", 1, {WALL: parse("GPU = 1")})
    await node.grants.close()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
async def test_nothing_is_granted_that_is_not_on_the_disk(tmp_path: Path, number: int) -> None:
    disk = SickDisk(tmp_path / JOURNAL_NAME)
    node = FakeMesh().add(WALL, tmp_path)
    node.grants = Grants(node, epoch=1, disk=disk)
    node.offer("test", GPUS, RESOURCES)
    await (await node.reserve("run/1", 1, {WALL: parse("GPU = 1")}).held(5)).release()
    disk.sick = number
    with pytest.raises(GrantError, match="cannot write down what it grants: "):
        await node.reserve("run/2", 1, {WALL: parse("GPU = 2")}).held()
    disk.sick = 0
    await node.reserve("run/3", 1, {WALL: parse("GPU = 2")}).held(5)
    kept = journal.read((tmp_path / JOURNAL_NAME).read_bytes())
    assert [key.task for key in kept.leases] == ["run/3"]
    await node.grants.close()


async def test_a_group_holds_units_of_two_nodes_and_gives_them_back(tmp_path: Path) -> None:
    mesh = FakeMesh()
    wall, roof = (node_at(mesh, tmp_path / name[:1], name) for name in (WALL, ROOF))
    wants = {WALL: parse("GPU = 2"), ROOF: parse("GPU = 1")}
    group = await wall.reserve("group", 1, wants).held(5)
    assert set(group.leases) == {WALL, ROOF}
    assert [lease.key.task for lease in roof.grants.shown().held] == ["group"]
    await group.release()
    assert roof.grants.shown().held == ()
    await wall.grants.close()
    await roof.grants.close()


async def test_a_node_that_starts_anew_knows_what_it_had_granted(tmp_path: Path) -> None:
    mesh = FakeMesh()
    node = node_at(mesh, tmp_path, WALL)
    held = (await node.reserve("run/1", 1, {WALL: parse("GPU = 2")}).held(5)).leases[WALL]
    node.grants._claims.clear()  # it is killed: nothing is given back
    await node.grants.close()
    again = node_at(mesh, tmp_path, WALL, epoch=2)
    other = again.reserve("run/2", 1, {WALL: parse("GPU = 1")})
    told = asyncio.Event()
    other.on_change(told.set)
    while "held by run/1" not in other.why:
        await told.wait()
        told.clear()
    again.end_former("run/")
    await other.held(5)
    assert other.leases[WALL].epoch > held.epoch
    await again.grants.close()


async def test_a_node_whose_journal_is_gone_grants_nothing_for_a_while(tmp_path: Path) -> None:
    node = node_at(FakeMesh(), tmp_path, WALL, epoch=2)
    waits = node.reserve("run/1", 1, {WALL: parse("GPU = 1")})
    told = asyncio.Event()
    waits.on_change(told.set)
    await told.wait()
    assert waits.why == "what it had granted is not known any more: it grants nothing for 60 s"
    await node.grants.close()


async def test_a_loss_is_not_forgotten_by_a_restart_before_it_is_over(tmp_path: Path) -> None:
    mesh = FakeMesh()
    first = node_at(mesh, tmp_path, WALL, epoch=2)
    first.reserve("run/1", 1, {WALL: parse("GPU = 1")})
    await first.grants.close()
    assert journal.read((tmp_path / JOURNAL_NAME).read_bytes()).is_lost
    again = node_at(mesh, tmp_path, WALL, epoch=3)
    with pytest.raises(GrantError, match="grants nothing for 60 s"):
        await again.reserve("run/1", 1, {WALL: parse("GPU = 1")}, may_wait=False).held()
    await again.grants.close()
