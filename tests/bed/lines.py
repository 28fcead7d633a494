"""Hosts, the ports by which they are plugged in, and the lines between them."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from tests.bed.faults import Fault, drop
from tests.bed.switch import BedError, Guest, Switch

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bed.pump import Emulation

_NOTICED_MAX_S = 20.0
_SEGMENTS_OFFLOADED = 65535


@dataclass(eq=False)
class Host:
    """A machine. ``seeds`` are the addresses of neighbours that its agent should dial."""

    name: str
    number: int
    ports: list[Port] = field(default_factory=list)
    seeds: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Its first IPv4 address."""
        return self.ports[0].address


@dataclass(eq=False)
class Port:
    """Where a host, or the trunk to another segment, is plugged into a segment.

    ``name`` is the interface in the middle, ``device`` that on the host.
    """

    switch: Switch
    name: str
    host: Host | None = None
    device: str = ""
    address: str = ""
    address6: str = ""

    def cut(self) -> Fault:
        """Drop everything in both directions, silently."""
        return drop(self.switch, f"cut {self.name}", self.both_ways())

    def deafen(self) -> Fault:
        """Drop what comes to the host only."""
        return drop(self.switch, f"deafen {self.name}", [f'oifname "{self.name}"'])

    def mute(self) -> Fault:
        """Drop what the host sends only."""
        return drop(self.switch, f"mute {self.name}", [f'iifname "{self.name}"'])

    def block(self, tcp_port: int) -> Fault:
        """Let nobody reach that TCP port of the host, nor the connections that it has."""
        rules = (f'oifname "{self.name}" tcp dport', f'iifname "{self.name}" tcp sport')
        return drop(self.switch, f"block {tcp_port}", [f"{rule} {tcp_port}" for rule in rules])

    def unplug(self) -> Fault:
        """Pull the cable: the host sees that its interface is down."""
        self.switch.ip(f"link set {self.name} down")
        self._until(lambda: not self._has_carrier(), "down")
        return Fault(f"unplug {self.name}", lambda: int(not self._has_carrier()), self._plug_in)

    def until_up(self) -> None:
        """Wait until frames can pass: the kernel may take a second to notice a cable.

        Raises:
            BedError: they cannot after seconds.
        """
        self._until(lambda: self._has_carrier() and self._forwards(), "up")

    def limit(self, rate_bps: float, queue_s: float = 0.4) -> None:
        """Let the host send no faster. Like its own slow interface, it holds its senders back."""
        device = self.device or self.name
        burst_bytes = max(4096, int(rate_bps / 8 / 250))
        rule = f"rate {rate_bps:.0f}bit burst {burst_bytes} latency {1000 * queue_s:.0f}ms"
        words = f"tc qdisc replace dev {device} root tbf {rule}".split()
        self.switch.run(*words, host=self.host.name if self.host else "")

    def held_back(self) -> int:
        """How often a limit made senders wait; 0 if none is set."""
        words = f"tc -s -j qdisc show dev {self.device or self.name} root".split()
        rows = json.loads(self.switch.run(*words, host=self.host.name if self.host else ""))
        return sum(int(row.get("overlimits", 0)) for row in rows if row["kind"] == "tbf")

    def both_ways(self) -> list[str]:
        """The rules that match all frames that pass here."""
        return [f'iifname "{self.name}"', f'oifname "{self.name}"']

    def offload(self, segments: int) -> None:
        """How many segments of TCP may travel as one frame: 1 where frames are lost one by one."""
        where = self.host.name if self.host else ""
        device = self.device or self.name
        self.switch.ip(f"link set {device} gso_max_segs {segments}", host=where)

    def _plug_in(self) -> None:
        self.switch.ip(f"link set {self.name} up")
        self.until_up()

    def _has_carrier(self) -> bool:
        """Whether the host, or this end of a trunk, sees that the cable is in."""
        where = self.host.name if self.host else ""
        shown = self.switch.run("ip", "-j", "link", "show", self.device or self.name, host=where)
        return bool(json.loads(shown)[0]["operstate"] == "UP")

    def _forwards(self) -> bool:
        """Whether the segment's bridge lets frames pass here."""
        (link,) = json.loads(self.switch.run("ip", "-j", "-d", "link", "show", self.name))
        return bool(link["linkinfo"]["info_slave_data"]["state"] == "forwarding")

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + _NOTICED_MAX_S
        while not holds():
            if time.monotonic() > end:
                raise BedError(f"port {self.name} is not {what} after {_NOTICED_MAX_S} s")


@dataclass(eq=False)
class Line:
    """Two ends joined: two hosts, or two segments (a trunk)."""

    ends: tuple[Port, Port]
    pump: Guest | None = None

    def cut(self) -> Fault:
        """Drop everything in both directions, silently."""
        return self.ends[0].cut()

    def unplug(self) -> Fault:
        """Pull the cable at the first end."""
        return self.ends[0].unplug()

    def lose(self, share: float) -> Fault:
        """Drop this share of the frames, by chance, in both directions."""
        end = self.ends[0]
        chance = f"numgen random mod 1000000 < {1_000_000 * share:.0f}"
        self._offload(1)
        return drop(
            end.switch,
            f"lose {share} on {end.name}",
            [f"{rule} {chance}" for rule in end.both_ways()],
            undo=lambda: self._offload(_SEGMENTS_OFFLOADED),
        )

    def limit(self, rate_bps: float, queue_s: float = 0.4) -> None:
        """Let neither end send faster."""
        for end in self.ends:
            end.limit(rate_bps, queue_s)

    def held_back(self) -> int:
        """How often a limit made the senders at either end wait."""
        return sum(end.held_back() for end in self.ends)

    def emulate(self, emulation: Emulation) -> dict[str, int]:
        """Be like that from now on; what the line did so far: frames taken, lost, delivered, …

        Raises:
            BedError: the line was not made with an emulation.
        """
        return self._tell(json.dumps(asdict(emulation)))

    def counts(self) -> dict[str, int]:
        """What an emulated line did so far: frames taken, lost, duplicated, reordered, …"""
        return self._tell("")

    def _tell(self, line: str) -> dict[str, int]:
        if self.pump is None:
            raise BedError("only a line that was made with an emulation can do that")
        self.pump.input.write(line + "\n")
        self.pump.input.flush()
        return dict(json.loads(self.pump.output.readline()))

    def _offload(self, segments: int) -> None:
        for end in self.ends:
            end.offload(segments)


@dataclass(eq=False)
class Segment:
    """Hosts that hear each other. ``subnet`` is the third number of their IPv4 addresses."""

    name: str
    subnet: int
    ports: list[Port] = field(default_factory=list)
