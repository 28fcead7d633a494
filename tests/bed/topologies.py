"""Networks by name. Each takes an empty ``Network`` and returns what a test must hold on to."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bed.lines import Host, Line, Segment
    from tests.bed.network import Network
    from tests.bed.pump import Emulation


def chain(network: Network, count: int) -> list[Line]:
    """n1 — n2 — … — nN; from end to end only through all the others."""
    return [network.line(one, other) for one, other in pairwise(network.hosts_named(count))]


def ring(network: Network, count: int) -> list[Line]:
    """As a chain, and the last line joins the last host with the first. Three make a triangle."""
    lines = chain(network, count)
    return [*lines, network.line(network.hosts[-1], network.hosts[0])]


def star(network: Network, count: int) -> list[Line]:
    """n1 in the middle, with a line to each of the others."""
    middle, *others = network.hosts_named(count)
    return [network.line(middle, other) for other in others]


def site(network: Network, count: int) -> Segment:
    """One local network."""
    return network.segment(network.hosts_named(count))


def two_sites(
    network: Network, each: int, *, rate_bps: float = 0.0, emulation: Emulation | None = None
) -> Line:
    """Two local networks, a1 … and b1 …, joined by one line, which may be slow."""
    left = network.segment(network.hosts_named(each, "a"))
    right = network.segment(network.hosts_named(each, "b"), subnet=left.subnet)
    line = network.join(left, right, emulation)
    if rate_bps:
        line.limit(rate_bps)
    return line


def web(network: Network, count: int, seed: int) -> list[Line]:
    """A ring with about half as many chords as hosts, by seed."""
    lines = ring(network, count)
    random = Random(seed)  # noqa: S311 -- the same seed gives the same network
    joined = {frozenset((line.ends[0].host, line.ends[1].host)) for line in lines}
    for _ in range(count // 2):
        one, other = random.sample(network.hosts, 2)
        if frozenset((one, other)) not in joined:
            joined.add(frozenset((one, other)))
            lines.append(network.line(one, other))
    return lines


def behind_nat(network: Network, public: int) -> tuple[Host, Host]:
    """``inside`` behind a router that translates, and a public network of ``n1``, ``n2``, ….

    Returns the host inside and the router, whose counters say what it translated and refused.
    """
    inside, router = network.host("inside"), network.host("router")
    home = network.segment([router, inside])
    outside = network.segment([*network.hosts_named(public), router])
    network.route(router, home, outside)
    return inside, router
