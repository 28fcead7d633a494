"""What programs say that a node has: as long as they run, or until its agent ends."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.base.resources import merge_resources

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.base.resources import Resource

ADVERTISED_MAX = 256
AGENT = 0
"""Stands for the process of what stays until the agent ends."""


class Advertised:
    """The resources of processes of this machine; ``offer`` is told all of them when they change.

    The kernel tells when a process has ended, by a descriptor of the process: no number of a
    process is ever taken for another's, and a program that is killed says no less than one that
    ends well.
    """

    def __init__(self, offer: Callable[[Sequence[Resource]], None]) -> None:
        self._offer = offer
        self._given: dict[tuple[int, str], Resource] = {}
        self._watched: dict[int, int] = {}

    def add(self, process: int, resource: Resource) -> None:
        """A process has a resource: instead of what it said under this name before.

        Raises:
            ConfigError: there are too many, or that process cannot be seen from here.
        """
        key = process, resource.name
        if key not in self._given and len(self._given) >= ADVERTISED_MAX:
            what = f"{ADVERTISED_MAX} resources are advertised already"
            raise ConfigError(what, where=resource.name, remedy="withdraw some")
        if process != AGENT and process not in self._watched:
            self._watch(process)
        self._given[key] = resource
        self._tell()

    def withdraw(self, process: int, name: str) -> None:
        """A process takes back what it has said, or what stays."""
        for key in ((process, name), (AGENT, name)):
            self._given.pop(key, None)
        self._tell()

    @property
    def names(self) -> list[str]:
        """Of everything that is advertised here."""
        return sorted({name for _, name in self._given})

    def _watch(self, process: int) -> None:
        try:
            descriptor = os.pidfd_open(process)
        except OSError as error:  # it has ended, or lives where this agent does not look
            raise ConfigError(
                "the program cannot be seen by the agent, so its end would not be",
                where="cantor.resources",
                remedy="run it beside the agent, or let what it says stay: stays=True",
            ) from error
        self._watched[process] = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._ended, process)

    def _ended(self, process: int) -> None:
        descriptor = self._watched.pop(process)
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)
        for key in [key for key in self._given if key[0] == process]:
            del self._given[key]
        self._tell()

    def _tell(self) -> None:
        self._offer(merge_resources(self._given.values()))
