"""A page that shows a simulated mesh: its tree, who sent how much, how it forms, how cost grows."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tests.simulation.scale import Growth

SIZE, MARGIN = 640, 40
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Simulated mesh of {nodes} nodes</title>
<style>
:root {{ color-scheme: light dark; --ink: #1d2433; --soft: #8a93a6; --line: #b9c0ce;
  --tree: #0b6e4f; --bar: #3a6ea5; --page: #ffffff; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e7eaf0; --soft: #98a1b3; --line: #465063;
  --tree: #4fd1a1; --bar: #7fb2e5; --page: #14181f; }} }}
body {{ font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page);
  max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }}
svg {{ width: 100%; max-width: {size}px; height: auto; }}
text {{ fill: var(--soft); font-size: 12px; }}
table {{ border-collapse: collapse; }}
td, th {{ padding: .25rem .75rem; text-align: right; border-bottom: 1px solid var(--line); }}
.link {{ stroke: var(--line); stroke-width: .6; }}
.tree {{ stroke: var(--tree); stroke-width: 1.6; }}
.curve {{ fill: none; stroke: var(--tree); stroke-width: 2; }}
.axis {{ stroke: var(--soft); }}
.bar {{ fill: var(--bar); }}
.node {{ fill: var(--ink); }}
</style>
</head>
<body>
<h1>Simulated mesh of {nodes} nodes</h1>
<p>{summary}</p>
<h2>Links and the spanning tree</h2>
{graph}
<h2>How the mesh forms</h2>
<p>The share of the graph that the nodes know, on average, over simulated seconds.</p>
{curve}
<h2>Messages per node</h2>
<p>How many messages with facts or digests each node sent until all knew all, most first.</p>
{messages}
<h2>How cost grows</h2>
{table}
<h2>Faults</h2>
{faults}
</body>
</html>
"""


