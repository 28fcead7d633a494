"""The service ``secrets`` of a node: keeps them sealed, follows what is set and removed, and brings
what runs here what it names.

There is no centre. A secret is kept by the node where it was set last, and by those that run what
names it: each of those asks a node that keeps it, which judges for itself whether it may have it.
What is kept here is used also while all others are away. A removed one is erased everywhere, on a
node that is away when it hears of that.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from cantor.base.errors import (
    CantorError,
    LocalProtocolError,
    SecretError,
    UnavailableError,
)
from cantor.node.looking import keep_looking
from cantor.node.secrets.book import SecretBook
from cantor.node.secrets.bringing import Bringing
from cantor.node.secrets.calls import Calls
from cantor.node.secrets.giving import TOPIC, Giving
from cantor.node.secrets.records import KIND, Record, SecretKey
from cantor.node.secrets.store import Kept, SealedStore
from cantor.scheduling.shares.terms import DEFAULT_PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.node.secrets.claims import Claim, Judge
    from cantor.node.secrets.records import Wanted
    from cantor.node.services import Call, Node

FOLDER = "secrets"
TICK_S = 5.0
PAUSE_MIN_S = 0.01
FORGET_S = 3600.0
"""A copy that nothing here names any more is erased after so long."""
TOMBSTONE_S = 400 * 24 * 3600.0
"""How long it is told that a secret was removed, for nodes that were away."""
SECRETS_MAX = 96
"""What one node says of secrets, at most: each is a lasting fact."""
RENEW_LOOK_S = 3600.0
State = tuple[tuple[str, int, int], ...]
_log = logging.getLogger(__name__)


class Secrets:
    """On the event loop only."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._store = SealedStore(
            node.folder / FOLDER, node.node_id, node.tenant, node.words, node.wall
        )
        self.book = SecretBook(node)
        self.kept: dict[SecretKey, Kept] = {}
        self._judges: dict[str, Judge] = {}
        self._giving = Giving(node, self._store, self.kept.get, self._judges.get)
        self._claims: set[Claim] = set()
        self._used_s: dict[SecretKey, float] = {}
        self._listeners: list[Callable[[], None]] = []
        self._told: dict[Claim, State] = {}
        self._unsaid: set[SecretKey] = set()
        self._changing = asyncio.Lock()
        self._bringing = Bringing(node, self._take, self._store.public_key)
        self._wake = asyncio.Event()
        self._renew_at_s = 0.0
        self._is_closing = False
        self._unsubscribe: Callable[[], None] = lambda: None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read what is kept, and follow the mesh."""
        if (self._node.folder / FOLDER).is_dir():
            found, lost = await asyncio.to_thread(self._store.load)
            self.kept.update(found)
            for why in lost:
                _log.warning("a kept secret is of no use", extra={"reason": why})
        now = self._node.clock.monotonic()
        self._used_s.update(dict.fromkeys(self.kept, now))
        self._node.answer(TOPIC, self._giving.answer)
        self._unsubscribe = self._node.subscribe(self._wake.set)
        self.book.look()
        self._task = asyncio.ensure_future(self._keep())

    async def close(self) -> None:
        """Follow no more; what is kept stays."""
        self._unsubscribe()
        self._is_closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        await self._bringing.close()

    def calls(self) -> Mapping[str, Call]:
        """What the command line asks."""
        return Calls(self, self._node).by_name()

    def judged_by(self, kind: str, judge: Judge) -> None:
        """Let ``judge`` say what of this kind may have which secret."""
        self._judges[kind] = judge

    def on_change(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` when what a claim names has changed; the result ends that."""
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    def state(self, claim: Claim) -> State:
        """Of each secret: its name, the version that is kept here and the newest; 0 is none."""
        found = []
        for key in claim.keys:
            kept, known = self.kept.get(key), self.book.known.get(key)
            newest = known.record.version if known and known.record.is_kept else 0
            found.append((key.name, kept.record.version if kept else 0, newest))
        return tuple(found)

    async def bring(self, claim: Claim) -> State:
        """See to it that the secrets of a claim are kept here, and stay so until ``release``. There
        may be several of one kind and name, as of two revisions of a service.

        A version that is old is enough while nobody who has the newest can be reached.

        Raises:
            SecretError: there is no such secret, or it is not for this; with which.
            UnavailableError: it is kept by nodes that cannot be reached.
        """
        self._claims.add(claim)
        self.book.look()
        for key in claim.keys:
            await self._bring(key, claim)
        state = self._told[claim] = self.state(claim)
        return state

    async def values(self, claim: Claim) -> dict[str, bytes]:
        """The values of a claim whose secrets were brought. Raises as :meth:`bring`."""
        found: dict[str, bytes] = {}
        for key in claim.keys:
            await self._check(key, claim)
            kept = self.kept.get(key)
            if kept is None:
                raise _none(key)
            found[key.name] = await self._value(kept)
        return found

    async def _value(self, kept: Kept) -> bytes:
        try:
            return await asyncio.to_thread(self._store.value, kept)
        except CantorError as error:
            _log.warning("a kept secret is of no use", extra={"reason": str(error)})
            where = _where(kept.record.key)
            raise SecretError("what is kept of it here is damaged", where=where) from error

    async def own(self, name: str) -> bytes:
        """The value of a secret of the default project that was set at this node, for what its own
        owner has written: its configuration.

        Raises:
            SecretError: there is none, or another node has set it since.
        """
        key = SecretKey(self._node.tenant, DEFAULT_PROJECT, name)
        kept = self.kept.get(key)
        if kept is None or kept.record.by != self._node.node_id:
            raise SecretError(
                "it was not set at this node", where=_where(key),
                remedy=f"here: cantor secret set {name}; or rotate, if it is there already",
            )  # fmt: skip
        return await self._value(kept)

    def release(self, kind: str, about: str) -> None:
        """Nothing of that name needs secrets here any more."""
        for claim in [one for one in self._claims if (one.kind, one.about) == (kind, about)]:
            self._claims.discard(claim)
            self._told.pop(claim, None)
            self._used_s.update(dict.fromkeys(claim.keys, self._node.clock.monotonic()))

    async def set(self, key: SecretKey, value: bytes, who: str) -> Record:
        """Keep a new version of a secret here, and tell the mesh.

        Raises:
            UnavailableError: this node keeps too many, or the disk does not take it.
        """
        async with self._changing:
            kept = self._said(key, "kept", who)
            await asyncio.to_thread(self._store.put, kept, value)
            self._took(kept)
            self._publish(key, kept.packed)
        await self._node.kept()
        return kept.record

    async def remove(self, key: SecretKey, who: str) -> Record:
        """Let every node erase a secret. Raises as :meth:`set`."""
        async with self._changing:
            said = self._said(key, "removed", who)
            self._publish(key, said.packed)  # first: what is erased must not be said to be kept
            await self._erase(key)
            self._wake.set()
        await self._node.kept()
        return said.record

    def _said(self, key: SecretKey, wanted: Wanted, who: str) -> Kept:
        """The next version, signed; not published yet."""
        known = self.book.look().get(key)
        own = {fact for fact, one in self.book.known.items() if self._node.node_id in one.nodes}
        if key not in own and len(own) >= SECRETS_MAX:
            raise UnavailableError(
                "this node holds too many secrets",
                where=self._node.name,
                remedy="remove some (cantor secret list), or set it at another node",
            )
        version = 1 + (known.record.version if known else 0)
        me = self._node.node_id
        record = Record(key, version, wanted, self._node.wall(), who, me)
        return Kept(record, self._node.words.say(KIND, record.content()))

    async def _take(self, kept: Kept, box: bytes) -> None:
        """Keep what another node has given, unless there is a later one by now. Raises as
        :meth:`SealedStore.take`.
        """
        async with self._changing:
            before = self.kept.get(kept.record.key)
            if before is None or before.record.rank < kept.record.rank:
                await asyncio.to_thread(self._store.take, kept, box)
                self._took(kept)

    def _took(self, kept: Kept) -> None:
        """A version is kept here now."""
        key = kept.record.key
        self.kept[key] = kept
        self._used_s[key] = self._node.clock.monotonic()
        self._wake.set()

    async def _bring(self, key: SecretKey, claim: Claim) -> None:
        await self._check(key, claim)
        known, kept = self.book.known.get(key), self.kept.get(key)
        if known is None or not known.record.is_kept:
            raise _none(key)
        if kept is not None and kept.record.rank >= known.record.rank:
            return
        try:
            await self._bringing.bring(key, known, claim)
        except UnavailableError as error:
            if kept is None:
                raise
            extra = {"what": key.name, "version": kept.record.version, "reason": str(error)}
            _log.info("an earlier version of a secret is used", extra=extra)

    async def _check(self, key: SecretKey, claim: Claim) -> None:
        me = self._node.node_id
        why = await self._giving.why_not(me, claim.kind, claim.about, key)
        if why:
            raise SecretError(why, where=_where(key))

    async def _keep(self) -> None:
        await keep_looking(
            self._look, self._wake, self._node.clock, is_over=lambda: self._is_closing,
            failed=lambda: _log.exception("secrets could not be kept"),
            tick_s=TICK_S, pause_min_s=PAUSE_MIN_S,
        )  # fmt: skip

    async def _look(self) -> None:
        async with self._changing:
            known = self.book.look()
            for key, kept in list(self.kept.items()):
                newest = known[key].record if key in known else kept.record
                if not newest.is_kept and newest.rank > kept.record.rank:
                    await self._erase(key)
                    self._say(key, known[key].packed)
                elif not self._is_needed(key, kept):
                    await self._erase(key)
                    self._say(key, None)
                elif key not in known or known[key].nodes.get(self._node.node_id) != kept.record:
                    self._say(key, kept.packed)
            self._say_no_more()
            await self._renew_keys()
        self._bring_newer()
        self._tell()

    def _is_needed(self, key: SecretKey, kept: Kept) -> bool:
        """Whether it was set here, or something here names it, or did a short time ago."""
        now = self._node.clock.monotonic()
        if any(key in claim.keys for claim in self._claims):
            self._used_s[key] = now
        return kept.record.by == self._node.node_id or now - self._used_s[key] < FORGET_S

    def _bring_newer(self) -> None:
        """A newer version of what is used here is brought as soon as it can be."""
        for claim in self._claims:
            for key in claim.keys:
                known, kept = self.book.known.get(key), self.kept.get(key)
                if known is None or kept is None or not known.record.is_kept:
                    continue
                if known.record.rank > kept.record.rank:
                    self._bringing.begin(key, known, claim)

    def _tell(self) -> None:
        """Tell those who run what names secrets if another version is here, or none is left."""
        now = {claim: self.state(claim) for claim in self._claims}
        before, self._told = self._told, now
        if any(state != before.get(claim, state) for claim, state in now.items()):
            for changed in list(self._listeners):
                changed()

    async def _erase(self, key: SecretKey) -> None:
        if self.kept.pop(key, None) is not None:
            self._used_s.pop(key, None)
            await asyncio.to_thread(self._store.erase, key)

    async def _renew_keys(self) -> None:
        now_s = self._node.clock.monotonic()
        if not self.kept or now_s < self._renew_at_s:
            return
        self._renew_at_s = now_s + RENEW_LOOK_S
        try:
            await asyncio.to_thread(self._store.renew, dict(self.kept))
        except CantorError as error:
            _log.warning("the sealing key is kept for now", extra={"reason": str(error)})

    def _say_no_more(self) -> None:
        """Of what was removed long ago, and of what a former life kept and the disk has lost."""
        wall, me = self._node.wall(), self._node.node_id
        for key, known in self.book.look().items():
            own = known.nodes.get(me)
            if own is None or (own.is_kept and key in self.kept):
                continue
            if own.is_kept or wall - own.at > TOMBSTONE_S:
                self._say(key, None)

    def _say(self, key: SecretKey, packed: bytes | None) -> None:
        """Tell what has become of one; a full node must not end the keeping of the rest."""
        try:
            self._publish(key, packed)
        except UnavailableError as error:
            if key not in self._unsaid:
                _log.warning("not told", extra={"fact": key.fact, "reason": str(error)})
            self._unsaid.add(key)
        else:
            self._unsaid.discard(key)

    def _publish(self, key: SecretKey, packed: bytes | None) -> None:
        try:
            self._node.publish(key.fact, packed, lasting=True)
        except LocalProtocolError as error:
            raise UnavailableError(
                "this node says as much as it may",
                where=self._node.name,
                remedy="set the secret at another node",
            ) from error


def _none(key: SecretKey) -> SecretError:
    return SecretError(
        "there is no such secret", where=_where(key),
        remedy=f"cantor secret set {key.name} --project {key.project}",
    )  # fmt: skip


def _where(key: SecretKey) -> str:
    return f"secret {key.name} of project {key.project}"
