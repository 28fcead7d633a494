"""``cantor.connect()``: the tasks of this script run on the mesh, through the agent here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cantor.base.errors import CantorError
from cantor.node.folder import asked_folder
from cantor.scheduling.needs import parse
from cantor.scheduling.shares.terms import check_name
from cantor.tasks.brought import bring
from cantor.tasks.connection import Connection
from cantor.tasks.durable import find_at
from cantor.workers.backend import backend_here, set_backend

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike
    from types import TracebackType
    from typing import Self

    from cantor.workers.backend import Backend


class connect:  # noqa: N801 (people write cantor.connect())
    """Run tasks on any node of the mesh that fits, through the agent of this machine.

        with cantor.connect():
            print(square.submit(3).result())

    Called without ``with`` it holds until the script ends, or ``close``. ``folder`` is that of the
    agent; without it, as for ``cantor status``. Each task needs what ``needs`` says besides, and is
    of ``project`` if it names no other.

    Each brings what ``requirements`` say (a list, or a file with one a line): wheels for each kind
    of node, out of the folder ``wheels``, or without it from an ``index``
    of packages (``https://…/simple``), by default the one that pip asks.
    """

    def __init__(
        self,
        folder: Path | str | None = None,
        *,
        needs: str = "",
        project: str = "",
        requirements: Sequence[str] | str | PathLike[str] = (),
        wheels: Path | str | None = None,
        index: str = "",
    ) -> None:
        """Connect.

        Raises:
            UnavailableError: no agent runs there, or it takes no tasks.
            ConfigError: ``needs`` do not follow the grammar, no project can be called so, the
                file of requirements cannot be read, or the index is none.
            BundleError: one of the requirements is none.
        """
        where = Path(folder) if folder is not None else asked_folder()
        self._connection = Connection(where, parse(needs), check_name(project) if project else "")
        try:
            bring(self._connection, requirements, None if wheels is None else Path(wheels), index)
        except CantorError:
            self._connection.close(kill=True)
            raise
        self._before: Backend | None = backend_here()
        set_backend(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(kill=kind is not None)

    def result(self, task_id: str, timeout: float | None = None) -> Any:  # noqa: ANN401 (its own)
        """What a durable task returned, as :func:`cantor.find_task` finds it."""
        return find_at(self._connection, task_id).result(timeout)

    def close(self, *, kill: bool = False) -> None:
        """Wait for what was submitted, or with ``kill`` end it; then leave the agent."""
        if backend_here() is self._connection:
            set_backend(self._before)
        self._connection.close(kill=kill)
