"""Beside zenoh and NATS: round trips, a relay, small and large messages.

Everything is on loopback, with TLS 1.3 and certificates on both sides, no shared memory, and two
processes (three with a relay) for each contestant, one contestant at a time, in turn.

    ROUNDS=3 make bench NAME=mesh ONLY=loopback
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.mesh import certificates
from tests.benchmarks.mesh.stage import HERE, PEERS
from tests.benchmarks.mesh.table import LackingError, Row, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    Figures = dict[str, float]

WAIT_S = 120.0
US, GB = "us", 1e9


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until_listening(port: int, process: subprocess.Popen[str]) -> None:
    """Wait until something answers there."""
    deadline_s = time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.05)
    message = f"nothing listens on port {port}: {process.args!r}"
    raise TimeoutError(message)


@contextlib.contextmanager
def running(command: list[str], port: int | None) -> Iterator[None]:
    """A server that ends when its input does."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if port is not None:
            until_listening(port, process)
        elif process.stdout is not None:
            process.stdout.readline()
        yield
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def figures_of(command: list[str]) -> Figures:
    """What a measuring process prints."""
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=WAIT_S)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def cantor(folder: Path) -> Figures:
    """Two nodes with one link, then a line of three."""
    script, one, two, three, four = str(HERE / "ours.py"), *(free_port() for _ in range(4))
    own = [sys.executable, script]
    subprocess.run([*own, "prepare", str(folder), "a,b,r"], check=True)
    with running([*own, "serve", str(folder), "b", str(one)], one):
        direct = figures_of([*own, "measure", str(folder), "a", str(two), f"127.0.0.1:{one}"])
    with (
        running([*own, "serve", str(folder), "r", str(three)], three),
        # not where it was: the other would remember that, and dial it past the relay
        running([*own, "leaf", str(folder), "b", str(four), f"127.0.0.1:{three}"], four),
    ):
        relayed = figures_of([*own, "relayed", str(folder), "a", str(two), f"127.0.0.1:{three}"])
    return {**direct, "relayed_p50_us": relayed["small_p50_us"]}


def zenoh(folder: Path) -> Figures:
    """The same with zenoh: peers, then routers in a line."""
    script, one, two = str(HERE / "zenoh_peer.py"), free_port(), free_port()
    own = [str(PEERS), script]
    at = [f"tls/localhost:{port}" for port in (one, two)]
    with running([*own, "serve", str(folder), "peer", at[0]], one):
        direct = figures_of([*own, "measure", str(folder), "peer", at[0], "floods"])
    with (
        running([*own, "serve", str(folder), "router", at[0]], one),
        running([*own, "relay", str(folder), "router", at[1], at[0]], two),
    ):
        relayed = figures_of([*own, "measure", str(folder), "router", at[1]])
    return {
        **direct,
        "relayed_p50_us": relayed["small_p50_us"],
        "relayed_channel_p50_us": relayed["channel_p50_us"],
    }


def nats(folder: Path) -> Figures:
    """Two clients of one NATS server."""
    port = free_port()
    config = folder / "nats.conf"
    config.write_text(
        f'listen: "127.0.0.1:{port}"\ntls {{ cert_file: "{folder / "node.pem"}", '
        f'key_file: "{folder / "node.key"}", ca_file: "{folder / "ca.pem"}", verify: true }}\n'
    )
    own = [str(PEERS), str(HERE / "nats_peer.py")]
    url = f"tls://localhost:{port}"
    server = subprocess.Popen(
        ["nats-server", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline_s = time.monotonic() + WAIT_S
        while time.monotonic() < deadline_s:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
                break
            time.sleep(0.05)
        with running([*own, "serve", str(folder), url], None):
            return figures_of([*own, "measure", str(folder), url])
    finally:
        server.terminate()
        server.wait(10)


def compared(medians: dict[str, Figures]) -> list[Row]:
    """The lines of the result."""
    ours, other = medians["ours"], medians["zenoh"]
    third = medians.get("nats", {})

    def peers(key: str, channel: str = "") -> Figures:
        found = {"zenoh (callback)" if channel else "zenoh": other[key]}
        if channel:
            found["zenoh (channel)"] = other[channel]
        return found | ({"NATS": third[key]} if key in third else {})

    p50, p99, relayed, per_s = "small_p50_us", "small_p99_us", "relayed_p50_us", "small_per_s"
    by_channel = peers(p50, "channel_p50_us")
    best_us = min(90.0, other[p50], other["channel_p50_us"])
    most = max(250_000.0, third.get(per_s, 0.0))
    bytes_per_s = {"zenoh": other["large_bytes_per_s"] / GB}
    return [
        Row("64 B request, one hop, p50", US, ours[p50], best_us, peers=by_channel),
        Row("64 B request, one hop, p99", US, ours[p99], 250.0, peers=peers(p99, "channel_p99_us")),
        Row(
            "64 B request over one relay, p50",
            US,
            ours[relayed],
            200.0,
            peers=peers(relayed, "relayed_channel_p50_us"),
        ),
        Row("64 B messages one way, reliable", "1/s", ours[per_s], most, "higher", peers(per_s)),
        Row(
            "1 MB frames one way",
            "GB/s",
            ours["large_bytes_per_s"] / GB,
            1.1,
            "higher",
            bytes_per_s,
        ),
    ]


def measure() -> list[Row]:
    """Run all rounds.

    Raises:
        LackingError: the peers are not installed.
    """
    if not PEERS.exists():
        raise LackingError("the peers are not installed: python3 .ci/bootstrap.py peers")
    contestants = {"ours": cantor, "zenoh": zenoh}
    if shutil.which("nats-server"):
        contestants["nats"] = nats
    else:
        print("without NATS: apt-get install nats-server")
    rounds: dict[str, list[Figures]] = {name: [] for name in contestants}
    for _ in range(int(os.environ.get("ROUNDS", "3"))):
        for name, contestant in contestants.items():
            with tempfile.TemporaryDirectory() as folder:
                certificates.make(Path(folder))
                rounds[name].append(contestant(Path(folder)))
    medians = {
        name: {key: statistics.median(one[key] for one in runs) for key in runs[0]}
        for name, runs in rounds.items()
    }
    return compared(medians)


if __name__ == "__main__":
    sys.exit(run({"loopback": measure}))
