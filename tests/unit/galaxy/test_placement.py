from __future__ import annotations

from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from galaxy.pipeline import Connection, Endpoint, FilterSpec, Pipeline
from galaxy.placement import NodeFacts, needs_of, place, unmet_needs

CAMERA, GPU = NodeId("a" * 32), NodeId("b" * 32)
PIPELINE = Pipeline(
    "p",
    {
        "camera": FilterSpec("usb_camera"),
        "small": FilterSpec("resize"),
        "detect": FilterSpec("onnx", needs="GPU = 1"),
    },
    (
        Connection(Endpoint("camera", "image"), Endpoint("small", "image")),
        Connection(Endpoint("small", "image"), Endpoint("detect", "image"), "weak"),
    ),
)
NEEDS = needs_of(PIPELINE, {"usb_camera": "USBCamera == 1"})
NODES = [
    NodeFacts(CAMERA, (Resource("USBCamera", "condition", 1),), name="door"),
    NodeFacts(GPU, (Resource("GPU", "quantity", 1),), name="server"),
]


def test_filters_go_where_the_hardware_is_and_strong_groups_stay_together() -> None:
    placement = place(PIPELINE, NEEDS, NODES, {}, unmet_needs)
    assert placement.complete
    assert placement.nodes == {"camera": CAMERA, "small": CAMERA, "detect": GPU}


def test_a_filter_that_fits_nowhere_gets_a_reason_per_node() -> None:
    placement = place(PIPELINE, NEEDS, NODES[:1], {}, unmet_needs)
    assert set(placement.nodes) == {"camera", "small"}
    assert placement.reasons["detect"].startswith("door: ")
    assert "GPU" in placement.reasons["detect"]
    assert place(PIPELINE, NEEDS, [], {}, unmet_needs).reasons["camera"] == "there is no node"


def test_a_pinned_filter_runs_there_or_says_why_not() -> None:
    filters = {**PIPELINE.filters, "detect": FilterSpec("onnx", node="door")}
    pinned = Pipeline("p", filters, PIPELINE.connections)
    needs = needs_of(pinned, {})
    assert place(pinned, needs, NODES, {}, unmet_needs).nodes["detect"] == CAMERA
    filters["detect"] = FilterSpec("onnx", node="absent")
    reasons = place(pinned, needs, NODES, {}, unmet_needs).reasons
    assert "the pipeline asks for absent" in reasons["detect"]


def test_link_cost_and_load_decide_among_nodes_that_fit() -> None:
    near, far = NodeId("c" * 32), NodeId("d" * 32)
    twins = [*NODES[:1], NodeFacts(near, NODES[1].resources), NodeFacts(far, NODES[1].resources)]
    links = {(CAMERA, near): 50.0, (CAMERA, far): 2.0}
    assert place(PIPELINE, NEEDS, twins, links, unmet_needs).nodes["detect"] == far
    busy = [*twins[:2], NodeFacts(far, NODES[1].resources, load=9.0)]
    assert place(PIPELINE, NEEDS, busy, links, unmet_needs).nodes["detect"] == near


def test_a_filter_moves_only_for_a_gain_above_twenty_percent() -> None:
    first, second = NodeId("c" * 32), NodeId("d" * 32)
    resources = NODES[1].resources
    links = {(CAMERA, first): 10.0, (CAMERA, second): 11.0}
    nodes = [NODES[0], NodeFacts(first, resources), NodeFacts(second, resources)]
    stays = place(PIPELINE, NEEDS, nodes, links, unmet_needs, {"detect": second})
    assert stays.nodes["detect"] == second
    links[CAMERA, second] = 30.0
    moves = place(PIPELINE, NEEDS, nodes, links, unmet_needs, {"detect": second})
    assert moves.nodes["detect"] == first


def test_the_order_of_the_nodes_does_not_matter() -> None:
    forward = place(PIPELINE, NEEDS, NODES, {}, unmet_needs)
    assert place(PIPELINE, NEEDS, NODES[::-1], {}, unmet_needs) == forward
