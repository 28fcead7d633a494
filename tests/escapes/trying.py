"""All attempts to leave a sandbox, and the agent that they try to reach, for tests and for
``tests.escapes.run``.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bed.surroundings import surroundings
from tests.integration.cantor.workers.escapes import bombs, files, network, processes, system

from cantor.tasks.calls import submit_call
from cantor.workers.sandbox.levels import Limits, Sandbox
from cantor.workers.units import Terms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Future

    from tests.integration.cantor.workers.escapes.attempt import Attempt

    import cantor

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


@contextmanager
def agent_to_reach() -> Iterator[dict[str, str | int]]:
    """An agent, as far as an attempt may know it: its process, its folder and its sockets."""
    with ExitStack() as stack:
        folder, programs = (
            Path(tempfile.mkdtemp(prefix=prefix)) for prefix in ("agent-", "programs-")
        )
        for place in (folder, programs):
            stack.callback(shutil.rmtree, place)
        programs.chmod(0o755)  # others can go there too
        key = folder / "key.pem"
        key.write_text("the key", encoding="utf-8")
        key.chmod(0o600)
        control = stack.enter_context(socket.socket(socket.AF_UNIX))
        datagrams = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        control.bind(str(folder / "control"))
        control.listen(16)
        datagrams.bind(str(folder / "datagrams"))
        around = stack.enter_context(surroundings(programs))
        yield around | {
            "folder": str(folder),
            "key": str(key),
            "control": str(folder / "control"),
            "datagrams": str(folder / "datagrams"),
        }


def closed(told: Mapping[str, str | int]) -> Sandbox:
    """The sandbox that attempts are held in."""
    programs = Path(str(told["setuid"])).parent
    return Sandbox("full", readable=(programs,), limits=LIMITS)


def outcome(here: cantor.local, attempt: Attempt, told: Mapping[str, str | int]) -> str | OSError:
    """What was reached, or why nothing was. Anything else that is raised is a fault of the test."""
    future: Future[str] = submit_call(
        here.pool, attempt.function, tuple(attempt.arguments(told)), {}, Terms(name=attempt.name)
    )
    try:
        return future.result(SOON_S)
    except OSError as error:
        return error
    except MemoryError as error:
        return OSError(f"no memory {error}".strip())
