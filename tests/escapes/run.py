"""All attempts to leave a sandbox at ``full``, one line each, on the kernel that runs this.

    python -m tests.escapes.run [--as USER]

Each line says ``held`` and why, or what is wrong: that it got through, that it did not run, or that
it does not even work without a sandbox. Exit codes: 0 all are held, 1 not all, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from tests.escapes.trying import ATTEMPTS, agent_to_reach, closed, outcome

import cantor
from cantor.workers.sandbox.trial import best_level, try_level

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.integration.cantor.workers.escapes.attempt import Attempt

HELD = "held"
END = "escapes:"
"""How the last line begins."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all of them; the process's exit code."""
    parser = argparse.ArgumentParser(prog="tests.escapes.run", description=__doc__)
    parser.add_argument(
        "--as", type=int, dest="user", default=None, metavar="NUMBER", help="give up root first"
    )
    user: int | None = parser.parse_args(arguments).user
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        # Begun anew: who has given up rights is otherwise hidden from its own children in /proc.
        os.execv(sys.executable, [sys.executable, "-m", "tests.escapes.run"])  # noqa: S606
    trial = try_level("full")
    _say(
        f"kernel {os.uname().release}, user {os.geteuid()}: the most closed level is"
        f" {best_level().level}, Landlock ABI {trial.landlock or 'none'}"
    )
    with agent_to_reach() as told:
        wrong = _all(told)
    held = len(ATTEMPTS) - wrong
    _say(f"{END} {held} of {len(ATTEMPTS)} are held by {os.uname().release}, user {os.geteuid()}")
    return 1 if wrong else 0


def _all(told: Mapping[str, str | int]) -> int:
    """How many go wrong."""
    wrong = 0
    with (
        cantor.local(workers=1) as opened,
        cantor.local(workers=1, sandbox=closed(told)) as here,
    ):
        for attempt in ATTEMPTS:
            line = line_of(attempt, opened, here, told)
            wrong += not line.startswith(HELD)
            _say(f"{attempt.name:26} {line}")
    return wrong


def line_of(
    attempt: Attempt,
    opened: cantor.local,
    here: cantor.local,
    told: Mapping[str, str | int],
) -> str:
    """What became of an attempt, in one line."""
    try:
        if _can_prove(attempt):
            free = outcome(opened, attempt, told)
            if isinstance(free, OSError):
                return f"PROVES NOTHING: without a sandbox: {free}"
        found = outcome(here, attempt, told)
    except Exception as error:  # noqa: BLE001 (whatever it is, the attempt was not made)
        return f"DID NOT RUN: {type(error).__name__}: {error}".replace("\n", " ")
    if isinstance(found, OSError):
        return f"{HELD}: {found}".replace("\n", " ")
    return f"GOT THROUGH: {found[:60]!r}"


def _can_prove(attempt: Attempt) -> bool:
    return attempt.proof == "anybody" or (attempt.proof == "root" and os.geteuid() == 0)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
