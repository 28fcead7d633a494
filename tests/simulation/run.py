"""Run the simulated mesh by seed: faults first, then quiet, with invariants checked all along.

More than 200 nodes are one mesh without faults, whose cost is measured. With ``--site`` the nodes
share one local network, and how many links each keeps is told.

Run: python -m tests.simulation.run --nodes 50 --seeds 20 --json build/simulation.json
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from tests.simulation import (
    actors,
    attempts,
    escrow,
    fetching,
    grants,
    replicas,
    shares,
    variables,
)
from tests.simulation.faults import FAULTS
from tests.simulation.report import write_report
from tests.simulation.scale import SIZES, grow
from tests.simulation.scenario import simulate
from tests.simulation.site import simulate_site

from cantor.base.errors import CantorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.simulation.grants import Outcome as GrantsOutcome
    from tests.simulation.scale import Growth
    from tests.simulation.scenario import Outcome

NODES_WITH_FAULTS_MAX = 200


def attempt(nodes: int, seed: int) -> Outcome | str:
    """One seed; what broke, if something did.

    Nearly all that is made stays or is let go by its last user, so Python looks for the rest once.
    """
    gc.disable()
    try:
        return simulate(nodes, seed)
    except CantorError as error:
        return str(error)
    finally:
        gc.enable()
        gc.collect()


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


def run_seeds(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Faults by seed; the figures, and the commands that repeat what failed."""
    seeds = range(options.first, options.first + options.seeds)
    if options.seed is not None:
        seeds = range(options.seed, options.seed + 1)
    fired: Counter[str] = Counter(dict.fromkeys(FAULTS, 0))
    digests: dict[str, str] = {}
    equal_s: list[float] = []
    death_s: list[float] = []
    failures: list[str] = []
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
        if not options.quiet:
            print(f"seed {seed}: {outcome.digest}", flush=True)
    figures = {
        "nodes": options.nodes,
        "equal_after_s_max": max(equal_s, default=None),
        "death_seen_s_max": max(death_s, default=None),
        "digests": digests,
        "faults": {name: fired[name] for name in FAULTS},
        "failures": failures,
    }
    return figures, failures


