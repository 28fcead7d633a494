"""What code that tries to leave its sandbox may know of the machine, and of an agent on it.

It is all there, so that an attempt that fails does not fail for want of something to reach.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "s3cret-of-the-agent"


def files_of_agent(folder: Path) -> dict[str, str | int]:
    """Where an agent with that folder has its key, and where it listens."""
    return {
        "folder": str(folder),
        "key": str(folder / "key.pem"),
        "control": str(folder / "control.sock"),
        "datagrams": str(folder / "tasks.sock"),
    }


@contextmanager
def surroundings(programs: Path) -> Iterator[dict[str, str | int]]:
    """A process with a secret in its environment, ports, and a program in the folder ``programs``
    that becomes its owner whoever starts it. Whose files there are is the caller's to add.
    """
    programs.mkdir(exist_ok=True)
    setuid = programs / "id"
    shutil.copy(shutil.which("id") or "id", setuid)
    setuid.chmod(0o4755)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as server6,
        socket.socket(socket.AF_UNIX) as abstract,
        subprocess.Popen(
            [sys.executable, "-c", "input()"],
            stdin=subprocess.PIPE,
            env={**os.environ, "AGENT_SECRET": SECRET},
        ) as agent,
    ):
        port = server.getsockname()[1]
        abstract.bind(f"\0agent-{port}")
        abstract.listen(16)
        yield {
            "agent": agent.pid,
            "setuid": str(setuid),
            "secret": SECRET,
            "port": port,
            "port6": server6.getsockname()[1],
            "abstract": f"agent-{port}",
        }
        agent.kill()
