"""Agents as processes of their own, and what people type at them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cantor.identity.store import IdentityFolder
from cantor.node.control import ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.identity.authority import Authority

PROGRAM = [sys.executable, "-m", "cantor.cli.main"]
WAIT_S = 60.0
LOOK_S = 0.05
CLOSED = ("--code-run", "tenant")
OPEN = (*CLOSED, "--sandbox", "none")
"""An agent that runs what others push; closed in unless it is told not to."""


def until(holds: Callable[[], bool], seen: Callable[[], object]) -> None:
    """Wait for it; what is seen is told if it does not come."""
    end = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"it is {seen()}")
        time.sleep(LOOK_S)


class Box:
    """An agent's process with its folder."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder = folder
        home = IdentityFolder(folder)
        home.install(authority.issue(home.csr_pem(), now=datetime.now(UTC)))
        self.id = home.node_id
        self.process: subprocess.Popen[str] | None = None
        self.address = ""

    def start(self, *seeds: str, words: tuple[str, ...] = OPEN) -> None:
        # By a path that is relative, as people write it: services work in folders of their own.
        data = self.folder.name
        command = [*PROGRAM, "agent", "--data", data, "--name", self.folder.name]
        command += ["--no-mdns", "--listen", "127.0.0.1:0", "--interface", "127.0.0.1", "--json"]
        command += ["--label", f"site={self.folder.name}", *words]
        for seed in seeds:
            command += ["--seed", seed]
        log = (self.folder / "agent.log").open("a")
        self.process = subprocess.Popen(
            command, cwd=self.folder.parent, stdout=subprocess.PIPE, stderr=log, text=True
        )
        log.close()
        timer = threading.Timer(WAIT_S, self.process.kill)
        timer.start()
        assert self.process.stdout is not None
        self.address = json.loads(self.process.stdout.readline())["addresses"][0]
        timer.cancel()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.communicate(timeout=WAIT_S)
            self.process = None

    def run(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Type a command; ``given`` is what it reads."""
        command = [*PROGRAM, *words, "--data", str(self.folder)]
        return subprocess.run(command, input=given, capture_output=True, text=True, timeout=WAIT_S)

    def ask(self, call: str, **args: Any) -> Any:  # noqa: ANN401 (as the agent answers)
        return asyncio.run(ask(self.folder, call, args, timeout_s=WAIT_S))

    def view(self, name: str) -> Any:  # noqa: ANN401 (JSON)
        views = self.ask("service.list")
        return next((view for view in views if view["name"] == name), {"nodes": [], "why": ""})

    def states(self, name: str) -> dict[str, tuple[str, int]]:
        """State and running revision on each node that is there."""
        rows = self.view(name)["nodes"]
        return {row["name"]: (row["state"], row["running"]) for row in rows if row["is_alive"]}

    def until(self, name: str, **states: tuple[str, int]) -> None:
        """Wait until the nodes of a service are so."""
        until(lambda: self.states(name) == states, lambda: self.view(name))

    def knows(self, count: int) -> None:
        """Wait until it reaches so many nodes."""
        until(lambda: self.ask("status")["nodes_online"] == count, lambda: self.ask("status"))

    def log(self) -> str:
        return (self.folder / "agent.log").read_text()


def is_running(pid: int) -> bool:
    """Whether a process lives."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
