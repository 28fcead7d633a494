"""The processes of the demo: started, watched and ended as a person would, by the command line."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import re
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from cantor.base.clock import SystemClock
from cantor.base.errors import CantorError, UnavailableError
from cantor.base.program import own_command
from cantor.cli.enrolment import enrol_patiently
from cantor.identity.authority_folder import load_authority
from cantor.identity.store import IdentityFolder
from cantor.identity.tokens import EnrolmentToken
from cantor.node.control import ask
from edge_hub.settings import HubSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from cantor.base.address import Address
    from cantor.wire.frame import Value

    Headers = dict[str, Value]

LOOPBACK = ("--listen", "127.0.0.1:0", "--interface", "127.0.0.1")
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
LOOK_S = 0.1
_LINK = re.compile(rb"https?://\S+/sign-in#ticket=\S+")


@dataclass(slots=True)
class Program:
    """One process, how it was started, and the file that it writes to."""

    name: str
    command: tuple[str, ...]
    process: asyncio.subprocess.Process
    log: Path
    is_missed: bool = field(default=True)
    """Whether nobody asked for its end, or knows of it."""

    @property
    def end(self) -> str:
        """How it ended; empty while it runs."""
        code = self.process.returncode
        if code is None:
            return ""
        return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"

    def last_words(self) -> str:
        """The end of its log, for an error line."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


class DemoFleet:
    """A hub and agents of one machine in one folder. ``agent_command`` starts a box's program."""

    def __init__(self, folder: Path, agent_command: Sequence[str] | None = None) -> None:
        self.folder = folder
        self.programs: list[Program] = []
        self._agent = list(agent_command or own_command())
        self._is_foreign = agent_command is not None

    async def start_hub(self) -> str:
        """Start the hub; returns the sign-in link.

        Raises:
            UnavailableError: it does not come up.
        """
        data = ("--mesh", "demo", "--data", str(self.folder / "hub"))
        ports = ("--console", "127.0.0.1:0", "--enrol", "127.0.0.1:0")
        hub = await self._start("hub", [*own_command(), "hub", *data, *ports, *LOOPBACK])
        found: list[bytes] = []

        def printed() -> bool:
            found[:] = _LINK.findall(hub.log.read_bytes())
            return bool(found)

        await self.until(printed, "the hub's console")
        return found[0].decode()

    async def enrol(self, names: Sequence[str]) -> None:
        """Make a token for these boxes, and let each enrol with it.

        Raises:
            CantorError: a command failed; its own words.
        """
        token = await self._new_token(uses=len(names))
        if not self._is_foreign:
            await asyncio.gather(*(self._enrol_here(token, name) for name in names))
            return
        enrol = [*self._agent, "enroll", token]
        await asyncio.gather(
            *(
                self._output([*enrol, "--name", name, "--data", str(self.agent_folder(name))])
                for name in names
            )
        )

    async def _new_token(self, uses: int) -> str:
        """What ``cantor token create`` does, without the second that a further Python takes."""
        from edge_hub.database import Database
        from edge_hub.events import Scope
        from edge_hub.schemas import NewToken
        from edge_hub.tokens import EnrolmentPoint, Tokens

        settings = HubSettings(data=self.folder / "hub")
        authority = load_authority(settings.authority_folder)
        scope = Scope(authority.tenant, settings.project)
        database = await Database.open(
            settings.database_path, tenant=scope.tenant, project=scope.project
        )
        try:
            point = EnrolmentPoint(settings.enrol_file.read_text(), authority.root_pin)
            made = await Tokens(database, SystemClock(), point).create(
                scope, NewToken(max_uses=uses), by="local:demo"
            )
        finally:
            await database.close()
        return made.token

    async def _enrol_here(self, token: str, name: str) -> None:
        await enrol_patiently(
            EnrolmentToken.parse(token),
            IdentityFolder(self.agent_folder(name)),
            name=name,
            clock=SystemClock(),
            is_waiting=False,
        )

    async def start_agent(
        self,
        name: str,
        *,
        files: Sequence[Path] = (),
        addresses: Sequence[Address] = (),
        **variables: str,
    ) -> Program:
        """Start a box; it finds the others by mDNS, and opens these folders and addresses to their
        pipelines.
        """
        folder = str(self.agent_folder(name))
        opened = [word for place in files for word in ("--files", str(place))]
        opened += [word for one in addresses for word in ("--address", str(one))]
        return await self._start(
            name, [*self._agent, "agent", "--data", folder, *opened, *LOOPBACK], variables
        )

    async def start_sensor(self, port: int, device: str) -> Program:
        """Start a simulated thermometer that speaks to the broker on this port."""
        options = ("--port", str(port), "--device", device)
        return await self._start(
            "sensor", [sys.executable, "-m", "firmware_bridge.simulated", *options]
        )

    def agent_folder(self, name: str) -> Path:
        """Where a box keeps its files."""
        return self.folder / name

    async def ask(self, boxes: Sequence[str], call: str, args: Headers | None = None) -> Value:
        """What the first of these boxes answers that runs.

        Raises:
            UnavailableError: none does.
        """
        for name in boxes[:-1]:
            with contextlib.suppress(UnavailableError):
                return await ask(self.agent_folder(name), call, args, timeout_s=20.0)
        return await ask(self.agent_folder(boxes[-1]), call, args, timeout_s=20.0)

    async def nodes(self, boxes: Sequence[str]) -> list[Headers]:
        """The nodes that these boxes know; empty while none answers."""
        try:
            return cast("list[Headers]", await self.ask(boxes, "nodes"))
        except UnavailableError:
            return []

    async def until(self, holds: Callable[[], bool | Awaitable[bool]], what: str) -> None:
        """Wait for something, and notice a process that ends meanwhile.

        Raises:
            UnavailableError: a process has ended, or the time is over.
        """
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while True:
                    there = holds()
                    if await there if inspect.isawaitable(there) else there:
                        return
                    self.check()
                    await asyncio.sleep(LOOK_S)
        except TimeoutError as error:
            raise UnavailableError(
                f"{what}: not there after {START_TIMEOUT_S:.0f} s",
                where="demo",
                remedy=f"read the logs in {self.folder}",
            ) from error

    def check(self) -> None:
        """Notice a process that has ended though nobody asked.

        Raises:
            UnavailableError: one has; with its last words.
        """
        for program in self.newly_ended():
            raise UnavailableError(
                f"{program.name} {program.end}: {program.last_words()}", where=str(program.log)
            )

    def newly_ended(self) -> list[Program]:
        """The processes that have ended though nobody asked, each named once."""
        ended = [program for program in self.programs if program.end and program.is_missed]
        for program in ended:
            program.is_missed = False
        return ended

    async def close(self) -> None:
        """End every process, the last started first; one that hangs is killed."""
        for program in reversed(self.programs):
            program.is_missed = False
            with contextlib.suppress(ProcessLookupError):
                program.process.send_signal(signal.SIGTERM)
        await asyncio.gather(*(_end(program) for program in self.programs))

    async def _start(
        self, name: str, command: list[str], variables: Mapping[str, str] | None = None
    ) -> Program:
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(variables or {})},
                start_new_session=True,
            )
        program = Program(name, tuple(command), process, log)
        self.programs.append(program)
        return program

    async def _output(self, command: list[str]) -> str:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in a terminal is the demo's to act on
        )
        try:
            output, errors = await process.communicate()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        if process.returncode != 0:
            raise CantorError(errors.decode(errors="replace").strip() or "it failed silently")
        return output.decode()


async def _end(program: Program) -> None:
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await program.process.wait()
    except TimeoutError:
        program.process.kill()
        await program.process.wait()
