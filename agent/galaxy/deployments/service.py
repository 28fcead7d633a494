"""Pipelines on a mesh: the service that every node runs, whether filters run on it or not.

It tells the mesh what this node can run, takes wishes (deploy, stop), does its share of the
keepers' work, runs the groups placed here in worker processes, and carries frames between workers.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING, cast

from cantor.base.errors import (
    ConfigError,
    LocalProtocolError,
    RemoteProtocolError,
    UnavailableError,
)
from cantor.node.looking import keep_looking
from cantor.node.services import Reply
from cantor.node.tenants import HUB_ROLE, check_tenant
from galaxy.deployments import keeper
from galaxy.deployments import secrets as secrets_of_groups
from galaxy.deployments.authors import Authors
from galaxy.deployments.calls import Calls, text_of
from galaxy.deployments.figures import Preview, Rates, is_understood, merge_figures
from galaxy.deployments.judge import Judge
from galaxy.deployments.load import coarse_load
from galaxy.deployments.local import LocalDeployment
from galaxy.deployments.pushed import Opening, Pushed
from galaxy.deployments.records import (
    ABLE,
    DEPLOYMENT,
    PLACEMENT,
    RUN,
    Able,
    Deployment,
    check_deployment,
)
from galaxy.deployments.units import TASKS
from galaxy.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.base.ids import NodeId
    from cantor.node.secrets.records import SecretKey
    from cantor.node.secrets.service import Secrets
    from cantor.node.services import Call, Message, Node
    from cantor.wire.frame import Buffer, Value
    from galaxy.deployments.views import DeploymentView
    from galaxy.pipeline import Pipeline
    from galaxy.placement import Placement

    Headers = dict[str, Value]

TICK_S = 1.0
PREVIEW_TIMEOUT_S = 5.0
PREVIEW_HOLD_S = 2.0
PAUSE_MIN_S = 0.02
GREET_S = 1.5
"""How long a node that has just started only follows: it does not know the mesh yet."""
_EDGE, _FIGURES, _PREVIEW, _REPORTS = (
    f"galaxy.{name}" for name in ("edge", "figures", "preview", "reports")
)
_log = logging.getLogger(__name__)


class Deployments:
    """The deployments of a mesh, seen from one node."""

    def __init__(self, node: Node, *, registry: Registry | None = None) -> None:
        self._node = node
        self._registry = registry or Registry.default()
        self._authors = Authors(node)
        self._able = {} if node.labels.get("role") == HUB_ROLE else self._registry.runnable()
        self.opener = Opening()
        self.pushed = Pushed(node, self._registry, self._able)
        self._judge = Judge(node, self._registry, self._able, self._authors, self.pushed)
        self._local: dict[str, LocalDeployment] = {}
        self._rates: dict[str, Rates] = {}
        self._memory = keeper.Memory()
        self._told_able: Value = None
        self._load = 0.0
        self._told_runs: dict[str, Value] = {}
        self._unsaid: set[str] = set()
        self._started_s = 0.0
        self._closing = False
        self._wake = asyncio.Event()
        self._subscribers: list[Callable[[], None]] = []
        self._unsubscribe: Callable[[], None] = lambda: None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take part."""
        self._started_s = self._node.clock.monotonic()
        self._node.end_former(TASKS)  # its workers have ended with the agent that ran them
        self._node.on_message(_EDGE, self._edge_arrived)
        self._node.answer(_FIGURES, self._answer_figures)
        self._node.answer(_PREVIEW, self._answer_preview)
        self._node.answer(_REPORTS, self._answer_reports)
        self._judge_secrets()
        self._unsubscribe = self._node.subscribe(self._facts_changed)
        self._task = asyncio.ensure_future(self._keep())

    async def close(self) -> None:
        """End what runs here; the deployments stay in the mesh."""
        self._unsubscribe()
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task  # not cancelled: a worker that is being started must not be lost
        await asyncio.gather(*(local.close() for local in self._local.values()))

    def calls(self) -> Mapping[str, Call]:
        """What the command line asks."""
        return Calls(self, self._judge.type_of).by_name()

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` after a deployment may have changed; the result ends that."""
        self._subscribers.append(changed)
        return lambda: self._subscribers.remove(changed)

    @property
    def registry(self) -> Registry:
        """The filter types that this node knows, those pushed among them."""
        return self._registry

    def views(self) -> list[DeploymentView]:
        """Every deployment that the mesh knows."""
        return keeper.views(self._facts())

    def view(self, deployment: str) -> DeploymentView:
        """One deployment.

        Raises:
            ConfigError: there is none of that id.
        """
        for view in self.views():
            if view.id == deployment:
                return view
        raise ConfigError("there is no such deployment", where=deployment)

    def worker_pid(self, deployment: str) -> int | None:
        """The process id of the worker of this node, while it runs a part."""
        local = self._local.get(deployment)
        return local.worker_pid if local else None

    def plan(self, pipeline: Pipeline) -> Placement:
        """Where the pipeline would run now."""
        return keeper.plan(self.pushed.checked(pipeline), self._facts())

    async def deploy(
        self, pipeline: Pipeline, *, name: str = "", tenant: str = "", project: str = "",
        frames_max: int = 0,
    ) -> DeploymentView:  # fmt: skip
        """Hand a checked pipeline to the mesh; it runs as soon as nodes can run it.

        Raises:
            ConfigError: it does not fit a filter in it that was pushed, or nodes would refuse it.
        """
        pipeline = self.pushed.checked(pipeline)
        deployment = Deployment(
            id=secrets.token_hex(8),
            name=name or pipeline.name,
            tenant=tenant or self._node.tenant,
            project=project or "default",
            revision=1,
            wanted="running",
            pipeline=cast("Headers", pipeline.document()),
            frames_max=frames_max, created_by=self._node.node_id,
            created_at=self._node.wall(), changed_at=self._node.wall(),
        )  # fmt: skip
        check_deployment(deployment)
        await self._write(deployment, is_new=True)
        return self.view(deployment.id)

    async def stop(self, deployment: str) -> DeploymentView:
        """End a deployment on every node."""
        await self._write(self._held(deployment).with_wanted("stopped", self._node.wall()))
        return self.view(deployment)

    async def remove(self, deployment: str) -> None:
        """End a deployment and forget it."""
        await self._write(self._held(deployment).with_wanted("removed", self._node.wall()))

    async def figures(self, deployment: str) -> Headers:
        """The figures of all nodes that run a part, merged; a silent or odd one is left out."""
        view = self.view(deployment)
        nodes = _nodes(view)
        answers = await asyncio.gather(
            *(self._figures_of(node, deployment) for node in nodes), return_exceptions=True
        )
        rates = self._rates.setdefault(deployment, Rates())
        said = zip(nodes, answers, strict=True)
        found = {node: one for node, one in said if isinstance(one, dict) and is_understood(one)}
        return merge_figures(view, found, rates, self._node.clock.monotonic())

    async def reports(self, deployment: str) -> Headers:
        """What the filters said at their end, by filter; each node speaks of those that it runs."""
        view = self.view(deployment)
        reports: Headers = {}
        for node in _nodes(view):
            if node == self._node.node_id:
                said = await self._local_of(deployment).asking.reports()
            else:
                answer = await self._node.request(
                    node, _REPORTS, {"deployment": deployment}, timeout_s=15.0, priority=2
                )
                said = answer.headers
            reports.update((name, said[name]) for name in said if view.nodes.get(name) == node)
        return reports

    async def preview(self, deployment: str, filter_name: str, after: int) -> Preview:
        """The newest picture of a preview filter once its number is another than ``after``.

        Raises:
            UnavailableError: there is no picture in time.
        """
        node = self.view(deployment).nodes.get(filter_name)
        if node is None:
            raise UnavailableError("no node runs it now", where=filter_name)
        asked: Headers = {"deployment": deployment, "filter": filter_name, "after": after}
        if node == self._node.node_id:
            headers, body = await self._local_of(deployment).asking.preview(
                filter_name, after, PREVIEW_HOLD_S
            )
        else:
            answer = await self._node.request(node, _PREVIEW, asked, timeout_s=PREVIEW_TIMEOUT_S)
            headers, body = answer.headers, answer.body
        return Preview.unpack(headers, body)

    async def _keep(self) -> None:
        await keep_looking(
            self._reconcile, self._wake, self._node.clock, is_over=lambda: self._closing,
            failed=lambda: _log.exception("deployments could not be kept"),
            tick_s=TICK_S, pause_min_s=PAUSE_MIN_S,
        )  # fmt: skip

    async def _reconcile(self) -> None:
        self.pushed.look()
        if self._able:
            self._load = coarse_load(self._load)
            able = Able(self._able, self._load, self._registry.work(self._able)).as_value()
            if able != self._told_able:
                self._told_able = able
                self._node.publish(ABLE, able)
        if self._is_bare():
            self._authors.forget(())
            return
        knows_the_mesh = self._node.clock.monotonic() - self._started_s >= GREET_S
        facts = self._facts()
        deployed = facts.deployments.values()
        self._authors.forget({one.id for one in deployed if one.wanted != "removed"})
        decision = keeper.reconcile(
            facts, self._node.node_id, self._node.wall(), may_keep=knows_the_mesh
        )
        for name, value in decision.publish.items():
            self._say(name, value)
        gone = [name for name in self._local if name not in decision.runs]
        for deployment in gone:
            self._told_runs.pop(deployment, None)
            self._rates.pop(deployment, None)
        await asyncio.gather(*(self._local.pop(deployment).close() for deployment in gone))
        for deployment, run in decision.runs.items():
            try:
                await self._follow(deployment, run)
            except Exception:  # noqa: BLE001 (one that cannot be kept must not end all others)
                _log.exception("a deployment could not be kept", extra={"what": deployment})

    def _is_bare(self) -> bool:
        """Whether nothing is deployed: then nothing is kept, and the mesh need not be read."""
        told = (self._node.facts(name) for name in (DEPLOYMENT, PLACEMENT, RUN))
        return not self._local and not any(told)

    async def _follow(self, deployment: str, run: keeper.LocalRun) -> None:
        local = self._local.get(deployment)
        if local is None:
            local = self._local[deployment] = LocalDeployment(
                deployment, self._wake.set, self._carry, self._judge, self._node
            )
        await local.apply(run)
        said = keeper.pack_runs(run.deployment, local.groups)
        if (
            local.groups
            and said != self._told_runs.get(deployment)
            and self._say(keeper.run_fact(deployment), said)
        ):
            self._told_runs[deployment] = said

    def _facts(self) -> keeper.Facts:
        me = self._node
        return keeper.Facts.read(me.facts(""), me.nodes(), me.alive(), self._memory)

    def _facts_changed(self) -> None:
        self._wake.set()
        for changed in list(self._subscribers):
            changed()

    def _judge_secrets(self) -> None:
        kept = cast("Secrets | None", self._node.service("secrets"))
        if kept is not None:
            kept.judged_by(secrets_of_groups.KIND, self._why_no_secret)

    def _why_no_secret(self, asker: NodeId, about: str, key: SecretKey) -> str:
        identity, _, leader = about.partition("/")
        facts = self._facts()
        placed = {view.id: view.nodes for view in keeper.views(facts)}.get(identity, {})
        deployment = facts.deployments.get(identity)
        return secrets_of_groups.why_not(self._authors, deployment, placed, asker, leader, key)

    def _check_tenant(self, message: Message) -> None:
        deployment = self._held(text_of(message.headers, "deployment"))
        source = message.source
        if source != self._node.node_id and not self._authors.has_deployed(source, deployment):
            check_tenant(self._node, self._authors.tenant_of(deployment), deployment.id, source)

    async def _write(self, deployment: Deployment, *, is_new: bool = False) -> None:
        try:
            if is_new:
                self._authors.vouch(deployment)
            self._node.publish(deployment.fact, deployment.as_value(), lasting=True)
        except LocalProtocolError as error:
            raise UnavailableError(
                "this node holds too many deployments",
                where=self._node.name,
                remedy="remove some (cantor pipeline list), or deploy from another node",
            ) from error
        self._wake.set()
        await self._node.kept()

    def _say(self, name: str, value: Value) -> bool:
        """Tell the mesh what came of keeping; a full node must not end the keeping of the rest."""
        try:
            self._node.publish(name, value, lasting=True)
        except LocalProtocolError as error:
            if name not in self._unsaid:
                _log.warning("not told", extra={"fact": name, "reason": str(error)})
            self._unsaid.add(name)
            return False
        self._unsaid.discard(name)
        return True

    def _held(self, deployment: str) -> Deployment:
        held = self._facts().deployments.get(deployment)
        if held is None:
            raise ConfigError("there is no such deployment", where=deployment)
        return held

    def _carry(self, node: NodeId, headers: Headers, body: tuple[Buffer, ...]) -> None:
        self._node.send(node, _EDGE, headers, body, priority=2 if body else 1)

    def _edge_arrived(self, message: Message) -> None:
        local = self._local.get(str(message.headers.get("deployment")))
        if local is not None:
            local.edge_arrived(message.source, message.headers, message.body)

    async def _figures_of(self, node: NodeId, deployment: str) -> Headers:
        if node == self._node.node_id:
            return await self._local_of(deployment).asking.figures()
        answer = await self._node.request(node, _FIGURES, {"deployment": deployment})
        return answer.headers

    def _local_of(self, deployment: str) -> LocalDeployment:
        local = self._local.get(deployment)
        if local is None:
            raise UnavailableError("no part of it runs on this node", where=deployment)
        return local

    async def _answer_figures(self, message: Message) -> Reply:
        self._check_tenant(message)
        return Reply(await self._local_of(text_of(message.headers, "deployment")).asking.figures())

    async def _answer_reports(self, message: Message) -> Reply:
        self._check_tenant(message)
        return Reply(await self._local_of(text_of(message.headers, "deployment")).asking.reports())

    async def _answer_preview(self, message: Message) -> Reply:
        asked = message.headers
        after = asked.get("after")
        self._check_tenant(message)
        local = self._local_of(text_of(asked, "deployment"))
        if not isinstance(after, int):
            raise RemoteProtocolError("after must be a number", where=_PREVIEW)
        headers, body = await local.asking.preview(text_of(asked, "filter"), after, PREVIEW_HOLD_S)
        return Reply(headers, body)


def _nodes(view: DeploymentView) -> list[NodeId]:
    return sorted(set(view.nodes.values()))
