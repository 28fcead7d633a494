"""Looks at this machine and its node; judges nothing and changes nothing."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.clock import SystemClock
from cantor.base.errors import CantorError
from cantor.doctor import facts as seen
from cantor.doctor import mesh_probes, network_probes, reach_probes
from cantor.identity.store import IdentityFolder
from cantor.node.memory import NodeMemory
from cantor.workers.sandbox.trial import try_level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cantor.base.clock import Clock
    from cantor.doctor.network_probes import Connect
    from cantor.wire.frame import Value
    from cantor.workers.sandbox.levels import Level
    from cantor.workers.sandbox.trial import Trial

_SECRET_FILES = ("key.pem", "token", "identity.pem")
_OTHERS = 0o077
_LIBRARIES = (
    "usr/lib/libcuda.so.1",
    "usr/lib64/libcuda.so.1",
    "usr/lib/*/libcuda.so.1",
    "usr/lib/*/*/libcuda.so.1",
    "usr/lib/wsl/lib/libcuda.so.1",
)
_NVIDIA_NODES = ("dev/nvidia[0-9]*", "dev/nvhost-gpu", "dev/dxg")


def _may_use(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK)


@dataclass(frozen=True)
class Machine:
    """The ways by which the probes reach the world; each can be replaced."""

    root: Path = Path("/")
    clock: Clock = field(default_factory=SystemClock)
    may_use: Callable[[Path], bool] = _may_use
    connect: Connect = network_probes.connect
    bind: Callable[[str, int], None] = network_probes.bind
    join: Callable[[str], None] = network_probes.join
    addresses: Callable[[], list[str]] = network_probes.addresses
    rules: Callable[[], str] = reach_probes.nft_rules
    try_level: Callable[[Level], Trial] = try_level


async def look(
    folder: Path,
    listen: str,
    status: Mapping[str, Value] | None,
    machine: Machine,
    facts: Mapping[str, Value] | None = None,
) -> seen.Facts:
    """See everything that the checks judge.

    ``status`` and ``facts`` (the node's own, by name) are the agent's answers, if one runs.
    """
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    memory = NodeMemory(folder)
    return seen.Facts(
        clock=clock(folder, machine),
        identity=identity(folder, machine),
        disk=disk(folder),
        port=network_probes.port(listen, status, machine.bind),
        multicast=network_probes.multicast(machine.addresses, machine.join),
        agent=seen.AgentFacts(str(folder), status),
        peers=await network_probes.peers(memory.peers(), machine.connect),
        hub=await reach_probes.hub(memory.hub().enrol or waited_for(folder), machine.connect),
        firewall=reach_probes.firewall(listen, machine.root, machine.rules),
        cameras=cameras(machine),
        gpu=gpu(machine),
        limit=seen.LimitFacts(*(_finite(number) for number in limit)),
        python=seen.PythonFacts(sys.executable, sys.version_info[:3]),
        sandbox=await asyncio.to_thread(sandbox, machine),
        other_clocks=mesh_probes.other_clocks(status),
        runs=mesh_probes.runs(facts or {}, is_node=status is not None),
    )


def clock(folder: Path, machine: Machine) -> seen.ClockFacts:
    """This box's clock, and what can be held against it."""
    trusted = IdentityFolder(folder).trusted_time
    # A binary has no files of single modules.
    own = Path(sys.executable if getattr(sys, "frozen", False) else __file__)
    built_s = own.stat().st_mtime
    return seen.ClockFacts(machine.clock.wall(), trusted.floor_s, trusted.offset_s, built_s)


def identity(folder: Path, machine: Machine) -> seen.IdentityFacts:
    """The node's folder; never makes a key, as opening the folder for work would."""
    place = IdentityFolder(folder)
    error, not_after_s = "", 0.0
    open_paths = tuple(
        str(folder / name) for name in _SECRET_FILES if _is_open_to_others(folder / name)
    )
    if place.enrolled and not open_paths:
        try:
            if not (folder / "key.pem").exists():
                error = "the private key is missing"
            else:
                not_after_s = place.identity.not_after
        except CantorError as failure:
            error = failure.what
    return seen.IdentityFacts(
        folder=str(folder),
        enrolled=place.enrolled,
        token_waits=(folder / "token").exists(),
        open_paths=open_paths,
        now_s=place.now(machine.clock.wall()),
        not_after_s=not_after_s,
        error=error,
    )


def waited_for(folder: Path) -> str:
    """The hub of an enrolment that has not ended; empty if there is none."""
    try:
        token = IdentityFolder(folder).token
    except CantorError:
        return ""
    return token.hub if token else ""


def disk(folder: Path) -> seen.DiskFacts:
    """The disk that holds the folder, or will hold it once it is made."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    usage = shutil.disk_usage(place)
    return seen.DiskFacts(str(folder), usage.free, usage.total)


def cameras(machine: Machine) -> seen.CameraFacts:
    """The camera nodes, and those that this user may not use."""
    present = sorted(machine.root.glob("dev/video[0-9]*"))
    barred = (path for path in present if not machine.may_use(path))
    return seen.CameraFacts(_texts(present), _texts(barred))


def gpu(machine: Machine) -> seen.GpuFacts:
    """NVIDIA's device nodes and library, and the render nodes that this user may not use."""
    root = machine.root
    render = sorted(root.glob("dev/dri/renderD*"))
    return seen.GpuFacts(
        nvidia_nodes=_texts(path for name in _NVIDIA_NODES for path in sorted(root.glob(name))),
        nvidia_libraries=_texts(path for name in _LIBRARIES for path in sorted(root.glob(name))),
        render_unreadable=_texts(path for path in render if not machine.may_use(path)),
    )


def sandbox(machine: Machine) -> seen.SandboxFacts:
    """How closed code of other nodes can run here: sandboxes are made and left."""
    full = machine.try_level("full")
    if not full.obstacle:
        return seen.SandboxFacts("full", full.landlock)
    net = machine.try_level("net")
    best: Level = "none" if net.obstacle else "net"
    return seen.SandboxFacts(best, net.landlock, full.obstacle, full.remedy)


def _is_open_to_others(path: Path) -> bool:
    try:
        return bool(stat.S_IMODE(path.stat().st_mode) & _OTHERS)
    except OSError:
        return False


def _texts(paths: Iterable[Path]) -> tuple[str, ...]:
    return tuple(str(path) for path in paths)


def _finite(number: int) -> int:
    return sys.maxsize if number == resource.RLIM_INFINITY else number
