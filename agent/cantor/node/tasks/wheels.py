"""The wheels that attempts on this node import from: fetched, checked, unpacked, held."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from cantor.base.errors import BundleError, UnavailableError
from cantor.bundles.wheels import (
    UNPACKED_BYTES_MAX,
    check,
    fitting,
    target_here,
    unpack,
    unpacked_bytes,
)
from cantor.node.bundles.exchange import disk_refuses
from cantor.node.bundles.once import once

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.bundles.fetching.manifest import Manifest, Part
    from cantor.node.bundles.service import Bundles
    from cantor.node.services import Node

MANIFESTS_MAX = 256


@dataclass(frozen=True, slots=True)
class Clothes:
    """Folders that stay until they are released; ``folders`` has one a line."""

    folders: str
    _held: ExitStack

    def release(self) -> None:
        """Nobody imports from them any more."""
        self._held.close()


class Dressing:
    """On the event loop, but for unpacking."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._target = target_here()
        self._manifests: dict[str, Manifest] = {}
        self._unpacking: dict[str, asyncio.Task[Path]] = {}

    async def clothes(self, wheels: str, submitter: NodeId) -> Clothes:
        """Those of the ``wheels`` of a task that are for this node; ``submitter`` has them.

        Raises:
            UnavailableError: none are for this node, nobody gives them, or there is no room.
            WrongPlatform: one is for other machines or another Python; nothing was fetched.
            BundleError: one is no wheel.
        """
        bundle = fitting(wheels, self._target)
        if bundle is None:
            raise UnavailableError(
                f"no wheels were resolved for {self._target}",
                remedy="see that there are some for that node, or exclude it by needs",
            )
        held = ExitStack()
        try:
            folders = [
                await self._held(part, held) for part in await self._parts(bundle, submitter)
            ]
        except BaseException:
            held.close()
            raise
        return Clothes("\n".join(map(str, folders)), held)

    async def _parts(self, bundle: str, submitter: NodeId) -> tuple[Part, ...]:
        if not bundle:
            return ()
        manifest = self._manifests.get(bundle)
        store = self._bundles.store()
        if manifest is None or any(store.tree(part.id) is None for part in manifest.parts):
            manifest = await self._bundles.get(bundle, (submitter,), self._check)
            self._manifests[bundle] = manifest
            if len(self._manifests) > MANIFESTS_MAX:
                del self._manifests[next(iter(self._manifests))]
        return manifest.parts

    def _check(self, manifest: Manifest) -> None:
        for part in manifest.parts:
            check(part.name, self._target)

    async def _held(self, part: Part, held: ExitStack) -> Path:
        folder = self._bundles.store().tree(part.id)
        if folder is None:
            folder = await once(self._unpacking, part.id, partial(self._unpack, part))
        held.enter_context(self._bundles.store().hold(folder))
        return folder

    async def _unpack(self, part: Part) -> Path:
        store, file = self._bundles.store(), self._bundles.file(part)
        draft = store.draft()
        with store.hold(file):
            try:
                size = await asyncio.to_thread(_size, part, file)
                with store.room(size):
                    await asyncio.to_thread(_unpack, part, file, draft, size)
            except BaseException:
                await asyncio.to_thread(_remove, draft)
                raise
        return store.adopt_tree(draft, part.id)

    @property
    def _bundles(self) -> Bundles:
        bundles = self._node.service("bundles")
        if bundles is None:
            raise UnavailableError("this node has no bundles", where=self._node.name)
        return cast("Bundles", bundles)


def _size(part: Part, file: Path) -> int:
    with _told(part, file):
        return min(unpacked_bytes(file), UNPACKED_BYTES_MAX)


def _unpack(part: Part, file: Path, draft: Path, size: int) -> None:
    with _told(part, draft):
        draft.mkdir()
        unpack(file, draft, size)


@contextmanager
def _told(part: Part, place: Path) -> Iterator[None]:
    """Name the wheel as people know it, and not by its hash."""
    try:
        yield
    except BundleError as error:
        raise BundleError(error.what, where=f"wheel {part.name}", remedy=error.remedy) from error
    except OSError as error:
        raise disk_refuses(error, place) from error


def _remove(draft: Path) -> None:
    shutil.rmtree(draft, ignore_errors=True)
