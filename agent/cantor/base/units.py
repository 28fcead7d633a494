"""Sizes as people write them: ``512MB``, ``2GiB``."""

from __future__ import annotations

import re

_FACTORS = {
    "": 1, "B": 1,
    "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")


def parse_size(text: str) -> int:
    """Bytes for ``2GiB``, ``512 MB`` or ``4096``.

    Raises:
        ValueError: the text is no size or its unit is unknown.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or match.group(2) not in _FACTORS:
        message = f"not a size: {text!r} (write 512MB or 2GiB)"
        raise ValueError(message)
    return round(float(match.group(1)) * _FACTORS[match.group(2)])


def format_size(size_bytes: float) -> str:
    """A size for people: ``1.5 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size_bytes) < 1024:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} TiB"
