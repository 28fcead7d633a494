from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
import pytest

from cantor.base.clock import SystemClock
from galaxy import Context, Detection, Frame
from galaxy.filters.draw import MjpegPreview, Overlay
from galaxy.filters.mqtt import Mqtt
from galaxy.filters.resize import Resize
from galaxy.filters.sinks import Collect, Count

if TYPE_CHECKING:
    import paho.mqtt.client as paho

PERSON = Detection("person", 0, 0.9, (10.0, 20.0, 30.0, 60.0))


def frame(*objects: Detection) -> Frame:
    image = np.full((80, 160, 3), 50, np.uint8)
    return Frame("door", 3, image, captured_s=1.0, captured_wall_s=2.0, objects=objects)


def context(published: dict[str, bytes] | None = None) -> Context:
    def publish(topic: str, data: bytes, _: Frame) -> None:
        if published is not None:
            published[topic] = data

    return Context(name="f", node="box", pipeline="p", clock=SystemClock(), publish=publish)


def test_overlay_draws_on_a_copy_and_leaves_the_frame_alone() -> None:
    given = frame(PERSON)
    drawn = Overlay().process(given, context())
    assert isinstance(drawn, Frame)
    assert (given.pixels() == 50).all()
    assert (drawn.pixels() != 50).any()
    assert not np.shares_memory(drawn.pixels(), given.pixels())


def test_overlay_passes_a_frame_without_objects_untouched() -> None:
    given = frame()
    assert Overlay().process(given, context()) is given


def test_the_image_of_a_frame_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        frame().pixels()[0, 0] = 1


def test_collect_keeps_documents_or_only_counts_up_to_its_limit() -> None:
    documents, counts = Collect({"limit": 1}), Collect({"limit": 1, "counts": True})
    for sink in (documents, counts):
        sink.process(frame(PERSON, PERSON), context())
        sink.process(frame(), context())

    assert counts.report() == {
        "frames": [{"seq": 3, "objects": {"person": 2}}],
        "beyond_limit": 1,
    }
    (document,) = cast("list[dict[str, object]]", documents.report()["frames"])
    assert document["node"] == "box"


def test_resize_scales_image_and_boxes() -> None:
    small = Resize({"width": 80}).process(frame(PERSON), context())
    assert isinstance(small, Frame)
    assert small.pixels().shape == (40, 80, 3)
    assert small.objects[0].box == (5.0, 10.0, 15.0, 30.0)


def test_preview_publishes_a_jpeg_of_the_frame() -> None:
    published: dict[str, bytes] = {}
    MjpegPreview().process(frame(), context(published))
    data = np.frombuffer(published["preview/f"], np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (80, 160, 3)


class Broker:
    """Stands in for the client of a broker."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str, int]] = []
        self.calls: list[str] = []
        self.rc = 0

    def publish(self, topic: str, payload: str, qos: int) -> Broker:
        self.messages.append((topic, payload, qos))
        return self

    def __getattr__(self, name: str) -> object:
        return lambda *_args, **_options: self.calls.append(name)


class MqttToBroker(Mqtt):
    def make_client(self) -> paho.Client:
        self.broker = Broker()
        return cast("paho.Client", self.broker)


def test_mqtt_publishes_one_document_per_frame_and_counts_what_is_not_sent() -> None:
    sink, ctx = MqttToBroker({"host": "broker", "only_objects": True, "user": "u"}), context()
    sink.open(ctx)
    sink.process(frame(PERSON), ctx)
    sink.process(frame(), ctx)
    sink.broker.rc = 4
    sink.process(frame(PERSON), ctx)
    sink.close()
    topic, payload, qos = sink.broker.messages[0]
    document = json.loads(payload)
    assert (topic, qos) == ("galaxy/door/objects", 0)
    assert (document["schema"], document["seq"], document["width"]) == ("galaxy.frame/1", 3, 160)
    assert document["objects"][0]["bbox"] == [10.0, 20.0, 30.0, 60.0]
    assert document["objects"][0]["bbox_normalised"] == [0.0625, 0.25, 0.1875, 0.75]
    assert ctx.counters == {"published": 1, "not_sent": 1}
    assert sink.broker.calls[-2:] == ["disconnect", "loop_stop"]


def test_counted_objects_can_be_written_as_json() -> None:
    count = Count()
    count.process(frame(PERSON, PERSON), context())

    report = count.report()

    assert report == {"frames": 1, "objects": {"person": 2}}
    assert type(report["objects"]) is dict  # dataclasses.asdict() cannot copy a Counter
