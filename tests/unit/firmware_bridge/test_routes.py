"""A channel leads to the one descriptor that knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firmware_bridge.events import MQTT
from firmware_bridge.routes import Routes

if TYPE_CHECKING:
    from collections.abc import Callable

    from firmware_bridge.descriptor import Descriptor


@pytest.fixture
def routes(descriptor: Callable[[str], Descriptor], thermometer: str) -> Routes:
    return Routes([descriptor(thermometer)])


def test_every_channel_of_a_descriptor_is_listened_to(routes: Routes) -> None:
    assert routes.filters == ("plant/+/readings", "plant/+/availability")


def test_a_channel_names_its_device(routes: Routes) -> None:
    found = routes.find(MQTT, "plant/t1/availability")

    assert found is not None
    route, name = found
    assert (route.descriptor.id, name) == ("thermometer", "t1")
    assert route.content is route.descriptor.availability


@pytest.mark.parametrize(
    "channel", ["", "plant", "plant/t1", "plant/t1/x", "plant/t1/readings/x", "/" * 60_000]
)
def test_other_channels_lead_nowhere(routes: Routes, channel: str) -> None:
    assert routes.find(MQTT, channel) is None


def test_a_topic_is_no_channel_of_another_link(routes: Routes) -> None:
    assert routes.find("serial:usb-1", "plant/t1/readings") is None