def write_report(
    path: Path, grown: Sequence[Growth], faults: Mapping[str, int], summary: str
) -> None:
    """Write the page; the drawings show the largest mesh."""
    largest = grown[-1]
    page = PAGE.format(
        nodes=largest.nodes,
        size=SIZE,
        summary=html.escape(summary),
        graph=_graph(largest),
        curve=_curve(largest.curve),
        messages=_bars(sorted(largest.per_node, reverse=True)),
        table=_growth_table(grown),
        faults=_table(("fault", "times"), faults.items()),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _graph(growth: Growth) -> str:
    """The tree from its middle outwards, in rings by the number of hops; other links behind it."""
    places = _places(growth)
    tree = set(growth.tree)
    lines = [
        f'<line class="link" {_ends(places[a], places[b])}/>'
        for a, b in growth.edges
        if (a, b) not in tree
    ]
    lines += [f'<line class="tree" {_ends(places[a], places[b])}/>' for a, b in growth.tree]
    radius = 4 if growth.nodes <= 100 else 2
    dots = [f'<circle class="node" cx="{x}" cy="{y}" r="{radius}"/>' for x, y in places.values()]
    return _svg(SIZE, [*lines, *dots], "the links of the mesh, those of the tree marked")


def _ends(one: tuple[float, float], other: tuple[float, float]) -> str:
    return f'x1="{one[0]}" y1="{one[1]}" x2="{other[0]}" y2="{other[1]}"'


def _places(growth: Growth) -> dict[int, tuple[float, float]]:
    branches: dict[int, list[int]] = {}
    for a, b in growth.tree:
        branches.setdefault(a, []).append(b)
        branches.setdefault(b, []).append(a)
    middle = _middle(branches)
    rings: dict[int, int] = {middle: 0}
    order = [middle]
    for node in order:
        for peer in branches.get(node, []):
            if peer not in rings:
                rings[peer] = rings[node] + 1
                order.append(peer)
    angles = _angles(branches, middle)
    step = (SIZE / 2 - MARGIN / 2) / max(1, *rings.values())
    half = SIZE / 2
    return {
        node: (
            round(half + rings[node] * step * math.cos(angles[node]), 1),
            round(half + rings[node] * step * math.sin(angles[node]), 1),
        )
        for node in order
    }


def _middle(branches: dict[int, list[int]]) -> int:
    """Take leaves away until one or two nodes are left."""
    degree = {node: len(peers) for node, peers in branches.items()}
    leaves = [node for node, count in degree.items() if count == 1]
    left = len(degree)
    while left > 2:
        left -= len(leaves)
        after = []
        for leaf in leaves:
            for peer in branches[leaf]:
                degree[peer] -= 1
                if degree[peer] == 1:
                    after.append(peer)
        leaves = after
    return min(leaves)


def _angles(branches: dict[int, list[int]], middle: int) -> dict[int, float]:
    """Give each branch a part of the circle by the number of its leaves."""
    order, parent = [middle], {middle: middle}
    for node in order:
        for peer in branches.get(node, []):
            if peer not in parent:
                parent[peer] = node
                order.append(peer)
    weight = dict.fromkeys(order, 0)
    for node in reversed(order):
        weight[node] = weight[node] or 1
        if node != middle:
            weight[parent[node]] += weight[node]
    begin = {middle: 0.0}
    angles = {middle: 0.0}
    span = {middle: 2 * math.pi}
    used = dict.fromkeys(order, 0.0)
    for node in order[1:]:
        above = parent[node]
        span[node] = span[above] * weight[node] / weight[above]
        begin[node] = begin[above] + used[above]
        used[above] += span[node]
        angles[node] = begin[node] + span[node] / 2
    return angles


def _curve(points: Sequence[tuple[float, float]]) -> str:
    height, width = 220, SIZE
    end = max(at for at, _ in points)
    spots = [
        f"{MARGIN + at / end * (width - 2 * MARGIN):.1f},"
        f"{height - MARGIN - share * (height - 2 * MARGIN):.1f}"
        for at, share in [(0.0, 0.0), *points]
    ]
    bottom = height - MARGIN
    parts = [
        f'<line class="axis" x1="{MARGIN}" y1="{bottom}" x2="{width - MARGIN}" y2="{bottom}"/>',
        f'<line class="axis" x1="{MARGIN}" y1="{MARGIN}" x2="{MARGIN}" y2="{bottom}"/>',
        f'<polyline class="curve" points="{" ".join(spots)}"/>',
        f'<text x="{MARGIN}" y="{bottom + 18}">0 s</text>',
        f'<text x="{width - MARGIN}" y="{bottom + 18}" text-anchor="end">{end:g} s</text>',
        f'<text x="{MARGIN}" y="{MARGIN - 8}">100 %</text>',
    ]
    return _svg(height, parts, "the share of the graph that is known, over time")


def _bars(counts: Sequence[int]) -> str:
    height, width = 220, SIZE
    most = max(counts, default=1) or 1
    each = (width - 2 * MARGIN) / max(1, len(counts))
    tall = height - 2 * MARGIN
    parts = [
        f'<rect class="bar" x="{MARGIN + index * each:.2f}" width="{max(0.4, 0.8 * each):.2f}" '
        f'y="{height - MARGIN - count / most * tall:.1f}" height="{count / most * tall:.1f}"/>'
        for index, count in enumerate(counts)
    ]
    parts.append(f'<text x="{MARGIN}" y="{MARGIN - 8}">{most}</text>')
    return _svg(height, parts, "messages per node, most first")


def _svg(height: int, parts: Iterable[str], title: str) -> str:
    inside = "\n".join(parts)
    return (
        f'<svg viewBox="0 0 {SIZE} {height}" role="img" aria-label="{html.escape(title)}">'
        f"\n{inside}\n</svg>"
    )


def _growth_table(grown: Sequence[Growth]) -> str:
    header = (
        "nodes",
        "links",
        "s until one",
        "facts sent",
        "frames",
        "digests",
        "bytes per node",
        "s for a change",
        "facts for a change",
        "s of computing",
    )
    rows = [
        (
            g.nodes,
            g.links,
            g.cold_s,
            g.messages,
            g.frames,
            g.digests,
            g.bytes_per_node,
            g.change_s,
            g.change_messages,
            g.computing_s,
        )
        for g in grown
    ]
    return _table(header, rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
