"""Keys of Redis, one client over TLS. Prints one line of JSON.

keys_redis_peer.py FOLDER PORT COUNT
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import redis  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP = 200


def timed(count: int, do: Callable[[int], object]) -> list[float]:
    """Microseconds of each."""
    took = []
    for number in range(-WARM_UP, count):
        begun = time.perf_counter()
        do(number % 100)
        if number >= 0:
            took.append((time.perf_counter() - begun) * 1e6)
    return took


def main(folder: str, port: str, count: str) -> None:
    """Set and get 64 bytes."""
    where = Path(folder)
    client = redis.Redis(
        "localhost", int(port), ssl=True, ssl_ca_certs=str(where / "ca.pem"),
        ssl_certfile=str(where / "node.pem"), ssl_keyfile=str(where / "node.key"),
    )  # fmt: skip
    figures = {}
    for verb, took in (
        ("set", timed(int(count), lambda key: client.set(f"k{key}", b"x" * 64))),
        ("get", timed(int(count), lambda key: client.get(f"k{key}"))),
    ):
        figures[f"{verb}_p50"] = statistics.median(took)
        figures[f"{verb}_p99"] = statistics.quantiles(took, n=100)[-1]
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
