"""A node of the mesh that pushes what it must not: one clear error, and nothing is written."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import msgpack
import pytest
from tests.integration.cantor.push.agents import until

from cantor.bundles.fetching.manifest import CHUNK_BYTES, Manifest, Part
from cantor.bundles.tree import TREE_BYTES_MAX
from cantor.identity.store import IdentityFolder
from cantor.node.agent import Agent
from cantor.node.bundles.service import Bundles
from cantor.node.settings import AgentSettings
from cantor.services.orders import KIND, Key, first_order

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.cantor.push.conftest import Trio

pytestmark = pytest.mark.integration
KEY = Key("default", "evil")


class Machine:
    """Nothing is found on it."""

    def scan(self) -> tuple[list[object], list[object]]:
        return [], []


class Enemy:
    """An agent in this process, which says what it likes."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.bundles = cast("Bundles", agent.service("bundles"))

    def order(self, bundle: str) -> bytes:
        order = first_order(KEY, self.agent.node_id, bundle, "", 1.0)
        return self.agent.words.say(KIND, order.content())

    def say(self, packed: bytes) -> None:
        self.agent.publish(KEY.fact, packed, lasting=True)


@pytest.fixture
async def enemy(trio: Trio, tmp_path: Path) -> AsyncIterator[Enemy]:
    home = IdentityFolder(tmp_path / "enemy")
    home.install(trio.authority.issue(home.csr_pem(), now=datetime.now(UTC)))
    settings = AgentSettings(
        tmp_path / "enemy",
        name="enemy",
        listen=("127.0.0.1:0",),
        seeds=(trio.ash.address,),
        labels={"role": "hub"},
        is_discovering=False,
        interfaces=("127.0.0.1",),
    )
    agent = Agent(settings, inventory=Machine(), services={"bundles": Bundles})  # type: ignore[arg-type]
    await agent.start()
    yield Enemy(agent)
    await agent.close()


def refused(trio: Trio) -> str:
    """What birch says of the order that it does not believe."""
    until(lambda: trio.birch.ask("service.refused") != [], trio.birch.log)
    assert trio.birch.ask("service.list") == []
    return str(trio.birch.ask("service.refused"))


def why_not(trio: Trio) -> str:
    """Why birch refuses the code of the service."""

    def rows() -> list[str]:
        found = trio.birch.view("evil")["nodes"]
        is_it = ("birch", "refused")
        return [row["why"] for row in found if (row["name"], row["state"]) == is_it]

    until(lambda: bool(rows()), lambda: trio.birch.view("evil"))
    return rows()[0]


async def test_an_order_that_was_changed_is_refused(trio: Trio, enemy: Enemy) -> None:
    told = msgpack.unpackb(enemy.order("1" * 64))
    told["body"] = told["body"].replace(b"1" * 64, b"2" * 64)

    enemy.say(msgpack.packb(told))

    assert "a signature does not hold" in await asyncio.to_thread(refused, trio)


async def test_a_path_that_leads_out_of_the_folder_is_refused(
    trio: Trio, enemy: Enemy, tmp_path: Path
) -> None:
    blob = tmp_path / "blob"
    files = {"main.py": [False, b""], "../../../escaped": [False, b"x"]}
    blob.write_bytes(msgpack.packb({"format": 1, "files": files}))
    bundle = await enemy.bundles.add({"": blob})

    enemy.say(enemy.order(bundle.id))

    assert "a path leads out of its folder" in await asyncio.to_thread(why_not, trio)
    assert list(tmp_path.rglob("escaped")) == []  # noqa: ASYNC240 (nothing else runs here)


async def test_code_that_is_too_large_is_refused_before_it_is_fetched(
    trio: Trio, enemy: Enemy
) -> None:
    size = TREE_BYTES_MAX + 1
    part = Part("", "3" * 64, size, (bytes(32),) * -(-size // CHUNK_BYTES))
    bundle = Manifest((part,))
    enemy.bundles._manifests[bundle.id] = bundle

    enemy.say(enemy.order(bundle.id))

    assert "it is too large" in await asyncio.to_thread(why_not, trio)
    assert enemy.bundles.chunks_given == 0


async def test_code_that_is_none_is_refused(trio: Trio, enemy: Enemy, tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(b"#!/bin/sh\n")
    bundle = await enemy.bundles.add({"": blob})

    enemy.say(enemy.order(bundle.id))

    assert "it is no folder of code" in await asyncio.to_thread(why_not, trio)
