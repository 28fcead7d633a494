"""Finding peers on the local network by multicast DNS (RFC 6762) and DNS-SD (RFC 6763).

A stranger learns nothing but the protocol version, the node's id, a hash of the mesh's name and the
port: what hardware a node has travels only inside the mesh.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import logging
from typing import TYPE_CHECKING

from zeroconf import InterfaceChoice, IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from cantor.base.address import Address
from cantor.base.ids import NodeId, parse_node_id, short_name
from cantor.transport.addresses import local_addresses

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SERVICE_TYPE = "_cantor._tcp.local."
_RESOLVE_TIMEOUT_MS = 3000
_log = logging.getLogger(__name__)


def mesh_digest(mesh: str) -> str:
    """16 hexadecimal digits that tell meshes apart without giving their names away."""
    return hashlib.sha256(mesh.encode()).hexdigest()[:16]


class Discovery:
    """Announces this node and reports the peers of the same mesh that it hears of.

    ``on_peer(node_id, ["host:port", ...])`` runs on the event loop, once for each announcement.
    ``interfaces`` are local IP addresses; empty means the system's choice.
    """

    def __init__(
        self,
        node: NodeId,
        mesh: str,
        port: int,
        on_peer: Callable[[NodeId, list[str]], None],
        *,
        interfaces: Sequence[str] = (),
    ) -> None:
        self._node = node
        self._digest = mesh_digest(mesh)
        self._port = port
        self._on_peer = on_peer
        self._interfaces = list(interfaces)
        self._zeroconf: AsyncZeroconf | None = None
        self._browser: AsyncServiceBrowser | None = None
        self._resolving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to announce and to listen.

        Raises:
            OSError: multicast is not possible here; seeds still work.
        """
        self._zeroconf = AsyncZeroconf(
            interfaces=self._interfaces or InterfaceChoice.All,
            ip_version=_families(self._interfaces or local_addresses()),
        )
        self._browser = AsyncServiceBrowser(
            self._zeroconf.zeroconf, SERVICE_TYPE, handlers=[self._changed]
        )
        await self._zeroconf.async_register_service(
            self._announcement(), cooperating_responders=True
        )

    async def close(self) -> None:
        """Withdraw the announcement and stop listening."""
        for task in self._resolving:
            task.cancel()
        await asyncio.gather(*self._resolving, return_exceptions=True)
        if self._browser is not None:
            await self._browser.async_cancel()
        if self._zeroconf is not None:
            await self._zeroconf.async_unregister_all_services()
            await self._zeroconf.async_close()

    def _announcement(self) -> AsyncServiceInfo:
        addresses = self._interfaces or local_addresses()
        return AsyncServiceInfo(
            SERVICE_TYPE,
            f"{self._node}.{SERVICE_TYPE}",
            addresses=[ipaddress.ip_address(address).packed for address in addresses],
            port=self._port,
            properties={"p": "1", "id": self._node, "m": self._digest},
            server=f"{self._node}.local.",
        )

    def _changed(
        self,
        zeroconf: Zeroconf,
        service_type: str,
        name: str,
        state_change: ServiceStateChange,
    ) -> None:
        if state_change is ServiceStateChange.Removed or name.startswith(self._node):
            return
        task = asyncio.ensure_future(self._resolve(zeroconf, service_type, name))
        self._resolving.add(task)
        task.add_done_callback(self._resolving.discard)

    async def _resolve(self, zeroconf: Zeroconf, service_type: str, name: str) -> None:
        info = AsyncServiceInfo(service_type, name)
        if not await info.async_request(zeroconf, _RESOLVE_TIMEOUT_MS):
            return
        text = info.decoded_properties
        if text.get("m") != self._digest or info.port is None:
            return
        try:
            node = parse_node_id(text.get("id") or "")
        except ValueError:
            _log.warning("ignored an announcement with a malformed node id")
            return
        addresses = [str(Address(address, info.port)) for address in info.parsed_addresses()]
        _log.debug("heard of a peer", extra={"peer": short_name(node), "addresses": addresses})
        self._on_peer(node, addresses)


def _families(addresses: Sequence[str]) -> IPVersion:
    has_6 = [":" in address for address in addresses]
    if not any(has_6):
        return IPVersion.V4Only
    return IPVersion.V6Only if all(has_6) else IPVersion.All
