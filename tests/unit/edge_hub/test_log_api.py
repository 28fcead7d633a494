"""The last lines of a node in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.base.ids import NodeId
from cantor.node.logs.lines import Line
from edge_hub.mesh_view import LiveNode

if TYPE_CHECKING:
    from tests.unit.edge_hub.conftest import World

BOX = NodeId("2" * 32)
LINES = (
    Line(1.25, "info", "agent", "cantor.node: link up"),
    Line(2.5, "error", "service/cam", "no camera\nTraceback"),
)


async def test_the_last_lines_and_those_before_them(world: World) -> None:
    world.mesh.put(LiveNode(BOX, "online", name="box"))
    raw = [*(line.packed().decode() for line in LINES), "no line"]
    world.mesh.said[BOX] = {"lines": list(raw), "place": [3, 40], "is_end": False}

    status, told = await world.call(
        "GET", f"/nodes/{BOX}/logs?grep=up&level=info&source=agent&lines=2&before=4.70"
    )
    assert (status, told) == (
        200,
        {
            "items": [
                {"at": "1970-01-01T00:00:01.250Z", "level": "info", "source": "agent",
                 "text": "cantor.node: link up"},
                {"at": "1970-01-01T00:00:02.500Z", "level": "error", "source": "service/cam",
                 "text": "no camera\nTraceback"},
            ],
            "before": "3.40",
        },
    )  # fmt: skip
    assert world.mesh.asked == [
        {"texts": ["up"], "any_case": True, "level": "info", "source": "agent", "back": True,
         "count": 2, "place": [4, 70]}
    ]  # fmt: skip

    world.mesh.said[BOX] = {"lines": "odd", "place": "odd", "is_end": True}
    assert (await world.call("GET", f"/nodes/{BOX}/logs"))[1] == {"items": [], "before": ""}


@pytest.mark.parametrize(
    "words", ["level=loud", "lines=many", "lines=-1", "before=1.x", f"grep={'x' * 201}"]
)
async def test_what_is_no_question_is_refused(world: World, words: str) -> None:
    world.mesh.put(LiveNode(BOX, "online", name="box"))

    assert (await world.call("GET", f"/nodes/{BOX}/logs?{words}"))[0] == 400
    assert world.mesh.asked == []


async def test_only_nodes_of_the_project_that_are_there_answer(world: World) -> None:
    world.mesh.put(LiveNode(BOX, "online", name="box"))

    assert (await world.call("GET", f"/nodes/{BOX}/logs"))[0] == 503
    assert (await world.call("GET", f"/nodes/{'3' * 32}/logs"))[0] == 404
