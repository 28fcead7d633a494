"""What the probes saw, and what a check says about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.wire.frame import Value
    from cantor.workers.sandbox.levels import Level

State = Literal["ok", "warning", "problem"]
Verdict = Literal["accept", "drop", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result: ``what`` names the cause, ``remedy`` the command that mends it."""

    name: str
    state: State
    what: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """Seconds since 1970: this box's clock, what signed messages told, when Cantor was put here."""

    wall_s: float
    floor_s: float
    offset_s: float
    built_s: float


@dataclass(frozen=True, slots=True)
class IdentityFacts:
    """The node's folder; ``open_paths`` can be read by others though they hold a secret."""

    folder: str
    enrolled: bool
    token_waits: bool
    open_paths: tuple[str, ...]
    now_s: float
    not_after_s: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """Room on the disk that holds the node's folder."""

    folder: str
    free_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class PortFacts:
    """Whether the agent's address could be bound; ``error`` is empty if it could."""

    address: str
    error: str
    held_by_agent: bool


@dataclass(frozen=True, slots=True)
class MulticastFacts:
    """The local addresses on which the mDNS group was joined, and those that refused."""

    joined: tuple[str, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """The running agent's answer to ``status``; none if no agent answers."""

    folder: str
    status: Mapping[str, Value] | None


@dataclass(frozen=True, slots=True)
class ClockAhead:
    """A node whose facts are refused because its clock is ahead of this box's."""

    name: str
    host: str
    ahead_s: float


@dataclass(frozen=True, slots=True)
class OtherClockFacts:
    """The clocks ahead of this box's, and how many other nodes it has heard of."""

    ahead: tuple[ClockAhead, ...]
    others: int


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A part of a deployment that failed on this node."""

    deployment: str
    group: str
    error: str


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The parts of pipelines that failed here; the modules that workers would lack."""

    failed: tuple[FailedRun, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PeerFacts:
    """Addresses of the remembered peers that were tried, by whether anything accepted there."""

    reached: tuple[str, ...]
    unreached: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HubFacts:
    """Where this box enrols; ``error`` is empty if something accepts there."""

    address: str
    error: str = ""
    is_silent: bool = False


@dataclass(frozen=True, slots=True)
class FirewallFacts:
    """What the rules of this box say about packets from others to the agent's port and to mDNS.

    ``program`` is what manages the rules, if it is known; ``chain`` the one that
    drops or may drop.
    """

    port: str
    tcp: Verdict
    mdns: Verdict
    program: Literal["", "ufw", "firewalld"] = ""
    chain: str = ""


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """Camera nodes under ``/dev``."""

    present: tuple[str, ...]
    unreadable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """NVIDIA device nodes and driver libraries, and the render nodes of any GPU."""

    nvidia_nodes: tuple[str, ...]
    nvidia_libraries: tuple[str, ...]
    render_unreadable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LimitFacts:
    """How many files this process may open now, and at most."""

    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class PythonFacts:
    """The interpreter: its path and version."""

    path: str
    version: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class SandboxFacts:
    """The most closed level that this machine gives, the version of Landlock in it, and what keeps
    it from ``full``.
    """

    best: Level
    landlock: int = 0
    obstacle: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was seen in one examination."""

    clock: ClockFacts
    identity: IdentityFacts
    disk: DiskFacts
    port: PortFacts
    multicast: MulticastFacts
    agent: AgentFacts
    peers: PeerFacts
    hub: HubFacts
    firewall: FirewallFacts
    cameras: CameraFacts
    gpu: GpuFacts
    limit: LimitFacts
    python: PythonFacts
    sandbox: SandboxFacts
    other_clocks: OtherClockFacts
    runs: RunFacts
