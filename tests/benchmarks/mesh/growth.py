"""How the cost of the mesh grows with its size, in the simulator: 10 to 1000 nodes.

A circle with as many chords, two links dialled by each node: all start at once from nothing, then
one link changes. Flooding sends every fact over every link but the one by which it came, so that
its number of messages follows from the graph. Prints a table, writes
``build/bench/mesh-growth.json`` and a drawing beside it. 1000 nodes take a core a minute or two.

    make bench NAME=mesh ONLY=growth        SIZES=10,50,100,300,1000
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from tests.benchmarks.mesh.growth_plot import drawing
from tests.benchmarks.mesh.table import RESULT, Row, run
from tests.simulation.scale import SIZES, grow

if TYPE_CHECKING:
    from tests.simulation.scale import Growth

GROWN = RESULT.with_name("mesh-growth.json")
DRAWN = RESULT.with_name("mesh-growth.svg")
_COLUMNS = "{:>6}{:>7}{:>9}{:>10}{:>10}{:>11}{:>10}{:>10}{:>10}{:>9}"


class Size(NamedTuple):
    """One size; everything but ``nodes``, ``links`` and the times is per node.

    ``frames`` and ``facts`` are those sent from cold, ``flooding`` the facts that flooding sends;
    ``cold_s`` and ``change_s`` are simulated seconds, ``wall_s`` those of this machine.
    """

    nodes: int
    links: int
    cold_s: float
    frames: float
    facts: float
    flooding: float
    bytes: float
    change_facts: float
    change_s: float
    wall_s: float


def flooded(nodes: int, links: int) -> int:
    """The messages of flooding: each fact crosses every link twice, but those by which it came."""
    return nodes * (2 * links - nodes + 1)


def size_of(growth: Growth, wall_s: float) -> Size:
    """The figures of one size, per node."""
    nodes = growth.nodes
    return Size(
        nodes,
        growth.links,
        growth.cold_s,
        growth.frames / nodes,
        growth.messages / nodes,
        flooded(nodes, growth.links) / nodes,
        growth.bytes_per_node,
        growth.change_messages / nodes,
        growth.change_s,
        round(wall_s, 1),
    )


def grown() -> list[Size]:
    """Every size asked for, printed as it comes."""
    asked = [int(size) for size in os.environ.get("SIZES", "").split(",") if size]
    head = "nodes links cold/s frames facts flooding bytes change/f change/s wall/s"
    print("per node: ", _COLUMNS.format(*head.split()))
    found = []
    for nodes in asked or SIZES:
        begun_s = time.monotonic()
        size = size_of(grow(nodes), time.monotonic() - begun_s)
        cells = [f"{figure:.2f}" if isinstance(figure, float) else figure for figure in size]
        print("          ", _COLUMNS.format(*cells), flush=True)
        found.append(size)
    return found


def measure() -> list[Row]:
    """The rows of this part, about the largest size."""
    sizes = grown()
    GROWN.parent.mkdir(parents=True, exist_ok=True)
    GROWN.write_text(json.dumps([size._asdict() for size in sizes], indent=1) + "\n")
    DRAWN.write_text(drawing(sizes), encoding="utf-8")
    last = sizes[-1]
    what = f"{last.nodes} simulated nodes"
    return [
        Row(
            f"{what} from cold: frames, of flooding's messages",
            "",
            last.frames / last.flooding,
            0.25,
        ),
        Row(
            f"{what} from cold: facts, of flooding's messages", "", last.facts / last.flooding, 0.25
        ),
        Row(f"{what}: a change reaches all", "s", last.change_s, 3.0),
        Row(f"{what}: computed in", "s", last.wall_s, 120.0),
    ]


if __name__ == "__main__":
    sys.exit(run({"growth": measure}))
