"""Looks at the network: the agent's port, mDNS, and the peers that are remembered."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from cantor.base.address import Address
from cantor.base.errors import ConfigError
from cantor.doctor.facts import MulticastFacts, PeerFacts, PortFacts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.base.ids import NodeId
    from cantor.wire.frame import Value

MDNS_GROUP = "224.0.0.251"
MDNS_PORT = 5353
CONNECT_TIMEOUT_S = 2.0
PEERS_TRIED_MAX = 32

Connect = Callable[[str, int], Awaitable[None]]


def port(
    listen: str, status: Mapping[str, Value] | None, bind: Callable[[str, int], None]
) -> PortFacts:
    """Whether ``listen`` can be bound, or is the running agent's own."""
    held = status.get("addresses") if status is not None else None
    ports = [str(a).rpartition(":")[2] for a in held] if isinstance(held, list) else []
    if listen.rpartition(":")[2] in ports:
        return PortFacts(listen, "", held_by_agent=True)
    try:
        address = Address.parse(listen)
        bind(address.host, address.port)
    except (OSError, ConfigError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return PortFacts(listen, reason, held_by_agent=False)
    return PortFacts(listen, "", held_by_agent=False)


def multicast(addresses: Callable[[], list[str]], join: Callable[[str], None]) -> MulticastFacts:
    """On which local addresses the mDNS group can be joined."""
    joined, refused = [], []
    for address in addresses():
        try:
            join(address)
        except OSError:
            refused.append(address)
        else:
            joined.append(address)
    return MulticastFacts(tuple(joined), tuple(refused))


async def peers(remembered: Mapping[NodeId, list[str]], connect: Connect) -> PeerFacts:
    """Try all addresses of the first peers at once; a peer counts by its best address."""
    tried = [remembered[node] for node in sorted(remembered)[:PEERS_TRIED_MAX] if remembered[node]]
    answers = await asyncio.gather(*(_reached(addresses, connect) for addresses in tried))
    pairs = list(zip(tried, answers, strict=True))
    return PeerFacts(
        reached=tuple(answer for _, answer in pairs if answer),
        unreached=tuple(addresses[0] for addresses, answer in pairs if not answer),
    )


async def _reached(addresses: list[str], connect: Connect) -> str:
    async def attempt(text: str) -> str:
        try:
            address = Address.parse(text)
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await connect(address.host, address.port)
        except (OSError, TimeoutError, ConfigError):
            return ""
        return text

    answers = await asyncio.gather(*(attempt(address) for address in addresses))
    return next((address for address in answers if address), "")


async def connect(host: str, number: int) -> None:
    """Open a TCP connection and close it again.

    Raises:
        OSError: nothing accepts there.
    """
    _, writer = await asyncio.open_connection(host, number)
    writer.transport.abort()


def bind(host: str, number: int) -> None:
    """Bind and listen as the agent would, and let go.

    Raises:
        OSError: the port is held, or may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, number))
        probe.listen(1)


def join(address: str) -> None:
    """Join the mDNS group on the interface with ``address``, and leave it.

    Raises:
        OSError: the interface or the port does not allow it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        probe.bind(("", MDNS_PORT))
        membership = socket.inet_aton(MDNS_GROUP) + socket.inet_aton(address)
        probe.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)


def addresses() -> list[str]:
    """The IPv4 addresses of this machine."""
    from cantor.transport.addresses import local_addresses

    return [address for address in local_addresses() if ":" not in address]
