"""What a service prints on its nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.cli.log_reading import ends_of, follow, last
from cantor.cli.log_text import Shown
from cantor.node.logs.lines import service_source
from cantor.node.logs.query import Query

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cantor.cli.log_reading import Places


class Output:
    """The output of one service, as ``cantor logs --source service/NAME``.

    ``names`` are the nodes, by id; ``is_json``: each line is printed as an object of JSON.
    """

    def __init__(
        self, folder: Path, service: str, names: Mapping[str, str], *, is_json: bool = False
    ) -> None:
        self._folder = folder
        self._query = Query(source=service_source(service))
        self._names = names
        self._shown = Shown(names, is_json=is_json, has_source=False)
        self._places: Places = {}

    @property
    def has_trouble(self) -> bool:
        """Whether a node did not answer."""
        return self._shown.has_trouble

    async def pass_over(self) -> None:
        """Let :meth:`follow` begin with what comes from now on."""
        self._places = await ends_of(self._folder, self._names)

    async def last(self, count: int) -> None:
        """Print the last lines of all nodes together; :meth:`follow` goes on after them."""
        nodes = list(self._names)
        self._places = await last(self._folder, nodes, self._query, count, self._shown)

    async def follow(self, *, is_closed: bool = False) -> None:
        """Print what is new until interrupted, also on nodes that join unless ``is_closed``.

        Raises:
            UnavailableError: no agent runs on this machine any more.
        """
        await follow(self._folder, self._query, self._places, self._shown, is_closed=is_closed)
