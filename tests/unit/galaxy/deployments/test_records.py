from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.galaxy.deployments.mesh import chain

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.ledger.facts import Fact
from galaxy.deployments.facts import Facts
from galaxy.deployments.records import (
    DOCUMENT_CHARACTERS_MAX,
    FILTERS_MAX,
    Able,
    Deployment,
    GroupRun,
    NodeRun,
    Placed,
    able_from_value,
    check_deployment,
    deployment_from_value,
    pipeline_of,
    placed_from_value,
    run_from_value,
)

if TYPE_CHECKING:
    from cantor.wire.frame import Value

A, B = NodeId("a" * 32), NodeId("b" * 32)
DEPLOYMENT = Deployment("d1", chain(), name="door", created_at=5.0, created_by=A, frames_max=9)
PLACED = Placed("d1", 3, 7, A, {"camera": B}, {"camera": 4}, {"detect": "no GPU"})
RUN = NodeRun("d1", 3, {"camera": GroupRun("camera", 4, "failed", "no camera")})


def sent(value: Value) -> Value:
    """As it comes over the wire."""
    return cast("Value", msgpack.unpackb(msgpack.packb(value)))


def test_records_come_back_as_they_were_sent() -> None:
    assert deployment_from_value("d1", sent(DEPLOYMENT.as_value())) == DEPLOYMENT
    assert placed_from_value("d1", A, sent(PLACED.as_value())) == PLACED
    assert run_from_value("d1", B, sent(RUN.as_value())) == RUN
    able = Able({"onnx": "Memory >= 1GiB"}, 0.5, {"onnx": 1.0})
    assert able_from_value(A, sent(able.as_value())) == able


def test_fields_of_a_later_version_are_left_alone() -> None:
    assert deployment_from_value("d1", {**DEPLOYMENT.as_value(), "shade": 1}) == DEPLOYMENT


def test_a_plain_list_of_types_says_that_they_need_nothing() -> None:
    assert able_from_value(A, {"filters": ["onnx"], "load": 0}) == Able({"onnx": ""})


def test_stopping_is_the_next_revision_and_removing_drops_the_pipeline() -> None:
    stopped = DEPLOYMENT.with_wanted("stopped", 8.0)
    assert (stopped.revision, stopped.wanted, stopped.changed_at) == (2, "stopped", 8.0)
    assert stopped.pipeline == DEPLOYMENT.pipeline
    assert DEPLOYMENT.with_wanted("removed", 8.0).pipeline == {}


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "change",
    [
        {"revision": 0},
        {"revision": True},
        {"revision": 2**60},
        {"wanted": "paused"},
        {"wanted": ["running"]},
        {"name": "n" * 1000},
        {"name": 7},
        {"created_at": math.nan},
        {"created_at": -1},
        {"frames_max": -1},
        {"pipeline": None},
        {"pipeline": {1: "x"}},
        {"pipeline": {"filters": {2: {}}}},
        {"pipeline": {"x": b"bytes"}},
        {"pipeline": {"x": math.inf}},
        {"pipeline": {"x": deep(40)}},
        {"pipeline": {"x": "y" * (DOCUMENT_CHARACTERS_MAX + 1)}},
        {"pipeline": {"x": [0] * 5000}},
    ],
)
def test_a_deployment_of_another_shape_is_refused(change: dict[str, Value]) -> None:
    with pytest.raises(RemoteProtocolError):
        deployment_from_value("d1", {**DEPLOYMENT.as_value(), **change})


@pytest.mark.parametrize("identity", ["", "UPPER", "a/b", "-a", "a" * 65])
def test_an_id_that_is_none_is_refused(identity: str) -> None:
    with pytest.raises(RemoteProtocolError, match="no proper id"):
        deployment_from_value(identity, DEPLOYMENT.as_value())


@pytest.mark.parametrize(
    "change",
    [
        {"keeper": B},
        {"epoch": 0},
        {"nodes": {"camera": "not an id"}},
        {"nodes": {"camera": 1}},
        {"nodes": {f"f{n}": B for n in range(FILTERS_MAX + 1)}},
        {"group_epochs": {"camera": "4"}},
        {"group_epochs": {"other": 4}},
        {"reasons": {"camera": "x" * 5000}},
    ],
)
def test_a_placement_of_another_shape_is_refused(change: dict[str, Value]) -> None:
    with pytest.raises(RemoteProtocolError):
        placed_from_value("d1", A, {**PLACED.as_value(), **change})


@pytest.mark.parametrize("groups", [None, ["x"], [{}], [{"leader": "a", "epoch": 1, "state": "?"}]])
def test_runs_of_another_shape_are_refused(groups: Value) -> None:
    with pytest.raises(RemoteProtocolError):
        run_from_value("d1", B, {"revision": 1, "groups": groups})
    with pytest.raises(RemoteProtocolError):
        GroupRun.of("camera", 1, "sleeping")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@given(st.sampled_from(["deployment/d1", "placement/d1", "run/d1", "galaxy", "links"]), JSON)
def test_no_fact_ends_the_reader(name: str, value: Value) -> None:
    Facts.read([Fact(A, name, value, 1, 1)], [], [A])


@given(JSON, JSON)
def test_no_pipeline_ends_the_reader(filters: Value, connections: Value) -> None:
    document = {"name": "x", "filters": filters, "connections": connections}
    value = replace(DEPLOYMENT, pipeline=document).as_value()
    Facts.read([Fact(A, "deployment/d1", value, 1, 1)], [], [A])


def test_a_pipeline_is_read_without_files_and_its_faults_are_named() -> None:
    assert list(pipeline_of(DEPLOYMENT).filters) == ["camera", "detect", "sink"]

    dangling = chain() | {"connections": [{"from": "camera.image", "to": "nowhere.image"}]}
    with pytest.raises(ConfigError, match=r"deployment d1: .*no filter 'nowhere'"):
        pipeline_of(replace(DEPLOYMENT, pipeline=dangling))


def test_what_other_nodes_would_refuse_is_not_deployed() -> None:
    assert check_deployment(DEPLOYMENT) == pipeline_of(DEPLOYMENT)

    with pytest.raises(ConfigError, match="name is no text"):
        check_deployment(replace(DEPLOYMENT, name="n" * 1000))
    many = {"filters": {f"f{n}": {"type": "sink"} for n in range(FILTERS_MAX + 1)}}
    with pytest.raises(ConfigError, match="too large"):
        check_deployment(replace(DEPLOYMENT, pipeline=many))
