"""A service's process: heard, ended with all that it has started, and named for people."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import UnavailableError
from cantor.node.push import process as module
from cantor.node.push.outside import Outside
from cantor.node.push.process import MARK, ServiceProcess, end_marked, told
from cantor.workers import launch

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_S = 30.0
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
PARENT = """
import subprocess, sys, time
own_session = "alone" in sys.argv
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                         start_new_session=own_session)
print("child", child.pid)
time.sleep(0 if "ends" in sys.argv else 600)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready")
time.sleep(600)
"""


class Heard:
    """What a process has printed so far."""

    def __init__(self) -> None:
        self.data = b""

    def __call__(self, data: bytes) -> None:
        self.data += data

    async def until(self, holds: Callable[[bytes], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not holds(self.data):  # noqa: ASYNC110
                await asyncio.sleep(0.005)


@pytest.fixture
def mark() -> str:
    return f"test.{secrets.token_hex(8)}"


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def until_ended(pid: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while is_running(pid):  # noqa: ASYNC110 (no child of this one)
            await asyncio.sleep(0.005)


async def started(mark: str, heard: Heard, folder: Path, main: str, *words: str) -> ServiceProcess:
    (folder / "main.py").write_text(main)
    process = ServiceProcess(mark, heard)
    await process.start(["python", "main.py", *words], Outside(folder, ENVIRONMENT))
    return process


async def test_it_works_in_its_folder_with_its_environment_and_tells_its_end(
    mark: str, tmp_path: Path
) -> None:
    heard = Heard()
    main = "import os, sys\nprint(os.getcwd(), sorted(os.environ))\nsys.exit(7)"
    process = await started(mark, heard, tmp_path, main)

    assert await process.wait() == 7
    folder, _, names = heard.data.decode().partition(" ")
    assert folder == os.path.realpath(tmp_path)  # noqa: ASYNC240
    assert MARK in names
    assert "HOME" not in names, "of the agent's environment it sees what it is given"


@pytest.mark.parametrize("words", [("ends",), ("ends", "alone")])
async def test_its_children_end_with_it_also_those_in_a_session_of_their_own(
    mark: str, tmp_path: Path, words: tuple[str, ...]
) -> None:
    heard = Heard()
    process = await started(mark, heard, tmp_path, PARENT, *words)

    assert await process.wait() == 0
    await until_ended(int(heard.data.split()[1]))


async def test_who_does_not_end_when_asked_is_ended(mark: str, tmp_path: Path) -> None:
    heard = Heard()
    process = await started(mark, heard, tmp_path, STUBBORN)
    await heard.until(lambda data: b"ready" in data)

    await process.stop(0.05)

    assert await process.wait() == -signal.SIGKILL


async def test_who_ends_when_asked_is_not_killed(mark: str, tmp_path: Path) -> None:
    heard = Heard()
    main = "import time\nprint('ready')\ntime.sleep(600)"
    process = await started(mark, heard, tmp_path, main)
    await heard.until(lambda data: b"ready" in data)

    await process.stop(WAIT_S)

    assert await process.wait() == -signal.SIGTERM


async def test_who_prints_too_much_waits_and_nothing_is_lost(
    mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REST_S", 0.05)
    monkeypatch.setattr(module, "OUTPUT_BYTES_MAX", 64 * 1024)
    rests: list[float] = []
    real = module._Output._rested

    def rested(self: module._Output) -> None:
        rests.append(1)
        real(self)

    monkeypatch.setattr(module._Output, "_rested", rested)
    heard = Heard()
    size = 1 << 20
    process = await started(mark, heard, tmp_path, f"print('x' * {size - 1})")

    await heard.until(lambda data: len(data) == size)

    assert await process.wait() == 0
    assert len(rests) > 1, "it was never slowed"


async def test_a_program_that_is_not_there_is_told_in_its_output(mark: str, tmp_path: Path) -> None:
    heard = Heard()
    process = ServiceProcess(mark, heard)
    await process.start(["no-such-program"], Outside(tmp_path, ENVIRONMENT))

    assert await process.wait() == launch.CANNOT_START
    assert b"no-such-program: No such file" in heard.data


async def test_where_it_cannot_start_the_system_says_why(mark: str, tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 (names only)
    process = ServiceProcess(mark, Heard())

    with pytest.raises(UnavailableError, match="No such file"):
        await process.start(["python"], Outside(tmp_path / "gone", ENVIRONMENT))

    assert await process.wait() == launch.CANNOT_START
    await process.stop(1.0)
    await asyncio.sleep(0)
    assert set(os.listdir("/proc/self/fd")) <= before, "a descriptor is left"  # noqa: PTH208


def test_what_a_former_agent_has_left_is_found_by_the_mark(mark: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    ours = subprocess.Popen(command, env={**ENVIRONMENT, MARK: f"{mark}.1"}, cwd=tmp_path)
    other = subprocess.Popen(command, env={**ENVIRONMENT, MARK: "another"}, cwd=tmp_path)
    try:
        while end_marked(f"{mark}.") == 0:  # until it has become the program
            assert ours.poll() is None
        assert ours.wait(WAIT_S) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        for process in (ours, other):
            process.kill()
            process.wait()


@pytest.mark.parametrize(("code", "how"), [
    (0, "exit code 0"),
    (3, "exit code 3"),
    (-9, "killed by SIGKILL"),
    (-77, "killed by signal 77"),
    (launch.CANNOT_START, "it cannot be started"),
])  # fmt: skip
def test_an_end_is_told_in_words(code: int, how: str) -> None:
    assert told(code) == how


@pytest.mark.parametrize("is_quick", [False, True], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("is_stopped", [False, True])
def test_the_end_of_the_pipe_is_closed_once_by_who_owns_it(
    mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_quick: bool, is_stopped: bool
) -> None:
    """A second close by the number ends another file, if one was opened since the first."""
    loops = pytest.importorskip("uvloop").new_event_loop if is_quick else None
    readers: list[int] = []
    ended: list[tuple[int, bool]] = []
    make, close = os.pipe, os.close

    def made() -> tuple[int, int]:
        reader, writer = make()
        readers.append(reader)
        return reader, writer

    def closing(number: int) -> None:
        ended.append((number, Path(f"/proc/self/fd/{number}").exists()))
        close(number)

    async def live() -> None:
        heard = Heard()
        main = "print('ready')\n" + ("import time\ntime.sleep(600)" if is_stopped else "")
        with monkeypatch.context() as patch:
            patch.setattr(os, "pipe", made)
            patch.setattr(os, "close", closing)
            process = await started(mark, heard, tmp_path, main)
            await heard.until(lambda data: b"ready" in data)
            if is_stopped:
                await process.stop(WAIT_S)
            await process.wait()
            await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=loops) as runner:
        runner.run(live())

    assert ended.count((readers[0], True)) == 1
    assert (readers[0], False) not in ended
