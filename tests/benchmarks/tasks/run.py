"""Tasks on one machine beside the standard library's process pool, Ray, Dask, Joblib's loky and
HyperQueue, interleaved; and durable tasks and tasks on another node of a mesh, which they have no
counterpart of here.

Each round runs every contestant in processes of its own; medians are compared.

    ROUNDS=3 python tests/benchmarks/tasks/run.py
    PEERS=stdlib python tests/benchmarks/tasks/run.py      beside that alone
    ONLY=mesh,durable python tests/benchmarks/tasks/run.py    of Cantor alone: ours, mesh, durable
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.mesh.table import Row, keep

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent
RESULT = ROOT / "build" / "bench" / "tasks.json"
PEERS_PYTHON = ROOT / ".tools" / "peers" / "bin" / "python"
NAMES = {
    "stdlib": "ProcessPoolExecutor",
    "ray_peer": "Ray",
    "dask_peer": "Dask",
    "loky_peer": "Joblib (loky)",
    "hyperqueue_peer": "HyperQueue",
}
OURS = {"ours": "ours", "mesh": "on_mesh", "durable": "durable"}
ROUND_S_MAX = 180

Rounds = dict[str, list[dict[str, float]]]


def one_round(script: str) -> dict[str, float] | None:
    """The figures of one contestant; None, said, if it is not installed or does not end."""
    python = str(PEERS_PYTHON) if script.endswith("_peer") else sys.executable
    if not Path(python).exists():
        print(f"{NAMES[script]} is left out: run python3 .ci/bootstrap.py peers", flush=True)
        return None
    try:
        done = subprocess.run(
            [python, str(HERE / f"{script}.py")],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=ROUND_S_MAX,
        )
    except subprocess.TimeoutExpired:
        print(f"{script} was not done in {ROUND_S_MAX} s", file=sys.stderr, flush=True)
        return None
    if done.returncode != 0:
        print(f"{script} failed:\n{done.stderr}", file=sys.stderr, flush=True)
        return None
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def rounds(count: int, scripts: list[str]) -> Rounds:
    """Every contestant once in each round."""
    found: Rounds = {}
    for _ in range(count):
        for script in scripts:
            figures = one_round(script)
            if figures is not None:
                found.setdefault(script, []).append(figures)
                rounded = {name: round(value, 2) for name, value in figures.items()}
                print(script, rounded, flush=True)
    return found


def rows(found: Rounds) -> list[Row]:
    """The table of issue and page: targets are what was promised beside the peers."""

    def median(script: str, figure: str) -> float | None:
        values = [one[figure] for one in found.get(script, []) if figure in one]
        return statistics.median(values) if values else None

    def row(measure: str, unit: str, figure: str, target: float, peer: str = "") -> Row:
        peers = {NAMES[name]: median(name, peer or figure) for name in NAMES}
        known = {name: value for name, value in peers.items() if value is not None}
        ours = median("ours", figure) or 0.0
        return Row(measure, unit, ours, target, "higher" if unit == "1/s" else "lower", known)

    pool = {name: median("stdlib", name) or 0.0 for name in ("noop_p50_us", "noop_p99_us",
            "tasks_per_s")}  # fmt: skip
    actor_us = min(500.0, median("ray_peer", "actor_p50_us") or 500.0)
    rate = max(pool["tasks_per_s"], 4 * (median("ray_peer", "tasks_per_s") or 0.0))
    return [
        row("no-op task, submit to result, p50", "us", "noop_p50_us", 1.3 * pool["noop_p50_us"]),
        row("no-op task, submit to result, p99", "us", "noop_p99_us", 2 * pool["noop_p99_us"]),
        row("10 000 no-op tasks", "1/s", "tasks_per_s", rate),
        row("10 000 no-op tasks, batched", "1/s", "batch_per_s", 2 * pool["tasks_per_s"],
            "tasks_per_s"),
        row("1 MB numpy argument, over the no-op, p50", "us", "array_us", 500.0),
        row("actor call, p50", "us", "actor_p50_us", actor_us),
        row("from nothing to the first result", "s", "start_s", 2.0),
    ]  # fmt: skip


def durable_rows(found: Rounds) -> list[Row]:
    """The table of durable tasks."""

    def median(figure: str) -> float:
        return statistics.median(one[figure] for one in found["durable"])

    return [
        Row("10 000 durable no-op tasks", "1/s", median("durable_per_s"), 2000.0, "higher"),
        Row("the same without an agent", "1/s", median("durable_local_per_s"), 2000.0, "higher"),
        Row("durable no-op task, p50", "us", median("durable_p50_us"), 10_000.0),
    ]


def mesh_rows(found: Rounds) -> list[Row]:
    """The table of tasks on another node; peers are what they are with their workers, idle."""
    rounds = found["on_mesh"]
    idle = {
        name: statistics.median(one["idle_mb"] for one in found[script])
        for script, name in NAMES.items()
        if "idle_mb" in found.get(script, [{}])[0]
    }

    def median(figure: str) -> float:
        return statistics.median(one[figure] for one in rounds)

    return [
        Row("no-op task on another node over mTLS, p50", "us", median("noop_p50_us"), 800.0),
        Row("no-op task on another node over mTLS, p99", "us", median("noop_p99_us"), 2000.0),
        Row("actor call on another node over mTLS, p50", "us", median("actor_p50_us"), 800.0),
        Row("10 000 no-op tasks on another node", "1/s", median("map_per_s"), 4000.0, "higher"),
        Row(
            "1 MB numpy argument to another node, over the no-op", "us", median("array_us"), 3000.0
        ),
        Row("start of an agent until its first task has run", "s", median("start_s"), 2.0),
        Row("agent with one warm worker, idle, PSS", "MB", median("idle_mb"), 80.0, "lower", idle),
    ]


def main() -> int:
    """Run the rounds, print the table, write the result."""
    wanted = os.environ.get("ONLY", ",".join(OURS)).split(",")
    peers = os.environ.get("PEERS", ",".join(NAMES) if "ours" in wanted else "").split(",")
    scripts = [OURS[name] for name in wanted] + [peer for peer in peers if peer]
    found = rounds(int(os.environ.get("ROUNDS", "3")), scripts)
    tables = {"ours": rows, "on_mesh": mesh_rows, "durable": durable_rows}
    keep([row for name, table in tables.items() if name in found for row in table(found)], RESULT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
