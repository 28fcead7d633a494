"""The bundles of a node: what it adds it gives to others, what it needs it gets from them.

A node says which bundles it has as the fact ``bundles``. Nodes with the same label ``site`` are
near.
"""

from __future__ import annotations

import asyncio
import shutil
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from cantor.base.errors import BundleError, CantorError, ConfigError, UnavailableError, reason_of
from cantor.base.ids import parse_node_id
from cantor.bundles.code import is_id
from cantor.bundles.fetching.manifest import CHUNK_BYTES, Manifest, Part
from cantor.bundles.store import BYTES_MAX, Store, kept_hash
from cantor.node.bundles.exchange import BULK, Exchange, disk_refuses
from cantor.node.bundles.once import once
from cantor.node.services import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from cantor.base.ids import NodeId
    from cantor.node.services import Call, Message, Node
    from cantor.wire.frame import Value

MANIFEST_TOPIC = "bundles.manifest"
FACT = "bundles"
FOLDER = "bundles"
DISK_SHARE = 10
"""The cache takes at most one part in so many of the disk."""
TOLD_MAX = 64
"""Bundles that a node says it has; the newest."""
MANIFESTS_MAX = 1024
"""Bundles that a node remembers and gives; those that nobody has used for longest go."""
NEAR, FAR = 1.0, 4.0
MANIFEST_TIMEOUT_S = 10.0


