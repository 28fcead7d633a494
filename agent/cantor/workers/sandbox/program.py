"""A program that is no worker, such as a service, is started in a sandbox.

Until it is closed in, the launcher runs this package with nothing of the program's: no variable of
its environment has its own name, and the working folder is the root. Otherwise a folder of modules
or an ``LD_PRELOAD`` would be code outside of the sandbox.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.workers.sandbox import kernel
from cantor.workers.sandbox.environment import cleaned
from cantor.workers.sandbox.launch import enter
from cantor.workers.sandbox.levels import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Become = Callable[[list[str]], int]

CHECK_S = 3.0
"""How long a health command may take."""
LOOK_S = 0.02
LATE = 124
"""What a command that took longer has ended with, as timeout(1) says it."""
_PASSED = "PASSED_ON_"


@dataclass(frozen=True, slots=True)
class Program:
    """What the launcher is told: ``folder`` is where the program runs, ``door`` and ``checks`` are
    sockets that it inherits, ``check`` the command that says whether it is well.
    """

    sandbox: Sandbox
    folder: str
    door: int
    checks: int
    check: tuple[str, ...] = ()

    def encode(self) -> str:
        """One line, for the command line."""
        told = (self.sandbox.encode(), self.folder, self.door, self.checks, self.check)
        return json.dumps(told, separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> Program:
        """The reverse of :meth:`encode`."""
        sandbox, folder, door, checks, check = json.loads(text)
        return cls(Sandbox.decode(sandbox), folder, door, checks, tuple(check))


def environment_of(sandbox: Sandbox) -> dict[str, str]:
    """What of this process's environment a closed program gets."""
    kept = cleaned(os.environ, sandbox.level)
    return {name: text for name, text in kept.items() if not name.startswith("PYTHON")}


def outside(sandbox: Sandbox, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of the launcher, with that of the program where it does nothing yet."""
    passed = {f"{_PASSED}{name}": text for name, text in environment.items()}
    return {**cleaned(os.environ, sandbox.level), **passed}


def become(told: str, parent: int, command: list[str], start: Become) -> int:
    """Go into the sandbox and ``start`` the command there; returns only if that fails."""
    program = Program.decode(told)
    enter(program.sandbox, parent, [program.checks], program.door)
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    os.set_inheritable(program.checks, False)
    inside = {
        name.removeprefix(_PASSED): text
        for name, text in os.environ.items()
        if name.startswith(_PASSED)
    }
    os.environ.clear()
    os.environ.update(inside)
    os.chdir(program.folder)
    if program.check and _is_checker():
        return answer_checks(socket.socket(fileno=program.checks), list(program.check), start)
    os.close(program.checks)
    return start(command)


def _is_checker() -> bool:
    """True in a process beside the program, and no child of it."""
    between = os.fork()
    if between:
        os.waitpid(between, 0)
        return False
    if os.fork():
        os._exit(0)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.close(null)
    kernel.set_dumpable(False)
    return True


def answer_checks(asked: socket.socket, command: list[str], start: Become) -> int:
    """Run the command once for each question, and tell how it has ended.

    A question is one byte, its number. The answer names it, since who asked may wait no longer and
    ask anew.
    """
    while number := asked.recv(1):
        child = os.fork()
        if child == 0:
            os.setsid()
            return start(command)
        asked.send(number + bytes([_end_of(child) & 0xFF]))
    return 0


def _end_of(child: int) -> int:
    end_s = time.monotonic() + CHECK_S
    while time.monotonic() < end_s:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(LOOK_S)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return LATE
