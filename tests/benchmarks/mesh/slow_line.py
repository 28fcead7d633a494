"""Urgent requests on a slow line that a bulk transfer fills.

Two hosts are joined by one line of 20 Mbit/s. Round trips of 64 B at priority 0 are measured while
one reliable stream of priority 2 sends as much as goes; what of it arrives is counted as well.
zenoh sends its pings at real-time priority and bulk in the background, once with its own settings
and once with small batches and socket buffers, which keep its queues short.

    make bench NAME=mesh ONLY=slow_line
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, NamedTuple

from tests.bed.topologies import chain
from tests.benchmarks.mesh import stage
from tests.benchmarks.mesh.table import Row, percentile, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

RATE_BPS = 20e6
WARM_UP_S = 5.0
MEASURED_S = 20.0
PAUSE_S = 0.02
SHORT_QUEUES = {
    "transport/link/tx/batch_size": 8192,
    "transport/link/tls/so_sndbuf": 32768,
    "transport/link/tls/so_rcvbuf": 65536,
}


class Figures(NamedTuple):
    """Milliseconds of each round trip, and the share of the line that bulk got."""

    ms: list[float]
    share: float


async def cantor() -> Figures:
    """Two agents."""
    with stage.fleet() as fleet:
        (line,) = chain(fleet.network, 2)
        line.limit(RATE_BPS)
        near, far = await fleet.start()
        await fleet.until_all_online()
        await near.ask("bench.begin_bulk", to=far.id, streams=1)
        await asyncio.sleep(WARM_UP_S)
        before: Any = await far.ask("bench.bulk_bytes")
        ms: Any = await near.ask(
            "bench.ping", to=far.id, seconds=MEASURED_S, pause_s=PAUSE_S, priority=0
        )
        after: Any = await far.ask("bench.bulk_bytes")
        return Figures(ms, _share(before, after))


async def zenoh(settings: Mapping[str, object]) -> Figures:
    """Two peers of zenoh."""
    with stage.zenohs() as sessions:
        (line,) = chain(sessions.network, 2)
        near, far = sessions.network.hosts
        line.limit(RATE_BPS)
        server = sessions.start(far, "peer", [], settings)
        client = sessions.start(near, "peer", [far.address], settings)
        server.ask("listen")
        await asyncio.sleep(1.0)  # until both know who subscribes to what; no event tells
        client.ask("begin_bulk")
        await asyncio.sleep(WARM_UP_S)
        before = server.ask("bulk_bytes")
        ms = client.ask("ping", seconds=MEASURED_S, pause_s=PAUSE_S)
        return Figures(ms, _share(before, server.ask("bulk_bytes")))


def _share(before: dict[str, float], after: dict[str, float]) -> float:
    seconds = after["at"] - before["at"]
    return 8 * (after["bytes"] - before["bytes"]) / seconds / RATE_BPS


def measure() -> list[Row]:
    """The rows of this part."""
    ours, peers = asyncio.run(cantor()), {}
    if stage.has_zenoh():
        peers["zenoh"] = asyncio.run(zenoh({}))
        peers["zenoh (short queues)"] = asyncio.run(zenoh(SHORT_QUEUES))

    def row(what: str, percent: int, target: float) -> Row:
        others = {name: percentile(found.ms, percent) for name, found in peers.items()}
        return Row(what, "ms", percentile(ours.ms, percent), target, peers=others)

    beside = "priority 0 beside bulk on 20 Mbit/s"
    shares = {name: 100 * found.share for name, found in peers.items()}
    return [
        row(f"{beside}, p50", 50, 10.0),
        row(f"{beside}, p99", 99, 60.0),
        Row("bulk beside it, of the line", "%", 100 * ours.share, 85.0, "higher", shares),
    ]


if __name__ == "__main__":
    sys.exit(run({"slow_line": measure}))
