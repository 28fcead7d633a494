"""One NATS client of the benchmark, over TLS with certificates on both sides.

nats_peer.py serve CERTIFICATES URL      until its input ends
nats_peer.py measure CERTIFICATES URL    prints one line of JSON
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

ROUND_TRIPS, WARM_UP, MESSAGES = 4000, 500, 300_000
WAIT_S = 60.0


async def connected(folder: Path, url: str) -> Any:  # noqa: ANN401
    """A client of the server."""
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.load_cert_chain(folder / "node.pem", folder / "node.key")
    return await nats.connect(url, tls=context, tls_hostname="localhost")


async def serve(client: Any) -> None:  # noqa: ANN401
    """Answer pings and count what comes."""
    state = {"count": 0, "begun": 0.0}

    async def echo(message: Any) -> None:  # noqa: ANN401
        await message.respond(message.data)

    async def take(_: Any) -> None:  # noqa: ANN401
        if not state["count"]:
            state["begun"] = time.perf_counter()
        state["count"] += 1
        if state["count"] == MESSAGES:
            seconds, state["count"] = time.perf_counter() - state["begun"], 0
            await client.publish("done", json.dumps(seconds).encode())

    await client.subscribe("ping", cb=echo)
    await client.subscribe("flood", cb=take)
    await client.flush()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)


async def measure(client: Any) -> dict[str, float]:  # noqa: ANN401
    """Round trips and messages per second of 64 B."""
    found = []
    for number in range(WARM_UP + ROUND_TRIPS):
        began = time.perf_counter()
        await client.request("ping", b"x" * 64, timeout=WAIT_S)
        if number >= WARM_UP:
            found.append((time.perf_counter() - began) * 1e6)
    done = await client.subscribe("done")
    await client.flush()
    for number in range(MESSAGES):
        await client.publish("flood", b"x" * 64)
        if number % 1000 == 0:
            await asyncio.sleep(0)
    seconds = json.loads((await done.next_msg(timeout=WAIT_S)).data)
    return {
        "small_p50_us": statistics.median(found),
        "small_p99_us": statistics.quantiles(found, n=100)[-1],
        "small_per_s": MESSAGES / seconds,
    }


async def main(arguments: list[str]) -> None:
    """Run the verb."""
    verb, folder, url = arguments
    client = await connected(Path(folder), url)
    if verb == "serve":
        await serve(client)
    else:
        print(json.dumps(await measure(client)), flush=True)
    await client.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:]))
