"""Real agents, one process on each host of a network, of one mesh that needs no hub.

What a test learns of them comes from their control sockets, as for any other program of the user:
nothing here reaches into an agent, so that it may be any build of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tests.bed.switch import BedError, Guest

from cantor.base.errors import UnavailableError
from cantor.identity.authority import Authority
from cantor.identity.store import IdentityFolder
from cantor.node.control import ask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from tests.bed.lines import Host
    from tests.bed.network import Network

    from cantor.wire.frame import Value

PORT = 7433
WAIT_S = 30.0
_LOG_TAIL = 2000
_STILL_MAX_S = 5.0
_AGENT = (sys.executable, "-m", "cantor.cli.main", "agent")


class Usage(NamedTuple):
    """What a process holds: open file descriptors, and its share of memory (PSS)."""

    descriptors: int
    pss_bytes: int


class Box:
    """One host with its agent, which may run, stand still or be dead."""

    def __init__(self, network: Network, host: Host, folder: Path, command: Sequence[str]) -> None:
        self.host = host
        self.name = host.name
        self.folder = folder
        self.log = folder / "agent.log"
        self.id = IdentityFolder(folder).node_id
        self._network = network
        self._command = command
        self._guest: Guest | None = None

    @property
    def is_running(self) -> bool:
        """Whether its agent has a process."""
        return self._guest is not None and self._guest.is_running

    async def start(self) -> None:
        """Start the agent, and wait until it listens.

        Raises:
            BedError: it ended instead; with the end of its log.
        """
        guest = self._network.switch.spawn(self.name, self._command, self.log)
        self._guest = guest
        line = await asyncio.to_thread(guest.output.readline)
        if not line or json.loads(line)["id"] != self.id:
            raise BedError(f"the agent of {self.name} did not start:\n{self.log_tail()}")

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._guest is not None:
            self._guest.kill()
            self._guest = None

    async def stop(self) -> int:
        """Ask it to end, as the system would; its exit code."""
        guest = self._running()
        guest.signal(signal.SIGTERM)
        code = await asyncio.to_thread(guest.wait)
        self._guest = None
        return code

    def pause(self) -> None:
        """Let it stand still, with its sockets open.

        Raises:
            BedError: it did not.
        """
        guest = self._running()
        guest.signal(signal.SIGSTOP)
        end = time.monotonic() + _STILL_MAX_S
        while Path(f"/proc/{guest.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            if time.monotonic() > end:
                raise BedError(f"the agent of {self.name} did not stand still")

    def resume(self) -> None:
        """Let it go on."""
        self._running().signal(signal.SIGCONT)

    def usage(self) -> Usage:
        """What its process holds now."""
        process = Path(f"/proc/{self._running().pid}")
        lines = (process / "smaps_rollup").read_text().splitlines()
        kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return Usage(len(list((process / "fd").iterdir())), 1024 * kilobytes)

    def waited_s(self) -> float:
        """For how long its process has waited for a processor of this machine."""
        schedule = Path(f"/proc/{self._running().pid}/schedstat").read_text().split()
        return int(schedule[1]) / 1e9

    async def ask(self, call: str, **args: Value) -> Value:
        """What the agent answers to a call of its control socket."""
        return await ask(self.folder, call, args, timeout_s=WAIT_S)

    async def status(self) -> dict[str, Any]:
        """What ``cantor status --json`` prints."""
        return cast("dict[str, Any]", await self.ask("status"))

    async def links(self) -> list[dict[str, Any]]:
        """The rows of its links, as in its status."""
        return cast("list[dict[str, Any]]", (await self.status())["links"])

    async def nodes(self) -> list[dict[str, Any]]:
        """What ``cantor nodes --json`` prints."""
        return cast("list[dict[str, Any]]", await self.ask("nodes"))

    async def online(self) -> set[str]:
        """The names of the nodes that it can reach, its own among them."""
        return {node["name"] for node in await self.nodes() if node["state"] == "online"}

    async def changes(self) -> AsyncIterator[dict[str, Any]]:
        """The count of its changes and its ledger's digest: now, and after each change."""
        count = -1
        while True:
            change = cast("dict[str, Any]", await self.ask("changes", after=count))
            if change["count"] != count:
                count = change["count"]
                yield change

    async def until_online(self, names: Collection[str], wait_s: float = WAIT_S) -> None:
        """Wait until it reaches exactly these.

        Raises:
            BedError: it did not in time; says whom it reached instead.
        """
        try:
            async with asyncio.timeout(wait_s):
                async for _ in self.changes():
                    if await self.online() == set(names):
                        return
        except (TimeoutError, UnavailableError) as error:
            with suppress(UnavailableError):
                seen = await self.online()
                raise BedError(
                    f"{self.name} lacks {sorted(set(names) - seen)} and has too many "
                    f"{sorted(seen - set(names))} after {wait_s} s:\n{self.log_tail()}"
                ) from error
            raise BedError(f"{self.name} does not answer:\n{self.log_tail()}") from error

    def log_tail(self) -> str:
        """The end of what it has logged."""
        return self.log.read_text(errors="replace")[-_LOG_TAIL:] if self.log.exists() else ""

    def _running(self) -> Guest:
        if self._guest is None:
            raise BedError(f"the agent of {self.name} does not run")
        return self._guest


