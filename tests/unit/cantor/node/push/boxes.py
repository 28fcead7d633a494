"""Nodes in memory that push to each other; their processes are in memory as well."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, ClassVar, cast

from cantor.base.ids import NodeId
from cantor.bundles.tree import File, pack
from cantor.node.bundles.service import Bundles
from cantor.node.fake import FakeMesh
from cantor.node.logs.service import Logs
from cantor.node.push import running
from cantor.node.push.outside import Outside
from cantor.node.push.service import Push
from cantor.node.secrets.service import Secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pytest

    from cantor.base.resources import Resource
    from cantor.node.push.inside import Inside

IDS = [NodeId(f"{number:02d}" * 16) for number in range(4)]
NAMES = ("ash", "birch", "cedar", "dogwood")
CALM = "import time\nprint('calm')\n"
BROKEN = "raise SystemExit(3)\n"
WAIT_S, LOOK_S = 20.0, 0.01
QUICK = "health: {hold: 50ms}\n"


class FakeProcess:
    """Does what its ``main.py`` is known for: runs, or ends at once with 3."""

    started: ClassVar[defaultdict[str, list[FakeProcess]]] = defaultdict(list)

    def __init__(self, mark: str, heard: Callable[[bytes], None]) -> None:
        self._heard = heard
        self._end = asyncio.Event()
        self._code = 0
        self.pid = 1
        self.environment: Mapping[str, str] = {}
        self.memory_bytes = 0
        self.main = ""
        self.level = ""

    async def start(
        self, command: Sequence[str], way: Inside | Outside, inherits: tuple[int, ...]
    ) -> None:
        assert inherits == (), "no agent reads metrics here"
        assert tuple(command) == ("python", "main.py")
        self.level, self.memory_bytes = "none", 0
        if isinstance(way, Outside):
            self.memory_bytes = way.memory_bytes
        else:
            self.level = way.sandbox.level
        self.main = (way.folder / "main.py").read_text()
        self.environment = way.environment
        self.started[way.environment["CANTOR_NODE"]].append(self)
        self._heard(b"ready\n")
        if self.main == BROKEN:
            self.crash(3)

    def crash(self, code: int) -> None:
        self._code = code
        self._end.set()

    @property
    def is_alive(self) -> bool:
        return not self._end.is_set()

    async def wait(self) -> int:
        await self._end.wait()
        return self._code

    async def stop(self, grace_s: float) -> None:
        self.crash(-15)


class Boxes:
    """Some nodes with bundles and pushed services."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.mesh = FakeMesh()
        self.folder = folder
        self.pushes: dict[str, Push] = {}
        self.data_bytes_max = 1 << 30
        self._resources: dict[str, Sequence[Resource]] = {}
        FakeProcess.started.clear()
        monkeypatch.setattr(running, "ServiceProcess", FakeProcess)
        monkeypatch.setattr("cantor.node.push.checks.GRACE_S", 0.01)

    async def start(self, name: str, resources: Sequence[Resource] = ()) -> Push:
        """A node of that name; again if it was there before."""
        node_id = IDS[NAMES.index(name)]
        (self.folder / name).mkdir(exist_ok=True)
        self._resources.setdefault(name, resources)
        node = self.mesh.add(
            node_id,
            self.folder / name,
            name=name,
            labels={"site": name},
            resources=self._resources[name],
        )
        self.mesh.revive(node_id)
        node.publish("tasks", {"code_run": "tenant"})
        node.services = {
            "logs": Logs(node),
            "bundles": Bundles(node),
            "secrets": Secrets(node),
            "push": Push(node, self.data_bytes_max),
        }
        for service in node.services.values():
            await service.start()
        push = self.pushes[name] = cast("Push", node.services["push"])
        return push

    async def stop(self, name: str) -> None:
        """The node ends; what it said about itself for a while is withdrawn, as a node does."""
        node = self.mesh.nodes[IDS[NAMES.index(name)]]
        await self.pushes.pop(name).close()
        await node.services["secrets"].close()
        await node.services["bundles"].close()
        await node.services["logs"].close()
        for owner, fact in list(self.mesh.held):
            if owner == node.node_id and fact not in node.lasting:
                self.mesh.held[(owner, fact)] = self.mesh.held[(owner, fact)]._replace(value=None)
        self.mesh.kill(node.node_id)

    async def close(self) -> None:
        for name in list(self.pushes):
            await self.stop(name)

    async def call(self, on: str, call: str, /, **args: Any) -> Any:  # noqa: ANN401 (as told)
        answer = self.pushes[on].calls()[call](args)
        return await cast("Any", answer) if asyncio.iscoroutine(answer) else answer

    async def push(self, on: str, main: str, manifest: str = QUICK, **args: Any) -> Any:  # noqa: ANN401
        """Push a folder with that ``main.py`` from a node."""
        files = {"main.py": File(main.encode()), "service.yaml": File(manifest.encode())}
        blob = self.folder / f"code of {on}"
        blob.write_bytes(pack(files))
        return await self.call(
            on, "service.push", **{"name": "counter", "files": {"": str(blob)}, **args}
        )

    def view(self, name: str) -> dict[str, Any]:
        return next(iter(self.pushes[name].views()), {})

    def states(self, seen_by: str) -> dict[str, tuple[str, int]]:
        """State and running revision of each node."""
        rows = self.view(seen_by).get("nodes", [])
        return {row["name"]: (row["state"], row["running"]) for row in rows}

    async def until(self, seen_by: str, **states: tuple[str, int]) -> None:
        """Wait until the nodes of the service are so, and no others are."""
        await self.until_true(lambda: self.states(seen_by) == states)

    async def until_true(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + WAIT_S
        while not holds():
            if time.monotonic() > end:
                seen = {name: self.states(name) for name in self.pushes}
                raise AssertionError(f"it is {seen}")
            await asyncio.sleep(LOOK_S)

    def alive(self, name: str) -> list[str]:
        """The revisions whose processes run on a node."""
        started = FakeProcess.started[name]
        return [one.environment["CANTOR_REVISION"] for one in started if one.is_alive]
