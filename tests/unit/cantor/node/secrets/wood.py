"""Some nodes in memory that keep secrets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh, FakeWords
from cantor.node.secrets.claims import Claim
from cantor.node.secrets.giving import TOPIC
from cantor.node.secrets.records import SecretKey
from cantor.node.secrets.service import Secrets
from cantor.node.secrets.values import KEY_KIND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cantor.node.fake import FakeNode

ASH, BIRCH, CEDAR = (NodeId(letter * 32) for letter in "abc")
MAIL = SecretKey("default", "default", "mail")
FIRST, SECOND = b"canary-first", b"canary-second"


class Wood:
    """Three nodes; ``allowed`` are those that a judge lets have secrets, for anything."""

    def __init__(self, folder: Path) -> None:
        self.mesh = FakeMesh()
        self.folder = folder
        self.secrets: dict[NodeId, Secrets] = {}
        self.allowed = {ASH, BIRCH, CEDAR}
        self.judged: list[tuple[NodeId, str, SecretKey]] = []

    async def start(self, node: NodeId) -> Secrets:
        made = self.mesh.nodes.get(node) or self.mesh.add(node, self.folder / node[:4])
        made.folder.mkdir(exist_ok=True)
        self.mesh.revive(node)
        secrets = self.secrets[node] = Secrets(made)
        made.services = {"secrets": secrets}
        secrets.judged_by("thing", self.judge)
        await secrets.start()
        return secrets

    async def stop(self, node: NodeId) -> None:
        self.mesh.kill(node)
        await self.secrets.pop(node).close()

    def judge(self, asker: NodeId, about: str, key: SecretKey) -> str:
        self.judged.append((asker, about, key))
        return "" if asker in self.allowed else "it may not"

    def node(self, node: NodeId) -> FakeNode:
        return self.mesh.nodes[node]

    async def call(self, on: NodeId, verb: str, **args: Any) -> Any:  # noqa: ANN401
        answer: Any = self.secrets[on].calls()[f"secret.{verb}"](args)
        return await answer if asyncio.iscoroutine(answer) else answer

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():  # noqa: ASYNC110 (files change as well)
                await asyncio.sleep(0.01)

    async def looked(self, node: NodeId) -> None:
        """Wait until a node has looked at everything once more."""
        done = asyncio.Event()
        look = self.secrets[node]._tell

        def told() -> None:
            look()
            done.set()

        self.secrets[node]._tell = told  # type: ignore[method-assign]
        await done.wait()

    async def ask(self, asker: NodeId, of: NodeId, **changes: Any) -> Any:  # noqa: ANN401
        """What a node may send that does not keep to the rules."""
        headers = {"project": "default", "name": "mail", "kind": "thing", "about": "x"}
        key = FakeWords(changes.pop("by", asker)).say(
            KEY_KIND, {"key": changes.pop("key", b"k" * 32)}
        )
        body = changes.pop("body", (key,))
        return await self.node(asker).request(of, TOPIC, {**headers, **changes}, body)


def claim(*names: str, project: str = "default", about: str = "x") -> Claim:
    return Claim("thing", about, "default", project, names or ("mail",))
