"""Memory for metrics that a process hands to those that it starts."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cantor.metering.layout import REGION_BYTES
from cantor.metering.process import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable


def _nothing() -> None:
    """It stays its maker's."""


@dataclass(frozen=True, slots=True)
class Handed:
    """What a process that is being started is to inherit; ``close`` when it has ended."""

    descriptors: tuple[int, ...]
    environment: dict[str, str]
    close: Callable[[], None]


NOTHING = Handed((), {}, _nothing)


class Desk(Protocol):
    """Who reads the metrics of this machine's processes: the agent, in its own process."""

    def hand_out(self, source: str) -> Handed:
        """New memory for a process; ``source`` says what it is. From any thread."""

    def take(self, descriptor: int, source: str) -> Callable[[], None]:
        """Read memory that a process has made; the result ends that. From any thread."""


class _Here:
    desk: Desk | None = None


def set_desk(desk: Desk | None) -> None:
    """From now on this one reads."""
    _Here.desk = desk


def desk_here() -> Desk | None:
    """Who reads in this process, if it is an agent's."""
    return _Here.desk


def hand_out(source: str) -> Handed:
    """Memory for a process that is started here.

    A process that is no agent hands on what it was handed itself.
    """
    if _Here.desk is not None:
        return _Here.desk.hand_out(source)
    told = os.environ.get(VARIABLE, "")
    with suppress(OSError, ValueError):
        if os.fstat(int(told)).st_size == REGION_BYTES:
            return Handed((int(told),), {VARIABLE: told}, _nothing)
    return NOTHING
