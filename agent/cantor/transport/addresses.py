"""Where a node can be reached, by IPv4 and IPv6.

Link-local addresses (``fe80::…%eth0``) may be given as seeds and to listen on, but are told to
nobody: the name of the interface in them means something on this machine alone.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

from cantor.base.address import Address

if TYPE_CHECKING:
    from collections.abc import Sequence

EVERYWHERE = {"0.0.0.0": 4, "::": 6}  # noqa: S104 (recognised, not listened on)


def local_addresses() -> list[str]:
    """The addresses of this machine, IPv4 first; loopback only if there is no other."""
    import ifaddr

    found: list[str] = []
    for adapter in ifaddr.get_adapters():
        found += [ip.ip if isinstance(ip.ip, str) else ip.ip[0] for ip in adapter.ips]
    addresses = sorted(map(ipaddress.ip_address, found), key=lambda address: address.version)
    usable = [str(a) for a in addresses if not (a.is_loopback or a.is_link_local)]
    return usable or ["127.0.0.1"]


def told_addresses(listening: Sequence[Address], interfaces: Sequence[str]) -> list[str]:
    """What others are told to dial, for what this node listens on.

    An address that stands for all of its family becomes each of this machine, or of
    ``interfaces`` if there are some.
    """
    told: dict[str, None] = {}
    for where in listening:
        version = EVERYWHERE.get(where.host)
        if interfaces:
            hosts = [host for host in interfaces if version in (None, _version(host))]
        elif version is not None:
            hosts = [host for host in local_addresses() if _version(host) == version]
        else:
            hosts = [] if _is_link_local(where.host) else [where.host]
        told.update((str(Address(host, where.port)), None) for host in hosts)
    return list(told)


def everywhere(port: int) -> tuple[str, ...]:
    """What to listen on so that a port is reached over every family that this system has."""
    return (f"0.0.0.0:{port}", f"[::]:{port}") if has_ipv6() else (f"0.0.0.0:{port}",)


def has_ipv6() -> bool:
    """Whether this machine's system has IPv6 at all."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


def _version(host: str) -> int:
    """4 or 6; 0 for a name."""
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return 0


def _is_link_local(host: str) -> bool:
    return bool(_version(host)) and ipaddress.ip_address(host).is_link_local
