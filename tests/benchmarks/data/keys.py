"""Setting and getting a key: on the own node and on another, beside NATS KV and Redis.

Ours syncs each change before it answers, and so does Redis here; NATS only writes it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.data import peers
from tests.benchmarks.mesh.table import ROOT, LackingError, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HERE = Path(__file__).parent
ROUNDS, COUNT = int(os.environ.get("ROUNDS", "3")), os.environ.get("COUNT", "2000")
P50_US_MAX = 300.0
WAIT_S = 300.0
Figures = dict[str, float]


def ours(folder: Path) -> Figures:
    """Two agents and a program."""
    return _figures([sys.executable, str(HERE / "keys_ours.py"), str(folder), COUNT])


def nats(folder: Path) -> Figures:
    """A server with JetStream and a program."""
    with peers.nats(folder) as url:
        script = str(HERE / "keys_nats_peer.py")
        return _figures([str(peers.clients()), script, str(folder), url, COUNT])


def redis(folder: Path) -> Figures:
    """A server that syncs, and a program."""
    with peers.redis(folder) as port:
        script = str(HERE / "keys_redis_peer.py")
        return _figures([str(peers.clients()), script, str(folder), str(port), COUNT])


def measure() -> Sequence[Row]:
    """Medians of several rounds, interleaved."""
    contestants: dict[str, Callable[[Path], Figures]] = {"": ours, "NATS KV": nats, "Redis": redis}
    found: dict[str, list[Figures]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, run in contestants.items():
            with tempfile.TemporaryDirectory() as folder:
                try:
                    found[name].append(run(Path(folder)))
                except LackingError as error:
                    print(f"{name} is left out: {error}", flush=True)
    medians = {
        name: {one: statistics.median(each[one] for each in rounds) for one in rounds[0]}
        for name, rounds in found.items()
        if rounds
    }
    mine = medians.pop("")
    rows = []
    for where, node in (("here", "the own node"), ("there", "another node, mTLS")):
        for verb in ("get", "set"):
            for rank in ("p50", "p99"):
                others = {name: each[f"{verb}_{rank}"] for name, each in medians.items()}
                target = P50_US_MAX if (where, rank) == ("there", "p50") else None
                about = f"key-value {verb}, {node}, {rank}"
                rows.append(Row(about, "us", mine[f"{where}_{verb}_{rank}"], target, peers=others))
    return rows


def _figures(command: list[str]) -> Figures:
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=WAIT_S,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures
