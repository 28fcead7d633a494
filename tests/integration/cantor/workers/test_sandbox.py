"""Workers in a sandbox do what others do, and end with all that they have started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.bed import waiting
from tests.integration.cantor.workers import jobs

import cantor
from cantor.workers.errors import WorkerDiedError
from cantor.workers.sandbox.levels import Sandbox
from cantor.workers.sandbox.trial import best_level, try_level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.integration
SOON_S = 60.0


@pytest.fixture(scope="module", params=["full", "net"])
def here(request: pytest.FixtureRequest) -> Iterator[cantor.local]:
    with cantor.local(workers=2, sandbox=request.param) as here:
        yield here


@pytest.fixture
def closed() -> Iterator[cantor.local]:
    with cantor.local(workers=1, sandbox="full") as here:
        yield here


until = partial(waiting.until, within_s=SOON_S)


def runs(mark: str) -> bool:
    """Whether a process of this machine has that word on its command line."""
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in place.read_bytes().split(b"\0"):
                return True
        except OSError:
            continue
    return False


def test_this_machine_gives_a_full_sandbox() -> None:
    assert try_level("full").obstacle == ""
    assert best_level().level == "full"


@pytest.mark.usefixtures("here")
def test_tasks_run_as_elsewhere() -> None:
    assert list(cantor.task(jobs.add).map([1, 2], [3, 4])) == [4, 6]


@pytest.mark.usefixtures("here")
def test_arrays_pass_through_shared_memory() -> None:
    array = np.arange(3_000_000, dtype=np.uint8)

    assert np.array_equal(cantor.task(jobs.double).submit(array).result(SOON_S), array * 2)


@pytest.mark.usefixtures("here")
def test_what_it_prints_is_brought_back() -> None:
    future = cantor.task(jobs.speak).submit()

    future.result(SOON_S)

    until(lambda: {"by Python", "past Python"} <= set(future.output.splitlines()))


@pytest.mark.usefixtures("here")
def test_a_task_can_submit_another() -> None:
    assert cantor.task(jobs.nested).submit(4).result(SOON_S) == 8


@pytest.mark.usefixtures("here")
def test_libraries_are_found_and_work() -> None:
    assert cantor.task(jobs.use_libraries).submit().result(SOON_S) == [
        0.5,
        2,
        "Europe/Berlin",
        "OpenSSL",
        3,
        "run\n",
    ]


@pytest.mark.usefixtures("closed")
def test_it_has_a_user_a_folder_and_descriptors_of_its_own() -> None:
    about = cantor.task(jobs.about_me).submit().result(SOON_S)

    assert about["uid"] != 0
    assert about["home"] == about["folder"] == "/tmp"  # noqa: S108 (its own)
    assert not {"SSH_AUTH_SOCK", "AWS_SECRET_ACCESS_KEY"} & set(about["environment"])
    known = {"", "/dev/null", "pipe", "socket"}
    other = [one for one in about["descriptors"] if one not in known]
    assert all(one.startswith(("/memfd:cantor:", "/proc/")) for one in other), other


def test_the_environment_of_the_pool_does_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with cantor.local(workers=1, sandbox="full"):
        about = cantor.task(jobs.about_me).submit().result(SOON_S)

    assert "AWS_SECRET_ACCESS_KEY" not in about["environment"]
    assert "OMP_NUM_THREADS" in about["environment"]


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        (jobs.kill_myself, (9,), "killed by signal 9"),
        (jobs.abort, (), "killed by signal 6"),
        (jobs.end_with, (3,), "ended with code 3"),
    ],
)
@pytest.mark.usefixtures("closed")
def test_how_a_worker_died_is_told(
    function: Callable[..., None], arguments: tuple[int, ...], words: str
) -> None:
    die = cantor.task(retries=0)(function)

    with pytest.raises(WorkerDiedError, match=words):
        die.submit(*arguments).result(SOON_S)

    assert cantor.task(jobs.add).submit(1, 2).result(SOON_S) == 3


@pytest.mark.usefixtures("closed")
def test_its_first_process_cannot_be_killed_from_inside() -> None:
    assert cantor.task(jobs.kill_first).submit().result(SOON_S) == "alive"


@pytest.mark.usefixtures("closed")
def test_a_cancelled_task_is_ended_with_all_that_it_started() -> None:
    mark = uuid.uuid4().hex
    future = cantor.task(jobs.leave_child_and_wait).submit(mark)
    until(lambda: "started" in future.output and runs(mark))

    future.cancel()

    until(lambda: not runs(mark))
    assert cantor.task(jobs.add).submit(1, 2).result(SOON_S) == 3


def test_a_killed_worker_takes_along_all_that_it_started(closed: cantor.local) -> None:
    mark = uuid.uuid4().hex
    future = cantor.task(retries=0)(jobs.leave_child_and_wait).submit(mark)
    until(lambda: "started" in future.output and runs(mark))

    os.kill(closed.pool.processes()[0], signal.SIGKILL)

    with pytest.raises(WorkerDiedError, match="killed by signal 9"):
        future.result(SOON_S)
    until(lambda: not runs(mark))


def test_finally_blocks_of_a_cancelled_task_run() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        cantor.local(workers=1, sandbox="net"),
    ):
        future = cantor.task(jobs.call_when_ended).submit(server.getsockname()[1])
        until(lambda: "started" in future.output)

        future.cancel()

        server.settimeout(SOON_S)
        server.accept()[0].close()


def test_nothing_of_it_outlives_a_pool_that_was_killed() -> None:
    mark = uuid.uuid4().hex
    script = (
        "import cantor, sys\n"
        "from tests.integration.cantor.workers import jobs\n"
        "with cantor.local(workers=1, sandbox='full'):\n"
        "    cantor.task(jobs.leave_child_and_wait).submit(sys.argv[1]).result()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, mark], cwd=Path.cwd()) as pool:
        until(lambda: _count(mark) == 2)
        pool.kill()

    until(lambda: not runs(mark))


@pytest.mark.usefixtures("closed")
def test_a_worker_cannot_have_others_killed_in_its_place() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as victim:
        lie = cantor.task(retries=0)(jobs.say_ready_as).submit(victim.pid)

        with pytest.raises(WorkerDiedError):
            lie.result(SOON_S)

        assert victim.poll() is None
        victim.kill()


def test_only_the_level_net_has_a_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with cantor.local(workers=1, sandbox="net"):
            assert cantor.task(jobs.connect).submit(port).result(SOON_S) == "connected"
        with cantor.local(workers=1, sandbox="full"), pytest.raises(PermissionError):
            cantor.task(jobs.connect).submit(port).result(SOON_S)


def test_what_is_given_to_read_can_be_read_but_for_what_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "wheel").write_text("code", encoding="utf-8")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "key").write_text("key", encoding="utf-8")
    for place in (tmp_path, tmp_path / "state", tmp_path / "state" / "key"):
        place.chmod(0o755)
    sandbox = Sandbox("full", readable=(tmp_path,), hidden=(tmp_path / "state",))

    with cantor.local(workers=1, sandbox=sandbox):
        read = cantor.task(jobs.read)
        assert read.submit(str(tmp_path / "wheel")).result(SOON_S) == "code"
        with pytest.raises(OSError, match="key"):
            read.submit(str(tmp_path / "state" / "key")).result(SOON_S)


def test_only_devices_that_it_was_given_are_there() -> None:
    use = cantor.task(jobs.use_device)
    with cantor.local(workers=1, sandbox=Sandbox("full", devices=(Path("/dev/tty"),))):
        with pytest.raises(OSError, match="tty"):  # it is there, and has no terminal
            use.submit("/dev/tty").result(SOON_S)
        with pytest.raises(FileNotFoundError):
            use.submit("/dev/ptmx").result(SOON_S)


def _count(mark: str) -> int:
    found = 0
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += mark.encode() in place.read_bytes().split(b"\0")
        except OSError:
            continue
    return found
