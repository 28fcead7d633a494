"""Code in a sandboxed worker tries to reach what is not its own, in more than forty ways.

Each attempt first shows, where that does no harm, that it works without a sandbox.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.cantor.workers.escapes import bombs, files, network, processes, system

import cantor
from cantor.tasks.calls import submit_call
from cantor.workers.sandbox.levels import Limits, Sandbox
from cantor.workers.units import Terms

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from tests.integration.cantor.workers.escapes.attempt import Attempt

pytestmark = pytest.mark.integration
SOON_S = 60.0
ATTEMPTS = (
    *files.ATTEMPTS,
    *processes.ATTEMPTS,
    *system.ATTEMPTS,
    *network.ATTEMPTS,
    *bombs.ATTEMPTS,
)
LIMITS = Limits(
    processes=64,
    files=256,
    file_bytes=1 << 30,
    folder_bytes=16 * bombs.MIB,
    data_bytes=256 * bombs.MIB,
)
SECRET = "s3cret-of-the-agent"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str | int]]:
    """An agent, as far as an attempt may know it: its process, its folder and its sockets."""
    folder = tmp_path_factory.mktemp("agent")
    key = folder / "key.pem"
    key.write_text("the key", encoding="utf-8")
    key.chmod(0o600)
    programs = Path(tempfile.mkdtemp(prefix="programs-"))  # others can go there too
    setuid = programs / "id"
    programs.chmod(0o755)
    shutil.copy(shutil.which("id") or "id", setuid)
    setuid.chmod(0o4755)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as server6,
        socket.socket(socket.AF_UNIX) as control,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams,
        subprocess.Popen(
            [sys.executable, "-c", "input()"],
            stdin=subprocess.PIPE,
            env={**os.environ, "AGENT_SECRET": SECRET},
        ) as agent,
    ):
        control.bind(str(folder / "control"))
        control.listen(16)
        abstract.bind(f"\0agent-{os.getpid()}")
        abstract.listen(16)
        datagrams.bind(str(folder / "datagrams"))
        yield {
            "agent": agent.pid,
            "folder": str(folder),
            "key": str(key),
            "setuid": str(setuid),
            "secret": SECRET,
            "port": server.getsockname()[1],
            "port6": server6.getsockname()[1],
            "control": str(folder / "control"),
            "datagrams": str(folder / "datagrams"),
            "abstract": f"agent-{os.getpid()}",
        }
        agent.kill()
    shutil.rmtree(programs)


@pytest.fixture(scope="module")
def opened() -> Iterator[cantor.local]:
    with cantor.local(workers=1) as here:
        yield here


@pytest.fixture(scope="module")
def closed(told: dict[str, str | int]) -> Iterator[cantor.local]:
    programs = Path(str(told["setuid"])).parent
    sandbox = Sandbox("full", readable=(programs,), limits=LIMITS)
    with cantor.local(workers=1, sandbox=sandbox) as here:
        yield here


def outcome(here: cantor.local, attempt: Attempt, told: dict[str, str | int]) -> str | OSError:
    """What was reached, or why nothing was. Anything else that is raised is a fault of the test."""
    future: Future[str] = submit_call(
        here.pool, attempt.function, tuple(attempt.arguments(told)), {}, Terms(name=attempt.name)
    )
    try:
        return future.result(SOON_S)
    except OSError as error:
        return error
    except MemoryError as error:
        return OSError(str(error))


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=[one.name for one in ATTEMPTS])
def test_nothing_is_reached_from_a_full_sandbox(
    attempt: Attempt,
    opened: cantor.local,
    closed: cantor.local,
    told: dict[str, str | int],
) -> None:
    can_prove = attempt.proof == "anybody" or (attempt.proof == "root" and os.geteuid() == 0)
    if can_prove:
        reached = outcome(opened, attempt, told)
        assert isinstance(reached, str), f"without a sandbox: {reached}"

    assert isinstance(outcome(closed, attempt, told), OSError)


def test_there_are_enough_attempts() -> None:
    assert len(ATTEMPTS) >= 40
    assert len({one.name for one in ATTEMPTS}) == len(ATTEMPTS)
