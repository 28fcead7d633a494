"""What the API shows of deployments: what the mesh says of them, with names and figures."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

import msgspec

from cantor.base.errors import CantorError
from cantor.base.ids import NodeId, parse_node_id, short_name
from edge_hub.deployment_schemas import Deployment, Figures
from edge_hub.events import Scope
from edge_hub.problems import ProblemError
from edge_hub.schemas import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from edge_hub.mesh_view import MeshView
    from edge_hub.pipelines import PipelineControl
    from galaxy.deployments.views import DeploymentView

FIGURES_TIMEOUT_S = 6.0
LIVE_STATES = frozenset({"waiting", "starting", "running"})
_log = logging.getLogger(__name__)


class Board:
    """The deployments of every project on this hub.

    While somebody watches a project, the figures of its live deployments are asked for every
    ``every_s`` seconds, once for all who watch, and ``refreshed`` is called after each round.
    ``masked`` hides the secrets of a pipeline's document.
    """

    def __init__(
        self,
        control: PipelineControl | None,
        mesh_view: MeshView,
        *,
        home: Scope,
        every_s: float = 1.0,
        masked: Callable[[Mapping[str, Any]], dict[str, Any]] = dict,
    ) -> None:
        self._masked = masked
        self._control = control
        self._mesh_view = mesh_view
        self._home = home
        self._every_s = every_s
        self._figures: dict[str, Figures] = {}
        self._asked: dict[str, asyncio.Task[None]] = {}
        self._names: dict[str, str] = {}
        self._watched: frozenset[Scope] = frozenset()
        self._refreshing: asyncio.Task[None] | None = None
        self.refreshed: Callable[[], None] = lambda: None
        self._known: list[DeploymentView] | None = None
        self._unsubscribe = control.subscribe(self._forget) if control else lambda: None

    @property
    def control(self) -> PipelineControl:
        """What runs pipelines.

        Raises:
            ProblemError: this hub's node runs none (503).
        """
        if self._control is None:
            detail = "the node of this hub has no pipelines; install the hub with them"
            raise ProblemError(503, "no-pipelines", detail)
        return self._control

    def scope_of(self, view: DeploymentView) -> Scope:
        """Whose deployment it is; those that name nobody belong to the hub's own scope."""
        return Scope(view.tenant or self._home.tenant, view.project or self._home.project)

    def is_home(self, scope: Scope) -> bool:
        """Whether a project is one of the tenant of the hub's own node."""
        return scope.tenant == self._home.tenant

    def views(self, scope: Scope) -> list[DeploymentView]:
        """The deployments of a project, newest first."""
        if self._control is None:
            return []
        mine = [view for view in self.known() if self.scope_of(view) == scope]
        return sorted(mine, key=lambda view: (view.created_at, view.id), reverse=True)

    def view(self, scope: Scope, deployment_id: str) -> DeploymentView:
        """One deployment.

        Raises:
            ProblemError: the project has no such deployment (404).
        """
        for view in self.known():
            if view.id == deployment_id and self.scope_of(view) == scope:
                return view
        detail = f"this project has no deployment {deployment_id[:64]!r}"
        raise ProblemError(404, "no-such-deployment", detail)

    def is_live(self, deployment_id: str) -> bool:
        """Whether a deployment runs, or still may."""
        return any(
            view.id == deployment_id and view.wanted == "running" and view.state in LIVE_STATES
            for view in self.known()
        )

    def known(self) -> list[DeploymentView]:
        """Those of all projects that nobody has removed; put together anew after changes only."""
        if self._known is None:
            self._known = [view for view in self.control.views() if view.wanted != "removed"]
        return self._known

    def _forget(self) -> None:
        self._known = None

    def node_name(self, node_id: str) -> str:
        """What a node calls itself, or called itself when it was last there."""
        self._names.update({n.id: n.name for n in self._mesh_view.nodes().values() if n.name})
        return self._names.get(node_id) or short_name(NodeId(node_id))

    def shown(self, view: DeploymentView, names: Mapping[str, str]) -> Deployment:
        """A deployment as the API shows it; ``names`` are those that people gave to nodes."""
        values: dict[str, Any] = view.as_value()
        scope = self.scope_of(view)
        values.update(
            tenant=scope.tenant,
            project=scope.project,
            node_names={
                node: names.get(node) or self.node_name(node)
                for node in sorted({*view.nodes.values(), *_concerned(view)})
            },
            figures=self._figures.get(view.id),
            created_at=rfc3339(view.created_at),
            pipeline=self._masked(view.pipeline),
            keeper=view.keeper or None,
        )
        return msgspec.convert(values, Deployment)

    async def ask_figures(self, views: Iterable[DeploymentView], *, wait_s: float) -> None:
        """Ask what deployments measure, for ``wait_s``; the silent ones keep their last figures.

        An answer that comes later is kept too, and who has not answered is not asked again.
        """
        wanted = {view.id for view in views if view.state != "waiting"}
        for deployment_id in wanted - self._asked.keys():
            self._asked[deployment_id] = asyncio.create_task(self._ask(deployment_id))
        tasks = [self._asked[deployment_id] for deployment_id in wanted]
        if tasks:
            await asyncio.wait(tasks, timeout=wait_s)

    async def _ask(self, deployment_id: str) -> None:
        try:
            async with asyncio.timeout(FIGURES_TIMEOUT_S):
                values = await self.control.figures(deployment_id)
            self._figures[deployment_id] = msgspec.convert(values, Figures)
        except (CantorError, TimeoutError, msgspec.ValidationError) as error:
            _log.info("no figures", extra={"deployment": deployment_id, "reason": str(error)})
        except Exception:  # noqa: BLE001 (others may do better; this one is logged)
            _log.exception("figures could not be read")
        finally:
            del self._asked[deployment_id]

    def watch(self, scopes: Collection[Scope]) -> None:
        """Keep the figures of these projects fresh from now on, and no others."""
        self._watched = frozenset(scopes)
        if self._watched and self._refreshing is None and self._control is not None:
            self._refreshing = asyncio.create_task(self._refresh())
        elif not self._watched and self._refreshing is not None:
            self._refreshing.cancel()
            self._refreshing = None

    async def close(self) -> None:
        """End to refresh."""
        self._unsubscribe()
        tasks = [*self._asked.values(), *([self._refreshing] if self._refreshing else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _refresh(self) -> None:
        while True:
            try:
                views = self.known()
                there = {view.id for view in views}
                for gone in [one for one in self._figures if one not in there]:
                    del self._figures[gone]
                watched = [view for view in views if self.scope_of(view) in self._watched]
                running = [view for view in watched if view.wanted == "running"]
                await self.ask_figures(running, wait_s=self._every_s)
                self.refreshed()
            except Exception:  # noqa: BLE001 (the next round may do better; this one is logged)
                _log.exception("the figures could not be refreshed")
            await asyncio.sleep(self._every_s)


def _concerned(view: DeploymentView) -> Iterator[str]:
    """The nodes that a deployment names beside those that run it: its keeper and its author."""
    for node in (view.keeper or "", view.created_by):
        with contextlib.suppress(ValueError):
            yield parse_node_id(node)
