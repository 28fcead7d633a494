"""Hashes over a ledger that follow its changes: of one owner, of buckets of owners, of all."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.base.ids import NodeId
    from cantor.ledger.share import Share

BUCKETS = 64
HASH_BYTES = 16


def bucket_of(owner: str) -> int:
    """The bucket of an owner."""
    return int(owner[:2], 16) % BUCKETS


class Digests:
    """Hashes of 16 bytes over the facts in ``shares``; told of every owner that changed."""

    def __init__(self, shares: Mapping[NodeId, Share]) -> None:
        self._shares = shares
        self._owners: dict[NodeId, bytes] = {}
        self._members: list[dict[NodeId, None]] = [{} for _ in range(BUCKETS)]
        self._buckets = [b""] * BUCKETS
        self._changed: set[int] = set()
        self._root: bytes | None = None

    def changed(self, owner: NodeId) -> None:
        """The facts of an owner are no longer those that were hashed."""
        self._owners.pop(owner, None)
        bucket = bucket_of(owner)
        if owner in self._shares:
            self._members[bucket][owner] = None
        else:
            self._members[bucket].pop(owner, None)
        self._changed.add(bucket)
        self._root = None

    def owner(self, owner: NodeId) -> bytes:
        """A hash that differs if a name or stamp of the owner's facts does."""
        if owner not in self._owners:
            kept = self._shares[owner].facts
            rows = [[owner, name, *kept[name][0].stamp] for name in sorted(kept)]
            self._owners[owner] = _hash(msgpack.packb(rows))
        return self._owners[owner]

    def buckets(self) -> list[bytes]:
        """The hash of each bucket, empty where it has no owner; to look at only."""
        for index in self._changed:
            hashes = b"".join(self.owner(owner) for owner in self.members(index))
            self._buckets[index] = _hash(hashes) if hashes else b""
        self._changed.clear()
        return self._buckets

    def root(self) -> bytes:
        """One hash over all."""
        if self._root is None:
            self._root = _hash(b"".join(self.buckets()))
        return self._root

    def members(self, bucket: int) -> list[NodeId]:
        """The owners in a bucket, in order."""
        return sorted(self._members[bucket])


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:HASH_BYTES]
