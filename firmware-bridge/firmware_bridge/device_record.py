"""What the bridge knows of one device, and what it shows of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.resources import Device
from firmware_bridge.sequence import Sequence

if TYPE_CHECKING:
    from cantor.wire.frame import Value as WireValue
    from firmware_bridge.descriptor import Descriptor, Readings
    from firmware_bridge.payload import Boot, Decoded, Measure

COUNTERS = ("taken", "late", "repeated", "outdated", "refused")


def device_id(link: str, descriptor: Descriptor, name: str) -> str:
    """The id of a device: the same on every node and after each restart."""
    return f"{link}/{descriptor.id}/{name}"


@dataclass(frozen=True, slots=True)
class Reading:
    """The newest value of one name. ``heard_at``: UTC seconds; None if the broker had kept it."""

    value: Measure
    unit: str
    heard_at: float | None


@dataclass(slots=True)
class DeviceRecord:
    """One device: whether it is there, its newest readings, and what its messages came to."""

    link: str
    descriptor: Descriptor
    name: str
    is_here: bool = False
    why_gone: str = "has not spoken yet"
    deadline: float = 0.0
    heard_at: float | None = None
    boot: Boot | None = None
    readings: dict[str, Reading] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTERS, 0))
    sequences: dict[str, Sequence] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The same on every node and after each restart."""
        return device_id(self.link, self.descriptor, self.name)

    def sequence(self, readings: Readings) -> Sequence:
        """The order of the messages on one of its channels."""
        return self.sequences.setdefault(readings.topic.text, Sequence())

    def take(self, readings: Readings, decoded: Decoded, heard_at: float | None) -> None:
        """Keep the values of a message as the newest."""
        for value in readings.values:
            if value.name in decoded.values:
                found = decoded.values[value.name]
                self.readings[value.name] = Reading(found, value.unit, heard_at)
        self.boot = decoded.boot

    def device(self) -> Device:
        """The device as the ledger names it."""
        topic = self.descriptor.readings[0].topic.text.replace("{device}", self.name)
        return Device(
            self.id,
            self.descriptor.kind,
            self.descriptor.name.replace("{device}", self.name),
            f"{self.link}:{topic}",
            self.descriptor.provides,
            {"descriptor": self.descriptor.id},
        )

    def as_value(self) -> dict[str, WireValue]:
        """The record as msgpack types, for the control socket."""
        device = self.device()
        readings: dict[str, WireValue] = {
            name: {"value": one.value, "unit": one.unit, "heard_at": one.heard_at}
            for name, one in self.readings.items()
        }
        return {
            "id": self.id,
            "name": device.name,
            "device": self.name,
            "kind": device.kind,
            "descriptor": self.descriptor.id,
            "path": device.path,
            "state": "here" if self.is_here else "gone",
            "reason": "" if self.is_here else self.why_gone,
            "heard_at": self.heard_at,
            "boot": self.boot,
            "liveness_s": self.descriptor.liveness_s,
            "provides": [
                {"name": one.name, "kind": one.kind, "value": one.value, "unit": one.unit}
                for one in self.descriptor.provides
            ],
            "readings": readings,
            "counts": {
                **self.counts,
                "missing": sum(one.missing for one in self.sequences.values()),
            },
        }
