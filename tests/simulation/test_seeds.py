from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.errors import CantorError
from cantor.mesh import core
from cantor.mesh.core import MeshCore
from cantor.mesh.events import Send
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from types import ModuleType

RUN = Path(__file__).with_name("run.py")
ROOT = RUN.parents[2]
pytestmark = pytest.mark.simulation


def run(hash_seed: str, *options: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT / "agent")}
    done = subprocess.run(
        [sys.executable, str(RUN), *options], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("mesh_simulator", RUN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "mesh_simulator", module)
    spec.loader.exec_module(module)
    return module


def settled(simulator: ModuleType, nodes: int, *, is_line: bool = False) -> Any:  # noqa: ANN401
    world = simulator.World(nodes, 1, steps=(1,), is_line=is_line)
    world.run(5.0)
    return world


def does_ttl_hold(simulator: ModuleType) -> bool:
    world = settled(simulator, 6, is_line=True)
    for ttl in (4, 5):
        frame = DataFrame(Kind.DATA, world.ids[0], world.ids[5], message_id=ttl, ttl=ttl)
        world.post(0.0, world.ids[0], Send(frame))
    world.run(world.now + 1.0)
    arrived = [message for _, _, message in world.delivered]
    expired = sum(node.counters["ttl_expired"] for node in world.cores.values())
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
def test_frames_over_many_hops_arrive_exactly_once(simulator: ModuleType, is_line: bool) -> None:
    simulator.deliver_all(settled(simulator, 10, is_line=is_line))


def test_a_frame_goes_as_far_as_its_ttl_and_no_farther(simulator: ModuleType) -> None:
    assert does_ttl_hold(simulator)


def test_missing_digests_are_found(simulator: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MeshCore, "_digest", lambda *_: None)
    with pytest.raises(CantorError, match="differ after healing"):
        find_in_seeds(simulator)


def test_missing_suppression_of_duplicates_is_found(
    simulator: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MeshCore, "_is_new", lambda *_: True)
    with pytest.raises(CantorError, match="delivered twice"):
        simulator.deliver_all(settled(simulator, 4))


def test_a_verification_that_lets_all_pass_is_found(
    simulator: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulator, "verify", lambda *_: True)
    with pytest.raises(CantorError, match="forged fact was taken"):
        find_in_seeds(simulator)


def test_a_ttl_that_is_not_counted_down_is_found(
    simulator: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "replace", lambda frame, **_: frame)
    assert not does_ttl_hold(simulator)


def find_in_seeds(simulator: ModuleType) -> None:
    for seed in range(5):
        simulator.simulate(6, seed)
