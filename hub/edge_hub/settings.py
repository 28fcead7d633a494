"""What a person may decide about a hub."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.address import Address
from cantor.node.settings import Exports

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_PROJECT = "default"
# Beside the port of an agent, so that both run on one machine. Only certificates get in.
PORT_DEFAULT = 7434
LISTEN_DEFAULT = (f"0.0.0.0:{PORT_DEFAULT}",)


@dataclass(frozen=True, slots=True)
class HubSettings:
    """One hub.

    ``console`` is plain HTTP on loopback and HTTPS elsewhere, with a certificate of the mesh or
    one's own (``certificate``, and ``key`` if that is another file). ``console_url`` is what people
    write where a proxy stands before it. ``hosts`` are further names under which people and boxes
    reach this hub, ``public_enrol`` is what tokens say (``host:port``).
    ``mesh`` is where its own node accepts links, ``interfaces`` the local addresses of discovery.
    ``sandbox`` are rules of how closed whose code runs on this machine, ``service_data`` is how
    much each service may keep there, and ``logs`` how much of its node's logs, as people type them.
    ``exports`` is where the metrics of its node go.
    """

    data: Path
    console: Address = Address("127.0.0.1", 8080)  # noqa: RUF009 (it cannot change)
    enrol: Address = Address("127.0.0.1", 8443)  # noqa: RUF009 (it cannot change)
    public_enrol: str = ""
    console_url: str = ""
    certificate: Path | None = None
    key: Path | None = None
    hosts: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    mesh: tuple[str, ...] = LISTEN_DEFAULT
    interfaces: tuple[str, ...] = ()
    sandbox: tuple[str, ...] = ()
    service_data: str = ""
    logs: str = ""
    exports: Exports = Exports()  # noqa: RUF009 (it cannot change)
    static: Path | None = None
    project: str = DEFAULT_PROJECT
    ticket_life_s: float = 15 * 60
    session_idle_s: float = 8 * 3600
    session_life_s: float = 7 * 86400
    request_size_bytes_max: int = 64 * 1024
    enrol_size_bytes_max: int = 16 * 1024
    figures_every_s: float = 1.0

    @property
    def database_path(self) -> Path:
        """The hub's database."""
        return self.data / "hub.sqlite3"

    @property
    def enrol_file(self) -> Path:
        """Where a running hub writes what tokens say, for tokens made by the command line."""
        return self.data / "enrol"

    @property
    def console_file(self) -> Path:
        """Where a running hub writes how people reach it, for sign-in links made later."""
        return self.data / "console"

    @property
    def node_folder(self) -> Path:
        """Where the hub's own node keeps who it is."""
        return self.data / "node"

    @property
    def authority_folder(self) -> Path:
        """Where the keys of the mesh lie."""
        return self.data / "authority"

    @property
    def server_certificate(self) -> Path:
        """The key and certificate of the HTTPS listeners; among the keys, so backups hold it."""
        return self.authority_folder / "server.pem"

    @property
    def console_has_tls(self) -> bool:
        """Whether the console speaks TLS: where others can reach it, or a certificate is named."""
        return not self.console.is_loopback or self.certificate is not None

    @property
    def console_is_https(self) -> bool:
        """Whether browsers reach the console by HTTPS, be it at a proxy."""
        if self.console_url:
            return self.console_url.startswith("https://")
        return self.console_has_tls
