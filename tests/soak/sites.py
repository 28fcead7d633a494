"""Two sites of ten real agents joined by one slow line, which breaks and comes back.

Prints a table, writes it as JSON, and exits with 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bed.fleet import Fleet
from tests.bed.network import Network
from tests.bed.switch import BedError
from tests.bed.topologies import two_sites
from tests.soak.heals import WAIT_MAX_S, Waits, until_healed
from tests.soak.measures import row, tell

if TYPE_CHECKING:
    from collections.abc import Sequence

RATE_BPS = 10e6
KNOWN_TARGET_S = 2.0
HEAL_TARGET_S = 5.0


async def measure(each: int, folder: Path) -> list[dict[str, object]]:
    """Let the sites become one mesh, cut the line between them and join it again.

    Raises:
        BedError: the mesh did not come together within a minute.
    """
    network = Network()
    try:
        trunk = two_sites(network, each, rate_bps=RATE_BPS)
        fleet = Fleet(network, folder)
        boxes = await fleet.start()
        one_s = await fleet.until_all_online(wait_s=WAIT_MAX_S)
        await fleet.until_ledgers_equal(wait_s=WAIT_MAX_S)
        begun, waits = time.monotonic(), Waits(boxes)
        fault = trunk.cut()
        sites = boxes[:each], boxes[each:]
        await asyncio.gather(*(fleet.until_all_online(site, wait_s=WAIT_MAX_S) for site in sites))
        known_s, known_waited_s = time.monotonic() - begun, waits.most_s()
        fault.end()
        heal = await until_healed(fleet)
        held_back = trunk.held_back()
        links = [len(await box.links()) for box in boxes]
    finally:
        network.close()
    less_waits = "less waits for a processor"
    return [
        row("one mesh after the last agent has started", "s", one_s, HEAL_TARGET_S, "lower"),
        row("a cut between the sites known to all", "s", known_s, KNOWN_TARGET_S, "lower"),
        row(f"a cut known, {less_waits}", "s", known_s - known_waited_s, KNOWN_TARGET_S, "lower"),
        row("all reached after the heal", "s", heal.online_s, HEAL_TARGET_S, "lower"),
        row("ledgers equal after the heal", "s", heal.equal_s, HEAL_TARGET_S, "lower"),
        row(f"ledgers equal, {less_waits}", "s", heal.own_s, HEAL_TARGET_S, "lower"),
        row("times that the slow line held its senders back", "", held_back, 1, "higher"),
        row("links of a node, most", "", max(links), 2 * each - 2, "lower"),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 if every target is met."""
    parser = argparse.ArgumentParser(description="two sites joined by one slow line")
    parser.add_argument("--each", type=int, default=10, help="agents of a site")
    parser.add_argument("--report", type=Path, default=Path("build/bench/sites.json"))
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="sites-") as folder:
        try:
            measures = asyncio.run(measure(options.each, Path(folder)))
        except BedError as error:
            print(f"sites: {error}", file=sys.stderr)
            return 1
    return tell(measures, options.report)


if __name__ == "__main__":
    sys.exit(main())
