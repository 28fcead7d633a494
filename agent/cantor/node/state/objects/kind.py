"""The objects of this node, and those of others for the programs here: one kind of what it keeps.

``owned`` says what nodes ask each other, ``desk`` what programs ask their node. The disk is not
touched before somebody asks.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from cantor.node.services import Node
    from cantor.node.state.objects.desk import Desk
    from cantor.node.state.objects.fetching import Fetching
    from cantor.node.state.objects.owned import Owned
    from cantor.node.state.wording import Answer, Question
    from cantor.stores.contents import Disk

FOLDER = "objects"
DISK_SHARE = 2
"""Objects take at most one part in so many of the disk."""


class Objects:
    """On the event loop only."""

    changing = frozenset({"delete"})

    def __init__(
        self,
        node: Node,
        *,
        bytes_max: int | None = None,
        copies_bytes_max: int | None = None,
        disk: Disk | None = None,
    ) -> None:
        self._node = node
        self._begun_at = node.clock.monotonic()
        self._bytes_max = bytes_max
        self._copies_bytes_max = copies_bytes_max
        self._disk = disk
        self._open: tuple[Owned, Desk, Fetching] | None = None

    def answer(self, question: Question) -> Answer | Awaitable[Answer]:
        """Answer a question about them."""
        owned, desk, _ = self._opened()
        if not desk.takes(question.operation):
            return owned.answer(question)
        if question.by != self._node.node_id:
            raise RemoteProtocolError("only programs of its machine ask a node that")
        return desk.answer(question)

    async def close(self) -> None:
        """Write what is left."""
        if self._open is not None:
            owned, desk, fetching = self._open
            await desk.close()
            await fetching.close()
            await owned.close()

    @property
    def chunks_given(self) -> int:
        """Chunks that this node has given to others since it started."""
        return 0 if self._open is None else self._open[2].chunks_given

    def _opened(self) -> tuple[Owned, Desk, Fetching]:
        if self._open is None:
            from cantor.node.state.objects.desk import Desk  # an idle agent has none
            from cantor.node.state.objects.fetching import Fetching
            from cantor.node.state.objects.owned import Owned
            from cantor.node.state.objects.shelf import COPIES_BYTES_MAX, COPIES_SHARE, Shelf

            folder = self._node.folder / FOLDER
            try:
                folder.mkdir(mode=0o700, exist_ok=True)
                disk_bytes = shutil.disk_usage(folder).total
            except OSError as error:
                raise StoreError(f"objects cannot be kept: {error}", where=str(folder)) from error
            owned = Owned(
                self._node, folder, self._bytes_max or disk_bytes // DISK_SHARE, self._begun_at
            )
            copies = self._copies_bytes_max or min(COPIES_BYTES_MAX, disk_bytes // COPIES_SHARE)
            shelf = Shelf(
                folder, owned.store.contents(), self._node.clock,
                disk=self._disk, copies_bytes_max=copies,
            )  # fmt: skip
            fetching = Fetching(self._node, shelf)
            owned.begin(shelf, fetching)
            self._open = owned, Desk(self._node, owned, shelf, fetching), fetching
        return self._open