def run_sites(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Sites by seed; how many links nodes keep, and the commands that repeat what failed."""
    first = options.first if options.seed is None else options.seed
    sites: list[dict[str, Any]] = []
    failures: list[str] = []
    for seed in range(first, first + (options.seeds if options.seed is None else 1)):
        try:
            outcome = simulate_site(options.nodes, seed)
        except CantorError as error:
            again = f"python -m tests.simulation.run --site --nodes {options.nodes} --seed {seed}"
            failures.append(f"{error}\nrepeat: {again}")
            print(f"seed {seed}: {failures[-1]}", flush=True)
            continue
        figures = {"degrees": outcome.degrees, "rested_after_s": outcome.rested_after_s}
        sites.append({"seed": seed, "digest": outcome.digest, **figures})
        kept = ", ".join(f"{count} with {degree}" for degree, count in outcome.degrees.items())
        after = f"{outcome.rested_after_s:g} s after the faults"
        print(f"seed {seed}: links {after}: {kept}; {outcome.digest}", flush=True)
    return {"nodes": options.nodes, "sites": sites, "faults": {}, "failures": failures}, failures


def run_grants(
    name: str, play: Callable[..., GrantsOutcome], seeds: Iterable[int]
) -> tuple[dict[str, Any], list[str]]:
    """Grants, or rights to shared quantities, by seed; the figures, and what failed."""
    fired: Counter[str] = Counter()
    held = 0
    failures: list[str] = []
    for seed in seeds:
        try:
            outcome = play(seed, pause_s=grants.PAUSES_S[seed % 2])
        except CantorError as error:
            failures.append(f"{name}, seed {seed}: {error}")
            print(failures[-1], flush=True)
            continue
        fired += outcome.fired
        held += outcome.held
    print(f"{name}: {held} held, none twice" if not failures else f"{name} failed", flush=True)
    return {"held": held, "faults": dict(sorted(fired.items())), "failures": failures}, failures


def share(seed: int) -> shares.Outcome | str:
    """One seed of projects that share a pool; what broke, if something did."""
    try:
        return shares.simulate(seed)
    except CantorError as error:
        return f"shares: {error}"


def run_shares(seeds: Iterable[int], processes: int) -> tuple[dict[str, Any], list[str]]:
    """Projects that share the GPUs of ten nodes, by seed; the figures, and what failed."""
    with ProcessPoolExecutor(max(1, processes)) as pool:
        found = list(pool.map(share, seeds))
    failures = [one for one in found if isinstance(one, str)]
    for failure in failures:
        print(failure, flush=True)
    well = [one for one in found if not isinstance(one, str)]
    fired = sum((one.fired for one in well), Counter())
    uneven = max((one.uneven for one in well), default=0.0)
    used = min((one.used for one in well), default=0.0)
    windows = sum(one.windows for one in well)
    print(
        f"two projects 3:1 were {uneven:.3f} of the pool from their shares at most, in {windows} "
        f"windows of five seconds; of what was wanted {used:.3f} was used at least",
        flush=True,
    )
    soon = max((one.uneven_soon for one in well), default=0.0)
    figures = {
        "uneven_max": uneven, "uneven_soon_max": soon, "used_min": used, "windows": windows
    }  # fmt: skip
    return {**figures, "faults": dict(sorted(fired.items())), "failures": failures}, failures


def replicate(seed: int) -> replicas.Outcome | str:
    """One seed of a replica group; what broke, if something did."""
    try:
        return replicas.simulate(seed)
    except CantorError as error:
        return f"replicas, seed {seed}: {error}"


def run_replicas(seeds: Iterable[int], processes: int) -> tuple[dict[str, Any], list[str]]:
    """Groups of two, three and five members, by seed; the figures, and what failed."""
    with ProcessPoolExecutor(max(1, processes)) as pool:
        found = list(pool.map(replicate, seeds))
    failures = [one for one in found if isinstance(one, str)]
    for failure in failures:
        print(failure, flush=True)
    well = [one for one in found if not isinstance(one, str)]
    fired = sum((one.fired for one in well), Counter(dict.fromkeys(replicas.FAULTS, 0)))
    operations = sum(one.operations for one in well)
    epochs = sum(one.epochs for one in well)
    print(
        f"replicas: {len(well)} groups with {epochs} owners held, {operations} operations of "
        "clients are linearizable",
        flush=True,
    )
    figures = {"groups": len(well), "owners": epochs, "operations": operations}
    faults = {name: fired[name] for name in sorted({*fired, *replicas.FAULTS})}
    return {**figures, "faults": faults, "failures": failures}, failures


def run_fetches(seeds: Iterable[int]) -> tuple[dict[str, Any], list[str]]:
    """Blobs on their way to ten nodes, by seed; the figures, and what failed."""
    fired: Counter[str] = Counter()
    copies: list[float] = []
    failures: list[str] = []
    for seed in seeds:
        try:
            outcome = fetching.simulate(seed)
        except CantorError as error:
            failures.append(f"fetches, seed {seed}: {error}")
            print(failures[-1], flush=True)
            continue
        fired += outcome.fired
        copies.append(outcome.copies)
    sent = f"{median(copies):.2f} times, {max(copies):.2f} at most" if copies else "never"
    print(f"a blob for ten nodes left its origin {sent}", flush=True)
    figures = {"copies": copies, "faults": dict(sorted(fired.items())), "failures": failures}
    return figures, failures


def run_ends(
    name: str, good: str, play: Callable[[int], attempts.Outcome | actors.Outcome],
    seeds: Iterable[int],
) -> tuple[dict[str, Any], list[str]]:  # fmt: skip
    """Tasks or calls on a few nodes, by seed; the figures, and what failed."""
    fired: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    failures: list[str] = []
    for seed in seeds:
        try:
            outcome = play(seed)
        except CantorError as error:
            failures.append(f"{name}, seed {seed}: {error}")
            print(failures[-1], flush=True)
            continue
        fired += outcome.fired
        ends += outcome.ends
    print(f"{name}: {ends[good]} {good}, none twice", flush=True)
    figures = {"ends": dict(sorted(ends.items())), "faults": dict(sorted(fired.items()))}
    return {**figures, "failures": failures}, failures


def run_variables(seeds: Iterable[int]) -> tuple[dict[str, Any], list[str]]:
    """Variables on a dozen nodes, by seed; the figures, and what failed."""
    fired: Counter[str] = Counter()
    kept = 0
    failures: list[str] = []
    for seed in seeds:
        try:
            world = variables.run_seed(seed, is_forgetful=seed % 2 == 1)
        except CantorError as error:
            failures.append(f"variables, seed {seed}: {error}")
            print(failures[-1], flush=True)
            continue
        fired += world.fired
        kept += len(world.acknowledged)
    print(f"variables: {kept} acknowledged, none lost" if not failures else "variables failed")
    return {"kept": kept, "faults": dict(sorted(fired.items())), "failures": failures}, failures


def run_sizes(nodes: int, *, is_all: bool) -> list[Growth]:
    """A mesh of each size, or of the one asked for, formed and changed."""
    grown = []
    for size in sorted({nodes, *SIZES}) if is_all else [nodes]:
        growth = grow(size)
        grown.append(growth)
        print(
            f"{size} nodes, {growth.links} links: one mesh after {growth.cold_s:g} s, "
            f"{growth.messages} facts in {growth.frames} frames, "
            f"{growth.bytes_per_node} bytes a node; a change reaches all in {growth.change_s:g} s "
            f"(computed in {growth.computing_s:g} s)",
            flush=True,
        )
    return grown


def main() -> int:
    """Run many seeds or one large mesh; print the commands that repeat what fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--grants", type=int, default=0, metavar="SEEDS", help="of grants as well")
    parser.add_argument("--shares", type=int, default=0, metavar="SEEDS", help="of projects too")
    parser.add_argument("--fetches", type=int, default=0, metavar="SEEDS", help="of blobs as well")
    parser.add_argument("--tasks", type=int, default=0, metavar="SEEDS", help="of tasks as well")
    parser.add_argument("--actors", type=int, default=0, metavar="SEEDS", help="of actors as well")
    parser.add_argument("--replicas", type=int, default=0, metavar="SEEDS", help="of groups too")
    parser.add_argument("--variables", type=int, default=0, metavar="SEEDS", help="of them too")
    parser.add_argument("--first", type=int, default=0, help="begin with this seed")
    parser.add_argument("--seed", type=int, help="run this one only")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--site", action="store_true", help="one local network, by seed")
    parser.add_argument("--quiet", action="store_true", help="print only what fails")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--report", type=Path, help="write a page with drawings there")
    options = parser.parse_args()
    began = time.monotonic()
    figures: dict[str, Any] = {"faults": {}}
    failures: list[str] = []
    if options.site:
        figures, failures = run_sites(options)
    elif options.nodes <= NODES_WITH_FAULTS_MAX:
        figures, failures = run_seeds(options)
    if options.grants:
        seeds = range(options.first, options.first + options.grants)
        for name, play in (("grants", grants.simulate), ("rights", escrow.simulate)):
            figures[name], failed = run_grants(name, play, seeds)
            failures += failed
    for name, count, run in (
        ("shares", options.shares, partial(run_shares, processes=options.processes)),
        ("fetches", options.fetches, run_fetches),
        ("replicas", options.replicas, partial(run_replicas, processes=options.processes)),
        ("tasks", options.tasks, partial(run_ends, "tasks", "committed", attempts.simulate)),
        ("variables", options.variables, run_variables),
        ("actors", options.actors, partial(run_ends, "actors", "answered", actors.simulate)),
    ):
        if count:
            figures[name], failed = run(range(options.first, options.first + count))
            failures += failed
    is_large = options.nodes > NODES_WITH_FAULTS_MAX and not options.site
    if options.report is not None or is_large:
        grown = run_sizes(options.nodes, is_all=options.report is not None)
        figures["growth"] = [growth.as_dict() for growth in grown]
        if options.report is not None:
            count = len(figures.get("digests", ()))
            summary = f"{count} seeds with faults held, {len(failures)} did not."
            write_report(options.report, grown, figures["faults"], summary)
    figures["seconds"] = round(time.monotonic() - began, 3)
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
