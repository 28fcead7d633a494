"""What 12 idle nodes say: bytes that leave a host each second, for each end of a link.

Twelve agents on one local network with at most four links each. The bytes are those that the
kernel counts on each host's interface, with all headers down to Ethernet's, over a minute.

    make bench NAME=mesh ONLY=idle
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING

from tests.benchmarks.mesh import stage, twelve
from tests.benchmarks.mesh.table import Row, run

if TYPE_CHECKING:
    from typing import Any

    from tests.bed.fleet import Box, Fleet

MEASURED_S = 60.0
SETTLED_S, SETTLED_WITHIN_S = 20.0, 100.0


async def cantor() -> tuple[list[float], list[int]]:
    """The bytes per second and link end of each host, and the links of each."""
    with stage.fleet() as fleet:
        boxes = await twelve.gathered(fleet)
        await _settled(boxes)
        links = await twelve.degrees(boxes)
        facts = await _facts(boxes)
        begun_s = time.monotonic()
        before = [_sent(fleet, box) for box in boxes]
        await asyncio.sleep(MEASURED_S)
        after = [_sent(fleet, box) for box in boxes]
        seconds = time.monotonic() - begun_s
        changed = [fact for fact, said in (await _facts(boxes)).items() if facts.get(fact) != said]
        print("facts that changed meanwhile:", ", ".join(sorted(changed)) or "none")
        rows = zip(before, after, links, strict=True)
        return [(end - begin) / seconds / count for begin, end, count in rows], links


async def _settled(boxes: list[Box]) -> None:
    """Wait until nobody says anything new for a while: the load of twelve starts is a fact too."""
    end_s = time.monotonic() + SETTLED_WITHIN_S
    told, since_s = await _facts(boxes), time.monotonic()
    while time.monotonic() < min(end_s, since_s + SETTLED_S):
        await asyncio.sleep(2.0)
        now = await _facts(boxes)
        if now != told:
            told, since_s = now, time.monotonic()


async def _facts(boxes: list[Box]) -> dict[str, object]:
    """What each node says, by node and name."""
    told: list[Any] = await asyncio.gather(*(box.ask("facts") for box in boxes))
    owned = zip(boxes, told, strict=True)
    return {f"{box.name} {name}": said[name] for box, said in owned for name in said}


def _sent(fleet: Fleet, box: Box) -> int:
    device = box.host.ports[0].device
    shown = fleet.network.switch.run("ip", "-j", "-s", "link", "show", device, host=box.name)
    return int(json.loads(shown)[0]["stats64"]["tx"]["bytes"])


def measure() -> list[Row]:
    """The rows of this part."""
    each, links = asyncio.run(cantor())
    mean = sum(rate * count for rate, count in zip(each, links, strict=True)) / sum(links)
    idle = f"idle traffic of {twelve.NODES} nodes, sent per link end"
    return [
        Row(f"{idle}, mean", "B/s", mean, 400.0),
        Row(f"{idle}, busiest host", "B/s", max(each), 400.0),
        Row("links of a node, most", "", max(links), twelve.LINKS_MAX),
    ]


if __name__ == "__main__":
    sys.exit(run({"idle": measure}))
