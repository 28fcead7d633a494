"""One zenoh session of the benchmark, over TLS with certificates on both sides, no shared memory.

Runs in an environment of its own (``python3 .ci/bootstrap.py peers``), without Cantor.

    zenoh_peer.py serve CERTIFICATES MODE LISTEN [CONNECT]     until its input ends
    zenoh_peer.py relay CERTIFICATES MODE LISTEN [CONNECT]     the same, but it answers nobody
    zenoh_peer.py measure CERTIFICATES MODE CONNECT WHAT...    prints one line of JSON
"""

from __future__ import annotations

import json
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

import zenoh  # type: ignore[import-not-found]

ROUND_TRIPS, WARM_UP = 4000, 500
MESSAGES, LARGE_FRAMES = 300_000, 600
WAIT_S = 60.0


def session(folder: Path, mode: str, listen: list[str], connect: list[str]) -> Any:  # noqa: ANN401
    """A session that finds others by address alone."""
    config = zenoh.Config()
    key, chain, root = (str(folder / name) for name in ("node.key", "node.pem", "ca.pem"))
    tls = {
        "root_ca_certificate": root,
        "enable_mtls": True,
        "listen_private_key": key,
        "listen_certificate": chain,
        "connect_private_key": key,
        "connect_certificate": chain,
    }
    for name, value in (
        ("mode", mode),
        ("scouting/multicast/enabled", False),
        ("scouting/gossip/enabled", False),
        ("transport/shared_memory/enabled", False),
        ("transport/link/tls", tls),
        ("listen/endpoints", listen),
        ("connect/endpoints", connect),
    ):
        config.insert_json5(name, json.dumps(value))
    return zenoh.open(config)


def publisher(at: Any, name: str) -> Any:  # noqa: ANN401
    """A publisher that drops nothing and does not wait for more to send."""
    block = zenoh.CongestionControl.BLOCK
    return at.declare_publisher(name, congestion_control=block, express=True)


def serve(at: Any) -> None:  # noqa: ANN401
    """Answer pings and count what comes."""
    pong, done = publisher(at, "pong"), publisher(at, "done")
    state = {"count": 0, "begun": 0.0}

    def take(sample: Any) -> None:  # noqa: ANN401
        if not state["count"]:
            state["begun"] = time.perf_counter()
        state["count"] += 1
        wanted = MESSAGES if len(sample.payload) == 64 else LARGE_FRAMES
        if state["count"] == wanted:
            seconds, state["count"] = time.perf_counter() - state["begun"], 0
            done.put(json.dumps(seconds).encode())

    _held = [
        at.declare_subscriber("ping", lambda sample: pong.put(sample.payload)),
        at.declare_subscriber("flood", take),
    ]
    sys.stdin.read()


def measure(at: Any, what: list[str]) -> dict[str, float]:  # noqa: ANN401
    """The figures asked for."""
    figures: dict[str, float] = {}
    ping, flood = publisher(at, "ping"), publisher(at, "flood")
    arrived = threading.Event()
    by_callback = at.declare_subscriber("pong", lambda _: arrived.set())
    done = at.declare_subscriber("done")
    time.sleep(1.0)  # until both sides know who subscribes to what; zenoh gives no event for it

    def called_back() -> None:
        ping.put(b"x" * 64)
        if not arrived.wait(WAIT_S):
            raise TimeoutError("no pong")
        arrived.clear()

    _note(figures, "small", _round_trips(called_back))
    by_callback.undeclare()
    by_channel = at.declare_subscriber("pong")

    def received() -> None:
        ping.put(b"x" * 64)
        by_channel.recv()

    _note(figures, "channel", _round_trips(received))
    if "floods" in what:
        for name, size, count in (("small", 64, MESSAGES), ("large", 1024 * 1024, LARGE_FRAMES)):
            body = b"x" * size
            for _ in range(count):
                flood.put(body)
            seconds = json.loads(bytes(done.recv().payload))
            unit = "per_s" if name == "small" else "bytes_per_s"
            figures[f"{name}_{unit}"] = count * (1 if name == "small" else size) / seconds
    return figures


def _round_trips(once: Any) -> list[float]:  # noqa: ANN401
    found = []
    for number in range(WARM_UP + ROUND_TRIPS):
        began = time.perf_counter()
        once()
        if number >= WARM_UP:
            found.append((time.perf_counter() - began) * 1e6)
    return found


def _note(figures: dict[str, float], name: str, found: list[float]) -> None:
    figures[f"{name}_p50_us"] = statistics.median(found)
    figures[f"{name}_p99_us"] = statistics.quantiles(found, n=100)[-1]


def main(arguments: list[str]) -> None:
    """Run the verb."""
    verb, folder, mode, first, *rest = arguments
    if verb == "serve":
        at = session(Path(folder), mode, [first], rest)
        serve(at)
    elif verb == "relay":
        at = session(Path(folder), mode, [first], rest)
        sys.stdin.read()
    else:
        at = session(Path(folder), mode, [], [first])
        print(json.dumps(measure(at, rest)), flush=True)
    at.close()


if __name__ == "__main__":
    main(sys.argv[1:])
