from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh
from cantor.node.tasks.places import FAR, NEAR, hosts_of

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.node.fake import FakeNode
    from cantor.wire.frame import Value

IDS = [NodeId(f"{number:02d}" * 16) for number in range(3)]
SAID: dict[str, Value] = {
    "life": 4,
    "workers": 2,
    "python": "3.11",
    "code_run": "tenant",
    "load": 0.5,
}


@pytest.fixture
def nodes(tmp_path: Path) -> list[FakeNode]:
    mesh = FakeMesh()
    labels: tuple[dict[str, str], ...] = ({"site": "north"}, {"site": "north"}, {})
    return [
        mesh.add(one, tmp_path, name=f"box {number}", labels=labels[number])
        for number, one in enumerate(IDS)
    ]


def test_nodes_that_say_so_run_tasks_of_their_tenant(nodes: list[FakeNode]) -> None:
    for node in nodes:
        node.publish("tasks", {**SAID})

    hosts = hosts_of(nodes[0])

    assert [(one.id, one.distance) for one in hosts.hosts] == list(
        zip(IDS, (0.0, NEAR, FAR), strict=True)
    )
    assert hosts.hosts[1].life == 4
    assert hosts.hosts[1].load == 0.5
    assert hosts.others == ()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"code_run": "none"}, "runs only its own box's tasks"),
        ({"code_run": "none", "why": "it has no sandbox"}, "cannot run it: it has no sandbox"),
        ({"workers": 0}, "runs no tasks"),
        ({"workers": "many"}, "runs no tasks"),
    ],
)
def test_others_do_not_and_it_is_said_why(
    nodes: list[FakeNode], change: dict[str, Value], why: str
) -> None:
    nodes[1].publish("tasks", {**SAID, **change})

    told = {host.id: text for host, text in hosts_of(nodes[0]).others}

    assert why in told[IDS[1]]


def test_a_node_of_another_tenant_does_not(nodes: list[FakeNode]) -> None:
    nodes[1].publish("tasks", {**SAID})
    nodes[1].tenant = "other"

    assert hosts_of(nodes[0]).hosts == ()


def test_a_node_that_cannot_be_reached_does_not(nodes: list[FakeNode]) -> None:
    nodes[1].publish("tasks", {**SAID})
    nodes[0]._mesh.kill(IDS[1])

    assert hosts_of(nodes[0]).hosts == ()


def test_a_node_runs_its_own_boxs_tasks_always(nodes: list[FakeNode]) -> None:
    nodes[0].publish("tasks", {**SAID, "code_run": "none"})

    assert [one.id for one in hosts_of(nodes[0]).hosts] == [IDS[0]]
