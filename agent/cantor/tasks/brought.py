"""The wheels that tasks and actors here bring; most bring none, and load nothing for it."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from cantor.bundles.loading import wheels_here
from cantor.workers.living import knows_mesh
from cantor.workers.pools import Pools

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike
    from pathlib import Path

    from cantor.tasks.connection import Connection
    from cantor.tasks.outfits import Here, OnMesh
    from cantor.workers.backend import Backend
    from cantor.workers.units import Terms

_brought: WeakKeyDictionary[Backend, Here | OnMesh] = WeakKeyDictionary()
_lock = threading.Lock()


def lines(requirements: Sequence[str] | str | PathLike[str]) -> tuple[str, ...]:
    """Requirements that are given as a list, or as a file with one a line.

    Raises:
        ConfigError: the file cannot be read.
    """
    if not requirements:
        return ()
    from cantor.bundles.requirements import lines_of

    return lines_of(requirements)


def bring(
    backend: Connection | Pools,
    requirements: Sequence[str] | str | PathLike[str] = (),
    folder: Path | None = None,
    index: str = "",
) -> None:
    """All tasks that go there bring these, out of ``folder`` or, without, from an ``index``.

    Raises:
        ConfigError: the file of requirements cannot be read, or the index is none.
        BundleError: one of them is none.
    """
    own = lines(requirements)
    if own or folder is not None or index:
        _outfit(backend, own, folder, index)


def dressed(backend: Backend, terms: Terms, requirements: tuple[str, ...]) -> Terms:
    """Terms with the wheels that a task or actor brings. A task's own tasks have what that one has.

    Raises:
        WrongPlatform: no kind of node that is there has a wheel of something.
        WrongHash: a wheel has another hash than the requirements say.
        BundleError: something is not to be found, or is no requirement.
        UnavailableError: there is no pip, or it fails, or no node runs tasks.
    """
    found = _brought.get(backend)
    if found is None:
        if not isinstance(backend, Pools) and not knows_mesh(backend):
            wheels, folders = wheels_here()
            return replace(terms, wheels=wheels, folders=folders) if folders else terms
        if not requirements:
            return terms
        found = _outfit(backend, (), None, "")  # type: ignore[arg-type]  # one of a script
    return found.dress(terms, requirements)


def _outfit(
    backend: Connection | Pools, own: tuple[str, ...], folder: Path | None, index: str
) -> Here | OnMesh:
    from cantor.tasks.outfits import outfit

    with _lock:
        made = _brought[backend] = outfit(backend, own, folder, index)
    return made
