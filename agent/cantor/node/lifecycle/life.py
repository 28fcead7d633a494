"""A node's life in its mesh, put together: what the agent has to know of it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import math
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, ConfigError, IdentityError
from cantor.base.ids import parse_node_id, short_name
from cantor.identity.authority_folder import load_authority
from cantor.identity.certificates import node_name, parse_certificates
from cantor.identity.denials import DENIED
from cantor.identity.leases import LEASE
from cantor.identity.policies import POLICY
from cantor.identity.projects import PROJECTS
from cantor.identity.rollover import SUCCESSION
from cantor.identity.statements import StatementReader
from cantor.node.lifecycle.days import DAY, Days
from cantor.node.lifecycle.declared import Declared
from cantor.node.lifecycle.denials import Denials
from cantor.node.lifecycle.leases import Leases
from cantor.node.lifecycle.policies import Policies
from cantor.node.lifecycle.renewing import REPLACES, Renewing
from cantor.node.lifecycle.succession import Roots
from cantor.node.memory import NodeMemory
from cantor.node.view import find_node
from cantor.transport.deadlines import Deadlines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.identity.authority import Authority
    from cantor.identity.store import Identity, IdentityFolder, TrustedClock
    from cantor.ledger.facts import Fact
    from cantor.ledger.ledger import Ledger
    from cantor.node.lifecycle.issuer import Issuer
    from cantor.node.services import Call, Node
    from cantor.node.signing import FactVerifier
    from cantor.transport.links import Links
    from cantor.wire.frame import Value

AUTHORITY_FOLDER = "authority"
LOOK_EVERY_S = 1.0
_log = logging.getLogger(__name__)


class Lifecycle:
    """Everything about this node's and others' admission; ``changed`` tells that it has changed.

    ``forget`` is given the certificates that no root vouches for any longer, ``day_begun`` each
    new day that an issuer has said; ``projects_changed`` is called when others are declared.

    Raises:
        ConfigError: what is kept of it is damaged.
        IdentityError: the authority in the node's folder cannot be used.
    """

    def __init__(
        self,
        node: Node,
        folder: IdentityFolder,
        ledger: Ledger,
        verifier: FactVerifier,
        time: TrustedClock,
        *,
        authority: Authority | None = None,
        changed: Callable[[], None],
        forget: Callable[[frozenset[bytes]], None],
        day_begun: Callable[[int], None],
        projects_changed: Callable[[], None],
    ) -> None:
        self._node = node
        self._folder = folder
        self._ledger = ledger
        self._vouching = verifier.vouching
        self._changed = changed
        self._forget = forget
        self._links: Links | None = None
        self._deadlines: Deadlines | None = None
        self._task: asyncio.Task[None] | None = None
        self.identity = folder.identity
        self._time = time
        reader = StatementReader(self.identity.mesh, self.identity.root_pem)
        self.authority = authority or _authority_in(folder.path / AUTHORITY_FOLDER)
        known = self.authority.folder if self.authority is not None else None
        self._authority_folder = known or folder.path / AUTHORITY_FOLDER
        self.denials = Denials(
            node,
            reader,
            folder.path / DENIED,
            authority=self.authority,
            changed=self._denials_changed,
        )
        self.issuer: Issuer | None = None
        if self.authority is not None:
            from cantor.node.lifecycle.issuer import Issuer  # few nodes are one

            self.issuer = Issuer(node, self.authority, self.denials, self._authority_folder)
        self.policies = Policies(
            node, folder, reader, authority=self.authority, changed=self._expire
        )
        self.declared = Declared(
            node, folder, reader, authority=self.authority, changed=projects_changed
        )
        self.leases = Leases(ledger, reader, self.policies)
        self._days = Days(node, reader, authority=self.authority, begun=day_begun)
        self._roots = Roots(node, folder, reader, verifier, changed=self._roots_changed)
        self._renewing = Renewing(
            node,
            folder,
            reader,
            issuers=lambda: self.denials.issuers,
            own_issue=self.issuer.renew if self.issuer is not None else None,
            https_at=NodeMemory(folder.path).hub().enrol,
            renewed=self._renewed,
            learnt=time.learn,
            followed=self._roots.follow,
        )
        self._wall_ahead_s = math.inf
        self.denied: frozenset[NodeId] = frozenset()
        self.expired: frozenset[NodeId] = frozenset()
        self.out: frozenset[NodeId] = frozenset()
        """Denied or expired: what they say does not count."""
        self._watched: frozenset[NodeId] = frozenset()
        self._denials_changed()

    async def settle(self, links: Links) -> None:
        """Before the node says anything: see that its clock and certificate can be used."""
        self._links = links
        await self._renewing.settle()
        self._wall_ahead_s = self._node.wall() - self._node.clock.monotonic()

    async def start(self, links: Links) -> None:
        """Begin; the node is in the mesh."""
        self._deadlines = Deadlines(links, lambda link: link.holds_until_s - self.judging_s())
        self.denials.start()
        if self.issuer is not None and self.authority is not None:
            self.issuer.start()
            self._roots.say(self.authority)
        self.policies.start()
        self._renewing.start()
        if packed := self._folder.statement(REPLACES):
            self._node.publish(REPLACES, packed, lasting=True)
        self._task = asyncio.ensure_future(self._look())

    async def close(self) -> None:
        """End what was started."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._deadlines is not None:
            await self._deadlines.close()
        await self._renewing.close()
        self.denials.close()
        if self.issuer is not None:
            await self.issuer.close()

    async def enrol_at(self, address: str, public: str) -> None:
        """Let boxes enrol here by HTTPS.

        Raises:
            ConfigError: this node is no issuer, or the address cannot be used.
        """
        if self.issuer is None:
            raise ConfigError(
                "only an issuer can enrol boxes",
                where=f"--enrol {address}",
                remedy="make a mesh here with cantor mesh init, or leave the option out",
            )
        await self.issuer.listen(address, public)

    def judging_s(self) -> float:
        """The time by which certificates of peers are judged, in seconds since 1970.

        By a clock after the end of this node's own certificate nobody would be left to link with.
        It may be years ahead; then the time that is known to have passed is used, and those whose
        clocks are right decide.
        """
        wall_s = self._node.wall()
        ended = wall_s >= self.identity.not_after
        return min(wall_s, self._time.floor_s) if ended else wall_s

    def heard(self, facts: Iterable[Fact]) -> None:
        """Facts have changed."""
        take = {
            DENIED: self.denials.heard,
            SUCCESSION: self._roots.heard,
            DAY: self._days.heard,
            POLICY: self.policies.heard,
            PROJECTS: self.declared.heard,
        }
        for fact in facts:
            if fact.name in take:
                asyncio.get_running_loop().call_soon(take[fact.name], fact)
            elif fact.name == LEASE:
                self.leases.heard(fact)
            if fact.owner in self._watched and fact.name == "node":
                self._judge()

    def look(self) -> None:
        """Liveness has changed."""
        self._renewing.look()

    def refuses(self, source: NodeId) -> bool:
        """Whether frames from a node are dropped; an issuer hears the expired: they may renew."""
        return source in (self.denied if self.issuer is not None else self.out)

    def tenant_of(self, node: NodeId) -> str:
        """The tenant in the certificate by which a node says who it is; "" if none is known."""
        return self.leases.tenant_of(node)

    def is_dead(self, node: NodeId) -> bool:
        """Whether a node was declared dead: it is denied for ever."""
        return self.denials.known.is_banned(self.identity.tenant, node)

    def standings(self) -> Mapping[NodeId, str]:
        """What is to be said about nodes that are not in good standing: see ``NodeView``."""
        now_s = self._node.wall()
        stale = (node for node in self._node.alive() if self.leases.is_stale(node, now_s))
        return {
            **dict.fromkeys(stale, "stale"),
            **dict.fromkeys(self.expired, "expired"),
            **dict.fromkeys(self.denied, "denied"),
        }

    def status(self) -> dict[str, Value]:
        """What ``cantor status`` says of it."""
        me = self._node.node_id
        return {
            "certificate_until": dt.datetime.fromtimestamp(
                self.identity.not_after, dt.UTC
            ).isoformat(timespec="seconds"),
            "standing": self.standings().get(me, "good"),
            "is_issuer": self.issuer is not None,
            "roots": len(parse_certificates(self.identity.root_pem)),
        }

    def calls(self) -> dict[str, Call]:
        """What a process of the same user may ask."""
        return {
            "node.deny": self._call_deny,
            "node.allow": self._call_allow,
            "node.approve": self._call_approve,
            "mesh.rollover": self._call_rollover,
            **self.policies.calls(),
            **self.declared.calls(),
        }

    def _call_deny(self, args: dict[str, Value]) -> Value:
        node = self._named(args)
        if args.get("for_ever"):
            self.denials.ban([node])
        else:
            self.denials.evict([node])
        return {"node": node}

    def _call_allow(self, args: dict[str, Value]) -> Value:
        node = self._named(args)
        self.denials.allow([node])
        return {"node": node}

    def _call_approve(self, args: dict[str, Value]) -> Value:
        if self.issuer is None:
            raise _no_issuer("approve nodes", self._node)
        return {"node": self.issuer.approve(str(args.get("node", "")))}

    def _call_rollover(self, _args: dict[str, Value]) -> Value:
        if self.authority is None or self.issuer is None:
            raise _no_issuer("give the mesh a new root", self._node)
        self._roots.go_over(self.authority, self._authority_folder)
        self.denials.say()
        self.policies.say_again()
        self.declared.say_again()
        return {"root_pin": self.authority.root_pin}

    def _named(self, args: dict[str, Value]) -> NodeId:
        """A node by name or id; one that has gone without a trace by its whole id."""
        word = str(args.get("node", ""))
        try:
            return find_node(self._node.nodes(), word).id
        except ConfigError:
            with contextlib.suppress(ValueError):
                return parse_node_id(word)
            raise

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                self._roots.look()
            except (CantorError, OSError) as error:
                _log.warning("a former root stays", extra={"reason": str(error)})
            self.policies.keep()
            self.declared.keep()
            self.denials.keep()
            if self.issuer is not None:
                self.issuer.look()
                self._days.look()
            self._expire()
            if self._deadlines is not None:
                self._deadlines.look(self._node.clock.monotonic())

    def _renewed(self, identity: Identity) -> None:
        self.identity = identity
        if self._links is not None:
            self._links.renew(identity)
        self._ledger.certify(self._folder.chain.pem)
        # What was said under the certificate before must not outlive the root that vouched for it.
        for name, value in self._ledger.own().items():
            self._node.publish(name, value)

    def _roots_changed(self, is_new: bool) -> None:
        self.identity = self._folder.identity
        if self._links is not None:
            self._links.renew(self.identity)
        if is_new:
            self._renewing.follow()
            return
        self._ledger.certify(self._folder.chain.pem)  # without what the former root certified
        vouches = self._vouching.vouches
        lost = frozenset(c for c in self._ledger.certificates() if not vouches(c))
        if lost:
            self._forget(lost)

    def _denials_changed(self) -> None:
        self._judge()
        if self._links is not None:
            self._links.drop_denied("this node is denied")
            self._changed()

    def _expire(self) -> None:
        """Who has been stale for too long, as far as a steady clock or an issuer bears it out.

        So a clock that is set ahead while the node runs ends nobody.
        """
        steady_s = self._node.clock.monotonic() + self._wall_ahead_s
        now_s = max(self._time.floor_s, min(self._node.wall(), steady_s))
        nodes = self._node.alive() | self.expired
        expired = frozenset(node for node in nodes if self.leases.is_expired(node, now_s))
        if expired != self.expired:
            self.expired, self.out = expired, self.denied | expired
            self._changed()

    def _judge(self) -> None:
        """Whose facts count no longer: the certificate under them was denied."""
        known = self.denials.known.nodes()
        self._watched = frozenset(node for _, node in known)
        self.denied = frozenset(node for tenant, node in known if self._is_out(tenant, node))
        self.out = self.denied | self.expired

    def _is_out(self, tenant: str, node: NodeId) -> bool:
        batch = self._ledger.batch(node, "node")
        if batch is None:
            return True
        try:
            leaf = parse_certificates(batch.certificate)[0]
            of = node_name(leaf)
        except IdentityError:
            return True
        began_s = leaf.not_valid_before_utc.timestamp()
        return of.tenant == tenant and self.denials.known.is_denied(tenant, node, began_s)


def _no_issuer(what: str, node: Node) -> ConfigError:
    return ConfigError(
        f"only an issuer can {what}",
        where=f"node {short_name(node.node_id)}",
        remedy="ask at the hub, or at the node where cantor mesh init was run",
    )


def _authority_in(folder: Path) -> Authority | None:
    return load_authority(folder) if (folder / "authority.json").exists() else None
