from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.simulation import world
from tests.simulation.run import deliver_all, simulate
from tests.simulation.world import Send, World

from cantor.base.errors import CantorError
from cantor.mesh import plane
from cantor.mesh.core import MeshCore
from cantor.mesh.plane import DataPlane
from cantor.wire import DataFrame, Kind

ROOT = Path(__file__).parents[2]
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


def settled(nodes: int, *, is_line: bool = False) -> World:
    made = World(nodes, 1, steps=(1,), is_line=is_line)
    made.run(5.0)
    return made


def does_ttl_hold() -> bool:
    line = settled(6, is_line=True)
    for ttl in (4, 5):
        frame = DataFrame(Kind.DATA, line.ids[0], line.ids[5], message_id=ttl, ttl=ttl)
        line.post(0.0, line.ids[0], Send(frame))
    line.run(line.now + 1.0)
    arrived = [message for _, _, message in line.delivered]
    expired = sum(node.counters["ttl_expired"] for node in line.cores.values())
    return (arrived, expired) == ([5], 1)


def test_fifty_seeds_stay_safe_and_heal_and_every_fault_fires(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    printed = run("0", "--nodes", "6", "--seeds", "50", "--report", str(report))
    figures = json.loads(report.read_text(encoding="utf-8"))
    assert printed.count("seed") == len(figures["digests"]) == 50
    assert all(figures["faults"].values()), figures["faults"]


def test_the_same_seed_gives_the_same_run_whatever_the_hash_seed() -> None:
    assert run("1", "--nodes", "9", "--seed", "3") == run("2", "--nodes", "9", "--seed", "3")


@pytest.mark.parametrize("is_line", [True, False])
def test_frames_over_many_hops_arrive_exactly_once(is_line: bool) -> None:
    deliver_all(settled(10, is_line=is_line))


def test_a_frame_goes_as_far_as_its_ttl_and_no_farther() -> None:
    assert does_ttl_hold()


def test_missing_digests_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MeshCore, "_compare", lambda *_: None)
    with pytest.raises(CantorError, match="differ after healing"):
        find_in_seeds()


def test_missing_suppression_of_duplicates_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DataPlane, "_is_new", lambda *_: True)
    with pytest.raises(CantorError, match="delivered twice"):
        deliver_all(settled(4))


def test_a_verification_that_lets_all_pass_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "verify", lambda *_: True)
    with pytest.raises(CantorError, match="forged fact was taken"):
        find_in_seeds()


def test_a_ttl_that_is_not_counted_down_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane, "_one_hop_less", lambda record: record)
    assert not does_ttl_hold()


def find_in_seeds() -> None:
    for seed in range(5):
        simulate(6, seed)