class Fleet:
    """The boxes of one mesh by the names of their hosts."""

    def __init__(self, network: Network, folder: Path, agent: Sequence[str] = _AGENT) -> None:
        """``agent`` is the command of an agent without its options."""
        self.network = network
        self._folder = folder
        self._agent = agent
        self.authority = Authority.create("bed", now=datetime.now(UTC))
        self._boxes: dict[str, Box] = {}

    def __getitem__(self, name: str) -> Box:
        return self._boxes[name]

    @property
    def running(self) -> list[Box]:
        """The boxes whose agents have a process."""
        return [box for box in self._boxes.values() if box.is_running]

    def add(self, host: Host, *options: str, ports: Sequence[int] = (PORT,)) -> Box:
        """Give a host an identity and an agent, which listens on these ports once it is started."""
        folder = self._folder / host.name
        identity = IdentityFolder(folder)
        identity.install(self.authority.issue(identity.csr_pem(), now=datetime.now(UTC)))
        words = ["--name", host.name, "--data", str(folder), "--no-mdns", "--json"]
        for port in ports:
            words += ["--listen", f"0.0.0.0:{port}"]
        for seed in host.seeds:
            words += ["--seed", f"{seed}:{PORT}"]
        box = Box(self.network, host, folder, [*self._agent, *words, *options])
        self._boxes[host.name] = box
        return box

    async def start(self, hosts: Sequence[Host] | None = None) -> list[Box]:
        """Add and start an agent on each of these hosts, or on all."""
        boxes = [self.add(host) for host in (self.network.hosts if hosts is None else hosts)]
        turns = asyncio.Semaphore(os.cpu_count() or 1)  # so that who is dialled is there first

        async def start(box: Box) -> None:
            async with turns:
                await box.start()

        await asyncio.gather(*(start(box) for box in boxes))
        return boxes

    async def until_all_online(
        self, boxes: Sequence[Box] | None = None, wait_s: float = WAIT_S
    ) -> float:
        """Wait until each of these boxes, or of all that run, reaches exactly these; the seconds.

        Raises:
            BedError: one did not in time.
        """
        begun = asyncio.get_running_loop().time()
        boxes = self.running if boxes is None else boxes
        names = [box.name for box in boxes]
        waits = (box.until_online(names, wait_s) for box in boxes)
        failed = [e for e in await asyncio.gather(*waits, return_exceptions=True) if e is not None]
        if failed:
            raise failed[0]
        return asyncio.get_running_loop().time() - begun

    async def until_ledgers_equal(
        self, boxes: Sequence[Box] | None = None, wait_s: float = WAIT_S
    ) -> float:
        """Wait until the ledgers of these boxes, or of all that run, are equal; the seconds.

        Raises:
            BedError: they were not in time; says which stood together.
        """
        begun = asyncio.get_running_loop().time()
        boxes = self.running if boxes is None else boxes
        digests: dict[str, str] = {}

        async def follow(box: Box) -> None:
            async for change in box.changes():
                digests[box.name] = change["ledger"]
                if len(digests) == len(boxes) and len(set(digests.values())) == 1:
                    return

        followers = [asyncio.ensure_future(follow(box)) for box in boxes]
        done, waiting = await asyncio.wait(
            followers, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED
        )
        for follower in waiting:
            follower.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        if not done:
            raise BedError(f"the ledgers differ after {wait_s} s: {_together(digests)}")
        done.pop().result()  # one that was killed meanwhile is an error
        return asyncio.get_running_loop().time() - begun

    def close(self) -> None:
        """End every agent at once."""
        for box in self._boxes.values():
            box.kill()


def _together(digests: dict[str, str]) -> list[list[str]]:
    return [
        [name for name in digests if digests[name] == digest]
        for digest in dict.fromkeys(digests.values())
    ]
