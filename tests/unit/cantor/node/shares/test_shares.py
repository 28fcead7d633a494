"""Projects on nodes in memory: who is next, what nodes tell each other, and who pays."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import NeedsError
from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from cantor.node.fake import FakeMesh, FakeNode
from cantor.node.shares.shares import FACT
from cantor.scheduling.needs import parse
from cantor.scheduling.shares.terms import Terms

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.wire.frame import Value

WALL, ROOF = NodeId("a" * 64), NodeId("b" * 64)
WAIT_S = 10.0


PROJECTS = {"vision": Terms(3), "lab": Terms(1, limits={"GPU": 1})}


def node_at(mesh: FakeMesh, folder: Path, identity: NodeId) -> FakeNode:
    node = mesh.add(identity, folder)
    node.projects = PROJECTS
    node.offer("test", (), (Resource("GPU", "quantity", 2),))
    return node


async def test_of_two_projects_the_one_that_has_had_less_of_its_share_is_next(
    tmp_path: Path,
) -> None:
    node = node_at(FakeMesh(), tmp_path, WALL)
    held = [
        await node.reserve(f"task/{n}", 1, {WALL: parse("GPU = 1")}, project="vision").held(WAIT_S)
        for n in range(2)
    ]
    again = node.reserve("task/2", 1, {WALL: parse("GPU = 1")}, project="vision")
    other = node.reserve("task/3", 1, {WALL: parse("GPU = 1")}, project="lab")
    held[0].drop()
    await other.held(WAIT_S)
    assert not again.is_held
    await node.grants.close()


async def test_a_project_never_holds_more_than_its_limit(tmp_path: Path) -> None:
    node = node_at(FakeMesh(), tmp_path, WALL)
    await node.reserve("task/1", 1, {WALL: parse("GPU = 1")}, project="lab").held(WAIT_S)
    other = node.reserve("task/2", 1, {WALL: parse("GPU = 1")}, project="lab")
    told = asyncio.Event()
    other.on_change(told.set)
    await told.wait()
    assert other.why == "project lab holds 1 of its 1 GPU"
    with pytest.raises(NeedsError, match="project lab may hold 1 GPU at most"):
        await node.reserve("task/3", 1, {WALL: parse("GPU = 2")}, project="lab").held(WAIT_S)
    await node.grants.close()


async def test_nodes_hear_what_is_used_of_each_other_until_they_are_lost(tmp_path: Path) -> None:
    mesh = FakeMesh()
    wall, roof = node_at(mesh, tmp_path, WALL), node_at(mesh, tmp_path, ROOF)
    await wall.reserve("task/1", 1, {WALL: parse("GPU = 2")}, project="vision").held(WAIT_S)
    wall.reserve("task/2", 1, {WALL: parse("GPU = 1")}, project="lab")
    accounts = roof.shares.accounts
    wall.shares._tell()
    roof.shares._look()
    assert accounts.held("vision") == {"GPU": 2}
    assert accounts.waiting("lab") == {"GPU": 1}
    assert accounts.totals == {"GPU": 4}

    mesh.kill(WALL)
    roof.shares._look()
    assert not accounts.held("vision")
    assert not accounts.waiting("lab")
    assert accounts.totals == {"GPU": 2}
    await wall.grants.close()
    await roof.grants.close()


async def test_what_is_told_of_a_project_that_is_not_declared_here_does_not_count(
    tmp_path: Path,
) -> None:
    mesh = FakeMesh()
    wall, roof = node_at(mesh, tmp_path, WALL), node_at(mesh, tmp_path, ROOF)
    use: Value = {"held": {"GPU": 1}}
    wall.publish(FACT, {"epoch": 1, "projects": {"pirates": use, "vision": use}})
    accounts = roof.shares.accounts
    roof.shares._look()
    assert accounts.active == ["vision"]
    assert accounts.held("vision") == {"GPU": 1}

    roof.projects = {**PROJECTS, "pirates": Terms()}
    roof.shares._look()
    assert accounts.held("pirates") == {"GPU": 1}


async def test_a_quantity_of_no_possible_name_is_not_heard_and_does_no_harm(tmp_path: Path) -> None:
    mesh = FakeMesh()
    wall, roof = node_at(mesh, tmp_path, WALL), node_at(mesh, tmp_path, ROOF)
    odd: Value = {"held": {7: 1, b"GPU": 1, "x" * 65: 1, "GPU": 1}}  # type: ignore[dict-item]
    wall.publish(FACT, {"epoch": 1, "projects": {"vision": odd}})
    roof.shares._look()

    assert roof.shares.accounts.held("vision") == {"GPU": 1}
    rows = [row["resource"] for row in roof.shares.pool()[1]["uses"]]  # type: ignore[index, call-overload, union-attr]
    assert rows == ["GPU"]


async def test_nodes_say_nothing_new_while_only_time_passes(tmp_path: Path) -> None:
    node = node_at(FakeMesh(), tmp_path, WALL)
    await node.reserve("task/1", 1, {WALL: parse("GPU = 1")}, project="vision").held(WAIT_S)
    node.shares._tell()
    stamp = node.facts(FACT)[0].stamp
    node.shares._tell()
    assert node.facts(FACT)[0].stamp == stamp
    await node.grants.close()


async def test_who_names_no_declared_project_or_is_of_another_tenant_uses_the_default(
    tmp_path: Path,
) -> None:
    mesh = FakeMesh()
    wall, roof = node_at(mesh, tmp_path, WALL), node_at(mesh, tmp_path, ROOF)
    payer = wall.shares.payer
    assert payer(ROOF, "vision") == "vision"
    assert payer(ROOF, "unheard") == payer(WALL, "") == "default"
    roof.tenant = "stranger"
    assert payer(ROOF, "vision") == "default"


async def test_in_a_large_mesh_what_others_say_is_looked_at_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roof = node_at(FakeMesh(), tmp_path, ROOF)
    loop = asyncio.get_running_loop()
    pauses: list[float] = []
    many = frozenset(NodeId(f"{number:064x}") for number in range(1000))
    monkeypatch.setattr(loop, "call_later", lambda pause_s, _: pauses.append(pause_s))
    roof.shares.look_soon()
    monkeypatch.setattr(roof, "alive", lambda: many)
    roof.shares.look_soon()

    assert pauses == [pytest.approx(0.101), pytest.approx(1.1)]
