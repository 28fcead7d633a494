"""Directory entries of a FAT volume: 32 bytes each, a long name in more of them before it."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from cantor.base.errors import ConfigError

_ENTRY = struct.Struct("<11sBBBHHHHHHHI")
_DATE = (2026 - 1980) << 9 | 1 << 5 | 1  # a fixed day: equal inputs make equal images
_LONG, _DIRECTORY, _VOLUME, _ARCHIVE = 0x0F, 0x10, 0x08, 0x20
_ALLOWED = re.compile(r'[^\x00-\x1f"*/:<>?\\|]{1,200}')
_UNITS_PER_ENTRY = 13


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or directory; ``at`` is where its short entry lies in the directory."""

    name: str
    short: bytes
    cluster: int
    size: int
    is_directory: bool
    at: int

    def with_content(self, directory: bytes, cluster: int, content: bytes) -> bytes:
        """The bytes of the directory once this file begins at another cluster."""
        changed = bytearray(directory)
        struct.pack_into("<H", changed, self.at + 20, cluster >> 16)
        struct.pack_into("<HI", changed, self.at + 26, cluster & 0xFFFF, len(content))
        return bytes(changed)


def parse_directory(content: bytes) -> list[Entry]:
    """Every file and directory; deleted ones, the label and broken long names are left out."""
    found: list[Entry] = []
    long_parts: list[bytes] = []
    for at in range(0, len(content) - 31, 32):
        raw = content[at : at + 32]
        if raw[0] == 0:
            break
        attributes = raw[11]
        if raw[0] == 0xE5:
            long_parts = []
        elif attributes & 0x3F == _LONG:
            long_parts.insert(0, raw[1:11] + raw[14:26] + raw[28:32])
        else:
            if not attributes & _VOLUME:
                found.append(_entry(raw, at, b"".join(long_parts)))
            long_parts = []
    return found


def entries_for(
    name: str, taken: set[bytes], cluster: int, size: int, *, is_directory: bool
) -> bytes:
    """The entries that give a new file its long name, ending with its short one.

    Raises:
        ConfigError: the name cannot stand in a FAT directory.
    """
    if _ALLOWED.fullmatch(name) is None or name.endswith((".", " ")):
        raise ConfigError("a FAT volume cannot hold that name", where=repr(name[:64]))
    short = _short_name(name, taken)
    checksum = 0
    for byte in short:
        checksum = ((checksum & 1) << 7 | checksum >> 1) + byte & 0xFF
    units = name.encode("utf-16-le")
    if len(units) % (2 * _UNITS_PER_ENTRY):
        units += b"\0\0"
    count = -(-len(units) // (2 * _UNITS_PER_ENTRY))
    units = units.ljust(count * 2 * _UNITS_PER_ENTRY, b"\xff")
    result = b""
    for number in range(count, 0, -1):
        part = units[(number - 1) * 26 : number * 26]
        order = number | (0x40 if number == count else 0)
        head = struct.pack("<B10sBBB", order, part[:10], _LONG, 0, checksum)
        result += head + part[10:22] + b"\0\0" + part[22:]
    return result + short_entry(short, cluster, size, is_directory=is_directory)


def short_entry(short: bytes, cluster: int, size: int, *, is_directory: bool) -> bytes:
    """The short entry: a name of 11 bytes and where the content lies."""
    attributes = _DIRECTORY if is_directory else _ARCHIVE
    return _ENTRY.pack(
        short, attributes, 0, 0, 0, _DATE, _DATE, cluster >> 16, 0, _DATE, cluster & 0xFFFF, size
    )


def _entry(raw: bytes, at: int, long_name: bytes) -> Entry:
    short, attributes, case, _, _, _, _, high, _, _, low, size = _ENTRY.unpack(raw)
    name = long_name.decode("utf-16-le", errors="replace").split("\0")[0]
    if not name:
        base, ending = (part.decode("cp437").rstrip() for part in (short[:8], short[8:]))
        base = base.lower() if case & 0x08 else base
        ending = ending.lower() if case & 0x10 else ending
        name = f"{base}.{ending}" if ending else base
    is_directory = bool(attributes & _DIRECTORY)
    return Entry(name, short, high << 16 | low, size, is_directory, at)


def _short_name(name: str, taken: set[bytes]) -> bytes:
    base, _, ending = name.upper().rpartition(".") if "." in name[1:] else (name.upper(), "", "")
    base, ending = (re.sub(r"[^A-Z0-9_-]", "", part) for part in (base, ending))
    for number in range(1, 100_000):
        tail = f"~{number}"
        short = f"{base[: 8 - len(tail)] + tail:<8}{ending[:3]:<3}".encode("ascii")
        if short not in taken:
            return short
    raise ConfigError("its directory is full of names like it", where=repr(name[:64]))
