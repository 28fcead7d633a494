from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from galaxy.pipeline import Connection, Endpoint, FilterSpec, Pipeline
from galaxy.placement import (
    NO_LINK_MS,
    NodeFacts,
    Placement,
    Pool,
    place,
    placement_from_value,
    work_from_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cantor.wire.frame import Value

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
TYPES = {"usb_camera": "USBCamera == 1", "resize": "", "onnx": ""}


def node(name: str, digit: str, *resources: Resource, load: float = 0.0) -> NodeFacts:
    return NodeFacts(NodeId(digit * 32), resources, load, name, types=TYPES)


def gpus(count: int) -> Resource:
    return Resource("GPU", "quantity", count)


def over(links: Mapping[tuple[NodeId, NodeId], float]) -> Callable[[NodeId, NodeId], float]:
    return lambda one, other: 0.0 if one == other else links.get((one, other), NO_LINK_MS)


def placed(
    nodes: Iterable[NodeFacts],
    links: Mapping[tuple[NodeId, NodeId], float] | None = None,
    pipeline: Pipeline = PIPELINE,
    previous: Mapping[str, NodeId] | None = None,
) -> Placement:
    return place(pipeline, Pool(nodes), over(links or {}), previous=previous)


def altered(**filters: FilterSpec) -> Pipeline:
    return Pipeline("p", {**PIPELINE.filters, **filters}, PIPELINE.connections)


CAMERA_BOX = node("door", "a", Resource("USBCamera", "condition", 1))
NODES = [CAMERA_BOX, node("server", "b", gpus(1))]


def test_filters_go_where_the_hardware_is_and_strong_groups_stay_together() -> None:
    placement = placed(NODES)

    assert placement.complete
    assert placement.nodes == {"camera": CAMERA, "small": CAMERA, "detect": GPU}


def test_a_filter_that_fits_nowhere_gets_a_reason_per_node() -> None:
    placement = placed(NODES[:1])

    assert set(placement.nodes) == {"camera", "small"}
    assert placement.reasons["detect"].startswith("door: ")
    assert "GPU" in placement.reasons["detect"]
    assert placed([]).reasons["camera"] == "there is no node"


def test_the_reasons_of_a_large_mesh_stay_short() -> None:
    many = [NodeFacts(NodeId(f"{n:032x}"), name=f"box-{n}", types=TYPES) for n in range(100)]

    reason = placed(many).reasons["detect"]

    assert reason.endswith("and 92 more")
    assert len(reason) < 1000


def test_a_pinned_filter_runs_there_or_says_why_not() -> None:
    pinned = altered(detect=FilterSpec("onnx", node="door"))
    assert placed(NODES, pipeline=pinned).nodes["detect"] == CAMERA

    absent = altered(detect=FilterSpec("onnx", node="absent"))
    assert "the pipeline asks for absent" in placed(NODES, pipeline=absent).reasons["detect"]


def test_a_node_without_the_type_or_without_galaxy_is_not_chosen_and_says_so() -> None:
    lacking = NodeFacts(GPU, (gpus(1),), name="server", types={"resize": ""})
    assert (
        placed([CAMERA_BOX, lacking])
        .reasons["detect"]
        .endswith("server: it has no filter type onnx")
    )

    hub = NodeFacts(GPU, (gpus(1),), name="hub", refusal="it runs no pipelines")
    assert placed([CAMERA_BOX, hub]).reasons["detect"].endswith("hub: it runs no pipelines")


def test_the_needs_of_a_group_are_taken_together() -> None:
    two_gpus = Pipeline(
        "p",
        {"one": FilterSpec("onnx", needs="GPU = 1"), "two": FilterSpec("onnx", needs="GPU = 1")},
        (Connection(Endpoint("one", "image"), Endpoint("two", "image")),),
    )

    assert not placed([node("small", "a", gpus(1))], pipeline=two_gpus).complete
    assert placed([node("large", "a", gpus(2))], pipeline=two_gpus).complete


def test_what_one_group_takes_is_gone_for_the_next() -> None:
    pool = Pool([node("server", "b", gpus(1))])

    assert pool.take(PIPELINE, ("detect",), GPU) == ""
    assert "GPU" in pool.refusal(PIPELINE, ("detect",), GPU)
    assert "not reachable" in pool.refusal(PIPELINE, ("detect",), CAMERA)


def test_labels_count_and_an_expression_that_cannot_be_read_is_a_reason() -> None:
    north = NodeFacts(GPU, labels={"site": "north"}, types=TYPES)

    there = altered(detect=FilterSpec("onnx", needs='label.site == "north"'))
    assert placed([CAMERA_BOX, north], pipeline=there).nodes["detect"] == GPU

    broken = altered(detect=FilterSpec("onnx", needs="GPU = = 1"))
    assert "cannot be read" in placed(NODES, pipeline=broken).reasons["detect"]


def test_link_cost_and_load_decide_among_nodes_that_fit() -> None:
    near, far = NodeId("c" * 32), NodeId("d" * 32)
    links = {(CAMERA, near): 50.0, (CAMERA, far): 2.0}
    twins = [CAMERA_BOX, node("", "c", gpus(1)), node("", "d", gpus(1))]
    assert placed(twins, links).nodes["detect"] == far

    busy = [*twins[:2], node("", "d", gpus(1), load=9.0)]
    assert placed(busy, links).nodes["detect"] == near


def test_a_second_group_goes_to_an_idle_node_if_the_link_is_cheap() -> None:
    free = altered(detect=FilterSpec("onnx"))
    idle = [CAMERA_BOX, node("idle", "b")]

    assert placed(idle, {(CAMERA, GPU): 5.0}, free).nodes["detect"] == GPU
    assert placed(idle, {(CAMERA, GPU): 25.0}, free).nodes["detect"] == CAMERA


def test_a_filter_moves_only_for_a_gain_above_twenty_percent() -> None:
    first, second = NodeId("c" * 32), NodeId("d" * 32)
    links = {(CAMERA, first): 10.0, (CAMERA, second): 11.0}
    nodes = [CAMERA_BOX, node("", "c", gpus(1)), node("", "d", gpus(1))]
    assert placed(nodes, links, previous={"detect": second}).nodes["detect"] == second

    links[CAMERA, second] = 30.0
    assert placed(nodes, links, previous={"detect": second}).nodes["detect"] == first


def test_a_fixed_group_stays_and_draws_its_neighbours() -> None:
    near = node("", "c", Resource("USBCamera", "condition", 1))
    links = {(GPU, near.id): 1.0, (GPU, CAMERA): 60.0}

    found = place(PIPELINE, Pool([*NODES, near]), over(links), fixed={"detect": GPU})

    assert found.nodes == {"detect": GPU, "camera": near.id, "small": near.id}


def test_the_order_of_the_nodes_does_not_matter() -> None:
    assert placed(NODES[::-1]) == placed(NODES)


def test_a_placement_goes_over_the_control_socket() -> None:
    placement = placed(NODES[:1])

    assert placement_from_value(placement.as_value()) == placement
    with pytest.raises(RemoteProtocolError, match="no placement"):
        placement_from_value([])


WORK = {"usb_camera": 0.3, "resize": 0.1, "onnx": 1.0, "mjpeg_preview": 0.1}
SHOWN = Pipeline(
    "shown",
    {
        "camera": FilterSpec("usb_camera"),
        "detect": FilterSpec("onnx"),
        "preview": FilterSpec("mjpeg_preview"),
    },
    (
        Connection(Endpoint("camera", "image"), Endpoint("detect", "image"), "weak"),
        Connection(Endpoint("detect", "image"), Endpoint("preview", "image"), "weak"),
    ),
)


def worker(name: str, digit: str, *resources: Resource, load: float = 0.0) -> NodeFacts:
    types = {**TYPES, "mjpeg_preview": ""}
    return NodeFacts(NodeId(digit * 32), resources, load, name, types=types, work=WORK)


def test_a_heavy_group_leaves_the_camera_and_a_light_one_follows_it() -> None:
    camera = worker("door", "a", Resource("USBCamera", "condition", 1))
    nodes = [camera, worker("one", "b"), worker("two", "c")]
    links = {(one.id, other.id): 5.0 for one in nodes for other in nodes}

    found = placed(nodes, links, SHOWN)

    assert found.nodes == {"camera": CAMERA, "detect": GPU, "preview": GPU}
    assert placed(nodes, links, SHOWN, previous=found.nodes) == found


def test_a_light_group_does_not_move_to_an_idle_node_though_its_neighbour_works_hard() -> None:
    camera = worker("door", "a", Resource("USBCamera", "condition", 1), load=0.5)
    nodes = [camera, worker("one", "b", load=1.0), worker("two", "c")]
    links = {(one.id, other.id): 5.0 for one in nodes for other in nodes}

    found = place(SHOWN, Pool(nodes), over(links), fixed={"camera": CAMERA, "detect": GPU})

    assert found.nodes["preview"] == GPU


def test_the_work_that_a_node_tells_is_checked() -> None:
    assert work_from_value(None) == {}
    assert work_from_value({"onnx": 1}) == {"onnx": 1.0}
    odd_ones: tuple[Value, ...] = ([], {"onnx": -1}, {"onnx": "1"}, {"onnx": True}, {"a": math.nan})
    for odd in odd_ones:
        with pytest.raises(RemoteProtocolError, match="work"):
            work_from_value(odd)
