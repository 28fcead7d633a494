"""Ten fresh nodes get one blob, and its origin sends it twice; planted bugs are found."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.simulation.fetching import FAULTS, simulate
from tests.simulation.repeated import outputs

from cantor.base.errors import LocalProtocolError
from cantor.bundles.fetching.fetch import Fetch
from cantor.bundles.fetching.manifest import Part

if TYPE_CHECKING:
    from cantor.wire.frame import Buffer

ROOT = Path(__file__).parents[2]
COPIES_MAX = 3.0
pytestmark = pytest.mark.simulation


@pytest.mark.parametrize("seed", range(5))
def test_the_origin_sends_a_blob_twice_to_ten_nodes_that_want_it_at_once(seed: int) -> None:
    outcome = simulate(seed, is_calm=True)

    assert outcome.copies == 2.0
    assert not +outcome.fired


def test_the_origin_sends_no_more_to_forty_nodes() -> None:
    assert simulate(0, 40, is_calm=True).copies == 2.0


def test_whatever_happens_who_lives_gets_it_all_and_every_fault_fires() -> None:
    fired: Counter[str] = Counter()
    copies = []
    for seed in range(20):
        outcome = simulate(seed)
        fired += outcome.fired
        copies.append(outcome.copies)

    assert set(fired) == set(FAULTS)
    assert sorted(copies)[len(copies) // 2] <= COPIES_MAX


def test_the_same_seed_gives_the_same_run_whatever_the_hash_seed() -> None:
    program = "from tests.simulation.fetching import simulate; print(simulate(3).digest)"
    assert len(outputs(program)) == 1


def test_make_sim_plays_fetches_as_well(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    words = ["--nodes", "3", "--seeds", "1", "--fetches", "2", "--json", str(report)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation.run", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert "a blob for ten nodes left its origin 2." in done.stdout
    figures = json.loads(report.read_text(encoding="utf-8"))["fetches"]
    assert len(figures["copies"]) == 2
    assert "--fetches $(SEEDS)" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_an_origin_that_gives_to_all_is_found() -> None:
    assert simulate(1, is_calm=True, copies=1000).copies > COPIES_MAX


def test_a_fetch_that_believes_every_byte_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def believe(part: Part, number: int, data: Buffer) -> bool:
        return True

    monkeypatch.setattr(Part, "is_chunk", believe)

    with pytest.raises(LocalProtocolError, match="chunks are wrong"):
        simulate(0)


def test_a_fetch_that_waits_for_ever_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(fetch: Fetch, now: float) -> list[object]:
        return []

    monkeypatch.setattr(Fetch, "tick", wait)

    with pytest.raises(LocalProtocolError, match="chunks are missing"):
        simulate(0)
