"""Worker processes as their agent sees them: real ones, and one that hangs."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import UnavailableError
from galaxy.deployments import workers
from galaxy.deployments.workers import WorkerListener, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_S = 30.0


def make(ended: Callable[[str], None] = lambda _: None) -> WorkerProcess:
    return WorkerProcess(WorkerListener(lambda *_: None, lambda *_: None, ended))


def descriptors() -> int:
    gc.collect()  # what tests before have left is closed first
    return len(list(Path("/proc/self/fd").iterdir()))


async def eventually(condition: Callable[[], bool]) -> None:
    for _ in range(int(WAIT_S * 100)):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came")


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_worker_answers_and_ends_with_its_pipe() -> None:
    worker = make()
    await worker.start()
    pid = worker.pid
    assert pid is not None

    figures, _ = await worker.ask("figures", timeout_s=WAIT_S)
    await worker.close()

    assert figures == {"groups": [], "previews": {}}
    assert not is_there(pid)


async def test_a_worker_that_hangs_at_its_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "END_TIMEOUT_S", 0.2)
    worker = make()
    await worker.start()
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGSTOP)

    async with asyncio.timeout(WAIT_S):
        await worker.close()

    assert not is_there(worker.pid)


async def test_who_asks_a_worker_that_dies_is_told() -> None:
    how: list[str] = []
    worker = make(how.append)
    await worker.start()
    assert worker.pid is not None
    asked = asyncio.ensure_future(worker.ask("preview", {"filter": "x", "after": 0}, timeout_s=60))
    await worker.ask("figures", timeout_s=WAIT_S)

    os.kill(worker.pid, signal.SIGKILL)

    with pytest.raises(UnavailableError):
        await asked
    await eventually(lambda: bool(how))
    assert "signal 9" in how[0]


ODD = """
import socket, sys, time
from cantor.base.ids import BROADCAST
from cantor.wire import DataFrame, Kind, encode
said = DataFrame(Kind.DATA, BROADCAST, BROADCAST, headers={"op": "state", "leader": 1})
socket.socket(fileno=int(sys.argv[3])).sendall(b"".join(encode(said)))
time.sleep(600)
"""


async def test_a_worker_that_says_what_none_says_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "own_command", lambda: (sys.executable, "-c", ODD))
    how: list[str] = []
    worker = make(how.append)

    await worker.start()
    await eventually(lambda: bool(how))

    assert "killed by signal 9" in how[0]
    await worker.close()


async def test_a_program_that_cannot_be_started_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "own_command", lambda: ("/nowhere/cantor",))
    before = descriptors()

    with pytest.raises(UnavailableError, match="cannot be started"):
        await make().start()

    await eventually(lambda: descriptors() <= before)


async def test_what_another_node_sends_is_no_order_and_in_no_memory_of_ours() -> None:
    worker = make()
    await worker.start()
    asked = asyncio.ensure_future(worker.ask("preview", {"filter": "x", "after": 0}, timeout_s=60))
    await asyncio.sleep(0)

    worker.tell("edge", {"op": "ask", "id": 1, "what": "figures", "from": "b"})
    worker.tell("edge", {"slot": [0, 9], "from": "b"})
    worker.tell("edge", {"slot": "nowhere", "from": "b"})
    figures, _ = await worker.ask("figures", timeout_s=WAIT_S)

    assert figures == {"groups": [], "previews": {}}
    assert not asked.done()
    asked.cancel()
    await worker.close()
