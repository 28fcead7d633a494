from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.base.ids import NodeId
from edge_hub.demo.job import TO_DETECTOR, Job, report
from galaxy.check import find_problems
from galaxy.deployments.views import DeploymentView
from galaxy.registry import Registry

if TYPE_CHECKING:
    from cantor.wire.frame import Value

    Headers = dict[str, Value]


@pytest.mark.parametrize(
    ("source", "type_name", "policy"),
    [
        ("", "conveyor", "latest"),
        ("/dev/video0", "usb_camera", "latest"),
        ("rtsp://user:word@camera/live", "rtsp", "latest"),
        ("plaza.avi", "file", "block"),
    ],
)
def test_every_source_gives_a_pipeline_that_can_run(
    source: str, type_name: str, policy: str
) -> None:
    pipeline = Job(source, "model.onnx" if source else "", broker_port=1883).pipeline()

    assert find_problems(pipeline, Registry.default()) == []
    assert pipeline.filters["camera"].type == type_name
    first = pipeline.connections[0]
    assert (first.name, first.policy) == (TO_DETECTOR, policy)


def test_what_did_not_come_out_was_dropped_on_its_way_to_the_detector() -> None:
    edge: Headers = {"dropped": 0, "expired": 0, "discarded": 0}
    edges: Headers = {
        TO_DETECTOR: {**edge, "dropped": 45, "discarded": 2},
        "overlay.image -> preview.image": {**edge, "dropped": 1},
    }
    seen: Headers = {"frames_out": 13, "mean_fps": 12.0}
    filters: Headers = {"camera": {"frames_out": 60}, "detect": seen, "results": {}}
    nodes = {"camera": NodeId("a" * 32)}
    view = DeploymentView("d", "demo", "", "", 1, "running", "finished", {}, nodes=nodes)

    done = report([], view, {"filters": filters, "edges": edges}, {})

    assert done["frames_in"] == 60
    assert (done["frames_out"], done["dropped"]) == (13, 47)
    assert done["placement"] == nodes
