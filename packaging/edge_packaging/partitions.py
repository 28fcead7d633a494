"""Where the partitions of a disk image are: MBR and GPT, from bytes that nobody vouches for."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import IO, Literal

from cantor.base.errors import ConfigError, RemoteProtocolError

SECTOR_BYTES = 512
_GPT_KIND = 0xEE
_GPT_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_GPT_ENTRIES_MAX = 256
_COMPRESSED = {
    b"\xfd7zXZ\x00": "xz: unxz it first",
    b"\x1f\x8b": "gzip: gunzip it first",
    b"\x28\xb5\x2f\xfd": "Zstandard: unzstd it first",
    b"PK\x03\x04": "zip: unzip it first",
    b"BZh": "bzip2: bunzip2 it first",
}
Filesystem = Literal["fat", "ext", ""]


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition: its number from 1, where it lies in the image, and what it holds."""

    number: int
    start_bytes: int
    size_bytes: int
    filesystem: Filesystem


def partitions_of(image: IO[bytes], where: str) -> list[Partition]:
    """The partitions of a disk image that lie inside it, in the order of their table.

    Raises:
        ConfigError: it is no disk image, or a compressed one.
        RemoteProtocolError: its partition table is damaged.
    """
    size = image.seek(0, 2)
    first = _read(image, 0, SECTOR_BYTES)
    for magic, kind in _COMPRESSED.items():
        if first.startswith(magic):
            raise ConfigError("is compressed", where=where, remedy=kind)
    if len(first) < SECTOR_BYTES or first[510:] != b"\x55\xaa":
        raise ConfigError(
            "is no disk image: it has no partition table",
            where=where,
            remedy="name the .img that the maker of the operating system gives out",
        )
    entries = [struct.unpack_from("<4xB3xII", first, 446 + 16 * index) for index in range(4)]
    if any(kind == _GPT_KIND for kind, _, _ in entries):
        spans = _gpt(image, where)
    else:
        spans = [(number, at, count) for number, (kind, at, count) in enumerate(entries, 1) if kind]
    found = []
    for number, at, count in spans:
        start, length = at * SECTOR_BYTES, count * SECTOR_BYTES
        if at and length and start + length <= size:
            found.append(Partition(number, start, length, _filesystem(image, start)))
    return found


def _gpt(image: IO[bytes], where: str) -> list[tuple[int, int, int]]:
    raw = _read(image, SECTOR_BYTES, _GPT_HEADER.size)
    damaged = RemoteProtocolError("its partition table (GPT) is damaged", where=where)
    if len(raw) < _GPT_HEADER.size:
        raise damaged
    magic, _, length, crc, _, _, _, _, _, _, table, count, entry_bytes, _ = _GPT_HEADER.unpack(raw)
    if magic != b"EFI PART" or length != _GPT_HEADER.size:
        raise damaged
    if zlib.crc32(raw[:16] + bytes(4) + raw[20:]) != crc:
        raise damaged
    if not 128 <= entry_bytes <= 4096 or count > _GPT_ENTRIES_MAX:
        raise damaged
    entries = _read(image, table * SECTOR_BYTES, count * entry_bytes)
    found = []
    for index in range(len(entries) // entry_bytes):
        kind, first, last = struct.unpack_from("<16s16xQQ", entries, index * entry_bytes)
        if any(kind) and last >= first:
            found.append((index + 1, first, last - first + 1))
    return found


def _filesystem(image: IO[bytes], start: int) -> Filesystem:
    boot = _read(image, start, SECTOR_BYTES)
    is_jump = boot[:1] in (b"\xeb", b"\xe9") and boot[510:512] == b"\x55\xaa"
    if is_jump and (boot[54:57] == b"FAT" or boot[82:87] == b"FAT32"):
        return "fat"
    return "ext" if _read(image, start + 1080, 2) == b"\x53\xef" else ""


def _read(image: IO[bytes], at: int, count: int) -> bytes:
    try:
        image.seek(at)
    except (OverflowError, OSError):
        return b""
    return image.read(count)
