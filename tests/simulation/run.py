"""Run the simulated mesh by seed: faults first, then quiet, with invariants checked all along.

Run: python -m tests.simulation.run --nodes 50 --seeds 20 --json build/simulation.json
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tests.simulation.faults import FAULTS
from tests.simulation.scenario import simulate

from cantor.base.errors import CantorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.simulation.scenario import Outcome


def attempt(nodes: int, seed: int) -> Outcome | str:
    """One seed; what broke, if something did."""
    try:
        return simulate(nodes, seed)
    except CantorError as error:
        return str(error)


def outcomes(
    nodes: int, seeds: Iterable[int], processes: int
) -> Iterator[tuple[int, Outcome | str]]:
    """Every seed with its outcome, in order."""
    if processes <= 1:
        for seed in seeds:
            yield seed, attempt(nodes, seed)
        return
    with ProcessPoolExecutor(processes) as pool:
        waiting = [(seed, pool.submit(attempt, nodes, seed)) for seed in seeds]
        for seed, future in waiting:
            yield seed, future.result()


def main() -> int:
    """Run many seeds; print the commands that repeat those that fail."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--seed", type=int, help="run this one only")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    seeds = range(options.seeds) if options.seed is None else [options.seed]
    fired: Counter[str] = Counter(dict.fromkeys(FAULTS, 0))
    digests: dict[str, str] = {}
    equal_s: list[float] = []
    death_s: list[float] = []
    failures: list[str] = []
    began = time.monotonic()
    for seed, outcome in outcomes(options.nodes, seeds, options.processes):
        if isinstance(outcome, str):
            again = f"python -m tests.simulation.run --nodes {options.nodes} --seed {seed}"
            failures.append(f"{outcome}\nrepeat: {again}")
            print(f"seed {seed}: {failures[-1]}", flush=True)
            continue
        digests[str(seed)] = outcome.digest
        fired += outcome.fired
        equal_s.append(outcome.equal_after_s)
        death_s.append(outcome.death_seen_s)
        print(f"seed {seed}: {outcome.digest}", flush=True)
    figures = {
        "nodes": options.nodes,
        "seconds": round(time.monotonic() - began, 3),
        "equal_after_s_max": max(equal_s, default=None),
        "death_seen_s_max": max(death_s, default=None),
        "digests": digests,
        "faults": {name: fired[name] for name in FAULTS},
        "failures": failures,
    }
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
