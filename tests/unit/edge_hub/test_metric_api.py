"""The metrics of a node in the API."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.ids import NodeId
from edge_hub.mesh_view import LiveNode

if TYPE_CHECKING:
    from tests.unit.edge_hub.conftest import World

BOX = NodeId("2" * 32)
FRAMES: list[Any] = ["counter", "frames", [["camera", "door"], ["source", "task"]]]


async def test_the_series_of_a_node_now(world: World) -> None:
    world.mesh.put(LiveNode(BOX, "online", name="box"))
    world.mesh.counted[BOX] = {"series": [[*FRAMES, 5.0], ["gauge", "queue", [], math.inf]]}

    status, told = await world.call("GET", f"/nodes/{BOX}/metrics?name=*")
    assert (status, told) == (
        200,
        {
            "items": [
                {"name": "frames", "kind": "counter",
                 "labels": {"camera": "door", "source": "task"}, "value": 5.0},
                {"name": "queue", "kind": "gauge", "labels": {}, "value": None},
            ]
        },
    )  # fmt: skip
    assert world.mesh.asked == [{"glob": "*"}]


async def test_how_they_were(world: World) -> None:
    world.mesh.put(LiveNode(BOX, "online", name="box"))
    odd: list[Any] = ["gauge", "queue", [], [1.0]]
    world.mesh.counted[BOX] = {"times": [1.0, 2.0], "series": [[*FRAMES, [None, 2.5]], odd]}

    status, told = await world.call("GET", f"/nodes/{BOX}/metrics/past?name=frames&step=60")
    assert (status, told) == (
        200,
        {
            "times": [1.0, 2.0],
            "items": [
                {"name": "frames", "kind": "counter",
                 "labels": {"camera": "door", "source": "task"}, "values": [None, 2.5]},
            ],
        },
    )  # fmt: skip
    assert world.mesh.asked == [{"glob": "frames", "step": 60}]


@pytest.mark.parametrize("words", ["metrics/past?step=2", f"metrics?name={'x' * 201}"])
async def test_what_is_no_question_is_refused(world: World, words: str) -> None:
    world.mesh.put(LiveNode(BOX, "online", name="box"))

    assert (await world.call("GET", f"/nodes/{BOX}/{words}"))[0] == 400
    assert world.mesh.asked == []


@pytest.mark.parametrize("words", ["metrics", "metrics/past"])
async def test_only_nodes_of_the_project_that_are_there_answer(world: World, words: str) -> None:
    world.mesh.put(LiveNode(BOX, "online", name="box"))

    assert (await world.call("GET", f"/nodes/{BOX}/{words}"))[0] == 503
    assert (await world.call("GET", f"/nodes/{'3' * 32}/{words}"))[0] == 404


async def test_a_node_of_another_version_is_told_as_such(world: World) -> None:
    world.mesh.put(LiveNode(BOX, "online", name="box"))
    world.mesh.counted[BOX] = {"series": [["tally", "frames", [], 1.0]]}

    assert (await world.call("GET", f"/nodes/{BOX}/metrics"))[0] == 502
