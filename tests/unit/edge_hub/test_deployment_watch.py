from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cantor.base.ids import NodeId
from edge_hub.deployment_watch import news
from edge_hub.events import KINDS, Happening
from galaxy.deployments.views import DeploymentView, GroupView

if TYPE_CHECKING:
    from collections.abc import Iterable

A, B = NodeId("a" * 32), NodeId("b" * 32)
NAMES = {A: "press", B: "dock"}
VIEW = DeploymentView(
    id="d",
    name="line",
    tenant="t",
    project="p",
    revision=1,
    wanted="running",
    state="running",
    pipeline={},
    epoch=1,
    nodes={"camera": A, "detect": B},
)


def _news(
    before: DeploymentView | None, now: DeploymentView, alive: Iterable[NodeId] = (A, B)
) -> list[Happening]:
    return list(news(before, now, frozenset(alive), lambda node: NAMES[NodeId(node)]))


def test_nothing_new_is_no_news() -> None:
    assert _news(VIEW, replace(VIEW, epoch=2, revision=2)) == []


def test_a_start_names_the_nodes() -> None:
    (told,) = _news(replace(VIEW, state="starting"), VIEW)

    assert (told.kind, told.params) == (
        "deployment.started",
        {"name": "line", "nodes": "dock, press"},
    )
    assert told.text == "line runs on dock, press"


def test_a_failure_says_why() -> None:
    group = GroupView("detect", ("detect",), B, "failed", "no model {here}")

    (told,) = _news(VIEW, replace(VIEW, state="failed", groups=(group,)))

    assert (told.kind, told.severity) == ("deployment.failed", "alarm")
    assert told.text == "line failed: no model {here}"


def test_a_lost_node_and_where_its_filters_went() -> None:
    now = replace(VIEW, nodes={"camera": A, "detect": A}, epoch=2)

    lost, moved = _news(VIEW, now, alive=(A,))

    assert (lost.kind, lost.text) == ("deployment.node_lost", "line lost dock, which ran detect")
    assert (moved.kind, moved.text) == ("deployment.moved", "line: detect moved from dock to press")


def test_filters_that_move_from_a_living_node_are_no_loss() -> None:
    (moved,) = _news(VIEW, replace(VIEW, nodes={"camera": A, "detect": A}))

    assert moved.kind == "deployment.moved"


def test_a_loss_without_a_substitute_leaves_it_waiting() -> None:
    now = replace(VIEW, state="waiting", nodes={"camera": A}, reasons={"detect": "there is no GPU"})

    assert [(one.kind, one.params.get("reason")) for one in _news(VIEW, now, alive=(A,))] == [
        ("deployment.node_lost", None),
        ("deployment.waiting", "there is no GPU"),
    ]


def test_a_stopped_deployment_leaves_its_nodes_without_alarm() -> None:
    now = replace(VIEW, wanted="stopped", state="stopped", nodes={})

    assert [one.kind for one in _news(VIEW, now, alive=())] == ["deployment.stopped"]


def test_a_new_one_that_waits_is_told() -> None:
    waiting = replace(VIEW, state="waiting", nodes={}, reasons={"camera": "no camera"})

    assert [one.kind for one in _news(None, waiting)] == ["deployment.waiting"]
    assert _news(None, replace(VIEW, state="starting")) == []


def test_one_that_no_keeper_has_looked_at_yet_is_no_news() -> None:
    fresh = replace(VIEW, state="waiting", nodes={})
    waiting = replace(fresh, reasons={"camera": "no camera"})

    assert _news(None, fresh) == []
    assert [one.kind for one in _news(fresh, waiting)] == ["deployment.waiting"]


def test_every_kind_can_be_said_with_its_params() -> None:
    names = ("name", "key", "nodes", "node", "reason", "filters", "filter", "source", "target",
             "old", "count", "by", "number", "to", "days", "before")  # fmt: skip
    params = dict.fromkeys(names, "x" * 1000)
    for kind, (severity, _) in KINDS.items():
        told = Happening(kind, "s", params)
        assert told.severity == severity
        assert len(told.text) < 1500
