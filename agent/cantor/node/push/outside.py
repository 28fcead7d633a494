"""A service with nothing around it: it runs as the agent does, on the box itself."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.node.push.way import Start, launcher
from cantor.workers import launch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from cantor.node.push.way import Connection

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Outside:
    """The way to one process; ``health`` is its health command, ``memory_bytes`` 0 bounds nothing.

    What listens on the box can be reached there: nothing has to be opened or closed.
    """

    folder: Path
    environment: Mapping[str, str]
    health: tuple[str, ...] = ()
    memory_bytes: int = 0
    inherited: tuple[int, ...] = ()
    """Descriptors that it keeps, and its checks."""

    def start_of(self, command: Sequence[str]) -> Start:
        """How the service's command is started."""
        program = launcher("-I", "-S", launch.__file__)
        words = [*program, str(os.getpid()), launch.OPEN, str(self.memory_bytes), *command]
        return Start(words, self.folder, self.environment, self.inherited)

    def started(self) -> None:
        """The descriptors stay this process's, for the checks."""

    async def open(self, ports: Iterable[int]) -> None:
        """It listens on the box itself."""

    async def connect(self, port: int) -> Connection:
        """A connection to one of its ports.

        Raises:
            OSError: nothing listens there.
        """
        return await asyncio.open_connection(LOOPBACK, port)

    async def check(self) -> int:
        """What its health command ends with; it is ended with who asks.

        Raises:
            OSError: the system cannot start it.
        """
        process = await asyncio.create_subprocess_exec(
            *self.start_of(self.health).command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=self.folder,
            env=dict(self.environment),
            pass_fds=self.inherited,
            start_new_session=True,
        )
        try:
            return await process.wait()
        finally:
            with suppress(ProcessLookupError):
                process.kill()

    async def close(self) -> None:
        """Nothing is left of it."""
