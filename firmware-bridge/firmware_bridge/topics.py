"""Topics with a place for the device's name, such as ``plant/{device}/state``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PLACE = "{device}"
DEVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
TOPIC_PATTERN = r"(?:[^/+#{}\x00]*/)*\{device\}(?:/[^/+#{}\x00]*)*"
TOPIC_SAYS = "a topic without wildcards in which {device} is one whole level"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as a descriptor gives it; ``{device}`` is exactly one of its levels."""

    text: str

    @property
    def filter(self) -> str:
        """The subscription that hears it for every device."""
        return self.text.replace(PLACE, "+")

    def overlaps(self, other: Topic) -> bool:
        """Whether some topic of a broker would be heard as both."""
        mine, its = self.text.split("/"), other.text.split("/")
        return len(mine) == len(its) and all(
            one == another or PLACE in (one, another)
            for one, another in zip(mine, its, strict=True)
        )


def first_overlap(topics: Iterable[Topic]) -> tuple[Topic, Topic] | None:
    """Two topics of which one message could be heard as both."""
    seen: list[Topic] = []
    for topic in topics:
        for other in seen:
            if topic.overlaps(other):
                return other, topic
        seen.append(topic)
    return None
