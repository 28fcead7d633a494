"""The replica groups that this node is a member of."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import random
import secrets
from functools import partial
from typing import TYPE_CHECKING

from cantor.base.errors import ConflictError, RemoteProtocolError, UnavailableError
from cantor.base.ids import short_name
from cantor.node.loop import soon_on
from cantor.node.state.replicas.about import COPIES_MIN, FACT, About, about_from, told
from cantor.node.state.replicas.group import Group
from cantor.node.state.replicas.keys import KeyCopies
from cantor.node.tenants import alive_of_tenant
from cantor.replication.events import DeclaredDead, Found, Reachable, Unreachable, Wanted
from cantor.replication.records import SEATS_MAX, Kept
from cantor.replication.wording import BIRTH_MAX, decode_letter
from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.node.services import Message, Node
    from cantor.replication.events import Standing
    from cantor.stores.replica_log import ReplicaLog

FOLDER = "replicas"
GROUPS_MAX = 256
_log = logging.getLogger(__name__)


class Hosted:
    """One group here, with what it keeps."""

    def __init__(self, group: Group, copies: KeyCopies) -> None:
        self.group = group
        self.copies = copies
        self.dead: set[NodeId] = set()
        """Of its members, those that it was told are dead."""

    @property
    def nodes(self) -> set[NodeId]:
        """Who has a copy, or shall have one."""
        standing = self.group.standing
        return set() if standing is None else {*standing.members.nodes, *standing.members.wanted}


class Hosting:
    """On the event loop only. ``changed`` is called when a group begins here or its owner is
    another.
    """

    def __init__(self, node: Node, changed: Callable[[], None]) -> None:
        self._node = node
        self._folder = node.folder / FOLDER
        self._changed = changed
        self._log: ReplicaLog | None = None
        self._groups: dict[str, Hosted] = {}
        self._alive: frozenset[NodeId] = frozenset()
        self._stood = asyncio.Event()

    def start(self) -> None:
        """Go on with the groups on the disk."""
        self._alive = self._node.alive()
        if not self._folder.exists():
            return
        try:
            kept = self._loaded(self._open())
        except StoreError as error:
            _log.error("what is kept with others cannot be read", extra={"reason": str(error)})
            return
        for about, found in kept:
            self._begin(about, found)

    async def close(self) -> None:
        """Write what is left."""
        for hosted in self._groups.values():
            hosted.copies.end()
            await hosted.group.close()
            hosted.copies.close()
        self._groups.clear()
        if self._log is not None:
            await asyncio.to_thread(self._log.close)
            self._log = None

    def _open(self) -> ReplicaLog:
        if self._log is None:
            from cantor.stores.replica_log import ReplicaLog

            self._log = ReplicaLog(self._folder, soon_on(asyncio.get_running_loop()))
        return self._log

    def _loaded(self, log: ReplicaLog) -> list[tuple[About, Kept | None]]:
        """What is on the disk. A log that is damaged begins anew: it has promised more than it
        knows, and the other members have what it held.
        """
        found: list[tuple[About, Kept | None]] = []
        damaged = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                about = about_from(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, RemoteProtocolError) as error:
                extra = {"file": path.name, "reason": str(error)}
                _log.error("what is kept with others cannot be used", extra=extra)
                continue
            try:
                found.append((about, log.load(about.id)))
            except StoreError as error:
                _log.error("a copy is damaged and made anew", extra={"reason": str(error)})
                damaged.append(about)
        for about in damaged:
            log.forget(about.id, lambda _: None)
            found.append((about, None))
        return found

    def get(self, group: str) -> Hosted | None:
        """The group of that id, if this node is a member."""
        return self._groups.get(group)

    async def create(self, about: About, timeout_s: float) -> None:
        """Begin a group here, unless it is there; returns when all its copies are.

        Raises:
            ConflictError: it is there with another number of copies.
            UnavailableError: there are too few nodes, or not all have their copy yet.
            StoreError: the disk does not take it.
        """
        if not COPIES_MIN <= about.copies <= SEATS_MAX:
            raise ConflictError(
                f"{about.copies} copies cannot be", where=about.name,
                remedy=f"say {COPIES_MIN} to {SEATS_MAX}",
            )  # fmt: skip
        hosted = self._groups.get(about.id)
        if hosted is None:
            wanted = (self._node.node_id, *self._others(about, about.copies - 1))
            if len(wanted) < about.copies:
                raise UnavailableError(
                    f"{len(wanted)} of {about.copies} nodes that are wanted can have a copy now",
                    where=about.name, remedy="look at cantor nodes, and try again",
                )  # fmt: skip
            hosted = self._begin(about)
            hosted.group.post(Found(wanted))
        elif hosted.group.about.copies != about.copies:
            raise ConflictError(
                f"it has {hosted.group.about.copies} copies", where=about.name,
                remedy="say the same number, or take another name",
            )  # fmt: skip
        await self._until_copied(hosted, about.copies, timeout_s)

    def look(self) -> None:
        """Nodes have come, gone or died."""
        alive, before = self._node.alive(), self._alive
        self._alive = alive
        for hosted in self._groups.values():
            for node in hosted.nodes - {self._node.node_id}:
                if node in before and node not in alive:
                    hosted.group.post(Unreachable(node))
                elif node in alive and node not in before:
                    hosted.group.post(Reachable(node))
            self._look_for_dead(hosted)

    async def _until_copied(self, hosted: Hosted, copies: int, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    stood, standing = self._stood, hosted.group.standing
                    if standing is not None and len(standing.members.nodes) >= copies:
                        return
                    await stood.wait()
        except TimeoutError as error:
            raise UnavailableError(
                "not all copies are there yet", where=hosted.group.about.name,
                remedy="it goes on by itself: look at cantor nodes, and try again",
            ) from error  # fmt: skip

    def _begin(self, about: About, kept: Kept | None = None) -> Hosted:
        if len(self._groups) >= GROUPS_MAX:
            raise StoreError(
                f"this node is a member of {GROUPS_MAX} groups, as many as may be",
                where=self._node.name,
            )
        log = self._open()
        if kept is None:
            _write(self._folder / f"{about.id}.json", json.dumps(about.as_value()))
            kept = Kept(1 + secrets.randbelow(BIRTH_MAX))
        copies = KeyCopies(self._node, about.id)
        group = Group(
            about, self._node, kept, log, copies.machine, random.random,
            changed=copies.changed, stands=partial(self._stands, about),
        )  # fmt: skip
        hosted = self._groups[about.id] = Hosted(group, copies)
        group.start()
        self._look_for_dead(hosted)
        self._changed()
        return hosted

    def _stands(self, about: About, standing: Standing) -> None:
        self._node.publish(FACT + about.id, told(about, standing))
        self._stood.set()
        self._stood = asyncio.Event()
        hosted = self._groups.get(about.id)
        if hosted is not None:
            asyncio.get_running_loop().call_soon(self._look_for_dead, hosted)
        self._changed()

    def _look_for_dead(self, hosted: Hosted) -> None:
        """A member that was declared dead is told of once, and another takes its place as soon as
        there is one.
        """
        for node in hosted.nodes - hosted.dead:
            if self._node.is_dead(node):
                hosted.dead.add(node)
                hosted.group.post(DeclaredDead(node))
        standing, about = hosted.group.standing, hosted.group.about
        if standing is None or not standing.is_owner:
            return
        living = [one for one in standing.members.wanted if one not in hosted.dead]
        if len(living) >= about.copies:
            return
        wanted = (*living, *self._others(about, about.copies - len(living), but=hosted.nodes))
        if set(wanted) != set(standing.members.wanted):
            extra = {"group": short_name(about.id), "members": len(wanted)}  # type: ignore[arg-type]
            _log.info("another node takes the place of a dead one", extra=extra)
            hosted.group.post(Wanted(wanted))

    def _others(self, about: About, count: int, but: Iterable[NodeId] = ()) -> list[NodeId]:
        """Nodes for copies: those of other sites first, else by lot, the same for everybody."""
        me = self._node.node_id
        sites = {view.id: view.labels.get("site", "") for view in self._node.nodes()}
        free = alive_of_tenant(self._node) - {me, *but}

        def rank(node: NodeId) -> tuple[bool, str]:
            lot = hashlib.sha256(f"{about.id}{node}".encode()).hexdigest()
            return sites.get(node) == sites.get(me), lot

        return sorted(free, key=rank)[: max(0, count)]

    def heard(self, message: Message) -> None:
        """Something came for a group, which may not have begun here yet."""
        node = self._node
        if node.tenant_of(message.source) != node.tenant:
            return
        try:
            about = about_from(message.headers.get("g"))
            letter = decode_letter(b"".join(message.body))
            hosted = self._groups.get(about.id) or self._begin(about)
        except (RemoteProtocolError, StoreError) as error:
            extra = {"peer": short_name(message.source), "reason": str(error)}
            _log.warning("an odd message about copies", extra=extra)
            return
        hosted.group.heard(message.source, letter)


def _write(path: Path, text: str) -> None:
    """Whole or not at all.

    Raises:
        StoreError: the disk does not take it.
    """
    fresh = path.with_suffix(".new")
    try:
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise StoreError(f"cannot be written: {error}", where=str(path)) from error
