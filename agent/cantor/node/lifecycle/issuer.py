"""What an issuer does for others: it renews over the mesh, and enrols and renews by HTTPS."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import socket
from typing import TYPE_CHECKING

from cantor.base.address import Address
from cantor.base.errors import CantorError, ConfigError
from cantor.base.ids import NodeId, short_name
from cantor.identity.admission import parse_application, respond
from cantor.identity.certificates import CertificateChain
from cantor.identity.files import write_durably
from cantor.identity.https_server import HttpsServer
from cantor.identity.leases import LEASE_S
from cantor.identity.office import Office
from cantor.identity.renewal import parse_renewal, renew
from cantor.identity.renewal import respond as respond_to_renewal
from cantor.identity.server_certificate import ServerCertificate
from cantor.identity.statements import make_statement
from cantor.node.lifecycle.presence import Presence
from cantor.node.lifecycle.renewing import REPLACES, TOPIC
from cantor.node.services import Message, Reply
from cantor.transport.addresses import local_addresses

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cantor.identity.authority import Authority
    from cantor.node.lifecycle.denials import Denials
    from cantor.node.services import Node

ENROL_FILE = "enrol"
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 (recognised, not listened on)
_log = logging.getLogger(__name__)


class Issuer:
    """The issuer's work on one node; its tokens lie beside the authority's keys in ``folder``."""

    def __init__(self, node: Node, authority: Authority, denials: Denials, folder: Path) -> None:
        self.authority = authority
        self.office = Office(folder)
        self._presence = Presence(node.folder / "presence.json")
        self._node = node
        self._denials = denials
        self._folder = folder
        self._server: HttpsServer | None = None

    def start(self) -> None:
        """Renew for the nodes of the mesh."""
        self._node.answer(TOPIC, self._asked)

    async def listen(self, address: str, public: str = "") -> Address:
        """Enrol boxes by HTTPS; where it listens.

        Args:
            address: ``host:port`` to listen on.
            public: what tokens say, if boxes reach it by another address.

        Raises:
            ConfigError: the address cannot be used.
        """
        where = Address.parse(address)
        hosts = _hosts(where.host, public)
        certificate = ServerCertificate(
            self._folder / "server.pem", self.authority, hosts, self._node.clock
        )
        self.authority.watchers.append(certificate.refresh)
        routes = {"/enrol": self.enrol, "/renew": self.renew}
        self._server = HttpsServer(routes, certificate.context)
        try:
            port = await self._server.start(where)
        except OSError as error:
            raise ConfigError(
                f"cannot listen there: {error}",
                where=f"--enrol {address}",
                remedy="choose another port, or end the program that holds this one",
            ) from error
        said = public or str(Address(hosts[0], port))
        write_durably(self._folder / ENROL_FILE, said.encode())
        return Address(where.host, port)

    def look(self) -> None:
        """Take note of being here; about once a second."""
        self._presence.since_s(self._node.wall())

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            await self._server.close()

    async def enrol(self, body: bytes) -> tuple[int, Mapping[str, object]]:
        """Answer ``POST /enrol``."""
        applicant = parse_application(body)
        now_s = self._node.wall()
        ruling, replaced = await asyncio.to_thread(
            self.office.admit, applicant, self.authority, self._denials.known, now_s
        )
        more: dict[str, object] = {}
        is_in = isinstance(ruling.answer, CertificateChain)
        if replaced and is_in and replaced != applicant.node_id:  # nobody replaces itself
            more["replaces"] = self.replace(NodeId(replaced), applicant.node_id)
        status, answer = respond(
            ruling, applicant, self.authority, now_s=now_s, seeds=self._seeds(), more=more
        )
        extra = {"peer": short_name(applicant.node_id), "status": status}
        _log.info("a box asked to be enrolled", extra=extra)
        return status, answer

    async def renew(self, body: bytes) -> tuple[int, Mapping[str, object]]:
        """Answer ``POST /renew``, and the same question over the mesh."""
        asked = parse_renewal(body, self.authority.root_pem)
        now_s = self._node.wall()
        answer = renew(
            asked,
            self.authority,
            self._denials.known,
            now_s,
            awake_since_s=self._presence.since_s(now_s),
        )
        return respond_to_renewal(
            answer, asked, self.authority, now_s=now_s, lease_s=LEASE_S, seeds=self._seeds()
        )

    def approve(self, word: str) -> str:
        """Let a node in that waits, by the start of its id or its name; its id.

        Raises:
            ConfigError: none that waits is called that, or several are.
        """
        waiting = self.office.waiting()
        found = {node for node, name in waiting if word and (node.startswith(word) or name == word)}
        if len(found) != 1:
            raise ConfigError(
                f"{len(found) or 'no'} waiting nodes are called {word[:40]!r}",
                remedy="waiting: " + (", ".join(f"{n} ({node})" for node, n in waiting) or "none"),
            )
        (node,) = found
        self.office.approve(NodeId(node))
        return node

    def replace(self, old: NodeId, new: NodeId) -> str:
        """Put the old node out for ever; the word that the new one is in its place, in base64."""
        self._denials.ban([old])
        said = {"node": new, "replaces": old}
        statement = make_statement(self.authority, REPLACES, said, self._node.wall())
        return base64.b64encode(statement.packed).decode("ascii")

    async def _asked(self, message: Message) -> Reply:
        body = b"".join(bytes(part) for part in message.body)
        try:
            status, answer = await self.renew(body)
        except CantorError as error:
            status, answer = 400, {"detail": error.what}
        return Reply({"status": status}, (json.dumps(dict(answer)).encode(),))

    def _seeds(self) -> list[str]:
        views = self._node.nodes()
        return [a for view in views if view.id == self._node.node_id for a in view.addresses]


def _hosts(host: str, public: str) -> list[str]:
    """The names and addresses that the listener's certificate says, the best to dial first."""
    names = [Address.parse(public).host] if public else []
    names += [*local_addresses(), socket.gethostname()] if host in EVERYWHERE else [host]
    return list(dict.fromkeys([*names, "localhost", "127.0.0.1"]))
