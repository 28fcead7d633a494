"""The last step before a service's own program: run by the agent as a script, with nothing else.

It is no part of the program that it becomes: it asks the kernel for an end together with the agent,
sets the limit of memory, and is replaced. Only the standard library, so that it takes milliseconds.

    launch.py PARENT LEVEL MEMORY_BYTES COMMAND...

``LEVEL`` is ``none``, or says how the program is closed in, as
:meth:`cantor.workers.sandbox.program.Program.encode` does; that needs this package, so it is run by
the agent's own command then. ``MEMORY_BYTES`` is 0 for no limit.
The command ``python`` means this Python, also inside a frozen program.
"""

from __future__ import annotations

import ctypes
import os
import resource
import runpy
import signal
import sys

OPEN, CLOSED = "none", "["
_PR_SET_PDEATHSIG = 1  # prctl(2)
PYTHON = ("python", "python3")
CANNOT_START = 127


def main(arguments: list[str]) -> int:
    """Become the command; returns only if that fails."""
    parent, level, memory_bytes, *command = arguments
    if level.startswith(CLOSED):
        from cantor.workers.sandbox.program import become

        return become(level, int(parent), command, _become)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):
        return CANNOT_START  # the agent has ended already
    if level != OPEN:
        sys.stderr.write(f"there is no such level: {level}\n")
        return CANNOT_START
    if limit := int(memory_bytes):
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    return _become(command)


def _become(command: list[str]) -> int:
    if command[0] in PYTHON:
        if getattr(sys, "frozen", False):
            return _run_python(command[1:])
        command = [sys.executable, *command[1:]]
    try:
        os.execvp(command[0], command)  # noqa: S606 (what the person pushed)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return CANNOT_START


def _run_python(words: list[str]) -> int:
    """Run a script, a module after ``-m``, or the text after ``-c``, in this process: a frozen
    program has no other.
    """
    sys.path[:0] = [os.getcwd(), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]  # noqa: PTH109
    if words[:1] == ["-m"] and len(words) > 1:
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    elif words[:1] == ["-c"] and len(words) > 1:
        sys.argv = ["-c", *words[2:]]
        exec(words[1], {"__name__": "__main__"})  # noqa: S102 (as ``python -c`` does)
    elif words:
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
