"""What an ELF file asks of the system's C library: enough of the format to read version needs."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAGIC = b"\x7fELF"
_VERSION_NEEDS = 0x6FFFFFFE  # SHT_GNU_verneed
_GLIBC = re.compile(r"GLIBC_(\d+)\.(\d+)(?:\.(\d+))?")
_NEEDS_MAX = 10_000

GlibcVersion = tuple[int, int]


def is_elf(path: Path) -> bool:
    """Whether a file is a program or library of this kind of system."""
    with path.open("rb") as file:
        return file.read(4) == MAGIC


def glibc_needed(path: Path) -> GlibcVersion:
    """The highest version of the C library whose symbols a file needs; (0, 0) if none.

    Raises:
        RemoteProtocolError: it is no 64-bit little-endian ELF file, or it is damaged.
    """
    data = path.read_bytes()
    if data[:6] != MAGIC + b"\x02\x01":
        raise RemoteProtocolError("is no 64-bit little-endian ELF file", where=str(path))
    try:
        versions = [match for name in _needed_names(data) if (match := _GLIBC.fullmatch(name))]
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        raise RemoteProtocolError("its ELF headers are damaged", where=str(path)) from error
    return max(((int(found[1]), int(found[2])) for found in versions), default=(0, 0))


def _needed_names(data: bytes) -> Iterator[str]:
    offset, entry_size, count = (
        struct.unpack_from("<Q", data, 40)[0],
        *struct.unpack_from("<HH", data, 58),
    )
    sections = [
        struct.unpack_from("<IIQQQQIIQQ", data, offset + index * entry_size)
        for index in range(count)
    ]
    for section in sections:
        if section[1] == _VERSION_NEEDS:
            strings = sections[section[6]][4]
            yield from _names_of_section(data, section[4], section[7], strings)


def _names_of_section(data: bytes, start: int, libraries: int, strings: int) -> Iterator[str]:
    at = start
    for _ in range(min(libraries, _NEEDS_MAX)):
        _, symbols, _, first, following = struct.unpack_from("<HHIII", data, at)
        need = at + first
        for _ in range(symbols):
            _, _, _, name, next_need = struct.unpack_from("<IHHII", data, need)
            end = data.index(b"\0", strings + name)
            yield data[strings + name : end].decode("ascii", errors="replace")
            need += next_need
        at += following