class Bundles:
    """The service; on the event loop, but for hashing and copying whole files."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._exchange = Exchange(node)
        self._manifests: dict[str, Manifest] = {}
        self._said: list[str] = []
        self._getting: dict[str, asyncio.Task[Manifest]] = {}
        self._alive: frozenset[NodeId] = frozenset()
        self._end: Callable[[], None] | None = None
        self._opened: Store | None = None
        self._arriving: dict[str, asyncio.Task[None]] = {}
        self._checking: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Give to who asks."""
        self._exchange.start()
        self._node.answer(MANIFEST_TOPIC, self._manifest_asked)
        self._alive = self._node.alive()
        self._end = self._node.subscribe(self._mesh_changed)

    async def close(self) -> None:
        """Give no more; who still waits for a bundle does not get it."""
        if self._end is not None:
            self._end()
            self._end = None
        tasks = [*self._getting.values(), *self._arriving.values(), *self._checking.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._exchange.close()

    def calls(self) -> Mapping[str, Call]:
        """What programs of the same user may ask."""
        return {"bundles.add": self._call_add, "bundles.get": self._call_get}

    @property
    def chunks_given(self) -> int:
        """Chunks that this node has sent to others since it started."""
        return self._exchange.chunks_given

    async def add(self, files: Mapping[str, Path]) -> Manifest:
        """Keep these files as a bundle, and give it to who asks; its code has the name "".

        Raises:
            ConfigError: a file cannot be read.
            UnavailableError: there is no room for it.
        """
        parts = []
        for name, file in files.items():
            draft = self.store().draft()
            try:
                with self.store().room(_size_of(file)):
                    part = await asyncio.to_thread(_copy, name, file, draft)
                self.store().adopt(draft, part.id, part.id)
            finally:
                draft.unlink(missing_ok=True)
            parts.append(part)
        manifest = Manifest(tuple(parts))
        self._have(manifest)
        return manifest

    async def get(
        self,
        manifest_id: str,
        holders: Iterable[NodeId] = (),
        check: Callable[[Manifest], None] | None = None,
    ) -> Manifest:
        """Have all parts of a bundle here; ``holders`` are said to have it, others are found.

        ``check`` looks at the manifest before any part is fetched, and raises what it likes.

        Raises:
            UnavailableError: nobody gives it, or there is no room for it.
            BundleError: that is not the id of a bundle, or it says of a part what is not so.
        """
        if not is_id(manifest_id):
            raise BundleError(f"not the id of a bundle: {manifest_id[:80]!r}")
        work = partial(self._get, manifest_id, tuple(holders), check)
        return await once(self._getting, manifest_id, work)

    def file(self, part: Part) -> Path:
        """Where a part is.

        Raises:
            UnavailableError: the cache has made room; get it again.
        """
        path = self.store().blob(part.id)
        if path is None:
            raise UnavailableError(
                f"{part.name or 'the code'} is not here any more", remedy="get the bundle again"
            )
        return path

    async def _get(
        self,
        manifest_id: str,
        holders: tuple[NodeId, ...],
        check: Callable[[Manifest], None] | None,
    ) -> Manifest:
        manifest = self._manifests.get(manifest_id)
        costs = self._costs([*holders, *self._holders_of(manifest_id)])
        if manifest is None:
            manifest = await self._manifest_from(manifest_id, costs)
        if check is not None:
            check(manifest)
        self._manifests[manifest_id] = manifest
        try:
            await self._get_parts(manifest, costs)
        except BaseException:
            self._manifests.pop(manifest_id, None)  # it is not all here
            raise
        self._have(manifest)
        return manifest

    async def _get_parts(self, manifest: Manifest, costs: Mapping[NodeId, float]) -> None:
        missing = {part.id: part for part in manifest.parts if not await self._is_here(part)}
        self.store().check_room(sum(part.size for part in missing.values()))
        for part in missing.values():
            await self._part_arrives(part, costs)

    async def _part_arrives(self, part: Part, costs: Mapping[NodeId, float]) -> None:
        """It may be on its way already, for another bundle. That one's manifest may be wrong of its
        chunks, which is no fault of this one's.
        """
        while True:
            is_for_another = part.id in self._arriving
            try:
                await once(self._arriving, part.id, partial(self._get_part, part, costs))
            except CantorError:
                if not is_for_another:
                    raise
            else:
                return

    async def _is_here(self, part: Part) -> bool:
        """Whether a part is here, and whole: the first time since the start that takes a while.

        Raises:
            BundleError: it is, and is not what the manifest says.
        """
        file = self.store().unchecked(part.id)
        if file is not None:
            await once(self._checking, part.id, partial(self._check, part.id, file))
        path = self.store().blob(part.id)
        if path is not None and path.stat().st_size != part.size:
            raise BundleError(
                f"{part.name or 'the code'} does not have {part.size} bytes",
                remedy="submit it again",
            )
        return path is not None

    async def _check(self, blob: str, file: Path) -> None:
        self.store().checked(blob, await asyncio.to_thread(kept_hash, file))

    async def _get_part(self, part: Part, costs: Mapping[NodeId, float]) -> None:
        draft = self.store().draft()
        try:
            with self.store().room(part.size):
                await self._exchange.fetch(part, draft, costs)
                digest = await asyncio.to_thread(kept_hash, draft)
            self._exchange.offer(part, self.store().adopt(draft, part.id, digest))
        except BaseException:
            self._exchange.withdraw(part.id)
            raise
        finally:
            draft.unlink(missing_ok=True)

    async def _manifest_from(self, manifest_id: str, costs: Mapping[NodeId, float]) -> Manifest:
        reasons = []
        for node in sorted(costs, key=lambda node: (costs[node], node)):
            try:
                told = await self._node.request(
                    node,
                    MANIFEST_TOPIC,
                    {"id": manifest_id},
                    timeout_s=MANIFEST_TIMEOUT_S,
                    priority=BULK,
                )
                return Manifest.decode(b"".join(told.body), manifest_id)
            except CantorError as error:
                reasons.append(str(error))
        raise UnavailableError(
            f"no node gives the bundle: {'; '.join(reasons[:3]) or 'none has it'}",
            where=f"bundle {manifest_id[:12]}",
            remedy="start a node that has it, or submit it again",
        )

    def _manifest_asked(self, message: Message) -> Reply:
        manifest = self._manifests.get(str(message.headers.get("id")))
        if manifest is None:
            raise UnavailableError("this node does not have that bundle")
        return Reply(body=(manifest.data,))

    def _have(self, manifest: Manifest) -> None:
        self._manifests.pop(manifest.id, None)
        self._manifests[manifest.id] = manifest
        if len(self._manifests) > MANIFESTS_MAX:
            self._forget(next(iter(self._manifests)))
        for part in manifest.parts:
            self._exchange.offer(part, self.file(part))
        self._said = [*(known for known in self._said if known != manifest.id), manifest.id]
        self._said = self._said[-TOLD_MAX:]
        told: list[Value] = list(self._said)
        self._node.publish(FACT, told)

    def _forget(self, manifest_id: str) -> None:
        """Give a bundle no more; what is kept of it stays until the cache makes room."""
        forgotten = self._manifests.pop(manifest_id)
        kept = {part.id for manifest in self._manifests.values() for part in manifest.parts}
        for part in forgotten.parts:
            if part.id not in kept:
                self._exchange.withdraw(part.id)

    def _mesh_changed(self) -> None:
        """Nodes that came to have what is on its way here are asked too, those gone no more."""
        alive = self._node.alive()
        for node in self._alive - alive:
            self._exchange.gone(node)
        self._alive = alive
        for manifest_id in self._getting:
            manifest = self._manifests.get(manifest_id)
            costs = self._costs(self._holders_of(manifest_id))
            for part in manifest.parts if manifest is not None and costs else ():
                self._exchange.found(part.id, costs)

    def _holders_of(self, manifest_id: str) -> list[NodeId]:
        facts = self._node.facts(FACT)
        return [
            fact.owner
            for fact in facts
            if fact.name == FACT and isinstance(fact.value, list) and manifest_id in fact.value
        ]

    def _costs(self, nodes: Iterable[NodeId]) -> dict[NodeId, float]:
        sites = {node.id: node.labels.get("site", "") for node in self._node.nodes()}
        mine, alive = self._node.labels.get("site", ""), self._node.alive()
        return {
            node: NEAR if sites.get(node, "") == mine else FAR
            for node in nodes
            if node in alive and node != self._node.node_id
        }

    def store(self) -> Store:
        """Where this node keeps what it has."""
        if self._opened is None:
            disk_bytes = shutil.disk_usage(self._node.folder).total
            bytes_max = min(BYTES_MAX, disk_bytes // DISK_SHARE)
            self._opened = Store(self._node.folder / FOLDER, bytes_max)
        return self._opened

    async def _call_add(self, args: dict[str, Value]) -> Value:
        files = args.get("files")
        if not isinstance(files, dict):
            raise ConfigError("no files", remedy="give a path for each name")
        manifest = await self.add({name: Path(str(path)) for name, path in files.items()})
        return {"id": manifest.id}

    async def _call_get(self, args: dict[str, Value]) -> Value:
        told = args.get("from", [])
        try:
            holders = [parse_node_id(str(node)) for node in told] if isinstance(told, list) else []
        except ValueError as error:
            raise ConfigError(f"from: {error}", remedy="give ids of nodes") from error
        manifest = await self.get(str(args.get("id")), holders)
        parts: list[Value] = [[part.name, str(self.file(part))] for part in manifest.parts]
        return {"parts": parts, "chunks_given": self.chunks_given}


def _size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise _not_readable(error, file) from error


def _copy(name: str, file: Path, draft: Path) -> Part:
    """Copy a file into the cache; what tells of it. It is read once, so it may change meanwhile."""
    try:
        source = file.open("rb")
    except OSError as error:
        raise _not_readable(error, file) from error
    with source:
        try:
            with draft.open("xb") as target:
                return Part.of(name, _copied(source, target))
        except OSError as error:
            raise disk_refuses(error, draft) from error


def _not_readable(error: OSError, file: Path) -> ConfigError:
    return ConfigError(
        f"a file of the bundle cannot be read: {reason_of(error)}",
        where=str(file),
        remedy="give files that the agent's user may read",
    )


def _copied(source: IO[bytes], target: IO[bytes]) -> Iterator[bytes]:
    while piece := source.read(CHUNK_BYTES):
        target.write(piece)
        yield piece
