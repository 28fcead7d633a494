"""The hub's own node: the hub lets itself into the mesh, and sees it through its own ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cantor.base.clock import Clock, SystemClock
from cantor.base.errors import CantorError, EnrolmentError, UnavailableError
from cantor.identity.store import IdentityFolder
from cantor.node.agent import Agent
from cantor.node.control import ControlServer
from cantor.node.logs.service import TOPIC as READ
from cantor.node.metrics.pages import PAST
from cantor.node.metrics.pages import READ as METRICS
from cantor.node.settings import AgentSettings, Work, logs_of, service_data_of
from cantor.node.tenants import alive_of_tenant
from cantor.workers.sandbox.rules import Rules, rules_with
from cantor.workers.settings import WorkerSettings
from edge_hub.mesh_view import LiveNode, PolicyView
from edge_hub.secret_control import NodeSecrets
from edge_hub.service_control import NodeServices
from edge_hub.task_control import NodeTasks
from galaxy.deployments.service import Deployments

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from cantor.base.ids import NodeId
    from cantor.identity.authority import Authority
    from cantor.identity.policies import Policy
    from cantor.node.grants.sharing import Sharing
    from cantor.node.grants.showing import Shown
    from cantor.node.graph import MeshGraph
    from cantor.node.lifecycle.issuer import Issuer
    from cantor.wire.frame import Value
    from edge_hub.mesh_view import MeshView
    from edge_hub.pipelines import PipelineControl
    from edge_hub.secret_control import SecretControl
    from edge_hub.service_control import ServiceControl
    from edge_hub.settings import HubSettings
    from edge_hub.task_control import TaskControl

PIPELINES = "galaxy"
PUSH = "push"
TASKS = "tasks"
SECRETS = "secrets"
HUB_LABEL = {"role": "hub"}
SEEN_STEP_S = 30.0
RENEW_BEFORE = timedelta(days=20)


class AgentView:
    """The mesh as the hub's node sees it.

    ``seen_at_s`` is when this hub saw a node alive, in steps of 30 s: a finer time would make every
    look at the mesh a change of every node.
    """

    def __init__(self, agent: Agent, clock: Clock) -> None:
        self._agent = agent
        self._denials = agent.lifecycle.denials
        self._clock = clock
        self._seen_at_s: dict[NodeId, float] = {}

    def nodes(self) -> Mapping[NodeId, LiveNode]:
        now_s = self._clock.wall()
        found: dict[NodeId, LiveNode] = {}
        for view in self._agent.nodes():
            if view.is_alive and now_s - self._seen_at_s.get(view.id, 0.0) >= SEEN_STEP_S:
                self._seen_at_s[view.id] = now_s
            found[view.id] = LiveNode(
                id=view.id,
                state=view.state,
                name=view.name,
                version=view.version,
                labels=view.labels,
                addresses=view.addresses,
                resources=view.resources,
                devices=view.devices,
                taken=view.taken,
                waiting=view.waiting,
                seen_at_s=self._seen_at_s.get(view.id),
            )
        return found

    def seeds(self) -> list[str]:
        return list(self._agent.addresses)

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        return self._agent.subscribe(changed)

    @property
    def denied(self) -> Collection[NodeId]:
        return self._agent.lifecycle.denied

    def is_banned(self, node: NodeId) -> bool:
        return self._denials.known.is_banned(self._agent.tenant, node)

    def earliest_s(self, node: NodeId) -> float:
        return self._denials.known.earliest_s(self._agent.tenant, node)

    def deny(self, nodes: Collection[NodeId]) -> None:
        self._denials.ban(nodes)

    def deny_again(self, nodes: Collection[NodeId]) -> None:
        known = self._denials.known
        self.deny([node for node in nodes if not known.has(self._agent.tenant, node)])

    def allow(self, nodes: Collection[NodeId]) -> None:
        self._denials.allow(nodes)

    def replace(self, old: NodeId, new: NodeId) -> str:
        return self._issuer.replace(old, new)

    async def renew(self, body: bytes) -> tuple[int, Mapping[str, object]]:
        return await self._issuer.renew(body)

    @property
    def _issuer(self) -> Issuer:
        issuer = self._agent.lifecycle.issuer
        if issuer is None:
            raise EnrolmentError("this hub is no issuer", where="POST /renew")
        return issuer

    @property
    def kept_policy(self) -> Policy:
        return self._agent.lifecycle.policies.own

    def policy(self) -> PolicyView:
        life = self._agent.lifecycle
        tenant = self._agent.tenant
        ids = [view.id for view in self._agent.nodes()]
        nodes = [node for node in ids if self._agent.tenant_of(node) == tenant]
        return PolicyView(
            tenant=tenant,
            policy=self.kept_policy,
            may_decide=life.policies.may_decide,
            held=life.policies.held(),
            fresh_until_s={node: life.leases.fresh_until_s(node) for node in nodes},
        )

    def decide_policy(self, stale_days: int, by: str) -> None:
        self._agent.lifecycle.policies.decide(stale_days, by=by)

    def graph(self) -> MeshGraph:
        return self._agent.mesh.graph()

    async def links_of(self, node: NodeId) -> Sequence[Mapping[str, Value]]:
        return await self._agent.mesh.links_of(node)

    async def logs_of(self, node: NodeId, asked: dict[str, Value]) -> Mapping[str, Value]:
        logs = self._agent.service("logs")
        if logs is None:
            raise UnavailableError("this node has no logs", where="hub")
        page: Any = logs.calls()[READ]({**asked, "node": node})
        found: Mapping[str, Value] = await page
        return found

    async def metrics_of(self, node: NodeId, glob: str) -> Mapping[str, Value]:
        found = await self._metrics(METRICS, {"nodes": [node], "glob": glob})
        (row,) = found["nodes"]
        if row["why"]:
            raise UnavailableError(str(row["why"]), where=str(row["name"]))
        told: Mapping[str, Value] = row
        return told

    async def past_of(self, node: NodeId, glob: str, step: int) -> Mapping[str, Value]:
        found: Mapping[str, Value]
        found = await self._metrics(PAST, {"node": node, "glob": glob, "step": step})
        return found

    async def _metrics(self, call: str, args: dict[str, Value]) -> Any:  # noqa: ANN401 (as it answers)
        metrics = self._agent.service("metrics")
        if metrics is None:
            raise UnavailableError("this node has no metrics", where="hub")
        answer: Any = metrics.calls()[call](args)
        return await answer

    def sharing(self) -> Sharing:
        return self._agent.grants.rights.sharing

    async def grants_of(self, node: NodeId) -> Shown | None:
        return await self._agent.grants.shown_by(node)


class AgentMembership:
    """A running node of the hub; ``close`` leaves the mesh."""

    def __init__(self, agent: Agent, control: ControlServer) -> None:
        self.view: MeshView = AgentView(agent, SystemClock())
        self._agent = agent
        self._control = control

    @property
    def pipelines(self) -> PipelineControl | None:
        """The pipelines of the mesh; None in an installation without them."""
        service = self._agent.service(PIPELINES)
        return service if isinstance(service, Deployments) else None

    @property
    def pushed(self) -> ServiceControl | None:
        """The services of the mesh."""
        service = self._agent.service(PUSH)
        return NodeServices(service.calls(), self._agent.tenant) if service else None

    @property
    def secrets(self) -> SecretControl | None:
        """The secrets of the mesh."""
        service = self._agent.service(SECRETS)
        return NodeSecrets(service.calls(), self._agent.tenant) if service else None

    @property
    def tasks(self) -> TaskControl | None:
        """The tasks of the mesh."""
        service, agent = self._agent.service(TASKS), self._agent
        if service is None:
            return None
        return NodeTasks(service.calls(), agent.tenant, lambda: alive_of_tenant(agent))

    async def close(self) -> None:
        await self._agent.close()
        await self._control.close()


def let_in(folder: IdentityFolder, authority: Authority, *, now: datetime) -> None:
    """Give the hub's own node a certificate, or a new one in time.

    A hub that was off for long, or was restored from an old backup, would be refused by all others.
    """
    if folder.enrolled and now + RENEW_BEFORE < folder.certificate.not_valid_after_utc:
        return
    folder.install(authority.issue(folder.csr_pem(), now=now))


def work_of(settings: HubSettings) -> Work:
    """How the hub's node runs code. Its own counts as that of others until ``own=LEVEL`` says
    otherwise, for the node signs what people push in the console.

    Raises:
        ConfigError: what people typed is of no use.
    """
    others = rules_with(Rules(), settings.sandbox).others
    rules = rules_with(Rules(own=others), settings.sandbox)
    return Work(
        settings=WorkerSettings(sandbox=rules),
        service_data_bytes=service_data_of(settings.service_data),
    )


async def join_mesh(settings: HubSettings, authority: Authority) -> AgentMembership:
    """Make the hub a node of the mesh that it serves.

    Raises:
        ConfigError: the node cannot listen, or what people typed is of no use.
        UnavailableError: a hub with this folder runs already.
    """
    folder = IdentityFolder(settings.node_folder)
    let_in(folder, authority, now=datetime.now(UTC))
    agent = Agent(
        AgentSettings(
            settings.node_folder,
            name="hub",
            listen=settings.mesh,
            seeds=settings.seeds,
            labels=HUB_LABEL,
            interfaces=settings.interfaces,
            work=work_of(settings),
            logs_bytes=logs_of(settings.logs),
            exports=settings.exports,
        ),
        authority=authority,
    )
    control = ControlServer(folder.path, agent.calls())
    await control.start()
    try:
        await agent.start()
    except CantorError:
        await control.close()
        await agent.close()
        raise
    return AgentMembership(agent, control)
