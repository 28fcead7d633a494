"""``make escapes-user``: the attempts by a user who is nobody, on this machine.

Started by root, that is a number which no user and no group of this machine has, without
supplementary groups; started by anybody else, it is the one who started it.
"""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.escapes.place import environment, make_place

FIRST, LAST = 61_000, 61_183
"""Numbers that distributions give nobody. Source: systemd's list of users and groups (its range
for dynamic users begins at 61184)."""


def main() -> int:
    """Run them; the process's exit code."""
    # Not below a folder of this user's, where others could not go; nor below /var, which the
    # sandbox would show then, although there were nothing in it but the way to this folder.
    with tempfile.TemporaryDirectory(prefix="escapes-", dir="/tmp") as name:
        folder = Path(name)
        command = make_place(folder)
        if os.geteuid() == 0:
            command += ["--as", str(_nobody())]
        done = subprocess.run(command, cwd="/", env=environment(name), check=False)
    return done.returncode


def _nobody() -> int:
    taken = {one.pw_uid for one in pwd.getpwall()} | {one.gr_gid for one in grp.getgrall()}
    return next(number for number in range(FIRST, LAST) if number not in taken)


if __name__ == "__main__":
    sys.exit(main())
