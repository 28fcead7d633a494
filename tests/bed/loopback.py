"""Real agents on the loopback interface, one process each, of one mesh that needs no hub."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from cantor.identity.authority import Authority
from cantor.identity.authority_folder import save_authority
from cantor.identity.store import IdentityFolder
from cantor.node.control import ask
from cantor.node.lifecycle.life import AUTHORITY_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 30.0
PROGRAM = (sys.executable, "-m", "cantor.cli.main")


class Box:
    """One agent."""

    def __init__(
        self, name: str, folder: Path, options: tuple[str, ...], program: tuple[str, ...] = PROGRAM
    ) -> None:
        self.name = name
        self.folder = folder
        self.options = options
        self.log = (folder / "agent.log").open("ab")
        self.process = subprocess.Popen(
            [*program, "agent", "--data", str(folder), "--name", name, "--listen", "127.0.0.1:0",
             "--no-mdns", "--json", *options],
            stdout=subprocess.PIPE, stderr=self.log,
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, (folder / "agent.log").read_text(encoding="utf-8")
        self.address = json.loads(line)["addresses"][0]

    def ask(self, call: str, **args: Any) -> Any:  # noqa: ANN401 (what that call gives)
        return asyncio.run(ask(self.folder, call, args, timeout_s=WAIT_S))

    def rows(self) -> list[dict[str, Any]]:
        """The tasks that were submitted here."""
        return cast("list[dict[str, Any]]", self.ask("tasks.list")["submitted"])

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self.process.kill()
        self._ended()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self._ended()

    def _ended(self) -> None:
        self.process.wait(WAIT_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.log.close()


class Boxes:
    """The boxes of one mesh by name; the first is the seed of the others.

    ``program`` starts their agents: this Python, or a binary.
    """

    def __init__(self, folder: Path, program: tuple[str, ...] = PROGRAM) -> None:
        self._folder = folder
        self._program = program
        self.authority = Authority.create("plant", now=datetime.now(UTC))
        self.boxes: dict[str, Box] = {}

    def __getitem__(self, name: str) -> Box:
        return self.boxes[name]

    def start(self, name: str, *options: str, is_issuer: bool = False) -> Box:
        home = IdentityFolder(self._folder / name)
        if is_issuer and not (home.path / AUTHORITY_FOLDER).exists():
            save_authority(self.authority, home.path / AUTHORITY_FOLDER)
        if not home.enrolled:
            home.install(self.authority.issue(home.csr_pem(), now=datetime.now(UTC)))
        seed = next((box.address for box in self.boxes.values()), "")
        seeds = ("--seed", seed) if seed else ()
        box = self.boxes[name] = Box(name, self._folder / name, (*seeds, *options), self._program)
        return box

    def start_again(self, name: str) -> Box:
        """A box that has ended, with the options that it had; the others are its seeds."""
        before = self.boxes[name]
        seeds = [("--seed", box.address) for box in self.boxes.values() if box is not before]
        options = (*(word for seed in seeds for word in seed), *before.options)
        box = self.boxes[name] = Box(name, before.folder, options, self._program)
        box.options = before.options
        return box

    def until_known(self, at: str, *names: str) -> None:
        """Wait until a box knows that these run its tasks."""
        end = time.monotonic() + WAIT_S
        while not set(names) <= set(self[at].ask("tasks.hosts")):
            assert time.monotonic() < end, self[at].ask("tasks.hosts")
            time.sleep(0.02)

    def close(self) -> None:
        for box in self.boxes.values():
            if box.process.poll() is None:
                box.stop()
