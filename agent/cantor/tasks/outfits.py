"""Wheels found for the tasks of this process, when a task that brings some is submitted first.

On a mesh they are found for each kind of node that may run tasks, and added to the agent's bundles:
nodes that run them take them from there, or from each other. On this machine, what is installed is
used, and the rest unpacked beside the caches of this user.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cantor.base.errors import BundleError, CantorError, UnavailableError
from cantor.bundles.requirements import applying, checked_index, index_in, is_met_here, parse
from cantor.bundles.resolving import Wardrobe
from cantor.bundles.wheels import Target, target_here
from cantor.workers.pools import Pools

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.tasks.connection import Connection
    from cantor.workers.units import Terms

TARGETS_S = 30.0
"""After so long it is asked again which kinds of nodes there are."""
ASK_S = 10.0
ADD_S = 300.0
_Lines = tuple[str, ...]


class Here:
    """Tasks run on this machine, in this Python."""

    def __init__(self, own: _Lines, folder: Path | None, index: str) -> None:
        self._own = own
        self._wardrobes = _Wardrobes(folder, index)
        self._lock = threading.Lock()
        self._known: dict[_Lines, str] = {}

    def dress(self, terms: Terms, requirements: _Lines) -> Terms:
        lines = (*self._own, *requirements)
        if not lines:
            return terms
        with self._lock:
            folders = self._known.get(lines)
            if folders is None:
                folders = self._known[lines] = self._found(lines)
        return replace(terms, folders=folders) if folders else terms

    def _found(self, lines: _Lines) -> str:
        target = target_here()
        wanted = [one for one in applying(parse(lines), target) if not is_met_here(one)]
        wardrobe = self._wardrobes.of(lines)
        wheels = wardrobe.wheels(wanted, target)
        return "\n".join(str(wardrobe.unpacked(wheel)) for wheel in wheels)


@dataclass(slots=True)
class _Found:
    """What some requirements are for the kinds of nodes that were there when it was asked."""

    asked: float = 0.0
    bundles: dict[str, str] = field(default_factory=dict)
    refused: dict[str, CantorError] = field(default_factory=dict)

    @property
    def wheels(self) -> str:
        return " ".join(f"{target}={bundle}" for target, bundle in self.bundles.items())


class OnMesh:
    """Tasks run on nodes of a mesh, of whatever platform and Python."""

    def __init__(
        self, connection: Connection, own: _Lines, folder: Path | None, index: str
    ) -> None:
        self._ask = connection.ask
        self._own = own
        self._wardrobes = _Wardrobes(folder, index)
        self._lock = threading.Lock()
        self._known: dict[_Lines, _Found] = {}

    def dress(self, terms: Terms, requirements: _Lines) -> Terms:
        lines = (*self._own, *requirements)
        if not lines:
            return terms
        with self._lock:
            found = self._known.setdefault(lines, _Found())
            if not found.bundles or time.monotonic() - found.asked > TARGETS_S:
                self._find(lines, found)
        return replace(terms, wheels=found.wheels)

    def _find(self, lines: _Lines, found: _Found) -> None:
        told = self._ask("tasks.targets", {}, timeout_s=ASK_S)
        targets = [str(one) for one in told] if isinstance(told, list) else []
        for target in targets:
            if target in found.bundles:
                continue
            try:
                found.bundles[target] = self._bundle(lines, Target.named(target))
            except (BundleError, UnavailableError) as error:
                found.refused[target] = error
        found.asked = time.monotonic()
        if not found.bundles:
            raise next(
                iter(found.refused.values()),
                UnavailableError(
                    "no node says which wheels it can run",
                    remedy="see cantor nodes: one must run tasks, of the same version of Cantor",
                ),
            )

    def _bundle(self, lines: _Lines, target: Target) -> str:
        wanted = applying(parse(lines), target)
        wheels = self._wardrobes.of(lines).wheels(wanted, target)
        files = {wheel.name: str(wheel) for wheel in wheels}
        if not files:
            return ""
        answer = self._ask("bundles.add", {"files": {**files}}, timeout_s=ADD_S)
        return str(answer["id"]) if isinstance(answer, dict) else ""


class _Wardrobes:
    """Where the wheels of some lines are found: in a folder, or on the index that is named."""

    def __init__(self, folder: Path | None, index: str) -> None:
        self._folder = folder
        self._index = checked_index(index) if index else ""

    def of(self, lines: _Lines) -> Wardrobe:
        """The index that is named for all goes before the one that the lines name."""
        return Wardrobe(self._folder, index=self._index or index_in(lines))


def outfit(
    backend: Connection | Pools, own: tuple[str, ...], folder: Path | None, index: str
) -> OnMesh | Here:
    """What finds wheels for tasks that go there, which all bring their ``own`` lines.

    Raises:
        BundleError: one of these is no requirement.
        ConfigError: the index that is named is none.
    """
    parse(own)
    index_in(own)
    if isinstance(backend, Pools):
        return Here(own, folder, index)
    return OnMesh(backend, own, folder, index)
