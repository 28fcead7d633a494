"""What a bundle is made of, with the hash of every chunk: itself named by its hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgpack

from cantor.base.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.wire.frame import Buffer

FORMAT = 1
CHUNK_BYTES = 256 * 1024
PART_BYTES_MAX = 4 * 1024**3
PARTS_MAX = 1024
NAME_MAX = 300
MANIFEST_BYTES_MAX = 4 * 1024 * 1024
HASH_BYTES = 32


@dataclass(frozen=True)
class Part:
    """One blob: the code (its name is ""), or a wheel by its file name."""

    name: str
    id: str
    size: int
    hashes: tuple[bytes, ...]

    @classmethod
    def of(cls, name: str, pieces: Iterable[Buffer]) -> Part:
        """What tells of the bytes in ``pieces``; each but the last has ``CHUNK_BYTES`` bytes."""
        whole, size, hashes = hashlib.sha256(), 0, []
        for piece in pieces:
            whole.update(piece)
            size += memoryview(piece).nbytes
            hashes.append(hashlib.sha256(piece).digest())
        return cls(name, whole.hexdigest(), size, tuple(hashes))

    def is_chunk(self, number: int, data: Buffer) -> bool:
        """Whether these bytes are that chunk."""
        is_such = 0 <= number < len(self.hashes) and memoryview(data).nbytes <= CHUNK_BYTES
        return is_such and hashlib.sha256(data).digest() == self.hashes[number]


@dataclass(frozen=True)
class Manifest:
    """The parts of a bundle; the first is its code."""

    parts: tuple[Part, ...]

    @cached_property
    def data(self) -> bytes:
        """What travels."""
        parts = [
            [part.name, bytes.fromhex(part.id), part.size, b"".join(part.hashes)]
            for part in self.parts
        ]
        packed: bytes = msgpack.packb([FORMAT, parts])
        return packed

    @cached_property
    def id(self) -> str:
        """SHA-256 of :attr:`data`."""
        return hashlib.sha256(self.data).hexdigest()

    @classmethod
    def decode(cls, data: Buffer, manifest_id: str) -> Manifest:
        """The manifest in ``data``, if it is the one with that id.

        Raises:
            BundleError: it is another one, or of a shape that is not known here.
        """
        where = f"manifest {manifest_id[:12]}"
        if len(data) > MANIFEST_BYTES_MAX or hashlib.sha256(data).hexdigest() != manifest_id:
            raise BundleError("it was changed", where=where, remedy="fetch it from another node")
        try:
            version, parts = msgpack.unpackb(data)
            read = tuple(_part(*told) for told in parts)
        except (ValueError, TypeError, OverflowError, msgpack.UnpackException) as error:
            raise BundleError(f"it cannot be read: {error}", where=where) from error
        if version != FORMAT or not 0 < len(read) <= PARTS_MAX:
            raise BundleError(
                f"it is of format {version!r} with {len(read)} parts",
                where=where,
                remedy="run the same version of Cantor on both sides",
            )
        return cls(read)


def _part(name: Any, blob: Any, size: Any, hashes: Any) -> Part:  # noqa: ANN401 (as it came)
    is_sound = (
        type(name) is str
        and len(name) <= NAME_MAX
        and not set(name) & set("/\\\0")
        and type(blob) is bytes
        and len(blob) == HASH_BYTES
        and type(size) is int
        and 0 <= size <= PART_BYTES_MAX
        and type(hashes) is bytes
        and len(hashes) == -(-size // CHUNK_BYTES) * HASH_BYTES
    )
    if not is_sound:
        message = "a part of the wrong shape"
        raise ValueError(message)
    found = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
    return Part(name, blob.hex(), size, tuple(found))
