"""What a node and the code on it count and measure: now, and in the last minutes and hours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import msgspec

from cantor.base.ids import NodeId
from cantor.node.metrics.pages import series_from
from cantor.node.metrics.service import GLOB_MAX
from edge_hub.problems import ProblemError
from edge_hub.routing import Call, Reply, Route

if TYPE_CHECKING:
    from cantor.wire.frame import Value
    from edge_hub.fleet import Fleet
    from edge_hub.mesh_view import MeshView

STEPS = {"": 1, "1": 1, "60": 60}


class Metric(msgspec.Struct):
    """One series now; of a histogram each bucket, the count and the sum."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: dict[str, str]
    value: float | None


class NodeMetrics(msgspec.Struct):
    """All series of a node that were asked for."""

    items: list[Metric]


class PastMetric(msgspec.Struct):
    """One series at the times of its answer; a counter by what it grew in a second."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: dict[str, str]
    values: list[float | None]


class NodePast(msgspec.Struct):
    """How series were at these times, in UTC seconds since 1970, the oldest first."""

    times: list[float]
    items: list[PastMetric]


class MetricApi:
    """The metrics of a node."""

    def __init__(self, fleet: Fleet, mesh_view: MeshView) -> None:
        self._fleet = fleet
        self._mesh_view = mesh_view

    def routes(self) -> list[Route]:
        """Both operations."""
        return [
            Route("GET", "/nodes/{node_id}/metrics", "What a node counts and measures now",
                  self.get_metrics, reply=NodeMetrics, query=("name",), errors=(400, 502, 503)),
            Route("GET", "/nodes/{node_id}/metrics/past",
                  "How it was: 10 minutes by the second, or (step=60) a day by the minute",
                  self.get_past, reply=NodePast, query=("name", "step"), errors=(400, 502, 503)),
        ]  # fmt: skip

    async def get_metrics(self, call: Call) -> Reply:
        node = await self._node(call)
        row = await self._mesh_view.metrics_of(node, _glob(call))
        items = []
        for one in _list(row.get("series")):
            series = series_from(one)
            value = _list(one)[3] if len(_list(one)) > 3 else None
            items.append(Metric(series.name, series.kind, dict(series.labels), _number(value)))
        return Reply(NodeMetrics(items))

    async def get_past(self, call: Call) -> Reply:
        step = STEPS.get(call.request.query.get("step", ""))
        if step is None:
            raise ProblemError(400, "bad-step", "step is 1 or 60 seconds")
        node = await self._node(call)
        found = await self._mesh_view.past_of(node, _glob(call), step)
        times = [one for one in _list(found.get("times")) if isinstance(one, float)]
        items = []
        for row in _list(found.get("series")):
            series, values = series_from(row), [_number(one) for one in _list(_list(row)[3])]
            if len(values) == len(times):
                items.append(PastMetric(series.name, series.kind, dict(series.labels), values))
        return Reply(NodePast(times, items))

    async def _node(self, call: Call) -> NodeId:
        node_id = call.request.match_info["node_id"]
        await self._fleet.one(call.signed_in.scope, node_id)
        return NodeId(node_id)


def _glob(call: Call) -> str:
    glob = call.request.query.get("name", "")
    if len(glob) > GLOB_MAX:
        raise ProblemError(400, "bad-name", f"name has at most {GLOB_MAX} characters")
    return glob


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


def _number(value: Value) -> float | None:
    """A number that JSON can say."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
