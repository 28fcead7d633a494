"""Real agents, workers and programs, killed while durable tasks run: ``make chaos RUNS=50 SEED=1``.

Two agents run tasks for each other; each node has one baton, which some tasks take. In each run a
program submits tasks to one of them while something breaks: a worker, an agent or the program is
killed, an agent stands still, its disk is full or broken. Then all is healed, and every task that
was acknowledged must have a result, the one that was told before if it was, and must keep it.

Runs in a mount namespace of its own, where the disk of one agent is small. Prints what was done and
found, and exits with 1 if anything was lost or given twice.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.bed.loopback import Boxes
from tests.chaos import trouble

import cantor
from cantor.base.errors import CantorError

if TYPE_CHECKING:
    from collections.abc import Callable

TASKS = 10
HEALED_S = 60.0
DISK = "size=32m"
SAMPLE = 20
"""Results of earlier runs that are asked for again after each."""
BAD = ("double grants", "double commits", "lost")
KINDS = (
    "workers killed", "submitters' agents killed", "other agents killed", "submitters killed",
    "agents frozen", "disks broken", "disks full",
)  # fmt: skip
"""What breaks, run by run in this order."""
_INSIDE = "CANTOR_CHAOS_INSIDE"
_OPTIONS = ("--workers", "2", "--warm-workers", "1", "--code-run", "tenant",
            "--sandbox", "none", "--resource", "Baton=1")  # fmt: skip


class Chaos:
    """Both agents, and all that was ever acknowledged with what its result was."""

    def __init__(self, folder: Path, random: Random) -> None:
        self._folder = folder
        self._random = random
        self.boxes = Boxes(folder / "mesh")
        self.known: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self._breaks: tuple[Callable[[subprocess.Popen[bytes]], None], ...] = (
            self._worker,
            lambda _: self._agent("desk"),
            lambda _: self._agent("wall"),
            self._submitter,
            lambda _: self._freeze(),
            lambda _: self._break(),
            lambda _: self._fill(),
        )
        for name in ("desk", "wall"):
            self.boxes.start(name, *_OPTIONS)
        self.boxes.until_known("desk", "desk", "wall")

    def run(self, number: int) -> None:
        """Submit, break, heal, and judge."""
        notes = self._folder / f"run{number}"
        notes.mkdir()
        desk = self.boxes["desk"]
        with subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.jobs", str(desk.folder), str(notes), str(TASKS),
             str(self._random.getrandbits(32))],
            stderr=subprocess.DEVNULL,
        ) as program:  # fmt: skip
            try:
                trouble.until(
                    lambda: (notes / "acked").exists() or program.poll() is not None,
                    "nothing was acknowledged",
                )
                time.sleep(self._random.uniform(0.0, 0.2))
                kind = number % len(KINDS)
                self._breaks[kind](program)
                self.counts[KINDS[kind]] += 1
                program.wait(HEALED_S)
            finally:
                program.kill()
        self.judge(notes)

    def finish(self) -> None:
        """Ask once more for all, after both agents were killed."""
        for name in ("desk", "wall"):
            self._agent(name)
        self._same(list(self.known))

    def judge(self, notes: Path) -> None:
        """Compare what a program was told with what is kept."""
        acked = _lines(notes / "acked")
        told = dict(line.split() for line in _lines(notes / "told"))
        self.counts["acknowledged"] += len(acked)
        self.counts["refused"] += len(_lines(notes / "refused"))
        self.counts["told"] += len(told)
        self.counts["double grants"] += len(_lines(notes / "doubles"))
        with cantor.connect(self.boxes["desk"].folder) as mesh:
            for task in acked:
                found = self._result(mesh, task)
                if found is None:
                    continue
                self.known[task] = found
                if told.get(task, found) != found:
                    self._bad("double commits", f"{task}: {told[task]} was told, {found} is kept")
        earlier = list(self.known)
        self._same(self._random.sample(earlier, min(SAMPLE, len(earlier))))

    def _same(self, tasks: list[str]) -> None:
        with cantor.connect(self.boxes["desk"].folder) as mesh:
            for task in tasks:
                found = self._result(mesh, task)
                self.counts["asked again"] += 1
                if found is not None and found != self.known[task]:
                    self._bad("double commits", f"{task}: {self.known[task]} became {found}")

    def _result(self, mesh: cantor.connect, task: str) -> str | None:
        try:
            return str(mesh.result(task, HEALED_S))
        except (CantorError, TimeoutError) as error:
            self._bad("lost", f"{task}: {error!r}")
            return None

    def _bad(self, kind: str, text: str) -> None:
        self.counts[kind] += 1
        print(f"{kind}: {text}", file=sys.stderr, flush=True)

    def _worker(self, _: subprocess.Popen[bytes]) -> None:
        names = [name for name, box in self.boxes.boxes.items()
                 if trouble.children(box.process.pid)]  # fmt: skip
        trouble.kill_worker(self.boxes[self._random.choice(names)])

    def _agent(self, name: str) -> None:
        trouble.kill_agent(self.boxes[name])
        time.sleep(self._random.uniform(0.0, 0.3))
        self.boxes.start_again(name)
        self.boxes.until_known("desk", "desk", "wall")

    def _submitter(self, program: subprocess.Popen[bytes]) -> None:
        if not trouble.kill_submitter(program):
            self.counts["submitters done before"] += 1

    def _freeze(self) -> None:
        with trouble.frozen(self.boxes["wall"]):
            time.sleep(self._random.uniform(0.5, 3.0))
        self.boxes.until_known("desk", "wall")

    def _break(self) -> None:
        with trouble.broken_disk(self.boxes["desk"]):
            time.sleep(self._random.uniform(0.0, 0.5))

    def _fill(self) -> None:
        with trouble.full_disk(self.boxes["desk"]):
            time.sleep(self._random.uniform(0.0, 0.5))
            if self._random.random() < 0.5:  # and it dies while its disk is full
                trouble.kill_agent(self.boxes["desk"])
        if self.boxes["desk"].process.poll() is not None:
            self.boxes.start_again("desk")


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="ascii").splitlines() if path.exists() else []


def main() -> int:
    """Run, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not os.environ.get(_INSIDE):
        command = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-m",
                   "tests.chaos.run", *sys.argv[1:]]  # fmt: skip
        return subprocess.run(command, env={**os.environ, _INSIDE: "1"}).returncode
    with tempfile.TemporaryDirectory() as place:
        desk = Path(place, "mesh", "desk")
        desk.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", str(desk)], check=True)
        chaos = Chaos(Path(place), Random(options.seed))  # noqa: S311 (the same run again)
        try:
            for number in range(options.runs):
                chaos.run(number)
            chaos.finish()
        finally:
            chaos.boxes.close()
            subprocess.run(["umount", "--lazy", str(desk)], check=True)
    for name in (*sorted(set(chaos.counts) - set(BAD)), *BAD):
        print(f"{name:28}{chaos.counts[name]:8}")
    return int(any(chaos.counts[name] for name in BAD))


if __name__ == "__main__":
    sys.exit(main())
