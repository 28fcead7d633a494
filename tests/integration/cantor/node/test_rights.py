"""Licences that a site shares, between agents with real links and real disks."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.integration.cantor.node.site import WAIT_S, Site, until

from cantor.base.errors import ConfigError, GrantError
from cantor.node.grants.owning import BOOK_NAME
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from cantor.node.agent import Agent
    from cantor.node.grants.reservation import Reservation
    from cantor.wire.frame import Value

pytestmark = pytest.mark.integration
TWO = parse("Licence = 2")


SHARED = {"Licence": 3}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Three agents; ``office`` owns three licences, and can declare nodes dead."""
    site = Site(tmp_path)
    office = await site.start("office", shared=SHARED)
    for name in ("wall", "roof"):
        agent = await site.start(name, office.addresses[:1])
        await until(agent, partial(has_licences, agent))
    yield site
    await site.close()


def has_licences(agent: Agent) -> bool:
    """Whether a node knows of them, whoever has the right to them."""
    of = {
        one.name: one.value for v in agent.nodes() if v.id == agent.node_id for one in v.resources
    }
    return of.get("Licence") == 3


def take(agent: Agent, task: str, needs: str = "Licence = 2") -> Reservation:
    return agent.reserve(task, 1, {agent.node_id: parse(needs)})


def rights(agent: Agent, owner: Agent) -> Value:
    """Who has rights, as an agent sees it."""
    said = [fact.value for fact in agent.facts("rights") if fact.owner == owner.node_id]
    return {node: n for value in said for node, n in value["Licence"]["held"].items()}  # type: ignore[index,union-attr,call-overload]


def can_count(office: Agent) -> bool:
    try:
        office.grants.rights.count(3)
    except ConfigError:
        return False
    return True


async def test_rights_go_where_work_waits_and_are_kept_without_their_owner(site: Site) -> None:
    office, wall, roof = (site.agents[name] for name in ("office", "wall", "roof"))
    first = await take(wall, "run/1").held(WAIT_S)
    second = take(roof, "run/2")
    await until(roof, lambda: rights(roof, office) == {wall.node_id: 2, roof.node_id: 1})
    assert not second.is_held
    assert "this node has no right to" in second.why
    await first.release()
    await second.held(WAIT_S)

    await site.stop("office")
    await until(roof, lambda: office.node_id not in roof.alive())
    await second.release()
    await take(roof, "run/3").held(WAIT_S)
    waiting = take(wall, "run/4", "Licence = 2")
    with pytest.raises(GrantError, match="not granted"):
        await waiting.held(1.0)


async def test_rights_outlive_the_restart_of_their_node_without_their_owner(site: Site) -> None:
    office, wall = site.agents["office"], site.agents["wall"]
    await (await take(wall, "run/1").held(WAIT_S)).release()
    await site.stop("office")
    await site.stop("wall")
    again = await site.start("wall", site.agents["roof"].addresses[:1])
    await until(again, partial(has_licences, again))
    await take(again, "run/2").held(WAIT_S)
    assert office.node_id not in again.alive()


async def test_the_dead_give_their_rights_back_when_it_is_said(site: Site) -> None:
    office, wall, roof = (site.agents[name] for name in ("office", "wall", "roof"))
    await take(wall, "run/1").held(WAIT_S)
    await site.stop("wall")
    waiting = take(roof, "run/2", "Licence = 3")
    await until(office, lambda: rights(office, office) == {wall.node_id: 2, roof.node_id: 1})
    assert not waiting.is_held
    office.lifecycle.denials.ban([wall.node_id])
    await waiting.held(WAIT_S)


async def test_an_owner_that_lost_its_record_gives_no_right_before_all_have_told(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, wall, roof = (site.agents[name] for name in ("office", "wall", "roof"))
    await take(wall, "run/1").held(WAIT_S)
    await site.stop("office")
    await site.stop("roof")
    (site.folder / "office" / BOOK_NAME).unlink()
    office = await site.start("office", wall.addresses[:1], shared=SHARED)
    waiting = take(office, "run/2", "Licence = 1")
    with pytest.raises(ConfigError, match="of 3 nodes have told"):
        office.grants.rights.count(3)
    stirred, stir = asyncio.Event(), office.grants.rights.stir

    def heard() -> None:
        stir()
        stirred.set()

    monkeypatch.setattr(office.grants.rights, "stir", heard)
    roof = await site.start("roof", office.addresses[:1])
    async with asyncio.timeout(WAIT_S):
        while not can_count(office):
            await stirred.wait()
            stirred.clear()
    await waiting.held(WAIT_S)
    await until(roof, lambda: rights(roof, office) == {wall.node_id: 2, office.node_id: 1})
