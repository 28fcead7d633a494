"""Hosts, lines and segments on a switch, and what can happen to them.

A host is a network namespace; it forwards nothing, so that what is not its neighbour is reached by
the mesh or not at all. A segment is a bridge on which hosts hear each other; a line is a segment of
two. Everything that hosts send crosses a bridge in the middle, where faults strike.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bed.faults import Fault, drop
from tests.bed.lines import Host, Line, Port, Segment
from tests.bed.switch import BedError, Guest, Switch

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tests.bed.pump import Emulation

HOSTS_MAX = 250
SEGMENTS_MAX = 250
_PUMP = Path(__file__).with_name("pump.py")
_QUIET = """
table bridge quiet {
    chain forward {
        type filter hook forward priority -1
        ether daddr 33:33:00:00:00:16 drop comment "multicast reports, which faults would count"
    }
}
"""
_NAT = """
table ip bed {{
    counter translated {{ }}
    counter refused {{ }}
    chain out {{
        type nat hook postrouting priority srcnat
        oifname "{0}" counter name translated masquerade
    }}
    chain through {{
        type filter hook forward priority filter
        iifname "{0}" ct state new counter name refused drop
    }}
}}
"""


class Network:
    """Builds hosts and what joins them; ``close`` takes all away."""

    def __init__(self) -> None:
        self.switch = Switch()
        self.switch.nft(_QUIET)
        self.hosts: list[Host] = []
        self.segments: list[Segment] = []
        self._trunks = 0
        self._long_lines: list[Line] = []

    def close(self) -> None:
        """Take everything away, with whatever still runs on its hosts."""
        self.switch.close()

    def host(self, name: str) -> Host:
        """A further machine; its name has at most 8 letters."""
        if len(self.hosts) == HOSTS_MAX or len(name) > 8:
            raise BedError(f"no room for host {name!r}: {HOSTS_MAX} hosts, names of 8 letters")
        host = Host(name, len(self.hosts) + 1)
        self.hosts.append(host)
        self.switch.ip(f"netns add {name}")
        self.switch.ip("link set lo up", host=name)
        return host

    def hosts_named(self, count: int, prefix: str = "n") -> list[Host]:
        """That many machines, named n1, n2, …"""
        return [self.host(f"{prefix}{number}") for number in range(1, count + 1)]

    def segment(self, hosts: Sequence[Host], *, subnet: int = 0) -> Segment:
        """A local network of these hosts; the others should dial the first."""
        number = len(self.segments) + 1
        if number > SEGMENTS_MAX:
            raise BedError(f"no room for a further segment: {SEGMENTS_MAX} are there")
        segment = Segment(f"br{number}", subnet or number)
        self.segments.append(segment)
        self.switch.ip(
            f"link add {segment.name} type bridge mcast_snooping 0 forward_delay 0",
            f"link set {segment.name} addrgenmode none up",
        )
        for host in hosts:
            self._attach(host, segment)
            if segment.ports[0].host is not host:
                host.seeds.append(segment.ports[0].address)
        for port in segment.ports:
            port.until_up()
        return segment

    def line(self, a: Host, b: Host, emulation: Emulation | None = None) -> Line:
        """A cable between two hosts, or a long line if there is an emulation."""
        if emulation is None:
            first, second = self.segment([a, b]).ports
            return Line((first, second))
        near = self.segment([a])
        far = self.segment([b], subnet=near.subnet)
        trunk = self.join(near, far, emulation)
        line = Line((near.ports[0], far.ports[0]), trunk.pump)
        self._long_lines.append(line)
        return line

    def join(self, left: Segment, right: Segment, emulation: Emulation | None = None) -> Line:
        """A trunk between two segments of one subnet."""
        if left.subnet != right.subnet:
            raise BedError(f"{left.name} and {right.name} have other subnets: they cannot be one")
        self._trunks += 1
        near, far = f"t{self._trunks}-a", f"t{self._trunks}-b"
        ends = Port(self.switch, near), Port(self.switch, far)
        if emulation is None:
            self.switch.ip(f"link add {near} type veth peer name {far}")
            pump = None
        else:
            for end in (near, far):
                self.switch.ip(
                    f"link add {end} type veth peer name {end}p",
                    f"link set {end} gso_max_segs 1",
                    f"link set {end}p addrgenmode none up",
                )
            pump = self._pump(f"{near}p", f"{far}p")
        for plug, segment in zip(ends, (left, right), strict=True):
            self.switch.ip(f"link set {plug.name} master {segment.name} addrgenmode none up")
        for plug in ends:
            plug.until_up()
        if left.ports and right.ports and right.ports[0].host:
            right.ports[0].host.seeds.append(left.ports[0].address)
        line = Line(ends, pump)
        if emulation is not None:
            line.emulate(emulation)
        return line

    def partition(self, *groups: Collection[Host]) -> Fault:
        """Cut all lines and segments that join hosts of different groups; trunks stay.

        Raises:
            BedError: no line and no segment does.
        """
        group: dict[Host | None, int] = {
            host: number for number, hosts in enumerate(groups) for host in hosts
        }

        def apart(one: Port, other: Port) -> bool:
            both = one.host in group and other.host in group
            return both and group.get(one.host) != group.get(other.host)

        pairs = [
            f'"{one.name}" . "{other.name}"'
            for segment in self.segments
            for one in segment.ports
            for other in segment.ports
            if apart(one, other)
        ]
        rules = [f"iifname . oifname {{ {', '.join(pairs)} }}"] if pairs else []
        for line in self._long_lines:
            rules += line.ends[0].both_ways() if apart(*line.ends) else []
        if not rules:
            raise BedError("nothing but a trunk joins these groups: cut the trunk")
        return drop(self.switch, "partition", rules)

    def route(self, router: Host, inside: Segment, outside: Segment) -> None:
        """Let ``router`` translate for the hosts inside, and refuse whoever dials them.

        Those outside send it what is for inside, as the internet would, and hear nothing back.
        """
        home, public = (_port(router, segment) for segment in (inside, outside))
        self.switch.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward", host=router.name)
        self.switch.run("nft", "-f", "-", text=_NAT.format(public.device), host=router.name)
        router.seeds.clear()
        for port in inside.ports:
            if port.host is not None and port is not home:
                port.host.seeds[:] = [outside.ports[0].address]
                self.switch.ip(f"route add default via {home.address}", host=port.host.name)
        for port in outside.ports:
            if port.host is not None and port is not public:
                way = f"route add 10.77.{inside.subnet}.0/24 via {public.address}"
                self.switch.ip(way, host=port.host.name)

    def routed(self, router: Host) -> dict[str, int]:
        """The connections that a router has ``translated``, and the packets that it ``refused``."""
        return self.switch.counters("ip", "bed", host=router.name)

    def _attach(self, host: Host, segment: Segment) -> Port:
        device = f"e{len(host.ports)}"
        subnet = segment.subnet
        address = f"10.77.{subnet}.{host.number}"
        address6 = f"fd77:0:0:{subnet:x}::{host.number:x}"
        name = f"{host.name}-{len(host.ports)}"
        port = Port(self.switch, name, host, device, address, address6)
        host.ports.append(port)
        segment.ports.append(port)
        self.switch.ip(
            f"link add {port.name} type veth peer name {device} netns {host.name}",
            f"link set {port.name} master {segment.name} addrgenmode none up",
        )
        self.switch.ip(
            f"addr add {address}/24 dev {device}",
            f"addr add {address6}/64 dev {device} nodad",
            f"link set {device} addrgenmode none up",
            host=host.name,
        )
        return port

    def _pump(self, left: str, right: str) -> Guest:
        guest = self.switch.spawn("", [sys.executable, "-S", "-E", str(_PUMP), left, right])
        if not guest.output.readline():
            raise BedError(f"the pump between {left} and {right} did not start")
        return guest


def _port(host: Host, segment: Segment) -> Port:
    return next(port for port in segment.ports if port.host is host)
