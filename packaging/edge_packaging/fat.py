"""A FAT16 or FAT32 volume inside a disk image: list, read and write files, with long names.

After Microsoft's "FAT File System Specification" (2005). Small on purpose: it adds a few files to
the boot partition of an image, in a copy that is thrown away if anything fails.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from cantor.base.errors import ConfigError, RemoteProtocolError
from edge_packaging.fat_names import Entry, entries_for, parse_directory, short_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

_FAT12_CLUSTERS_MAX = 4084
_FAT16_CLUSTERS_MAX = 65524
_TABLE_BYTES_MAX = 64 << 20
_FILE_BYTES_MAX = 1 << 30
_DIRECTORY_BYTES_MAX = 2 << 20


@dataclass(frozen=True, slots=True)
class _Shape:
    sector: int
    cluster: int
    table_at: int
    table_bytes: int
    tables: int
    root_at: int
    root_bytes: int
    root_cluster: int
    data_at: int
    clusters: int
    info_at: int

    @property
    def is_fat32(self) -> bool:
        return self.clusters > _FAT16_CLUSTERS_MAX


class FatVolume:
    """The volume that begins ``start`` bytes into an image opened for reading and writing.

    Raises:
        RemoteProtocolError: its boot sector or table is damaged, or it is FAT12.
    """

    def __init__(self, image: IO[bytes], start: int, size: int, where: str = "FAT volume") -> None:
        self._image = image
        self._start = start
        self._where = where
        boot = self._read_at(0, 512)
        try:
            self._shape = _shape_of(boot, size)
        except (struct.error, ValueError, ZeroDivisionError) as error:
            raise self._damaged(f"its boot sector is damaged ({error})") from error
        self._table = array("I" if self._shape.is_fat32 else "H")
        self._table.frombytes(self._read_at(self._shape.table_at, self._shape.table_bytes))
        if len(self._table) < self._shape.clusters + 2:
            raise self._damaged("its table is too short")

    @property
    def free_bytes(self) -> int:
        """What new files may take, directories among them."""
        return len(self._free_clusters()) * self._shape.cluster

    def names(self, path: str = "") -> list[str]:
        """The names in a directory, sorted; empty if there is no such directory."""
        entry = self._find(path)
        if entry is None or not entry.is_directory:
            return []
        return sorted(each.name for each in self._entries(entry) if each.name not in {".", ".."})

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory of that name; case does not matter."""
        return self._find(path) is not None

    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            ConfigError: there is none.
        """
        entry = self._find(path)
        if entry is None or entry.is_directory:
            raise ConfigError("no such file", where=f"{self._where}: {path}")
        if entry.size > _FILE_BYTES_MAX:
            raise self._damaged(f"{path} says that it is {entry.size} bytes long")
        content = b"".join(map(self._read_cluster, self._chain(entry.cluster)))
        return content[: entry.size]

    def write(self, path: str, content: bytes) -> None:
        """Make or replace a file; directories on the way are made.

        Raises:
            ConfigError: no room, or something on the way is a file.
        """
        folder, name = self._folder(path)
        old = self._find(path)
        if old is not None:
            if old.is_directory:
                raise ConfigError("is a directory", where=f"{self._where}: {path}")
            for cluster in list(self._chain(old.cluster)):
                self._table[cluster] = 0
        first = self._store(content)
        if old is None:
            self._add(folder, name, first, len(content), is_directory=False)
        else:
            self._write_directory(folder, old.with_content(self._directory(folder), first, content))
        self._write_table()

    def _folder(self, path: str) -> tuple[Entry, str]:
        *parents, name = path.strip("/").split("/")
        folder = _root(self._shape)
        for parent in parents:
            known = self._child(folder, parent)
            if known is None:
                known = self._make_directory(folder, parent)
            elif not known.is_directory:
                raise ConfigError("is a file", where=f"{self._where}: {parent}")
            folder = known
        return folder, name

    def _make_directory(self, parent: Entry, name: str) -> Entry:
        above = 0 if parent.cluster == self._shape.root_cluster else parent.cluster
        cluster = self._store(bytes(self._shape.cluster))
        dots = b"".join(
            short_entry(dot, target, 0, is_directory=True)
            for dot, target in ((b".          ", cluster), (b"..         ", above))
        )
        self._write_cluster(cluster, dots.ljust(self._shape.cluster, b"\0"))
        self._add(parent, name, cluster, 0, is_directory=True)
        return Entry(name, b"", cluster, 0, True, 0)

    def _find(self, path: str) -> Entry | None:
        entry: Entry | None = _root(self._shape)
        for part in filter(None, path.split("/")):
            if entry is None or not entry.is_directory:
                return None
            entry = self._child(entry, part)
        return entry

    def _child(self, folder: Entry, name: str) -> Entry | None:
        wanted = name.casefold()
        return next((e for e in self._entries(folder) if e.name.casefold() == wanted), None)

    def _entries(self, folder: Entry) -> list[Entry]:
        return parse_directory(self._directory(folder))

    def _directory(self, folder: Entry) -> bytes:
        if folder.cluster == 0:
            return self._read_at(self._shape.root_at, self._shape.root_bytes)
        return b"".join(map(self._read_cluster, self._chain(folder.cluster, _DIRECTORY_BYTES_MAX)))

    def _add(
        self, folder: Entry, name: str, cluster: int, size: int, *, is_directory: bool
    ) -> None:
        content = self._directory(folder)
        taken = {entry.short for entry in parse_directory(content)}
        new = entries_for(name, taken, cluster, size, is_directory=is_directory)
        end = next(
            (at for at in range(0, len(content), 32) if content[at] == 0),
            len(content),
        )
        grown = content[:end] + new
        self._write_directory(folder, grown.ljust(len(content), b"\0"))

    def _write_directory(self, folder: Entry, content: bytes) -> None:
        if folder.cluster == 0:
            if len(content) > self._shape.root_bytes:
                raise ConfigError("its root directory is full", where=self._where)
            self._write_at(self._shape.root_at, content)
            return
        chain = list(self._chain(folder.cluster, _DIRECTORY_BYTES_MAX))
        missing = -(-len(content) // self._shape.cluster) - len(chain)
        if missing > 0:
            more = self._store(bytes(missing * self._shape.cluster))
            self._table[chain[-1]] = more
            chain += self._chain(more)
        for index, cluster in enumerate(chain):
            part = content[index * self._shape.cluster : (index + 1) * self._shape.cluster]
            self._write_cluster(cluster, part.ljust(self._shape.cluster, b"\0"))

    def _store(self, content: bytes) -> int:
        """Put bytes into free clusters; the first one's number, 0 for no bytes."""
        count = -(-len(content) // self._shape.cluster)
        free = self._free_clusters(count)
        if len(free) < count:
            raise ConfigError(
                f"no room: {len(content)} bytes are needed, "
                f"{len(free) * self._shape.cluster} are free",
                where=self._where,
                remedy="use an image with a larger boot partition, or a smaller agent",
            )
        end = 0x0FFFFFFF if self._shape.is_fat32 else 0xFFFF
        for index, cluster in enumerate(free):
            at = index * self._shape.cluster
            part = content[at : at + self._shape.cluster]
            self._write_cluster(cluster, part.ljust(self._shape.cluster, b"\0"))
            self._table[cluster] = free[index + 1] if index + 1 < count else end
        return free[0] if free else 0

    def _free_clusters(self, wanted: int | None = None) -> list[int]:
        free: list[int] = []
        for cluster in range(2, self._shape.clusters + 2):
            if wanted is not None and len(free) == wanted:
                break
            if not self._table[cluster] & 0x0FFFFFFF:
                free.append(cluster)
        return free

    def _chain(self, first: int, bytes_max: int = _FILE_BYTES_MAX) -> Iterator[int]:
        end = 0x0FFFFFF8 if self._shape.is_fat32 else 0xFFF8
        cluster, left = first, min(bytes_max // self._shape.cluster + 1, self._shape.clusters)
        while cluster and cluster < end:
            if not 2 <= cluster < self._shape.clusters + 2 or not left:
                raise self._damaged("a chain of clusters leads nowhere or in a circle")
            yield cluster
            cluster, left = self._table[cluster] & 0x0FFFFFFF, left - 1

    def _write_table(self) -> None:
        raw = self._table.tobytes()
        for copy in range(self._shape.tables):
            self._write_at(self._shape.table_at + copy * self._shape.table_bytes, raw)
        if self._shape.info_at:
            free = self._free_clusters()
            hint = struct.pack("<II", len(free), free[0] if free else 0xFFFFFFFF)
            self._write_at(self._shape.info_at + 488, hint)

    def _read_cluster(self, cluster: int) -> bytes:
        at = self._shape.data_at + (cluster - 2) * self._shape.cluster
        return self._read_at(at, self._shape.cluster)

    def _write_cluster(self, cluster: int, content: bytes) -> None:
        self._write_at(self._shape.data_at + (cluster - 2) * self._shape.cluster, content)

    def _read_at(self, at: int, count: int) -> bytes:
        self._image.seek(self._start + at)
        content = self._image.read(count)
        if len(content) < count:
            raise self._damaged("it is cut off")
        return content

    def _write_at(self, at: int, content: bytes) -> None:
        self._image.seek(self._start + at)
        self._image.write(content)

    def _damaged(self, what: str) -> RemoteProtocolError:
        return RemoteProtocolError(what, where=self._where)


def _root(shape: _Shape) -> Entry:
    return Entry("", b"", shape.root_cluster, 0, True, 0)


def _shape_of(boot: bytes, size: int) -> _Shape:
    sector, per_cluster, reserved, tables, root_entries, small_total, _, small_table = (
        struct.unpack_from("<HBHBHHBH", boot, 11)
    )
    total = small_total or struct.unpack_from("<I", boot, 32)[0]
    table = small_table or struct.unpack_from("<I", boot, 36)[0]
    if sector not in {512, 1024, 2048, 4096} or per_cluster not in {1 << n for n in range(8)}:
        raise ValueError("sector or cluster size")
    if not 1 <= tables <= 4 or not reserved or table * sector > _TABLE_BYTES_MAX:
        raise ValueError("allocation tables")
    root_bytes = root_entries * 32
    root_at = (reserved + tables * table) * sector
    data_at = root_at + -(-root_bytes // sector) * sector
    clusters = (total * sector - data_at) // (per_cluster * sector)
    if total * sector > size or clusters <= 0:
        raise ValueError("size")
    if clusters <= _FAT12_CLUSTERS_MAX:
        raise ValueError("FAT12 is not supported")
    is_fat32 = clusters > _FAT16_CLUSTERS_MAX
    root_cluster, info = struct.unpack_from("<IH", boot, 44) if is_fat32 else (0, 0)
    info_at = info * sector if 0 < info < reserved else 0
    return _Shape(
        sector, per_cluster * sector, reserved * sector, table * sector, tables,
        root_at, root_bytes, root_cluster, data_at, clusters, info_at,
    )  # fmt: skip
