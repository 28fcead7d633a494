"""Filters of other packages run closed in for whoever deploys from another node."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.bed.surroundings import files_of_agent, surroundings
from tests.integration.cantor.workers.escapes import files, network, processes, system
from tests.integration.galaxy.others import FRAMES, closed_workers, run, trying
from tests.integration.galaxy.test_deployments import (
    Fleet,
    all_known,
    service,
    until,
)

from galaxy.deployments.records import Deployment
from galaxy.pipeline import Connection, FilterSpec, Pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.node.agent import Agent

pytestmark = pytest.mark.integration
ATTEMPTS = {
    one.name: one for part in (files, processes, system, network) for one in part.ATTEMPTS
}  # fmt: skip
PROVEN = ("read_key", "list_state")


@pytest.fixture
def told(tmp_path: Path) -> Iterator[dict[str, str | int]]:
    """What an attempt may know of the machine, and of an agent on it."""
    with surroundings(tmp_path / "programs") as told:
        yield told | files_of_agent(tmp_path / "left")


@pytest.mark.parametrize("kind", ["strong", "weak"])
async def test_a_filter_for_another_node_reaches_nothing_and_gets_every_frame(
    fleet_with_others: Fleet, told: dict[str, str | int], kind: str
) -> None:
    left, hub = await fleet_with_others.add("left"), await fleet_with_others.add("hub", role="hub")
    await all_known(left, hub)
    told["key"] = key_in(str(told["folder"]))

    reports = await run(hub, trying(told, list(ATTEMPTS), kind))

    assert reports["tries"]["outcomes"] == dict.fromkeys(ATTEMPTS, "held")
    assert (reports["tries"]["seen"], reports["tries"]["uid"]) == (FRAMES, 1000)
    assert [frame["seq"] for frame in reports["collect"]["frames"]] == list(range(FRAMES))


async def test_the_same_filter_for_the_box_itself_reaches_what_anybody_would(
    fleet_with_others: Fleet, told: dict[str, str | int]
) -> None:
    left = await fleet_with_others.add("left")
    told["key"] = key_in(str(told["folder"]))
    chosen = [name for name, one in ATTEMPTS.items() if one.proof == "anybody"]
    assert set(PROVEN) <= set(chosen)

    outcomes = (await run(left, trying(told, chosen, "weak")))["tries"]["outcomes"]

    proven = {name for name, outcome in outcomes.items() if outcome.startswith("reached")}
    assert proven >= set(PROVEN)
    assert len(proven) >= 10


async def test_what_nobody_vouches_for_is_closed_in_whoever_it_names(
    fleet_with_others: Fleet, told: dict[str, str | int]
) -> None:
    left, hub = await fleet_with_others.add("left"), await fleet_with_others.add("hub", role="hub")
    await all_known(left, hub)
    told["key"] = "/nowhere"
    pipeline = trying(told, ["list_state"], "weak")
    forged = Deployment(
        id="forged", pipeline=pipeline.document(), tenant=left.tenant, created_by=left.node_id
    )
    hub.publish(forged.fact, forged.as_value(), lasting=True)

    assert await state_at_the_end(left, "forged") == "finished"
    reports = cast("dict[str, Any]", await service(left).reports("forged"))
    assert reports["tries"]["outcomes"] == {"list_state": "held"}


async def state_at_the_end(agent: Agent, identity: str) -> str:
    """Of a deployment that it may not know yet."""
    changed = asyncio.Event()
    end = agent.subscribe(changed.set)
    async with asyncio.timeout(30):
        while not any(view.id == identity for view in service(agent).views()):
            await changed.wait()
            changed.clear()
    end()
    ended = ("finished", "failed")
    return (await until(agent, identity, lambda view: view.state in ended)).state


async def test_a_killed_closed_worker_comes_back(
    fleet_with_others: Fleet, told: dict[str, str | int]
) -> None:
    left, hub = await fleet_with_others.add("left"), await fleet_with_others.add("hub", role="hub")
    await all_known(left, hub)
    pipeline = trying(told, [], "weak")
    endless = FilterSpec("conveyor", {"paced": True}, node="left")
    ways = tuple(
        Connection.from_values({"from": a, "to": b, "kind": "weak"})
        for a, b in (("source.image", "tries.frame"), ("tries.frame", "collect.frame"))
    )
    view = await service(hub).deploy(
        Pipeline("lives", {**pipeline.filters, "source": endless}, ways)
    )
    running = await until(hub, view.id, lambda view: view.state == "running")
    (pid,) = closed_workers()

    os.kill(pid, 9)
    await until(hub, view.id, lambda view: view.state == "failed")
    again = await until(hub, view.id, lambda view: view.state == "running")
    figures = cast("Any", await service(hub).figures(view.id))

    assert again.epoch > running.epoch
    assert set(figures["filters"]) == {"source", "tries", "collect"}
    await service(hub).stop(view.id)
    await until(left, view.id, lambda view: view.state == "stopped")


def key_in(folder: str) -> str:
    """The private key of an agent."""
    return str(next(path for path in Path(folder).rglob("*key*") if path.is_file()))
