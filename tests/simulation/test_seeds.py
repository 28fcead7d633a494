from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run.py")
ROOT = RUN.parents[2]


def run(hash_seed: str, *options: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT / "agent")}
    done = subprocess.run(
        [sys.executable, str(RUN), *options], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.simulation
def test_fifty_seeds_stay_safe_and_heal() -> None:
    assert run("0", "--nodes", "6", "--seeds", "50").count("seed") == 50


@pytest.mark.simulation
def test_the_same_seed_gives_the_same_run_whatever_the_hash_seed() -> None:
    assert run("1", "--nodes", "9", "--seed", "3") == run("2", "--nodes", "9", "--seed", "3")
