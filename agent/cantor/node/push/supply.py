"""Where the code of a service's revisions comes from: this node's disk, else who has it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from cantor.base.errors import BundleError, UnavailableError
from cantor.node.push.shelf import check_size

if TYPE_CHECKING:
    from cantor.bundles.fetching.manifest import Manifest
    from cantor.node.bundles.service import Bundles
    from cantor.node.push.shelf import Prepared, Shelf
    from cantor.services.orders import Revision

_log = logging.getLogger(__name__)


class Supply:
    """Of one service. What is being fetched is given up when ``asked_anew`` is set."""

    def __init__(
        self, bundles: Bundles, shelf: Shelf, name: str, asked_anew: asyncio.Event
    ) -> None:
        self._bundles = bundles
        self._shelf = shelf
        self._name = name
        self._asked_anew = asked_anew

    async def code(self, revision: Revision) -> Prepared:
        """The code of a revision, unpacked.

        Raises:
            UnavailableError: nobody gives it, or the disk does not take it.
            BundleError, ConfigError: it cannot be used here.
        """
        if self._shelf.has(revision.bundle):
            try:
                prepared = await asyncio.to_thread(self._shelf.prepare, revision.bundle)
                parts = await asyncio.to_thread(self._shelf.parts, revision.bundle)
            except BundleError as error:
                _log.warning("kept code is lost", extra={"reason": str(error)})
            else:
                await self._bundles.add(parts)  # others may have it from here
                return prepared
        bundle = await self._fetched(revision)
        files = {part.name: self._bundles.file(part) for part in bundle.parts}
        await asyncio.to_thread(self._shelf.put, bundle, files)
        return await asyncio.to_thread(self._shelf.prepare, revision.bundle)

    async def _fetched(self, revision: Revision) -> Manifest:
        """The bundle of a revision, all of it in this node's cache; given up for another wish."""
        holders = [revision.stamp.by]
        getting = asyncio.ensure_future(self._bundles.get(revision.bundle, holders, check_size))
        waiting = asyncio.ensure_future(self._asked_anew.wait())
        await asyncio.wait((getting, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not getting.done():
            getting.cancel()
            raise UnavailableError("something else is wanted meanwhile", where=self._name)
        return getting.result()
