"""One process of a service from its units and ports to its end."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from secrets import token_hex
from typing import TYPE_CHECKING, Protocol

from cantor.base.errors import CantorError
from cantor.base.secret_names import Cover
from cantor.metering.handing import NOTHING, hand_out
from cantor.node.device_nodes import device_nodes
from cantor.node.push.checks import Checks
from cantor.node.push.functions import check_of
from cantor.node.push.inside import Inside
from cantor.node.push.opener import opener_of, read_told
from cantor.node.push.outside import Outside
from cantor.node.push.process import ServiceProcess, told
from cantor.node.secrets.handing import Handed
from cantor.scheduling.needs import parse
from cantor.services.manifest import AUTO, FILTER, SERVICE
from cantor.workers.sandbox.launch import USER_FOR_ROOT
from cantor.workers.sandbox.levels import Limits, level_named
from cantor.workers.sandbox.program import environment_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cantor.node.grants.reservation import Reservation
    from cantor.node.push.logs import Log
    from cantor.node.push.quota import Quota
    from cantor.node.push.secrets import ServiceSecrets
    from cantor.node.push.shelf import Prepared
    from cantor.node.push.way import Way
    from cantor.node.services import Node
    from cantor.scheduling.grants.records import Lease
    from cantor.services.orders import Key
    from cantor.services.upkeep import Plan

KIND = "service/"
"""How the names of these holders of units begin."""
INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "TMPDIR", "LD_LIBRARY_PATH")
"""What a service gets of the agent's environment: nothing that could be a secret."""
CLOSED = ", closed in: {level}; the owner of this box gives more by --sandbox"
_attempts = iter(range(1 << 62))


class Ended(Protocol):
    """Hears how a process ended."""

    def __call__(self, how: str, *, is_success: bool) -> None:
        """It has ended, with all its children."""


