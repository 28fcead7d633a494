"""What objects hold, as files of a node: each under the hash of its bytes, hashed by the chunk.

    contents/<sha256>   the bytes; the id is the hash of their size and of the hashes of the chunks
    drafts/             what is being written; what a killed process has left here goes at the start

A file appears whole, by one rename, and what the node answers for is synced before that.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from cantor.base.errors import RemoteProtocolError, reason_of
from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cantor.wire.frame import Buffer

CHUNK_BYTES = 1 << 20
HASH_BYTES = 32
OBJECT_BYTES_MAX = 1 << 36
RESERVE_BYTES = 64 << 20
"""So much of the disk stays free: for the agent's own."""
_NO_ROOM = "free some, or delete objects: nothing is acknowledged that was not written"


@dataclass(frozen=True)
class Content:
    """Some bytes: how many, and the hash of each chunk."""

    size: int
    hashes: bytes

    @cached_property
    def id(self) -> str:
        """What names them."""
        return hashlib.sha256(self.size.to_bytes(8, "big") + self.hashes).hexdigest()

    @property
    def chunks(self) -> int:
        """How many chunks they have."""
        return len(self.hashes) // HASH_BYTES

    def bytes_of(self, chunk: int) -> int:
        """How many bytes a chunk has."""
        return min(CHUNK_BYTES, self.size - chunk * CHUNK_BYTES)

    def has(self, chunk: int, data: Buffer) -> bool:
        """Whether these are the bytes of a chunk; it hashes them."""
        at = chunk * HASH_BYTES
        return hashlib.sha256(data).digest() == self.hashes[at : at + HASH_BYTES]

    @classmethod
    def told(cls, size: object, hashes: object) -> Content:
        """What another node says of some bytes.

        Raises:
            RemoteProtocolError: no bytes are so.
        """
        if type(size) is not int or not 0 <= size <= OBJECT_BYTES_MAX:
            raise RemoteProtocolError("an object without a size")
        found = bytes(hashes) if isinstance(hashes, bytes | bytearray | memoryview) else b""
        if len(found) != -(-size // CHUNK_BYTES) * HASH_BYTES:
            raise RemoteProtocolError("an object without the hashes of its chunks")
        return cls(size, found)


class Disk(Protocol):
    """How files are written and read; tests put faults in its place. Methods raise ``OSError``."""

    def write(self, descriptor: int, data: Buffer, at: int) -> int: ...

    def read(self, descriptor: int, size: int, at: int) -> bytes: ...

    def sync(self, descriptor: int) -> None: ...

    def rename(self, draft: Path, path: Path) -> None: ...

    def free(self, folder: Path) -> int: ...


class RealDisk:
    """The disk itself."""

    def write(self, descriptor: int, data: Buffer, at: int) -> int:
        return os.pwrite(descriptor, data, at)

    def read(self, descriptor: int, size: int, at: int) -> bytes:
        return os.pread(descriptor, size, at)

    def sync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def rename(self, draft: Path, path: Path) -> None:
        draft.rename(path)

    def free(self, folder: Path) -> int:
        return shutil.disk_usage(folder).free


class Contents:
    """The files. Methods block and may be called in any thread; ``OSError`` becomes StoreError."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        """Make the folders, and clear what was being written when the last process ended.

        Raises:
            StoreError: they cannot be made.
        """
        self._folder = folder
        self._contents, self._drafts = folder / "contents", folder / "drafts"
        self.disk = disk or RealDisk()
        try:
            shutil.rmtree(self._drafts, ignore_errors=True)
            for place in (self._contents, self._drafts):
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise self._error(error) from error

    def all(self) -> Iterator[tuple[str, int, float]]:
        """Id, size and time of last use of what is here."""
        for path in self._contents.iterdir():
            known = path.stat()
            yield path.name, known.st_size, known.st_mtime

    def path(self, content_id: str) -> Path:
        """Where the bytes of that id lie, if they are here."""
        return self._contents / content_id

    def has(self, content: Content) -> bool:
        """Whether a file of that name and size is here; its bytes are not looked at."""
        try:
            return self.path(content.id).stat().st_size == content.size
        except OSError:
            return False

    def draft(self, size: int) -> Path:
        """A new file that no more than ``size`` bytes will be written to.

        Raises:
            StoreError: the disk has no room for it, or does not take it.
        """
        path = self._drafts / secrets.token_hex(16)
        try:
            free = self.disk.free(self._folder) - RESERVE_BYTES
            if size > free:
                raise StoreError(
                    f"{size} bytes do not fit on the disk (free {max(free, 0)})",
                    where=str(self._folder), remedy=_NO_ROOM,
                )  # fmt: skip
            path.touch(mode=0o600, exist_ok=False)
        except OSError as error:
            raise self._error(error) from error
        return path

    def write(self, descriptor: int, data: Buffer, at: int) -> None:
        """Write all of it: a disk that becomes full takes a part first, and refuses then.

        Raises:
            StoreError: it refuses.
        """
        view = memoryview(data).cast("B")
        try:
            while view:
                written = self.disk.write(descriptor, view, at)
                view, at = view[written:], at + written
        except OSError as error:
            raise self._error(error) from error

    def read(self, descriptor: int, size: int, at: int) -> bytes:
        """So many bytes from a place; fewer at the end.

        Raises:
            StoreError: the disk does not give them.
        """
        try:
            return self.disk.read(descriptor, size, at)
        except OSError as error:
            raise self._error(error) from error

    def measure(self, draft: Path) -> Content:
        """The content of a draft; it is read once.

        Raises:
            StoreError: the disk does not give it back.
        """
        hashes, size = [], 0
        try:
            descriptor = os.open(draft, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            raise self._error(error) from error
        try:
            while piece := self.read(descriptor, CHUNK_BYTES, size):
                hashes.append(hashlib.sha256(piece).digest())
                size += len(piece)
        finally:
            os.close(descriptor)
        return Content(size, b"".join(hashes))

    def keep(self, draft: Path, content: Content, *, is_synced: bool = True) -> Path:
        """Give a draft with these bytes its name; what is ``is_synced`` outlives a power cut.

        Raises:
            StoreError: the disk refuses; what was here is as it was.
        """
        path = self.path(content.id)
        try:
            if is_synced:
                self._sync(draft)
            draft.chmod(0o400)
            self.disk.rename(draft, path)
            if is_synced:
                self._sync(self._contents)
        except OSError as error:
            raise self._error(error) from error
        finally:
            draft.unlink(missing_ok=True)
        return path

    def secure(self, content: Content) -> None:
        """What is here shall outlive a power cut.

        Raises:
            StoreError: the disk refuses.
        """
        try:
            self._sync(self.path(content.id))
            self._sync(self._contents)
        except OSError as error:
            raise self._error(error) from error

    def damage(self, content: Content) -> list[int]:
        """The chunks of a file that are not what they were.

        Raises:
            StoreError: the disk does not give it back.
        """
        try:
            descriptor = os.open(self.path(content.id), os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise self._error(error) from error
        try:
            return [
                chunk
                for chunk in range(content.chunks)
                if not content.has(chunk, self.read(descriptor, CHUNK_BYTES, chunk * CHUNK_BYTES))
            ]
        finally:
            os.close(descriptor)

    def remove(self, content_id: str) -> None:
        """It is wanted no more; who has it open still reads it."""
        self.path(content_id).unlink(missing_ok=True)

    def _sync(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.disk.sync(descriptor)
        finally:
            os.close(descriptor)

    def _error(self, error: OSError) -> StoreError:
        return StoreError(
            f"the disk refuses: {reason_of(error)}", where=str(self._folder), remedy=_NO_ROOM
        )
