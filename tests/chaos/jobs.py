"""What is submitted while things break: durable tasks that say whether they are alone where they
may be, and the program that submits them and writes down what it was told.

    python -m tests.chaos.jobs AGENT_FOLDER NOTES_FOLDER COUNT SEED
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path
from random import Random
from uuid import uuid4

import cantor
from cantor.base.errors import CantorError

RESULT_S = 60.0
RETRIES = 50
"""More workers than that are never killed under one task."""


def name_of_agent() -> str:
    """The name of the agent whose worker this is."""
    words = Path(f"/proc/{os.getppid()}/cmdline").read_bytes().split(b"\0")
    return words[words.index(b"--name") + 1].decode()


def plain(folder: str, hold_s: float) -> str:
    """Works, and returns what no other attempt returns."""
    del folder
    time.sleep(hold_s)
    return uuid4().hex


def with_baton(folder: str, hold_s: float) -> str:
    """The same with the one baton of its node; who has it besides is written down."""
    name = name_of_agent()
    with Path(folder, f"{name}.baton").open("a") as baton:
        try:
            fcntl.flock(baton, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note(folder, "doubles", name)
        return plain(folder, hold_s)


def note(folder: str, file: str, *words: str) -> None:
    """Add a line: one write, which the end of this process does not undo."""
    with Path(folder, file).open("ab", buffering=0) as lines:
        lines.write((" ".join(words) + "\n").encode())


PLAIN = cantor.task(durable=True, retries=RETRIES)(plain)
WITH_BATON = cantor.task(durable=True, retries=RETRIES, needs="Baton = 1")(with_baton)


def main(agent: str, folder: str, count: str, seed: str) -> None:
    """Submit, and write down what is acknowledged (``acked``), and what came (``told``)."""
    random = Random(int(seed))  # noqa: S311 (the same run again)
    with cantor.connect(agent) as mesh:
        futures = [
            random.choice((PLAIN, WITH_BATON)).submit(folder, random.uniform(0.0, 0.06))
            for _ in range(int(count))
        ]
        acked = []
        for future in futures:
            try:
                note(folder, "acked", future.task_id)
                acked.append(future)
            except CantorError as error:
                note(folder, "refused", type(error).__name__)
        for future in acked:
            try:
                note(folder, "told", future.task_id, future.result(RESULT_S))
            except CantorError as error:
                note(folder, "failed", future.task_id, type(error).__name__)
        mesh.close(kill=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
