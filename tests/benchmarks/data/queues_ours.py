"""A producer, a consumer, or one that puts messages one by one, of a queue of Cantor.

queues_ours.py FOLDER NODE durable|memory COUNT consume|produce|single
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cantor

if TYPE_CHECKING:
    from cantor.state.queues import Queue

AT_ONCE, SINGLES = 500, 300
BODY = b"x" * 64


def consume(queue: Queue, count: int) -> dict[str, float]:
    """Take and acknowledge all."""
    taken = 0
    for message in queue.messages(AT_ONCE):
        taken += 1
        if taken == count:
            message.ack()
            break
    return {"count": taken}


def produce(queue: Queue, count: int) -> dict[str, float]:
    """Put all, some hundreds with each question."""
    begun = time.perf_counter()
    queue.put_all([BODY] * count)
    return {"took_s": time.perf_counter() - begun}


def single(queue: Queue) -> dict[str, float]:
    """Put one, wait until it is acknowledged, put the next."""
    took = []
    for _ in range(SINGLES):
        begun = time.perf_counter()
        queue.put(BODY)
        took.append((time.perf_counter() - begun) * 1e6)
    return {"single_us": statistics.median(took)}


def main(folder: str, node: str, kind: str, count: str, role: str) -> None:
    """Play one role when told."""
    with cantor.connect(Path(folder)):
        queue = cantor.queue(f"bench {kind}", node)
        queue.create(durable=kind == "durable")
        queue.stats()
        print("ready", flush=True)
        sys.stdin.readline()
        if role == "single":
            told = single(queue)
        else:
            told = (consume if role == "consume" else produce)(queue, int(count))
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
