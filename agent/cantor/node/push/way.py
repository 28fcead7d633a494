"""The way to one process of a service: how it is started, reached and asked, closed in or not."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cantor.base.program import own_command

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Start(NamedTuple):
    """What the system is told: a command line, where it begins, what it finds and inherits."""

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    descriptors: tuple[int, ...] = ()


class Way(Protocol):
    """On the event loop only; used once."""

    def start_of(self, command: Sequence[str]) -> Start:
        """How the service's command is started, so that it ends together with this agent."""

    def started(self) -> None:
        """It has what it inherits, or will not be started."""

    async def open(self, ports: Iterable[int]) -> None:
        """Let others reach its ports.

        Raises:
            UnavailableError: one is taken, or is not for services.
        """

    async def connect(self, port: int) -> Connection:
        """A connection to one of its ports.

        Raises:
            OSError: nothing listens there.
        """

    async def check(self) -> int:
        """What its health command ends with, run beside it.

        Raises:
            OSError: it could not be asked.
        """

    async def close(self) -> None:
        """Its process has ended."""


def launcher(*words: str) -> list[str]:
    """This Python with those words. A frozen program has only its own command line, which an
    unfrozen one would need a tenth of a second more for.
    """
    if getattr(sys, "frozen", False):
        return [*own_command(), "launch"]
    return [sys.executable, *words]
