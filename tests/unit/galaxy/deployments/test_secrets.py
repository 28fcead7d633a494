"""Which node may have a secret for a group of a deployment, and what filters get of it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId
from cantor.base.secret_names import Cover
from cantor.node.fake import FakeMesh, FakeNode
from cantor.node.secrets.records import SecretKey
from galaxy.check import find_problems
from galaxy.deployments.authors import Authors
from galaxy.deployments.records import Deployment
from galaxy.deployments.secrets import why_not
from galaxy.deployments.views import MASK, masked
from galaxy.pipeline import Connection, FilterSpec, Pipeline
from galaxy.registry import Registry
from galaxy.runtime import Runtime
from galaxy.secrets import cover_logs, names_in, resolved

if TYPE_CHECKING:
    from pathlib import Path

HERE, FRIEND, STRANGER = (NodeId(letter * 32) for letter in "abc")
GATE = SecretKey("default", "default", "gate")
FILTERS = {
    "camera": FilterSpec("rtsp", {"url": "secret://gate"}),
    "told": FilterSpec("mqtt", {"host": "broker.example", "password": "secret://mqtt"}),
}
WAY = Connection.from_values({"from": "camera.image", "to": "told.frame", "kind": "weak"})
PIPELINE = Pipeline("gate", FILTERS, (WAY,))
NODES = {"camera": FRIEND, "told": HERE}


@pytest.fixture
def nodes(tmp_path: Path) -> dict[NodeId, FakeNode]:
    mesh = FakeMesh()
    return {one: mesh.add(one, tmp_path / one) for one in (HERE, FRIEND, STRANGER)}


def deployed() -> Deployment:
    document = PIPELINE.document()
    return Deployment("one", document, project="default", created_by=FRIEND)


def test_the_node_where_the_group_is_placed_may_have_what_it_names(
    nodes: dict[NodeId, FakeNode],
) -> None:
    authors = Authors(nodes[HERE])
    Authors(nodes[FRIEND]).vouch(deployed())

    assert why_not(authors, deployed(), NODES, FRIEND, "camera", GATE) == ""
    mqtt = GATE._replace(name="mqtt")
    assert why_not(authors, deployed(), NODES, HERE, "told", mqtt) == ""
    for why, asker, leader, key in (
        ("not placed on that node", STRANGER, "camera", GATE),
        ("does not name it there", HERE, "told", GATE),
        ("does not name it there", FRIEND, "nothing", GATE),
        ("belongs to project default", FRIEND, "camera", GATE._replace(project="vision")),
        ("vouches", FRIEND, "camera", GATE._replace(tenant="theirs")),
    ):
        assert why in why_not(authors, deployed(), NODES, asker, leader, key)


def test_a_deployment_that_its_author_does_not_vouch_for_gets_nothing(
    nodes: dict[NodeId, FakeNode],
) -> None:
    authors = Authors(nodes[HERE])
    assert "vouches" in why_not(authors, deployed(), NODES, FRIEND, "camera", GATE)
    Authors(nodes[STRANGER]).vouch(deployed())
    assert "vouches" in why_not(authors, deployed(), NODES, FRIEND, "camera", GATE)
    Authors(nodes[FRIEND]).vouch(replace(deployed(), project="vision"))
    assert "vouches" in why_not(authors, deployed(), NODES, FRIEND, "camera", GATE)
    Authors(nodes[FRIEND]).vouch(deployed())
    nodes[FRIEND].tenant = "theirs"
    assert "vouches" in why_not(authors, deployed(), NODES, FRIEND, "camera", GATE)


def test_what_is_not_wanted_or_not_there_gets_nothing(nodes: dict[NodeId, FakeNode]) -> None:
    authors = Authors(nodes[HERE])
    Authors(nodes[FRIEND]).vouch(deployed())
    stopped = replace(deployed(), wanted="stopped")

    assert "is stopped" in why_not(authors, stopped, NODES, FRIEND, "camera", GATE)
    assert "no such deployment" in why_not(authors, None, NODES, FRIEND, "camera", GATE)


def test_names_are_found_and_values_take_their_place() -> None:
    assert names_in(PIPELINE, ("camera", "told", "other")) == ("gate", "mqtt")
    assert names_in(PIPELINE, ("told",)) == ("mqtt",)
    params = {"a": "secret://x", "b": ["secret://x", "y"], "c": 7, "d": " secret://x"}
    assert resolved(params, {"x": "1"}) == {"a": "1", "b": ["1", "y"], "c": 7, "d": " secret://x"}
    with pytest.raises(ConfigError, match="only a deployed pipeline is given secrets"):
        resolved(params, {})


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (FilterSpec("rtsp", {"url": "secret://No"}), "no secret can be called so"),
        (FilterSpec("file", {"path": "secret://video"}), "it names a file, and a secret is none"),
        (FilterSpec("usb_camera", {"width": "secret://x"}), "must be an integer"),
    ],
)
def test_a_reference_where_none_can_be_is_a_problem(spec: FilterSpec, why: str) -> None:
    way = Connection.from_values({"from": "source.image", "to": "end.frame"})
    pipeline = Pipeline("one", {"source": spec, "end": FilterSpec("collect")}, (way,))

    assert any(why in one.what for one in find_problems(pipeline, Registry.default()))


def test_a_run_outside_of_a_deployment_has_none_and_a_wrong_value_is_not_told() -> None:
    way = Connection.from_values({"from": "belt.image", "to": "shown.image"})
    quality = FilterSpec("resize", {"width": 64, "height": 48})
    belt = FilterSpec("usb_camera", {"device": "secret://gate"})
    pipeline = Pipeline("one", {"belt": belt, "shown": quality}, (way,))

    with pytest.raises(ConfigError, match="only a deployed pipeline"):
        Runtime(pipeline)
    assert Runtime(pipeline, secrets={"gate": "sim:"}).state == "created"


def test_people_see_the_name_of_a_secret_and_not_what_stands_in_its_place() -> None:
    registry = Registry.default()
    plain = replace(FILTERS["camera"], params={"url": "rtsp://u:p@gate"})
    document = Pipeline("gate", {**FILTERS, "plain": plain}, (WAY,)).document()

    shown = masked(document, registry.get)

    filters = shown["filters"]
    assert isinstance(filters, dict)
    assert [one["params"].get("url") for one in filters.values()] == ["secret://gate", None, MASK]
    assert filters["told"]["params"]["password"] == "secret://mqtt"


def test_all_that_a_worker_logs_is_covered(caplog: pytest.LogCaptureFixture) -> None:
    before = logging.getLogRecordFactory()
    try:
        cover_logs(lambda: Cover({"gate": b"canary-1"}))
        log = logging.getLogger("galaxy.filters.camera")
        log.warning("%s lost: %s", "it", "canary-1 is refused")
        try:
            raise ValueError("canary-1 again")
        except ValueError:
            log.exception("a run failed with %s", "canary-1")
    finally:
        logging.setLogRecordFactory(before)

    assert "it lost: secret://gate is refused" in caplog.text
    assert "ValueError: secret://gate again" in caplog.text
    assert "canary-1" not in caplog.text
