"""Numbers of metrics as people read them, and as small pictures in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.units import format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCKS = " ▁▂▃▄▅▆▇█"


def value_text(name: str, value: float) -> str:
    """A value with the unit that its name says."""
    if name.endswith("_bytes"):
        return format_size(value)
    if name.endswith("_ratio"):
        return f"{100 * value:.1f} %"
    if name.endswith("_celsius"):
        return f"{value:.1f} °C"
    if name.endswith("_seconds"):
        return f"{value:g} s" if value < 1000 else f"{value:.0f} s"
    return f"{value:g}" if abs(value) < 1e6 and value != int(value) else f"{value:.15g}"


def bar(share: float, width: int) -> str:
    """A bar of that width, filled as far as the share from 0 to 1."""
    filled = round(max(0.0, min(1.0, share)) * width)
    return "█" * filled + "·" * (width - filled)


def graph(values: Sequence[float | None], top: float, width: int) -> str:
    """The last values, one sign each, the newest at the right end; ``top`` is a full block."""
    shown = list(values[-width:])
    signs = [" " if one is None or one != one else BLOCKS[_height(one, top)] for one in shown]
    return "".join(signs).rjust(width)


def _height(value: float, top: float) -> int:
    if value <= 0 or top <= 0:
        return 1
    return max(1, min(8, round(8 * value / top)))
