"""A descriptor as a person writes it, and a session with a hand on its clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firmware_bridge.descriptor import Descriptor, check_descriptor
from firmware_bridge.events import MQTT, Effect, Offer, Received, SetTimer, TimerFired
from firmware_bridge.session import Session
from firmware_bridge.settings import Limits
from firmware_bridge.strict_file import StrictFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from firmware_bridge.events import Event

THERMOMETER = """\
id: thermometer
kind: thermometer
name: Thermometer {device}
provides: [TemperatureSensor == 1]
liveness_s: 5
mqtt:
  readings:
    - topic: plant/{device}/readings
      boot: boot
      seq: seq
      values:
        temperature: {unit: °C, minimum: -55, maximum: 125}
        supply: {field: power.volts, unit: V, required: false}
  availability: {topic: "plant/{device}/availability"}
"""
PLAIN = """\
id: plain
kind: thermometer
provides: [TemperatureSensor == 1, Probes = 2]
liveness_s: 60
mqtt:
  readings:
    - {topic: "plain/{device}", format: plain, values: {temperature: {unit: °C}}}
"""


def read(text: str) -> Descriptor:
    """The descriptor in a text that has no mistake."""
    descriptor, problems = check_descriptor(StrictFile(text, "x.yaml"))
    assert problems == []
    assert descriptor is not None
    return descriptor


class Bench:
    """A session core whose time stands still until it is moved."""

    def __init__(self, *texts: str, limits: Limits | None = None) -> None:
        self.session = Session([read(text) for text in texts], limits or Limits())
        self.now = 100.0
        self.effects: list[Effect] = []
        self._timer_at: float | None = None

    def feed(self, event: Event) -> list[Effect]:
        """Hand over an event; what the core wants done."""
        effects = self.session.handle(event, self.now, 1_700_000_000 + self.now)
        for effect in effects:
            if isinstance(effect, SetTimer):
                assert effect.at > self.now
                self._timer_at = effect.at
        self.effects += effects
        return effects

    def say(self, channel: str, payload: str | bytes, *, retained: bool = False) -> list[Effect]:
        """A message at the broker."""
        data = payload.encode() if isinstance(payload, str) else payload
        return self.feed(Received(MQTT, channel, data, retained))

    def reading(self, seq: int, *, boot: int | str = 1, device: str = "t1") -> list[Effect]:
        """A sound message of a thermometer; its temperature is 20 + seq / 100."""
        quoted = f'"{boot}"' if isinstance(boot, str) else boot
        text = f'{{"boot": {quoted}, "seq": {seq}, "temperature": {20 + seq / 100}}}'
        return self.say(f"plant/{device}/readings", text)

    def wait(self, seconds: float) -> None:
        """Let time pass; the timer fires when it is due."""
        until = self.now + seconds
        while self._timer_at is not None and self._timer_at <= until:
            self.now, self._timer_at = self._timer_at, None
            self.feed(TimerFired())
        self.now = until

    @property
    def here(self) -> list[str]:
        """The devices of the newest offer."""
        offers = [effect for effect in self.effects if isinstance(effect, Offer)]
        return [device.id for device in offers[-1].devices] if offers else []

    @property
    def wrong(self) -> dict[str, int]:
        """What could not be used, and how often."""
        return {problem.what: problem.count for problem in self.session.problems}


@pytest.fixture
def bench() -> Bench:
    """A session with a thermometer's and a plain descriptor."""
    return Bench(THERMOMETER, PLAIN)


@pytest.fixture(scope="session")
def make_bench() -> Callable[..., Bench]:
    """Sessions with other limits."""
    return lambda **limits: Bench(THERMOMETER, PLAIN, limits=Limits(**limits))


@pytest.fixture
def thermometer() -> str:
    """A descriptor without a mistake."""
    return THERMOMETER


@pytest.fixture
def descriptor() -> Callable[[str], Descriptor]:
    """Reads a descriptor."""
    return read
