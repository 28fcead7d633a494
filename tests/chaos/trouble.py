"""What breaks: each does it and proves that it did."""

from __future__ import annotations

import errno
import os
import resource
import signal
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos.jobs import PLAIN

import cantor
from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.bed.loopback import Box

PROOF_S = 30.0


class NotFiredError(AssertionError):
    """An injector did not do what it should have done."""


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, path.read_text(encoding="ascii").split())
    return found


def kill_worker(box: Box) -> None:
    """Kill a worker of an agent."""
    workers = children(box.process.pid)
    if not workers:
        raise NotFiredError(f"{box.name} has no worker")
    os.kill(workers[-1], signal.SIGKILL)
    until(lambda: workers[-1] not in children(box.process.pid), "a worker lives on")


def kill_agent(box: Box) -> None:
    """Kill an agent."""
    box.kill()
    if box.process.returncode != -signal.SIGKILL:
        raise NotFiredError(f"{box.name} ended with {box.process.returncode}")


def kill_submitter(program: subprocess.Popen[bytes]) -> bool:
    """Kill the program that submits; False if it was done already."""
    program.kill()
    return program.wait(PROOF_S) == -signal.SIGKILL


@contextmanager
def frozen(box: Box) -> Iterator[None]:
    """An agent and its workers that stand still: nobody reaches it, and it does not know."""
    pids = [box.process.pid, *children(box.process.pid)]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    until(lambda: state_of(box.process.pid) == "T", f"{box.name} runs on")
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@contextmanager
def broken_disk(box: Box) -> Iterator[None]:
    """Each write of an agent to a file fails (EFBIG, which SQLite calls an I/O error)."""
    pid = box.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        refuses(box)
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def full_disk(box: Box) -> Iterator[None]:
    """Nothing is free where an agent has its folder (ENOSPC)."""
    filler = box.folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
    try:
        refuses(box)
        yield
    finally:
        filler.unlink()


def refuses(box: Box) -> None:
    """See that an agent takes no durable task: the proof that its disk refuses.

    What it has in hand may fit in a page that it has already; so larger ones are tried.
    """
    end = time.monotonic() + PROOF_S
    with cantor.connect(box.folder) as mesh:
        while time.monotonic() < end:
            try:
                future = PLAIN.submit("x" * 100_000, 0.0)
                _ = future.task_id
            except StoreError:
                mesh.close(kill=True)
                return
            future.cancel()
        mesh.close(kill=True)
    raise NotFiredError(f"the disk of {box.name} takes all")


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for it."""
    end = time.monotonic() + PROOF_S
    while not holds():
        if time.monotonic() > end:
            raise NotFiredError(what)
        time.sleep(0.002)


def state_of(pid: int) -> str:
    """The state of a process: R, S, T, …"""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
