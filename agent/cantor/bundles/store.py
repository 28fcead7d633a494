"""What came here stays here, by its hash, in a folder of bounded size.

    blobs/<sha256>    the bytes with that hash: code, wheels
    trees/<sha256>/   a wheel with that hash, unpacked: goes on ``sys.path`` as it is
    drafts/           what is being written

A blob or a tree appears whole, by one rename. What a power cut has left damaged is found when it is
first used, and removed: so nothing is synced. One process writes; others only read what they are
given. What has not been used for longest makes room.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections import Counter, OrderedDict
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Protocol

from cantor.base.errors import BundleError, UnavailableError, reason_of
from cantor.bundles.code import is_id
from cantor.bundles.hashing import hash_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from cantor.wire.frame import Buffer

BYTES_MAX = 4 * 1024**3
READ_BYTES = 1024 * 1024


class Disk(Protocol):
    """How files are written; tests put faults in its place. Methods raise ``OSError``."""

    def create(self, path: Path) -> IO[bytes]:
        """A new file."""

    def publish(self, draft: Path, path: Path) -> None:
        """Give a whole file or folder its name."""


class RealDisk:
    """The disk itself."""

    def create(self, path: Path) -> IO[bytes]:
        return path.open("xb")

    def publish(self, draft: Path, path: Path) -> None:
        draft.rename(path)


class Store:
    """A cache of blobs and unpacked wheels of at most ``bytes_max`` bytes, by hash.

    Not for several threads at once.
    """

    def __init__(self, folder: Path, bytes_max: int = BYTES_MAX, disk: Disk | None = None) -> None:
        self._blobs, self._trees = folder / "blobs", folder / "trees"
        self._drafts = folder / "drafts"
        self._bytes_max = bytes_max
        self._disk = disk or RealDisk()
        self._sizes: OrderedDict[Path, int] = OrderedDict()  # the first was not used for longest
        self._coming = 0
        self._held: Counter[Path] = Counter()
        self._sound: set[Path] = set()
        with self._told():
            shutil.rmtree(self._drafts, ignore_errors=True)
            for place in (self._blobs, self._trees, self._drafts):
                place.mkdir(parents=True, exist_ok=True)
            found = [path for place in (self._blobs, self._trees) for path in place.iterdir()]
            for path in sorted(found, key=lambda path: path.stat().st_mtime_ns):
                self._sizes[path] = _size_of(path)

    @property
    def size(self) -> int:
        """Bytes of all that is here, and of what :meth:`room` was made for."""
        return sum(self._sizes.values()) + self._coming

    def ids(self) -> list[str]:
        """The blobs that are here; what has not been used for longest comes first."""
        return [path.name for path in self._sizes if path.parent == self._blobs]

    def blob(self, blob_id: str) -> Path | None:
        """The file of a blob, or None if it is not here. The first use hashes it."""
        path = self._blobs / _checked(blob_id)
        if path not in self._sizes:
            return None
        if path not in self._sound:
            self.checked(blob_id, kept_hash(path))
            if path not in self._sizes:
                return None
        self._use(path)
        return path

    def unchecked(self, blob_id: str) -> Path | None:
        """The file of a blob that is here and was not hashed in this life; see :meth:`checked`."""
        path = self._blobs / _checked(blob_id)
        return path if path in self._sizes and path not in self._sound else None

    def checked(self, blob_id: str, digest: str) -> None:
        """Its bytes were hashed elsewhere: keep it if they have that id, else remove it."""
        path = self.unchecked(blob_id)
        if path is None:
            return
        if digest == blob_id:
            self._sound.add(path)
        else:
            self._remove(path)

    def tree(self, wheel_id: str) -> Path | None:
        """The folder of an unpacked wheel, or None if it is not here."""
        path = self._trees / _checked(wheel_id)
        if path not in self._sizes or not path.is_dir():
            return None
        self._use(path)
        return path

    def put(self, blob_id: str, pieces: Iterable[Buffer]) -> Path:
        """Keep the bytes with that hash; the file.

        Raises:
            BundleError: they have another hash.
            UnavailableError: there is no room for them; what was here is as it was.
        """
        path = self._blobs / _checked(blob_id)
        known = self.blob(blob_id)
        if known is not None:
            return known
        draft = self._drafts / secrets.token_hex(8)
        digest = hashlib.sha256()
        try:
            with self._told(), self._disk.create(draft) as file:
                for piece in pieces:
                    digest.update(piece)
                    file.write(piece)
            if digest.hexdigest() != blob_id:
                raise _another(digest.hexdigest(), blob_id)
            self._keep(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        self._sound.add(path)
        return path

    def draft(self) -> Path:
        """A name for a file that is written bit by bit; :meth:`adopt` keeps it."""
        return self._drafts / secrets.token_hex(8)

    def adopt(self, draft: Path, blob_id: str, digest: str) -> Path:
        """Keep a draft, whose hash is ``digest``, as the blob of that id; the file.

        Raises:
            BundleError: that is another hash.
            UnavailableError: there is no room for it; what was here is as it was.
        """
        path = self._blobs / _checked(blob_id)
        try:
            if digest != blob_id:
                raise _another(digest, blob_id)
            if path not in self._sizes:
                self._keep(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        self._sound.add(path)
        return path

    def put_tree(self, wheel_id: str, fill: Callable[[Path], None]) -> Path:
        """Keep the folder that ``fill`` writes, as what the wheel with that hash unpacks to.

        Raises:
            UnavailableError: there is no room for it; what was here is as it was.
            BundleError: whatever ``fill`` says.
        """
        known = self.tree(wheel_id)
        if known is not None:
            return known
        draft, path = self._drafts / secrets.token_hex(8), self._trees / _checked(wheel_id)
        try:
            with self._told():
                draft.mkdir()
                fill(draft)
            self._keep(draft, path)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return path

    def adopt_tree(self, draft: Path, wheel_id: str) -> Path:
        """Keep a draft, a folder, as what the wheel with that hash unpacks to; the folder.

        Raises:
            UnavailableError: there is no room for it; what was here is as it was.
        """
        path = self._trees / _checked(wheel_id)
        try:
            if self.tree(wheel_id) is None:
                self._keep(draft, path)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return path

    @contextmanager
    def hold(self, *paths: Path) -> Iterator[None]:
        """While this lasts, these files and folders stay."""
        self._held.update(paths)
        try:
            yield
        finally:
            self._held.subtract(paths)

    @contextmanager
    def room(self, size: int) -> Iterator[None]:
        """While this lasts, a draft of so many bytes counts as if it were kept already.

        Raises:
            UnavailableError: there is no room for it; what was here is as it was.
        """
        self._make_room(size)
        self._coming += size
        try:
            yield
        finally:
            self._coming -= size

    def _keep(self, draft: Path, path: Path) -> None:
        with self._told():
            size = _size_of(draft)
            self._make_room(size)
            self._disk.publish(draft, path)
            self._sizes[path] = size

    def check_room(self, size: int) -> None:
        """See that so many bytes can be kept, if what is not in use makes room.

        Raises:
            UnavailableError: they cannot.
        """
        in_use = sum(bytes_ for path, bytes_ in self._sizes.items() if self._held[path] > 0)
        if self._bytes_max - in_use - self._coming < size:
            raise UnavailableError(
                f"{size} bytes do not fit beside what is in use (limit {self._bytes_max})",
                where=str(self._blobs.parent),
                remedy="raise the limit of the cache, or use fewer and smaller wheels at once",
            )

    def _make_room(self, size: int) -> None:
        """Remove what has not been used for longest; nothing, if that does not help."""
        self.check_room(size)
        free, victims = self._bytes_max - self.size, []
        for path, bytes_ in self._sizes.items():
            if free >= size:
                break
            if self._held[path] <= 0:
                victims.append(path)
                free += bytes_
        for path in victims:
            self._remove(path)

    def _use(self, path: Path) -> None:
        self._sizes.move_to_end(path)
        os.utime(path)

    def _remove(self, path: Path) -> None:
        del self._sizes[path]
        self._sound.discard(path)
        if path.is_dir():
            doomed = self._drafts / secrets.token_hex(8)
            path.rename(doomed)  # whole or gone, also if this process ends here
            shutil.rmtree(doomed, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in one way that the disk refuses."""
        try:
            yield
        except OSError as error:
            raise UnavailableError(
                f"the cache of code cannot be written: {reason_of(error)}",
                where=str(self._blobs.parent),
                remedy="make room on the disk; what was there is unharmed",
            ) from error


def _another(digest: str, blob_id: str) -> BundleError:
    return BundleError(
        f"the bytes have another hash: {digest[:12]}",
        where=f"blob {blob_id[:12]}",
        remedy="fetch it again from another node",
    )


def _checked(blob_id: str) -> str:
    if not is_id(blob_id):
        raise BundleError(f"not an id: {blob_id[:80]!r}", remedy="give 64 hexadecimal digits")
    return blob_id


def _size_of(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


def kept_hash(path: Path) -> str:
    """The hash of what is kept; "" if it cannot be read: then it is of no use, as if damaged."""
    try:
        return hash_of(path)
    except BundleError:
        return ""
