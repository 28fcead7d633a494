"""A queue while its node, its producers and its consumers are killed at random moments.

SEEDS=50 pytest tests/integration/cantor/state/test_queue_kills.py    more of them, from SEED on
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.bed.loopback import Boxes
from tests.bed.waiting import until

import cantor

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[4]
ROLES = Path(__file__).with_name("queue_roles.py")
FIRST, SEEDS = int(os.environ.get("SEED", "1")), int(os.environ.get("SEEDS", "2"))
KILLS = 5
VISIBLE_S = 1.0
WAIT_S = 60.0
Note = tuple[float, str, str]


class Play:
    """A node that keeps a queue, another one, and the programs there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.boxes = Boxes(folder)
        self.programs: dict[str, subprocess.Popen[bytes]] = {}
        self.count = 0
        self.read: dict[Path, int] = {}
        self.found: list[Note] = []
        self.counts: Counter[str] = Counter()
        for name in ("desk", "wall"):
            self.boxes.start(name, "--workers", "1", "--code-run", "tenant")
        self.boxes.until_known("desk", "wall")

    def start(self, role: str) -> None:
        """A program of this role, in place of the one before; it counts where nobody has."""
        self.count += 1
        journal = self.folder / f"notes{self.count}"
        words = [role, str(self.boxes["desk"].folder), "wall", "jobs", str(journal)]
        self.programs[role] = subprocess.Popen(
            [sys.executable, str(ROLES), *words, str(self.count * 1_000_000)],
            env={"PYTHONPATH": str(ROOT)},
        )

    def kill(self, role: str) -> None:
        self.programs[role].kill()
        assert self.programs[role].wait(WAIT_S) == -signal.SIGKILL, "it had ended by itself"

    def kill_node(self) -> None:
        wall = self.boxes["wall"]
        wall.kill()
        assert wall.process.returncode == -signal.SIGKILL, "it had ended by itself"
        self.boxes.start_again("wall")

    def notes(self) -> list[Note]:
        """What all programs have noted."""
        for path in self.folder.glob("notes*"):
            with path.open() as file:
                file.seek(self.read.get(path, 0))
                for line in file.read().splitlines():
                    at, what, number = line.split()
                    self.found.append((float(at), what, number))
                    self.counts[what] += 1
                self.read[path] = file.tell()
        return self.found

    def noted(self, what: str) -> int:
        self.notes()
        return self.counts[what]

    def until_more(self, count: int) -> None:
        """So many more were put, and some more were acknowledged."""
        put, acked = self.noted("put") + count, self.noted("acked")
        until(lambda: self.noted("put") > put and self.noted("acked") > acked)

    def close(self) -> None:
        for process in self.programs.values():
            process.kill()
            process.wait(WAIT_S)
        self.boxes.close()


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_nothing_acknowledged_is_lost_and_nothing_done_comes_again(
    tmp_path: Path, seed: int
) -> None:
    chance, play = random.Random(seed), Play(tmp_path)  # noqa: S311 (a seed that gives the same again)
    try:
        with cantor.connect(play.boxes["desk"].folder):
            queue = cantor.queue("jobs", "wall")
            queue.create(visible_s=VISIBLE_S, tries_max=0)
            for role in ("produce", "consume"):
                play.start(role)
            victims = chance.choices(["wall", "wall", "produce", "consume"], k=KILLS)
            for victim in ["wall", *victims]:
                play.until_more(chance.randrange(5, 200))
                if victim == "wall":
                    play.kill_node()
                else:
                    play.kill(victim)
                    play.start(victim)
            play.boxes.until_known("desk", "wall")
            play.kill("produce")
            until(lambda: queue.stats().messages == 0)
            play.kill("consume")
    finally:
        play.close()
    check(sorted(play.notes()))


def check(notes: list[Note]) -> None:
    """No message that was acknowledged to its producer is missing, and of none that was
    acknowledged by its consumer another take was seen after that.
    """
    put = {number for _, what, number in notes if what == "put"}
    took = {number for _, what, number in notes if what == "took"}
    assert put - took == set(), "acknowledged, and never given out"
    done: set[str] = set()
    for _, what, number in notes:
        assert not (what == "took" and number in done), f"{number} came again when it was done"
        if what == "acked":
            assert number not in done, f"{number} was done twice"
            done.add(number)
    assert len(put) > 100
