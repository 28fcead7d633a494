"""Disk images made by hand: a partition table and an empty FAT volume, as mkfs.vfat makes them."""

from __future__ import annotations

import struct
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_packaging.fat import FatVolume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECTOR = 512
START = 2048 * SECTOR


@dataclass(frozen=True)
class Disk:
    """An image with one FAT partition."""

    path: Path
    kind: str
    size: int
    start: int = START

    @contextmanager
    def volume(self) -> Iterator[FatVolume]:
        with self.path.open("r+b") as image:
            yield FatVolume(image, self.start, self.size)

    def damage(self, at: int, noise: bytes) -> None:
        with self.path.open("r+b") as image:
            image.seek(self.start + at)
            image.write(noise)

    def make_circle(self) -> None:
        """Let the first cluster of the first file lead to itself."""
        if self.kind == "fat32":
            self.damage(32 * SECTOR + 12, struct.pack("<I", 3))
        else:
            self.damage(SECTOR + 4, struct.pack("<H", 2))


def fat32_sectors(size: int) -> int:
    return -(-(size // SECTOR + 2) * 4 // SECTOR)


def boot_sector(kind: str, size: int) -> bytes:
    sectors = size // SECTOR
    boot = bytearray(SECTOR)
    boot[:11] = b"\xeb\x58\x90MSDOS5.0"
    struct.pack_into("<HH", boot, 24, 32, 64)  # mtools wants a geometry
    label = struct.pack("<BI11s", 0x29, 0x1234, b"NO NAME    ")
    if kind == "fat32":
        boot[66:82] = label
        struct.pack_into("<HBHBHHBH", boot, 11, SECTOR, 1, 32, 2, 0, 0, 0xF8, 0)
        struct.pack_into("<I", boot, 32, sectors)
        struct.pack_into("<IHHIHH", boot, 36, fat32_sectors(size), 0, 0, 2, 1, 6)
        boot[82:90] = b"FAT32   "
    else:
        boot[38:54] = label
        struct.pack_into("<HBHBHHBH", boot, 11, SECTOR, 4, 1, 2, 512, 0, 0xF8, 64)
        struct.pack_into("<I", boot, 32, sectors)
        boot[54:62] = b"FAT16   "
    boot[510:] = b"\x55\xaa"
    return bytes(boot)


def format_fat(kind: str, size: int) -> bytes:
    """The beginning of an empty volume; the rest is zeros."""
    boot = boot_sector(kind, size)
    if kind == "fat32":
        info = bytearray(SECTOR)
        struct.pack_into("<I", info, 0, 0x41615252)
        struct.pack_into("<III", info, 484, 0x61417272, 0xFFFFFFFF, 0xFFFFFFFF)
        info[510:] = b"\x55\xaa"
        table = struct.pack("<III", 0x0FFFFFF8, 0x0FFFFFFF, 0x0FFFFFFF)
        table = table.ljust(fat32_sectors(size) * SECTOR, b"\0")
        head = boot + bytes(info) + bytes(4 * SECTOR) + boot + bytes(info)
        return head.ljust(32 * SECTOR, b"\0") + 2 * table
    table = struct.pack("<HH", 0xFFF8, 0xFFFF).ljust(64 * SECTOR, b"\0")
    return boot + 2 * table


def mbr(*entries: tuple[int, int, int]) -> bytes:
    """A partition table of (kind, first sector, sectors)."""
    raw = b"".join(struct.pack("<4xB3xII", *entry) for entry in entries)
    return bytes(446) + raw.ljust(64, b"\0") + b"\x55\xaa"


def gpt(start: int, sectors: int) -> bytes:
    """A protective MBR, a GPT header and one entry."""
    entry = struct.pack("<16s16xQQ", b"\x28" * 16, start, start + sectors - 1).ljust(128, b"\0")
    table = entry.ljust(128 * 128, b"\0")
    fields = (1, 0, 34, 10**6, b"\x01" * 16, 2, 128, 128, zlib.crc32(table))
    header = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 65536, 92, 0, 0, *fields)
    crc = zlib.crc32(header)
    header = header[:16] + struct.pack("<I", crc) + header[20:]
    return mbr((0xEE, 1, 0xFFFFFFFF)) + header.ljust(SECTOR, b"\0") + table


def make_disk(path: Path, kind: str, size: int, *, table: str = "mbr", tail: int = 0) -> Disk:
    """An image whose one partition is an empty FAT volume, followed by ``tail`` bytes."""
    first, sectors = START // SECTOR, size // SECTOR
    head = mbr((0x0C, first, sectors)) if table == "mbr" else gpt(first, sectors)
    with path.open("wb") as image:
        image.write(head)
        image.seek(START)
        image.write(format_fat(kind, size))
        image.truncate(START + size + tail)
    return Disk(path, kind, size)
