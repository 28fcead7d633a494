"""From a channel on a link to the descriptor that knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from firmware_bridge.events import MQTT
from firmware_bridge.topics import PLACE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from firmware_bridge.descriptor import Availability, Descriptor, Readings


@dataclass(frozen=True, slots=True)
class Route:
    """What a descriptor says about a channel."""

    descriptor: Descriptor
    content: Readings | Availability


class Routes:
    """The channels of several descriptors, of which no two overlap."""

    def __init__(self, descriptors: Iterable[Descriptor]) -> None:
        self._routes = {
            content.topic.text: Route(descriptor, content)
            for descriptor in descriptors
            for content in (*descriptor.readings, descriptor.availability)
            if content is not None
        }
        self._levels = {text.count("/") for text in self._routes}

    @property
    def filters(self) -> tuple[str, ...]:
        """The subscriptions that hear all of them at a broker."""
        return tuple(route.content.topic.filter for route in self._routes.values())

    def find(self, link: str, channel: str) -> tuple[Route, str] | None:
        """The route of a channel and the name of the device there; None if no descriptor fits."""
        if link != MQTT or channel.count("/") not in self._levels:
            return None
        levels = channel.split("/")
        for index, name in enumerate(levels):
            text = "/".join([*levels[:index], PLACE, *levels[index + 1 :]])
            if text in self._routes:
                return self._routes[text], name
        return None
