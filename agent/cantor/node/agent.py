"""The agent: one node of the mesh, put together from the cores, the transport and this machine."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from typing import TYPE_CHECKING

import cantor
from cantor.base.address import Address
from cantor.base.clock import Clock, SystemClock
from cantor.base.errors import CantorError, ConfigError, reason_of
from cantor.identity.store import IdentityFolder, TrustedClock
from cantor.ledger.ledger import Ledger
from cantor.ledger.sync import digest
from cantor.mesh.core import MeshCore
from cantor.mesh.effects import Effect, FactsChanged, NodeAlive, NodeDead
from cantor.mesh.events import DaySaid, LocalFact, TrustLost
from cantor.mesh.settings import MeshSettings
from cantor.node.changes import Changes
from cantor.node.driver import MeshDriver
from cantor.node.grants.calls import ResourceCalls
from cantor.node.grants.grants import Grants
from cantor.node.hardware import Hardware, Inventory, load_inventory
from cantor.node.lasting import LastingFacts
from cantor.node.lifecycle.life import Lifecycle
from cantor.node.memory import NodeMemory
from cantor.node.mesh_calls import MeshCalls
from cantor.node.messages import Messages
from cantor.node.peers import Peers
from cantor.node.sandboxes import Sandboxes
from cantor.node.services import registered_services
from cantor.node.signing import FactSigner, FactVerifier, SignedWords, make_seals
from cantor.node.talk import Talk
from cantor.node.view import KnownNodes, NodeView
from cantor.transport.addresses import told_addresses
from cantor.transport.links import Links

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cantor.base.ids import NodeId
    from cantor.base.resources import Device, Resource
    from cantor.identity.authority import Authority
    from cantor.identity.contexts import PeerIdentity
    from cantor.ledger.facts import Fact
    from cantor.node.services import Call, Service, ServiceFactory
    from cantor.node.settings import AgentSettings
    from cantor.scheduling.shares.terms import Terms
    from cantor.wire import DataFrame
    from cantor.wire.frame import Value

CLOCK_INTERVAL_S = 1.0
SEED_RETRY_S = 2.0
_log = logging.getLogger(__name__)


class Agent(Talk):
    """One running node. ``start`` it on an event loop and ``close`` it at the end.

    To its services it is the ``Node`` of :mod:`cantor.node.services`.
    """

    def __init__(
        self,
        settings: AgentSettings,
        *,
        clock: Clock | None = None,
        inventory: Inventory | None = None,
        services: Mapping[str, ServiceFactory] | None = None,
        authority: Authority | None = None,
    ) -> None:
        """``services`` are those that run on this node; None means all of this installation.

        With an ``authority`` it is an issuer; an authority in the node's own folder counts as well.

        Raises:
            IdentityError: the folder holds no usable identity.
            ConfigError: what the node keeps in its folder is damaged.
        """
        self.settings = settings
        self.clock = clock or SystemClock()
        self._folder = IdentityFolder(settings.folder)
        self.identity = self._folder.identity
        self.node_id = self.identity.node_id
        self.folder = settings.folder
        self.labels: Mapping[str, str] = settings.labels
        self.tenant = self.identity.tenant
        self._time = TrustedClock(self._folder, self.clock)
        self._memory = NodeMemory(settings.folder)
        self.name = settings.name or self._memory.name() or socket.gethostname()
        signer = FactSigner(self._folder)
        verifier = FactVerifier(self.identity.mesh, self.identity.root_pem)
        self._core = self._make_core(signer, verifier)
        self._known = KnownNodes(self._core.ledger)
        self._driver = self._make_driver(signer, verifier)
        self._streams = self._driver.streams
        self._peers = Peers(self.node_id, self.identity.mesh, self._memory, self._driver.post)
        self.lifecycle = Lifecycle(
            self,
            self._folder,
            self._core.ledger,
            verifier,
            self._time,
            authority=authority,
            changed=self._tell,
            forget=lambda lost: self._driver.post(TrustLost(lost)),
            day_begun=lambda day: self._driver.post(DaySaid(day)),
            projects_changed=lambda: self.grants.projects_changed(),  # noqa: PLW0108 (made after it)
        )
        self.tenant_of, self.is_dead = self.lifecycle.tenant_of, self.lifecycle.is_dead
        is_denied = self.lifecycle.denials.is_denied
        self._links = Links(
            self.identity, self._driver, now=self.lifecycle.judging_s, is_denied=is_denied
        )
        self.words = SignedWords(self.identity, signer, verifier, is_denied, settings.work.code_run)
        epoch = self.life = self._core.ledger.epoch
        self.grants = Grants(self, epoch=epoch, shared=settings.shared, is_dead=self.is_dead)
        found = inventory or load_inventory()
        self._hardware = Hardware(found, self.publish, self.grants.offer)
        self._hardware.offer("configuration", (), settings.resources)
        self.sandboxes = Sandboxes(self.node_id, settings.folder, settings.work.settings.sandbox)
        self._lasting = LastingFacts(self._memory, self._driver.post)
        self._messages = Messages(self.node_id, epoch, self._driver.send)
        if services is None:
            services = registered_services(settings.work, settings.logs_bytes, settings.exports)
        self._services: dict[str, Service] = {name: make(self) for name, make in services.items()}
        self._started: list[Service] = []
        self._changes = Changes(lambda: digest(self._core.ledger))
        self._subscribers: list[Callable[[], None]] = [self._changes.changed]
        self._tasks: list[asyncio.Task[None]] = []
        self.mesh = MeshCalls(self, self._driver.status)
        self.addresses: tuple[str, ...] = ()

    async def start(self) -> None:
        """Listen, join the mesh and publish what this machine has.

        Raises:
            ConfigError: an address to listen on cannot be used.
        """
        listening = [await self._listen(address) for address in self.settings.listen]
        self.addresses = tuple(told_addresses(listening, self.settings.interfaces))
        await self.lifecycle.settle(self._links)
        self._core.wall_offset_s = self._wall_offset_s()
        self._driver.start(self._links)
        self._publish_node()
        self._lasting.say_all()
        self.grants.start()
        await self.lifecycle.start(self._links)
        if self.settings.enrol:
            await self.lifecycle.enrol_at(self.settings.enrol, self.settings.public_enrol)
        self._peers.say_all()
        self._tasks.append(asyncio.ensure_future(self._hardware.watch()))
        self._tasks.append(asyncio.ensure_future(self._watch_clock()))
        self._tasks.append(asyncio.ensure_future(self._try_sandboxes()))
        self._tasks += [asyncio.ensure_future(self._join([seed])) for seed in self.settings.seeds]
        if told := self._memory.hub().seeds:
            self._tasks.append(asyncio.ensure_future(self._join(told, is_alone=True)))
        if self.settings.is_discovering:
            found = self._peers.discover(listening[0].port, self.settings.interfaces)
            self._tasks.append(asyncio.ensure_future(found))
        for service in self._services.values():
            self._started.append(service)
            await service.start()

    async def close(self) -> None:
        """Leave the mesh: stop services, withdraw this node's facts, close its links."""
        while self._started:
            await self._started.pop().close()
        await self.grants.close()
        await self.lifecycle.close()
        await self._messages.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._peers.close()
        await self._driver.stop()
        await self._links.close()
        await asyncio.to_thread(self._memory.close)

    def nodes(self) -> list[NodeView]:
        """Every node that this node's ledger knows, itself among them."""
        return self._known.views(self.alive(), self.lifecycle.standings())

    def alive(self) -> frozenset[NodeId]:
        """The nodes that can be reached now, this one among them."""
        return frozenset((*self._core.alive, self.node_id)) - self.lifecycle.out

    @property
    def projects(self) -> Mapping[str, Terms]:
        """The projects that this node's tenant has declared."""
        return self.lifecycle.declared.terms

    def wall(self) -> float:
        """UTC seconds since 1970, not before the time that this node knows to have passed."""
        return self._time.now()

    def service(self, name: str) -> Service | None:
        """The service of that name, if this node has it."""
        return self._services.get(name)

    def facts(self, prefix: str) -> list[Fact]:
        """The facts whose name begins so, but the withdrawn and those of nodes that are out."""
        found = self._core.ledger.facts_named(prefix, but=self.lifecycle.out)
        return [fact for fact in found if fact.value is not None]

    def publish(self, name: str, value: Value, *, lasting: bool = False) -> None:
        """Say something about this node; ``lasting``: also while it is away and after."""
        if lasting:
            self._lasting.say(name, value)
        else:
            self._driver.post(LocalFact(name, value))

    async def kept(self) -> None:
        """Wait until every lasting fact is on the disk."""
        await asyncio.to_thread(self._memory.kept)

    def offer(self, source: str, devices: Sequence[Device], resources: Sequence[Resource]) -> None:
        """Add hardware found behind this node; replaces what ``source`` offered before."""
        self._hardware.offer(source, devices, resources)

    def calls(self) -> dict[str, Call]:
        """What a process of the same user may ask: see ``cantor.node.control``."""
        calls: dict[str, Call] = {
            "nodes": lambda _: [view.as_value() for view in self.nodes()],
            "status": self._status,
            "facts": lambda _: self._core.ledger.own(),
            "changes": self._changes,
            **self.mesh.calls(),
            **ResourceCalls(self, self.grants).calls(),
            "pool": lambda _: self.grants.shares.pool(),
        }
        calls.update(self.lifecycle.calls())
        for service in self._services.values():
            calls.update(service.calls())
        return calls

    def _status(self, _args: dict[str, Value]) -> Value:
        views = self.nodes()
        return {
            "id": self.identity.node_id,
            "name": self.name,
            "mesh": self.identity.mesh,
            "tenant": self.identity.tenant,
            "version": cantor.__version__,
            "addresses": list(self.addresses),
            "nodes_online": sum(view.is_alive for view in views),
            "nodes_known": len(views),
            **self.sandboxes.status(),
            **self.lifecycle.status(),
            **self._driver.status(),
        }

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` after each change of facts or liveness; the result ends that."""
        self._subscribers.append(changed)

        def end() -> None:
            if changed in self._subscribers:
                self._subscribers.remove(changed)

        return end

    def _make_core(self, signer: FactSigner, verifier: FactVerifier) -> MeshCore:
        ledger = Ledger(
            self.identity.node_id,
            epoch=self._memory.next_epoch(),
            sign=signer,
            certificate=signer.certificate,
            verify=verifier,
        )
        return MeshCore(
            self.identity.node_id,
            self.identity.mesh,
            ledger,
            random.Random(),  # noqa: S311 — jitter of dials, not a secret
            wall_offset_s=self._wall_offset_s(),
            settings=MeshSettings(self.settings.links_max, self.settings.link_weights),
        )

    def _make_driver(self, signer: FactSigner, verifier: FactVerifier) -> MeshDriver:
        seals = make_seals(
            self._core,
            self.clock,
            signer,
            verifier,
            is_refused=self._is_refused,
            is_known=lambda node: self._driver.has_route(node),  # noqa: PLW0108 (made after it)
        )
        return MeshDriver(
            self._core,
            self.clock,
            seals,
            on_effect=self._on_effect,
            on_frame=self._on_frame,
            on_reached=self._on_reached,
        )

    def _is_refused(self, peer: PeerIdentity) -> bool:
        life = self.lifecycle
        return life.judging_s() >= peer.not_after or life.denials.is_denied(peer)

    def _wall_offset_s(self) -> float:
        return self.wall() - self.clock.monotonic()

    async def _listen(self, address: str) -> Address:
        where = Address.parse(address)
        try:
            return Address(where.host, await self._links.listen(where.host, where.port))
        except OSError as error:
            raise ConfigError(
                f"cannot listen there: {reason_of(error)}",
                where=f"--listen {address}",
                remedy="choose another port, or end the program that holds this one",
            ) from error

    def _publish_node(self) -> None:
        self._driver.post(
            LocalFact(
                "node",
                {
                    "name": self.name,
                    "version": cantor.__version__,
                    "labels": dict(self.settings.labels),
                    "addresses": list(self.addresses),
                    "tenant": self.identity.tenant,
                    "started_at": self.wall(),
                },
            )
        )

    async def _try_sandboxes(self) -> None:
        """Say what this machine can give, and if that is less than this node would need."""
        await self.sandboxes.try_all()
        self._hardware.offer("sandbox", (), self.sandboxes.resources)
        why = self.sandboxes.why_not_others()
        if why and self.settings.work.code_run != "none":
            _log.warning("code of other nodes is refused", extra={"reason": why})
        self._tell()

    async def _watch_clock(self) -> None:
        """Follow a clock that is set while the node runs."""
        while True:
            self._core.wall_offset_s = self._wall_offset_s()
            await asyncio.sleep(CLOCK_INTERVAL_S)

    async def _join(self, seeds: Sequence[str], *, is_alone: bool = False) -> None:
        """Dial one node's addresses until it has answered once: then the core knows it.

        ``is_alone``: only as long as no other node is known.
        """
        while not is_alone or len(self.alive()) < 2:
            try:
                await self._links.dial(seeds)
            except CantorError as error:
                _log.info("seed not reached", extra={"seed": seeds[0], "reason": str(error)})
                await asyncio.sleep(SEED_RETRY_S)
            else:
                return

    def _on_reached(self, node: NodeId, address: str) -> None:
        self._peers.reached(node, address)

    def _on_frame(self, frame: DataFrame) -> None:
        if not self.lifecycle.refuses(frame.source):
            self._messages.delivered(frame)

    def _on_effect(self, effect: Effect) -> None:
        if isinstance(effect, NodeAlive):
            self._peers.came(effect.node)
        if isinstance(effect, NodeDead):
            self._messages.lost(effect.node)
            self._peers.left(effect.node)
        if isinstance(effect, FactsChanged):
            self._memory.keep_epoch(self._core.ledger.epoch)
            self._learn_addresses(effect.facts)
            self.lifecycle.heard(effect.facts)
        if isinstance(effect, FactsChanged | NodeAlive | NodeDead):
            self.lifecycle.look()
            self._tell()

    def _learn_addresses(self, facts: Sequence[Fact]) -> None:
        """A node that withdraws its facts comes back; of one that was given up nothing is left."""
        for fact in facts:
            if fact.name != "node":
                continue
            if isinstance(fact.value, dict):
                self._peers.told(fact.owner, fact.value.get("addresses"))
            elif self._core.ledger.batch(fact.owner, fact.name) is None:
                self._peers.forget(fact.owner)

    def _tell(self) -> None:
        for changed in list(self._subscribers):
            changed()
