"""Which files our own filters open here for whom."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cantor.base.address import Address
from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh, FakeNode
from cantor.workers.sandbox.rules import Rules
from galaxy.deployments.authors import Authors
from galaxy.deployments.judge import Judge, with_files
from galaxy.deployments.pushed import Pushed
from galaxy.deployments.records import Deployment
from galaxy.filter import params_of
from galaxy.pipeline import FilterSpec, Pipeline
from galaxy.registry import BUILT_IN, Registry

if TYPE_CHECKING:
    from pathlib import Path

HERE, STRANGER = NodeId("a" * 32), NodeId("b" * 32)
GROUP = ("video",)


class Box:
    """A node with a folder for others, and a secret beside it."""

    def __init__(self, folder: Path) -> None:
        mesh = FakeMesh()
        self.nodes: dict[NodeId, FakeNode] = {
            one: mesh.add(one, folder / one) for one in (HERE, STRANGER)
        }
        self.open = folder / "open"
        self.open.mkdir()
        self.video = self.open / "video.avi"
        self.secret = folder / "open of nobody" / "key"
        self.secret.parent.mkdir()
        for file in (self.video, self.secret):
            file.write_text("x")
        self.rules(Rules(files=(self.open,)))
        registry = Registry.default()
        self.judge = Judge(
            self.nodes[HERE],
            registry,
            {},
            Authors(self.nodes[HERE]),
            Pushed(self.nodes[HERE], registry, {}),
        )

    def rules(self, rules: Rules) -> None:
        self.nodes[HERE].sandboxes.rules = rules

    def deployed(self, by: NodeId, spec: FilterSpec) -> tuple[Deployment, Pipeline, tuple[str]]:
        pipeline = Pipeline("one", {"video": spec}, ())
        deployment = Deployment("one", pipeline.document(), created_by=by)
        Authors(self.nodes[by]).vouch(deployment)
        return deployment, pipeline, GROUP

    def files(self, by: NodeId, spec: FilterSpec) -> dict[tuple[str, str], str]:
        return self.judge.files_of(*self.deployed(by, spec))

    def addresses(
        self, by: NodeId, spec: FilterSpec, secrets: dict[str, str] | None = None
    ) -> list[str] | None:
        return self.judge.addresses_of(*self.deployed(by, spec), secrets or {})


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def file(path: object) -> FilterSpec:
    return FilterSpec("file", {"path": str(path)})


def test_a_file_in_an_open_folder_is_for_all_and_named_as_it_is(box: Box) -> None:
    link = box.open / "newest.avi"
    link.symlink_to(box.video)

    for path in (box.video, link, box.open / ".." / "open" / "video.avi"):
        assert box.files(STRANGER, file(path)) == {("video", "path"): str(box.video)}


def test_all_other_files_are_for_this_box_alone(box: Box) -> None:
    way_out = box.open / "way out"
    way_out.symlink_to(box.secret)
    fifo = box.open / "fifo"
    os.mkfifo(fifo)
    told = set()
    for path in (
        box.secret, way_out, box.open / ".." / "open of nobody" / "key", "/etc/shadow", box.open,
        fifo, "/dev/zero", box.open / "missing.avi", "video.avi", "concat:/etc/passwd", "x\0y",
        f"file:{box.secret}", f"{box.open} of nobody/key",
    ):  # fmt: skip
        with pytest.raises(ConfigError) as refused:
            box.files(STRANGER, file(path))
        told.add((refused.value.what, refused.value.remedy))
        assert str(refused.value.where).startswith("video.path: ")
        assert box.files(HERE, file(path)) == {}
    assert len(told) == 1, "whether there is such a file is told to nobody"


def test_nothing_is_open_unless_the_owner_says_so(box: Box) -> None:
    box.rules(Rules())
    with pytest.raises(ConfigError, match="--files"):
        box.files(STRANGER, file(box.video))

    box.rules(Rules(others="none"))
    assert box.files(STRANGER, file("/etc/shadow")) == {}


def test_models_are_files_and_the_one_that_ships_is_none(box: Box) -> None:
    assert box.files(STRANGER, FilterSpec("onnx", {"model": "conveyor"})) == {}
    assert box.files(STRANGER, FilterSpec("onnx", {"model": str(box.video)})) == {
        ("video", "model"): str(box.video)
    }
    with pytest.raises(ConfigError):
        box.files(STRANGER, FilterSpec("onnx", {"model": str(box.secret)}))


def test_filters_of_other_packages_are_closed_in_and_not_judged(box: Box) -> None:
    assert box.files(STRANGER, FilterSpec("odd", {"path": "/etc/shadow"})) == {}


def test_whoever_is_only_named_as_the_author_is_not_trusted(box: Box) -> None:
    pipeline = Pipeline("one", {"video": file(box.secret)}, ())
    forged = Deployment("one", pipeline.document(), created_by=HERE)
    Authors(box.nodes[STRANGER]).vouch(forged)

    with pytest.raises(ConfigError):
        box.judge.files_of(forged, pipeline, GROUP)
    Authors(box.nodes[HERE]).vouch(forged)
    assert box.judge.files_of(forged, pipeline, GROUP) == {}
    other = Pipeline("one", {"video": file("/etc/shadow")}, ())
    with pytest.raises(ConfigError):
        box.judge.files_of(replace(forged, pipeline=other.document()), other, GROUP)


CAMERA, BROKER = "rtsp://user:secret@{}/live", {"host": "192.0.2.1", "port": 1883}


def rtsp(place: str) -> FilterSpec:
    return FilterSpec("rtsp", {"url": CAMERA.format(place)})


def test_cameras_and_brokers_of_other_machines_are_for_all_who_may_deploy(box: Box) -> None:
    for spec in (
        rtsp("192.0.2.1"), rtsp("192.0.2.1:8554"), rtsp("gate.example"), rtsp("[2001:db8::1]:322"),
        FilterSpec("mqtt", BROKER), FilterSpec("mqtt", {"host": "broker", "port": 8883}),
        FilterSpec("usb_camera"), FilterSpec("conveyor"),
    ):  # fmt: skip
        assert box.addresses(STRANGER, spec) == []


def test_an_address_that_is_a_secret_is_judged_and_not_told(box: Box) -> None:
    spec = FilterSpec("rtsp", {"url": "secret://gate"})

    assert box.addresses(STRANGER, spec, {"gate": "rtsp://u:canary@192.0.2.1/live"}) == []
    with pytest.raises(ConfigError, match="may not reach this address") as refused:
        box.addresses(STRANGER, spec, {"gate": "rtsp://u:canary@192.0.2.77:22/live"})
    assert refused.value.where == "video"
    assert "192.0.2.77" not in str(refused.value)


def test_other_ports_and_this_box_itself_are_for_this_box_alone(box: Box) -> None:
    for spec in (
        rtsp("192.0.2.1:22"), rtsp("gate.example:6379"), rtsp("127.0.0.1"), rtsp("[::1]:554"),
        rtsp("localhost"), rtsp("169.254.169.254:554"), rtsp("[::ffff:127.0.0.1]"), rtsp("[::]"),
        FilterSpec("mqtt", {"host": "127.0.0.1"}), FilterSpec("mqtt", {**BROKER, "port": 6379}),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match="may not reach this address") as refused:
            box.addresses(STRANGER, spec)
        assert "secret" not in str(refused.value)
        assert "--address" in refused.value.remedy
        assert refused.value.where.startswith("video: ")
        assert box.addresses(HERE, spec) is None


def test_an_address_that_the_owner_opens_is_for_all(box: Box) -> None:
    box.rules(Rules(addresses=(Address("127.0.0.1", 1883), Address("Gate.example", 7447))))

    for spec in (FilterSpec("mqtt", {"host": "127.0.0.1"}), rtsp("gate.EXAMPLE:7447")):
        assert box.addresses(STRANGER, spec) == ["127.0.0.1:1883", "gate.example:7447"]
    with pytest.raises(ConfigError):
        box.addresses(STRANGER, rtsp("gate.example:7448"))


def test_with_a_network_all_addresses_are_open(box: Box) -> None:
    for level in ("net", "none"):
        box.rules(Rules(others=level))
        assert box.addresses(STRANGER, rtsp("127.0.0.1:22")) is None


def test_what_is_no_address_is_left_to_the_filter_to_refuse(box: Box) -> None:
    for spec in (FilterSpec("rtsp", {"url": "/etc/shadow"}), FilterSpec("rtsp", {"port": 3})):
        assert box.addresses(STRANGER, spec) == []


def test_every_filter_that_connects_says_where(box: Box) -> None:
    """What no parameter declares cannot be judged: a new text is to be looked at here."""
    harmless = {"stream", "head", "topic", "user", "password"}
    judged = {("rtsp", "url"), ("mqtt", "host"), ("usb_camera", "device")}
    registry = Registry.default()
    texts = {
        (name, param.name)
        for name in BUILT_IN
        for param in params_of(registry.get(name)).values()
        if param.kind is str and not param.file and param.name not in harmless
    }
    assert texts == judged
    assert {name for name in BUILT_IN if registry.get(name).ports} == {"rtsp", "mqtt"}


def test_the_document_names_the_files_that_were_judged() -> None:
    def pipeline(path: str) -> dict[str, object]:
        return dict(
            Pipeline("one", {"video": file(path), "count": FilterSpec("count")}, ()).document()
        )

    document = pipeline("link")

    assert with_files(document, {("video", "path"): "/real"}) == pipeline("/real")
    assert with_files(document, {}) == document == pipeline("link")
