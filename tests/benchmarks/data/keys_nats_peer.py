"""Keys of NATS JetStream, one client over TLS. Prints one line of JSON.

keys_nats_peer.py FOLDER URL COUNT
"""

from __future__ import annotations

import json
import ssl
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nats  # type: ignore[import-not-found]
import uvloop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

WARM_UP = 200


async def timed(count: int, do: Callable[[int], Awaitable[Any]]) -> list[float]:
    """Microseconds of each."""
    took = []
    for number in range(-WARM_UP, count):
        begun = time.perf_counter()
        await do(number % 100)
        if number >= 0:
            took.append((time.perf_counter() - begun) * 1e6)
    return took


async def main(folder: str, url: str, count: str) -> None:
    """Put and get 64 bytes."""
    context = ssl.create_default_context(cafile=str(Path(folder) / "ca.pem"))
    context.load_cert_chain(Path(folder) / "node.pem", Path(folder) / "node.key")
    client = await nats.connect(url, tls=context, tls_hostname="localhost")
    store = await client.jetstream().create_key_value(bucket="keys")
    figures = {}
    for verb, took in (
        ("set", await timed(int(count), lambda key: store.put(f"k{key}", b"x" * 64))),
        ("get", await timed(int(count), lambda key: store.get(f"k{key}"))),
    ):
        figures[f"{verb}_p50"] = statistics.median(took)
        figures[f"{verb}_p99"] = statistics.quantiles(took, n=100)[-1]
    print(json.dumps(figures))
    await client.close()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
