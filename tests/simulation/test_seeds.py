from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.simulation.happenings import Send
from tests.simulation.places import row
from tests.simulation.scenario import deliver_all, send, simulate
from tests.simulation.world import World

from cantor.wire import DataFrame, Kind

ROOT = Path(__file__).parents[2]
FAILED_ONCE = {
    (8, 33): "a comparison under way cancelled the one that a change of the tree needs",
    (8, 95): "a sum of costs in another order made two neighbours the way for each other",
    (8, 141): "a node that had stood still gave all links more time than it had lost",
    (6, 170): "a dial that failed made a node dial the peer that had linked with it meanwhile",
    (6, 191): "the liar's lie had the very stamp of its own last word, so that either was kept",
    (6, 378): "a copy that waited for 4 s reached a node that had been started anew meanwhile",
    (50, 5): "that a link was lost was told after the pause of costs, too late for a death",
    (50, 2008): "for the same reason routes still moved long after the last fault",
    (50, 326): "heartbeats a little more often than foreseen were never answered, as if all slept",
    (50, 2043): "for the same reason links with traffic were taken for silent again and again",
}
pytestmark = pytest.mark.simulation


def run(hash_seed: str, *options: str) -> str:
    environment = {
        **os.environ,
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'agent'}",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation.run", *options],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_two_hundred_seeds_stay_safe_and_heal_and_every_fault_fires(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    options = ("--nodes", "6", "--seeds", "200", "--processes", "2", "--quiet")
    run("0", *options, "--json", str(report))
    figures = json.loads(report.read_text(encoding="utf-8"))
    assert len(figures["digests"]) == 200
    assert all(figures["faults"].values()), figures["faults"]


@pytest.mark.parametrize(("nodes", "seed"), FAILED_ONCE)
def test_what_failed_once_holds(nodes: int, seed: int) -> None:
    simulate(nodes, seed)


def test_the_same_seed_gives_the_same_run_whatever_the_hash_seed() -> None:
    assert run("1", "--nodes", "9", "--seed", "3") == run("2", "--nodes", "9", "--seed", "3")


@pytest.mark.parametrize("seed", range(5))
def test_links_that_are_well_are_never_taken_for_silent_while_traffic_comes_and_goes(
    seed: int,
) -> None:
    mesh = World(20, seed)
    mesh.run(3.0)
    for step in range(300):
        if step < 20:
            source, target = mesh.traffic.sample(mesh.ids, 2)
            send(mesh, source, target, step)
        mesh.run(mesh.now + 0.05)
        assert not [
            link for box in mesh.boxes.values() for link in box.core.links if link.is_stalled
        ]


@pytest.mark.parametrize("nodes", [10, 40])
def test_frames_over_many_hops_arrive_exactly_once(nodes: int) -> None:
    line = World(nodes, 1, knows=row(nodes))
    line.run(10.0)
    deliver_all(line)


def test_a_frame_goes_as_far_as_its_ttl_and_no_farther() -> None:
    assert does_ttl_hold()


def does_ttl_hold() -> bool:
    line = World(6, 1, knows=row(6))
    line.run(5.0)
    for ttl in (4, 5):
        frame = DataFrame(Kind.DATA, line.ids[0], line.ids[5], message_id=ttl, ttl=ttl)
        line.post(0.0, line.ids[0], Send(frame))
    line.run(line.now + 1.0)
    arrived = [message for _, _, message in line.delivered]
    expired = sum(box.plane.counters["ttl_expired"] for box in line.boxes.values())
    return arrived == [5] and expired >= 1
