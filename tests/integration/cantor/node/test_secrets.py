"""Secrets between agents with real certificates: another tenant's and a denied one get nothing."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest

from cantor.base.errors import RemoteProtocolError, UnavailableError
from cantor.identity.authority import Authority
from cantor.identity.store import IdentityFolder
from cantor.node.agent import Agent
from cantor.node.secrets.claims import Claim
from cantor.node.secrets.giving import TOPIC
from cantor.node.secrets.records import SecretKey
from cantor.node.secrets.service import Secrets
from cantor.node.secrets.values import KEY_KIND
from cantor.node.settings import AgentSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

pytestmark = pytest.mark.integration
WAIT_S = 60.0
MAIL, NEXT = (SecretKey("default", "default", name) for name in ("mail", "next"))
ASKED = {"project": "default", "name": "mail", "kind": "thing", "about": "x"}


class Mesh:
    """Agents whose judge lets everybody have everything: what is refused is refused before."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.authority = Authority.create("plant", now=datetime.now(UTC))
        self._folder = folder
        self._stack = stack
        self._seeds: tuple[str, ...] = ()

    async def start(self, name: str, authority: Authority, *, is_issuer: bool = False) -> Agent:
        box = IdentityFolder(self._folder / name)
        box.install(authority.issue(box.csr_pem(), now=datetime.now(UTC)))
        settings = AgentSettings(
            self._folder / name,
            name=name,
            listen=("127.0.0.1:0",),
            seeds=self._seeds,
            is_discovering=False,
            interfaces=("127.0.0.1",),
        )
        issuing = authority if is_issuer else None
        agent = Agent(settings, services={"secrets": Secrets}, authority=issuing)
        await agent.start()
        self._stack.push_async_callback(agent.close)
        self._seeds = self._seeds or agent.addresses
        secrets(agent).judged_by("thing", lambda *_: "")
        return agent


def secrets(agent: Agent) -> Secrets:
    return cast("Secrets", agent.service("secrets"))


async def until(agent: Agent, holds: Callable[[], object]) -> None:
    changed = asyncio.Event()
    end = agent.subscribe(changed.set)
    async with asyncio.timeout(WAIT_S):
        while not holds():
            await changed.wait()
            changed.clear()
    end()


def claim(key: SecretKey) -> Claim:
    return Claim("thing", "x", key.tenant, key.project, (key.name,))


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    async with AsyncExitStack() as stack:
        yield Mesh(tmp_path, stack)


async def test_a_denied_node_gets_no_more_and_one_of_another_tenant_nothing(mesh: Mesh) -> None:
    theirs = mesh.authority.for_tenant("theirs", now=datetime.now(UTC))
    ash = await mesh.start("ash", mesh.authority, is_issuer=True)
    birch = await mesh.start("birch", mesh.authority)
    stranger = await mesh.start("stranger", theirs)
    await secrets(ash).set(MAIL, b"canary", "me")
    for agent in (birch, stranger):
        await until(agent, partial(agent.facts, MAIL.fact))
        await until(ash, partial(ash.tenant_of, agent.node_id))

    await secrets(birch).bring(claim(MAIL))
    assert await secrets(birch).values(claim(MAIL)) == {"mail": b"canary"}
    word = stranger.words.say(KEY_KIND, {"key": b"\x09" + bytes(31)})
    with pytest.raises(RemoteProtocolError, match="another tenant"):
        await stranger.request(ash.node_id, TOPIC, {**ASKED}, (word,))

    await secrets(ash).set(NEXT, b"canary-next", "me")
    await until(birch, lambda: bool(birch.facts(NEXT.fact)))
    ash.lifecycle.denials.ban([birch.node_id])
    await until(ash, lambda: birch.node_id not in ash.alive())
    with pytest.raises(UnavailableError):
        await secrets(birch).bring(claim(NEXT))
    assert not (birch.folder / "secrets" / "default=next").exists()
    listed = cast("list[dict[str, Any]]", secrets(ash).calls()["secret.list"]({}))
    nodes = {one["name"]: [row["name"] for row in one["nodes"]] for one in listed}
    assert nodes == {"mail": ["ash"], "next": ["ash"]}
