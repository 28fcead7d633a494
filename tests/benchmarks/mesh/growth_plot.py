"""The drawing of how the cost of the mesh grows, as SVG: what each node sends, by the size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.mesh.growth import Size

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 30, 50
_INK, _SOFT, _GRID = "#1d2433", "#4a5568", "#d5dae3"
_LINES = (
    ("flooding", "flooding, messages", "#b4480f"),
    ("facts", "facts from cold", "#4353d9"),
    ("frames", "frames from cold", "#0b6e4f"),
    ("change_facts", "facts after a change", "#7a4fb0"),
)


def drawing(sizes: Sequence[Size]) -> str:
    """Both axes are logarithmic; its own background keeps it legible on dark pages as well."""
    figures = [getattr(size, name) for size in sizes for name, _, _ in _LINES]
    low, high = math.floor(math.log10(min(figures))), math.ceil(math.log10(max(figures)))
    first, last = math.log10(sizes[0].nodes), math.log10(sizes[-1].nodes)

    def x(nodes: float) -> float:
        share = (math.log10(nodes) - first) / ((last - first) or 1.0)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(figure: float) -> float:
        share = (math.log10(figure) - low) / ((high - low) or 1)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    parts = [_grid(10.0**power, y(10.0**power)) for power in range(low, high + 1)]
    parts += [
        f'<text x="{x(size.nodes)}" y="{HEIGHT - BOTTOM + 20}" fill="{_SOFT}" '
        f'text-anchor="middle">{size.nodes}</text>'
        for size in sizes
    ]
    for name, label, colour in _LINES:
        spots = [(x(size.nodes), y(getattr(size, name))) for size in sizes]
        parts.append(_curve(spots, label, colour))
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" fill="{_INK}" '
        'text-anchor="middle">nodes</text>'
        f'<text x="{LEFT - 56}" y="{TOP - 12}" fill="{_INK}">sent by each node</text>'
    )
    return _page("\n".join(parts))


def _grid(figure: float, y: float) -> str:
    return (
        f'<path d="M{LEFT} {y} H{WIDTH - RIGHT}" stroke="{_GRID}"/>'
        f'<text x="{LEFT - 8}" y="{y + 5}" fill="{_SOFT}" text-anchor="end">{figure:,g}</text>'
    )


def _curve(spots: Sequence[tuple[float, float]], label: str, colour: str) -> str:
    line = " ".join(f"{x},{y}" for x, y in spots)
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}"/>' for x, y in spots)
    x, y = spots[-1]
    return (
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}'
        f'<text x="{x + 10}" y="{y + 5}" fill="{colour}">{label}</text>'
    )


def _page(inside: str) -> str:
    title = "What each node of the simulated mesh sends, by the number of nodes, beside flooding"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-labelledby="title" font-family="system-ui, sans-serif" font-size="14">\n'
        f'<title id="title">{title}</title>\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>\n{inside}\n</svg>\n'
    )
