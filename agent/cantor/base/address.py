"""``HOST:PORT`` as people and nodes write it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from cantor.base.errors import ConfigError

PORT_MAX = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port; to listen on port 0 means a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``host:port`` or ``[v6]:port``.

        Raises:
            ConfigError: it is neither.
        """
        host, _, port = text.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port[:9]) > PORT_MAX:
            raise ConfigError(f"not an address: {text[:80]!r}", remedy="write HOST:PORT")
        try:
            host.encode("idna")  # as every resolver does first: it must not fail only there
        except UnicodeError as error:
            raise ConfigError(
                f"not the name of a host: {host[:80]!r}", remedy="write HOST:PORT"
            ) from error
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ConfigError(
                f"not an address: {text[:80]!r}", remedy="write [HOST]:PORT where HOST is IPv6"
            )
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