class Running:
    """Begins at once. ``ended`` is called once, ``begun``, ``well`` and ``ill`` before that."""

    def __init__(
        self,
        node: Node,
        key: Key,
        project: str,
        plan: Plan,
        prepared: Prepared,
        folder: Path,
        log: Log,
        quota: Quota,
        secrets: ServiceSecrets,
        *,
        begun: Callable[[], None],
        well: Callable[[], None],
        ill: Callable[[str], None],
        ended: Ended,
        waits: Callable[[], None],
    ) -> None:
        self.plan = plan
        self.ports: dict[str, int] = {}
        self.waits_for = ""
        self.told = b""
        self.well, self.ill = well, ill
        self._node = node
        self._key = key
        self._project = project
        self._prepared = prepared
        self._data = folder / "data"
        self._told_in = self._data / f".told-{token_hex(8)}"
        self._log = log
        self._quota = quota
        self._secrets = secrets
        self._begun = begun
        self._tell_end = ended
        self._waits = waits
        self._metrics = NOTHING
        self._stop = asyncio.Event()
        self._is_over = asyncio.Event()
        self._task = asyncio.ensure_future(self._live())

    def stop(self) -> None:
        """End it; ``ended`` is called when it is gone."""
        self._stop.set()

    async def ended(self) -> None:
        """Wait for its end."""
        await self._is_over.wait()

    async def _live(self) -> None:
        how, is_success = "it was stopped", False
        held: Reservation | None = None
        try:
            held = await self._held()
            if not self._stop.is_set():
                code = await self._run(held)
                if self._prepared.manifest.kind == FILTER:
                    await self._read(code)
                how, is_success = told(code), code == 0
                if is_success and self._prepared.manifest.kind != SERVICE:
                    how = await self._stand()
        except CantorError as error:
            how = str(error)
        finally:
            if held is not None:
                held.drop()
            self._tell_end(how, is_success=is_success)
            self._is_over.set()

    async def _read(self, code: int) -> None:
        """What the classes of a filter tell of themselves.

        Raises:
            ConfigError: they could not be opened.
        """
        if self._stop.is_set():
            return
        read = await asyncio.to_thread(read_told, self._told_in)
        opener_of(self._node).read(read)
        self.told = read if code == 0 else b""

    async def _stand(self) -> str:
        """What can be imported here has no process: what is submitted, or placed, has its own."""
        if not self._stop.is_set():
            self.well()
            await self._stop.wait()
        return "it was stopped"

    async def _held(self) -> Reservation | None:
        """The units that it takes; None if it takes none, or was stopped before it had them."""
        if not self.plan.takes:
            return None
        task = f"{KIND}{self._key.tenant}/{self._key.name}"
        attempt = int(self._node.wall() * 1000) + next(_attempts)  # never one of an earlier life
        wants = {self._node.node_id: parse(self.plan.takes)}
        held = self._node.reserve(task, attempt, wants, project=self._project)

        def changed() -> None:
            self.waits_for = "" if held.is_held else held.why
            self._waits()

        held.on_change(changed)
        changed()
        waiting = asyncio.ensure_future(held.held())
        stopped = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait((waiting, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not waiting.done():
            waiting.cancel()
            return None
        return waiting.result()

    async def _run(self, held: Reservation | None) -> int:
        manifest = self._prepared.manifest
        self.ports = {
            n: port if port != AUTO else _free_port() for n, port in manifest.ports.items()
        }
        lease = held.leases.get(self._node.node_id) if held else None
        memory_bytes = int(lease.taken.get("Memory", 0)) if lease else 0
        await self._quota.check(self._data)  # first: what is too much is not gone through again
        await asyncio.to_thread(own_folder, self._data, is_closed=self.plan.level != "none")
        names = tuple(name for name, _ in self.plan.secrets)
        values = await self._secrets.values(self._project, names)
        handed = Handed(values, is_closed_in=self.plan.level != "none")
        metrics = self._metrics = hand_out(f"{KIND}{self._key.name}")
        try:
            way = self._way(lease, memory_bytes, handed)
            try:
                return await self._run_by(way, Cover(values))
            finally:
                await way.close()
        finally:
            metrics.close()
            handed.close()

    def _way(self, lease: Lease | None, memory_bytes: int, handed: Handed) -> Way:
        prepared, health = self._prepared, self._prepared.manifest.health
        if self.plan.level == "none":
            kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
            environment = self._environment(kept, handed)
            return Outside(
                prepared.folder, environment, health.command, memory_bytes, handed.descriptors
            )
        sandbox = self._node.sandboxes.of(
            level_named(self.plan.level),
            readable=(prepared.folder, *prepared.libraries),
            writable=(self._data,),
            devices=device_nodes(self._node, lease),
            has_loopback=bool(self.ports or health.http),
            limits=Limits(data_bytes=memory_bytes or None, file_bytes=self._quota.bytes_max),
        )
        environment = self._environment(environment_of(sandbox), handed)
        inherited = handed.descriptors
        return Inside(sandbox, prepared.folder, environment, health.command, inherited)

    async def _run_by(self, way: Way, cover: Cover) -> int:
        manifest = self._prepared.manifest
        is_service = manifest.kind == SERVICE
        command = manifest.run if is_service else check_of(manifest)
        if manifest.kind == FILTER:
            command = opener_of(self._node).opening(manifest.filters, self._told_in)
        checks = Checks(manifest, self.ports, way, self)
        mark = f"{self._node.node_id}.{token_hex(8)}"
        process = ServiceProcess(mark, lambda data: checks.printed(self._log.feed(data, cover)))
        closed = "" if self.plan.level == "none" else CLOSED.format(level=self.plan.level)
        self._log.note(f"revision {self.plan.stamp.number} is started{closed}")
        await way.open(self.ports.values())
        await process.start(command, way, self._metrics.descriptors)
        self._begun()
        checking = asyncio.ensure_future(checks.run() if is_service else self._stop.wait())
        ending = asyncio.ensure_future(process.wait())
        stopped = asyncio.ensure_future(self._stop.wait())
        counting = asyncio.ensure_future(self._quota.watch(self._data))
        await asyncio.wait((ending, stopped, counting), return_when=asyncio.FIRST_COMPLETED)
        if not ending.done():
            await process.stop(manifest.stop_s)
        code = await ending
        is_over = counting.done()
        for task in (checking, stopped, counting):
            task.cancel()
        await asyncio.gather(checking, stopped, counting, return_exceptions=True)
        self._log.end()
        if is_over:
            await counting
        return code

    def _environment(self, kept: Mapping[str, str], handed: Handed) -> dict[str, str]:
        libraries = os.pathsep.join(map(str, self._prepared.libraries))
        return {
            **kept,
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **({"PYTHONPATH": libraries} if libraries else {}),
            **handed.environment(self._prepared.manifest.environment),
            "CANTOR_SERVICE": self._key.name,
            "CANTOR_REVISION": str(self.plan.stamp.number),
            "CANTOR_NODE": self._node.name,
            "CANTOR_DATA": str(self._data),
            **self._metrics.environment,
            **{f"CANTOR_PORT_{name.upper()}": str(port) for name, port in self.ports.items()},
        }


def own_folder(folder: Path, *, is_closed: bool) -> None:
    """Make the folder of a service's own files; what root's agent made is its user's inside."""
    folder.mkdir(exist_ok=True)
    if not is_closed or os.geteuid() != 0:
        return
    for _, _, files, here in os.fwalk(folder):
        os.fchown(here, USER_FOR_ROOT, USER_FOR_ROOT)
        for name in files:
            with suppress(FileNotFoundError):
                if os.stat(name, dir_fd=here, follow_symlinks=False).st_nlink == 1:
                    ids = USER_FOR_ROOT, USER_FOR_ROOT
                    os.chown(name, *ids, dir_fd=here, follow_symlinks=False)


def _free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
