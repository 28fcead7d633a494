"""What the hub asks of the pipelines of its mesh, and a fake that a test moves by hand."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from cantor.base.errors import UnavailableError
from galaxy.deployments.records import Deployment, check_deployment
from galaxy.deployments.views import DeploymentView
from galaxy.placement import Placement
from galaxy.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from cantor.base.ids import NodeId
    from galaxy.pipeline import Pipeline


class Preview(Protocol):
    """One picture of a running filter."""

    @property
    def number(self) -> int:
        """Counts the pictures of this filter."""

    @property
    def jpeg(self) -> bytes:
        """The picture."""

    @property
    def captured_at(self) -> float:
        """When it was taken, in UTC seconds since 1970."""

    @property
    def objects(self) -> Mapping[str, int]:
        """What is on it: how many of each label."""


class PipelineControl(Protocol):
    """The service ``galaxy`` of the hub's own node. Everything is used on the event loop only."""

    @property
    def registry(self) -> Registry:
        """The filter types that it knows, those pushed among them."""

    def views(self) -> list[DeploymentView]:
        """Every deployment that the mesh knows."""

    def plan(self, pipeline: Pipeline) -> Placement:
        """Where the pipeline would run now, and why not."""

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` after views may have changed; the result ends that."""

    async def deploy(
        self,
        pipeline: Pipeline,
        *,
        name: str = "",
        tenant: str = "",
        project: str = "",
        frames_max: int = 0,
    ) -> DeploymentView:
        """Let a pipeline run from now on."""

    async def stop(self, deployment_id: str, /) -> DeploymentView:
        """Let it run no more; it stays known."""

    async def remove(self, deployment_id: str, /) -> None:
        """Stop it and forget it."""

    async def figures(self, deployment_id: str, /) -> dict[str, Any]:
        """What it measures, from every node that runs a part of it."""

    async def preview(self, deployment_id: str, filter_name: str, /, after: int) -> Preview:
        """The first picture after that number.

        Raises:
            UnavailableError: there is none yet.
        """


@dataclass(frozen=True, slots=True)
class FakePreview:
    """A picture that a test made."""

    number: int
    jpeg: bytes
    captured_at: float = 0.0
    objects: Mapping[str, int] = field(default_factory=dict)


class FakePipelineControl:
    """Deployments that run on ``node`` at once, and do what a test says.

    ``refusals`` are the filters that fit nowhere and why; ``measured`` the figures by deployment.
    """

    def __init__(self, node: NodeId, *, wall: Callable[[], float] = lambda: 0.0) -> None:
        self.node = node
        self.registry = Registry.default()
        self.refusals: dict[str, str] = {}
        self.measured: dict[str, dict[str, Any]] = {}
        self.figures_asked = 0
        self.pictures_taken: asyncio.Queue[int] = asyncio.Queue()
        self._wall = wall
        self._values: dict[str, dict[str, Any]] = {}
        self._pictures: dict[tuple[str, str], FakePreview] = {}
        self._arrived = asyncio.Event()
        self._numbers = itertools.count(1)
        self._subscribers: list[Callable[[], None]] = []

    def change(self, deployment_id: str, **values: object) -> None:
        """Let the mesh say something else about a deployment from now on."""
        self._values[deployment_id] = {**self._values[deployment_id], **values}
        self._tell()

    def show(self, deployment_id: str, filter_name: str, picture: FakePreview) -> None:
        """Let a filter have taken a picture."""
        self._pictures[deployment_id, filter_name] = picture
        self._arrived.set()
        self._arrived = asyncio.Event()

    def views(self) -> list[DeploymentView]:
        return [DeploymentView.from_value(values) for values in self._values.values()]

    def plan(self, pipeline: Pipeline) -> Placement:
        refused = {name: why for name, why in self.refusals.items() if name in pipeline.filters}
        fitting = [name for name in pipeline.filters if name not in refused]
        return Placement(dict.fromkeys(fitting, self.node), refused)

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        self._subscribers.append(changed)
        return lambda: self._subscribers.remove(changed)

    async def deploy(
        self,
        pipeline: Pipeline,
        *,
        name: str = "",
        tenant: str = "",
        project: str = "",
        frames_max: int = 0,
    ) -> DeploymentView:
        made = f"{next(self._numbers):016x}"
        wish = Deployment(made, pipeline.document(), name, tenant, project, frames_max=frames_max)
        check_deployment(wish)
        placement = self.plan(pipeline)
        state = "running" if placement.complete else "waiting"
        self._values[made] = {
            "id": made,
            "name": name or pipeline.name,
            "tenant": tenant,
            "project": project,
            "revision": 1,
            "wanted": "running",
            "state": state,
            "epoch": 1,
            "keeper": self.node,
            "pipeline": pipeline.document(),
            "frames_max": frames_max,
            "nodes": dict(placement.nodes),
            "reasons": dict(placement.reasons),
            "groups": [
                {
                    "leader": group[0],
                    "filters": list(group),
                    "node": placement.nodes.get(group[0], ""),
                    "state": state,
                    "error": "",
                }
                for group in pipeline.groups()
            ],
            "created_at": self._wall(),
            "created_by": self.node,
        }
        self._tell()
        return self._view(made)

    async def stop(self, deployment_id: str, /) -> DeploymentView:
        self.change(deployment_id, wanted="stopped", state="stopped", revision=2)
        return self._view(deployment_id)

    async def remove(self, deployment_id: str, /) -> None:
        del self._values[deployment_id]
        self._tell()

    async def figures(self, deployment_id: str, /) -> dict[str, Any]:
        self.figures_asked += 1
        return self.measured.get(deployment_id, {"filters": {}, "edges": {}})

    async def preview(self, deployment_id: str, filter_name: str, /, after: int) -> FakePreview:
        if deployment_id not in self._values:
            raise UnavailableError("there is no such deployment")
        self.pictures_taken.put_nowait(after)
        while True:
            arrived = self._arrived
            picture = self._pictures.get((deployment_id, filter_name))
            if picture is not None and picture.number > after:
                return picture
            await arrived.wait()

    def _view(self, deployment_id: str) -> DeploymentView:
        return DeploymentView.from_value(self._values[deployment_id])

    def _tell(self) -> None:
        for changed in list(self._subscribers):
            changed()
