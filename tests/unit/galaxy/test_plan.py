from __future__ import annotations

import asyncio
import json
import threading
from argparse import Namespace
from typing import TYPE_CHECKING, cast

import pytest

from cantor.base.errors import UnavailableError
from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from cantor.ledger.facts import Fact
from cantor.node.control import ControlServer
from cantor.node.view import NodeView
from galaxy.deployments import keeper
from galaxy.deployments.facts import Facts
from galaxy.deployments.records import Able
from galaxy.loader import pipeline_from_document
from galaxy.plan import plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cantor.wire.frame import Value

PIPELINE = """\
name: two-nodes
filters:
  camera: {type: test_pattern, needs: USBCamera == 1}
  sink: {type: count, needs: GPU = 1}
connections:
  - {from: camera.image, to: sink.frame, kind: weak}
"""


def node(digit: str, name: str, *resources: Resource, is_alive: bool = True) -> NodeView:
    return NodeView(NodeId(digit * 32), name, is_alive, "0.1.0", {}, (), resources, ())


CAMERA_BOX = node("a", "camera-box", Resource("USBCamera", "condition", True))
GPU_BOX = node("b", "gpu-box", Resource("GPU", "quantity", 1))
DEAD_GPU_BOX = node("c", "dead-box", Resource("GPU", "quantity", 4), is_alive=False)


class FakeAgent:
    """A control socket that knows these nodes, on a loop of its own."""

    def __init__(self, folder: Path, nodes: list[NodeView]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._nodes = nodes
        self._server = ControlServer(
            folder,
            {
                "nodes": lambda _: [view.as_value() for view in nodes],
                "status": dict,
                "pipeline.plan": self._plan,
            },
        )
        asyncio.run_coroutine_threadsafe(self._server.start(), self._loop).result()

    def _plan(self, args: dict[str, Value]) -> Value:
        pipeline = pipeline_from_document(cast("dict[str, object]", args["pipeline"]), "asked")
        able = Able({"test_pattern": "", "count": ""}).as_value()
        facts = [Fact(view.id, "galaxy", able, 1, 1) for view in self._nodes]
        alive = [view.id for view in self._nodes if view.is_alive]
        return keeper.plan(pipeline, Facts.read(facts, self._nodes, alive)).as_value()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._server.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def nodes() -> list[NodeView]:
    return [CAMERA_BOX, DEAD_GPU_BOX]


@pytest.fixture
def agent_folder(tmp_path: Path, nodes: list[NodeView]) -> Iterator[Path]:
    agent = FakeAgent(tmp_path, nodes)
    yield tmp_path
    agent.close()


def options_for(folder: Path) -> Namespace:
    file = folder / "pipeline.yaml"
    file.write_text(PIPELINE)
    return Namespace(file=file, data=folder, json=True)


def test_each_filter_goes_to_the_node_that_has_what_it_needs(
    agent_folder: Path, nodes: list[NodeView], capsys: pytest.CaptureFixture[str]
) -> None:
    nodes.append(GPU_BOX)

    assert plan(options_for(agent_folder)) == 0

    answer = json.loads(capsys.readouterr().out)
    assert answer["nodes"] == {"camera": "camera-box", "sink": "gpu-box"}


def test_a_filter_without_a_node_says_what_each_node_lacks(
    agent_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(options_for(agent_folder)) == 1

    answer = json.loads(capsys.readouterr().out)
    assert not answer["complete"]
    assert "camera-box: " in answer["reasons"]["sink"]
    assert "dead-box" not in answer["reasons"]["sink"]


def test_without_an_agent_the_error_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cantor agent"):
        plan(options_for(tmp_path))
