"""Real agents and programs, killed while durable tasks run: a few runs of ``make chaos``."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from random import Random
from typing import TYPE_CHECKING

import pytest
from tests.chaos import jobs
from tests.chaos.run import BAD, KINDS, Chaos

import cantor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration
RUNS_S = 140.0


def test_nothing_acknowledged_is_lost_and_nothing_is_given_twice() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.run", "--runs", str(len(KINDS)), "--seed", "3"],
        capture_output=True, text=True, timeout=RUNS_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    counts = {line[:28].strip(): int(line[28:]) for line in done.stdout.splitlines()}
    assert [counts[name] for name in BAD] == [0, 0, 0]
    assert all(counts[name] >= 1 for name in KINDS)
    assert counts["acknowledged"] > 0


@pytest.fixture
def chaos(tmp_path: Path) -> Iterator[Chaos]:
    chaos = Chaos(tmp_path, Random(1))  # noqa: S311 (the same run again)
    try:
        yield chaos
    finally:
        chaos.boxes.close()


def test_it_would_see_what_is_lost_or_changed(chaos: Chaos, tmp_path: Path) -> None:
    chaos.run(KINDS.index("submitters killed"))
    assert [chaos.counts[name] for name in BAD] == [0, 0, 0]
    known = list(chaos.known)
    notes = tmp_path / "planted"
    notes.mkdir()
    jobs.note(str(notes), "acked", known[0])
    jobs.note(str(notes), "told", known[0], "another")
    chaos.judge(notes)
    assert chaos.counts["double commits"] == 1
    chaos.boxes["desk"].ask("tasks.forget", task=known[0])
    chaos.judge(notes)
    assert chaos.counts["lost"] >= 1


def test_a_task_that_is_not_alone_with_the_baton_says_so(chaos: Chaos, tmp_path: Path) -> None:
    with (tmp_path / "desk.baton").open("a") as one, (tmp_path / "wall.baton").open("a") as other:
        for baton in (one, other):
            fcntl.flock(baton, fcntl.LOCK_EX)
        with cantor.connect(chaos.boxes["desk"].folder):
            jobs.WITH_BATON.submit(str(tmp_path), 0.0).result(30.0)
    assert (tmp_path / "doubles").read_text(encoding="ascii").split()
