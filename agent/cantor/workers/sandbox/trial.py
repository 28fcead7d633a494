"""What this machine can give: a sandbox is made and left again, once in the life of a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.errors import reason_of
from cantor.base.program import own_command
from cantor.workers.errors import SandboxError
from cantor.workers.sandbox.environment import cleaned
from cantor.workers.sandbox.levels import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.workers.sandbox.levels import Level

TRIAL_S = 30.0
_SWITCHES = (
    ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1",
     "kernel.apparmor_restrict_unprivileged_userns=0"),
    ("user/max_user_namespaces", "0", "user.max_user_namespaces=16384"),
    ("user/max_net_namespaces", "0", "user.max_net_namespaces=16384"),
)  # fmt: skip
"""Settings of the kernel that forbid namespaces to users, and what allows them."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How it went: ``obstacle`` is empty if the level can be given; ``landlock`` is the version of
    Landlock that is in it, 0 for none.
    """

    level: Level
    obstacle: str = ""
    remedy: str = ""
    landlock: int = 0


@lru_cache(maxsize=4)
def try_level(level: Level) -> Trial:
    """Make a sandbox of this level and leave it; takes about a tenth of a second.

    What failed is tried once more: it holds for as long as this process, which a machine that was
    short of something for a moment should not be held to.
    """
    trial = _tried(level)
    return _tried(level) if trial.obstacle else trial


def _tried(level: Level) -> Trial:
    if level == "none":
        return Trial(level)
    if not sys.platform.startswith("linux"):
        return Trial(level, f"there is none on {sys.platform}", "run the agent on Linux")
    spec = Sandbox(level=level).encode()
    try:
        done = subprocess.run(  # noqa: S603 (this program itself)
            [*own_command(), "worker", str(os.getpid()), "--sandbox", spec, "--trial"],
            env=cleaned(os.environ, level),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TRIAL_S,
            check=False,
        )
    except OSError as error:
        return Trial(level, f"a process cannot be started: {reason_of(error)}")
    except subprocess.TimeoutExpired:
        return Trial(level, f"it was not made in {TRIAL_S:.0f} s")
    if done.returncode == 0:
        return Trial(level, landlock=json.loads(done.stdout)["landlock"])
    last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or [""]
    what = last[0].removeprefix("sandbox: ") or f"it ended with {done.returncode}"
    return Trial(level, what, remedy_of(_setting))


def best_level() -> Trial:
    """The most closed level that this machine can give."""
    full = try_level("full")
    if not full.obstacle:
        return full
    net = try_level("net")
    return net if not net.obstacle else Trial("none", full.obstacle, full.remedy)


def require(sandbox: Sandbox) -> None:
    """Refuse what this machine cannot give: nothing runs in less than was asked for.

    Raises:
        SandboxError: says why, and what to do.
    """
    trial = try_level(sandbox.level)
    if trial.obstacle:
        raise SandboxError(
            f"this machine cannot give a worker the sandbox {sandbox.level!r}: {trial.obstacle}",
            where="worker",
            remedy=trial.remedy,
        )


def remedy_of(setting: Callable[[str], str]) -> str:
    """What allows it; ``setting`` tells one of the kernel's, by its path below ``/proc/sys``."""
    for path, forbids, allows in _SWITCHES:
        if setting(path) == forbids:
            return f"sudo sysctl -w {allows}"
    return (
        "allow user namespaces: in a container, run it with --security-opt seccomp=unconfined"
        " --security-opt systempaths=unconfined --security-opt apparmor=unconfined; on a box, use"
        " Linux 5.15 or later on x86-64 or arm64"
    )


def _setting(path: str) -> str:
    try:
        return Path("/proc/sys", path).read_text(encoding="ascii").strip()
    except OSError:
        return ""
