"""Which addresses are another machine's.

What listens on this box for itself (databases, a metadata service, the agent's own ports) trusts
who is on it. So a filter that works for another node reaches other machines alone.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address


def is_elsewhere(text: str) -> bool:
    """Whether this IP address is one of another machine: neither of this box, nor of its link
    alone, nor of many at once.

    Raises:
        ValueError: it is no IP address.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    inner = getattr(address, "ipv4_mapped", None)
    if inner is not None:
        address = inner
    is_special = (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address.is_reserved
    )
    return not is_special and not _is_own(address)


def find_elsewhere(host: str, port: int) -> str:
    """The first IP address of a host, if all that it has are of other machines; takes the time
    that the system's resolver takes.

    Raises:
        OSError: it has none, or one of another kind.
    """
    found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not found or not all(map(is_elsewhere, found)):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), host)
    return found[0]


def _is_own(address: IPv4Address | IPv6Address) -> bool:
    """Whether a socket of this box can have it. Source: bind(2), EADDRNOTAVAIL."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.bind((str(address), 0))
    except OSError:
        return False
    return True
