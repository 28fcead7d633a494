"""A producer, a consumer, or one that puts messages one by one, of NATS JetStream over TLS.

queues_nats_peer.py FOLDER URL COUNT consume|produce|single
"""

from __future__ import annotations

import asyncio
import json
import ssl
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import nats  # type: ignore[import-not-found]
import uvloop

AT_ONCE, SINGLES = 500, 300
BODY = b"x" * 64
WAIT_S = 60.0


async def consume(stream: Any, count: int) -> dict[str, float]:  # noqa: ANN401
    """Take and acknowledge all."""
    taken = 0
    puller = await stream.pull_subscribe("jobs", "worker")
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    while taken < count:
        for message in await puller.fetch(AT_ONCE, timeout=WAIT_S):
            await message.ack()
            taken += 1
    return {"count": taken}


async def produce(stream: Any, count: int) -> dict[str, float]:  # noqa: ANN401
    """Put all, as many under way at once as ours."""
    begun = time.perf_counter()
    for at in range(0, count, AT_ONCE):
        await asyncio.gather(
            *(
                stream.publish("jobs", BODY, timeout=WAIT_S)
                for _ in range(at, min(count, at + AT_ONCE))
            )
        )
    return {"took_s": time.perf_counter() - begun}


async def single(stream: Any) -> dict[str, float]:  # noqa: ANN401
    """Put one, wait until it is acknowledged, put the next."""
    took = []
    for _ in range(SINGLES):
        begun = time.perf_counter()
        await stream.publish("jobs", BODY, timeout=WAIT_S)
        took.append((time.perf_counter() - begun) * 1e6)
    return {"single_us": statistics.median(took)}


async def main(folder: str, url: str, count: str, role: str) -> None:
    """Play one role when told."""
    context = ssl.create_default_context(cafile=str(Path(folder) / "ca.pem"))
    context.load_cert_chain(Path(folder) / "node.pem", Path(folder) / "node.key")
    client = await nats.connect(url, tls=context, tls_hostname="localhost")
    stream = client.jetstream(timeout=WAIT_S)
    await stream.add_stream(name="jobs", subjects=["jobs"], retention="workqueue")
    if role == "consume":
        told = await consume(stream, int(count))
    else:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        told = await (produce(stream, int(count)) if role == "produce" else single(stream))
    await client.flush()
    print(json.dumps(told), flush=True)
    await client.close()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
