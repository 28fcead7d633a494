"""Make everything that a fresh clone needs: a virtual environment and the built console.

    python3 .ci/bootstrap.py                 the environment in .venv, then the console
    python3 .ci/bootstrap.py environment     only the environment
    python3 .ci/bootstrap.py console         only the console
    python3 .ci/bootstrap.py console-tests   the console's own tests
    python3 .ci/bootstrap.py training        PyTorch, in an environment of its own
    python3 .ci/bootstrap.py fuzz            Atheris, in an environment of its own
    python3 .ci/bootstrap.py compatibility   Joblib and Dask, which run on Cantor, in another
    python3 .ci/bootstrap.py peers           what benchmarks compare with, in another

Standard library only, so that any ``python3`` from 3.9 on can start it; the environment itself gets
Python 3.11 or newer. Everything fetched is checked against a digest written in ``fetching.py`` or
``requirements.lock``. Nothing is done twice: each step keeps a stamp of what it was made from.
``UV_INDEX_URL`` or ``PIP_INDEX_URL`` name another package index.
"""

from __future__ import annotations

import os
import sys

import console
import environments
from steps import TOOLS, fail, only_one_at_a_time

PARTS = {
    "environment": environments.make_environment,
    "console": console.make_console,
    "console-tests": console.check_console,
    "training": environments.make_training,
    "peers": environments.make_peers,
    "compatibility": environments.make_compatibility,
    "fuzz": environments.make_fuzz,
}
UNASKED = ("environment", "console")
OF_THE_CONSOLE = ("console", "console-tests")  # which may be made beside the environments


def main(parts: list[str]) -> int:
    """Make the named parts, or both; the process's exit code."""
    if unknown := set(parts) - set(PARTS):
        names = ", ".join(repr(name) for name in PARTS)
        fail(f"unknown part {sorted(unknown)[0]!r}", f"say {names} or nothing")
    if os.name != "posix":
        fail("this script runs on Linux and macOS", "on Windows use WSL")
    TOOLS.mkdir(exist_ok=True)
    wanted = parts or UNASKED
    for name, make in PARTS.items():
        if name in wanted:
            with only_one_at_a_time("console" if name in OF_THE_CONSOLE else "environment"):
                make()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
