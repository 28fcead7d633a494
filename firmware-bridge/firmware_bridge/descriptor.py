"""Device descriptors: which topics a kind of device speaks on, what it says there, what it gives.

id: thermometer
kind: thermometer
provides: [TemperatureSensor == 1]
liveness_s: 10
mqtt:
  readings:
    - topic: cantor/{device}/readings
      boot: boot
      seq: seq
      values: {temperature: {unit: °C, minimum: -55, maximum: 125}}
  availability: {topic: "cantor/{device}/availability"}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cantor.base.resources import Resource
from firmware_bridge.declarations import DIALECT, Flag, Listing, Named, Number, Table, Text, shown
from firmware_bridge.strict_file import Problem, StrictFile, read_strict_file
from firmware_bridge.topics import TOPIC_PATTERN, TOPIC_SAYS, Topic, first_overlap

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from firmware_bridge.declarations import Schema

VALUES_PER_TOPIC_MAX = 64
_GIVEN = re.compile(
    r"([A-Za-z_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)\s*(==?)\s*"
    r"(?:(\d{1,15}(?:\.\d{1,9})?)|(true|false)|\"([^\"\\]{1,64})\")"
)

_ID = Text(
    pattern="[a-z0-9][a-z0-9_-]{0,63}",
    says="small letters, digits, - and _, beginning with a letter or digit",
    description="Names this descriptor; part of the id of each device.",
)
_FIELD = Text(
    default="",
    pattern=r"(?:[^.]+(?:\.[^.]+)*)?",
    says="names joined by dots",
    description="Where it stands in the JSON object, with dots between levels; default: its name.",
)
_COUNTER = Text(
    default="",
    pattern=_FIELD.pattern,
    says=_FIELD.says,
    description="The JSON field of the counter; with boot and seq, repeated messages are dropped.",
)
_VALUE = Table(
    keys={
        "field": _FIELD,
        "type": Text(default="number", choices=("number", "integer", "boolean", "text")),
        "unit": Text(default="", length_max=32),
        "minimum": Number(default=None, description="A reading below it is refused."),
        "maximum": Number(default=None, description="A reading above it is refused."),
        "required": Flag(default=True, description="Whether every message must hold it."),
    }
)
_TOPIC = Text(pattern=TOPIC_PATTERN, says=TOPIC_SAYS, description=TOPIC_SAYS.capitalize() + ".")
_READING = Table(
    keys={
        "topic": _TOPIC,
        "format": Text(
            default="json",
            choices=("json", "plain"),
            description="A JSON object, or one value as text.",
        ),
        "boot": _COUNTER,
        "seq": _COUNTER,
        "values": Named(
            item=_VALUE,
            name=Text(pattern="[A-Za-z_][A-Za-z0-9_]{0,63}", says="a name of letters and digits"),
            maximum=VALUES_PER_TOPIC_MAX,
        ),
    }
)
_AVAILABILITY = Table(
    default=None,
    keys={
        "topic": _TOPIC,
        "online": Text(default="online", description="What is said while it is there."),
        "offline": Text(default="offline", description="What its last will says."),
    },
)
_PROVIDES = Text(
    pattern=_GIVEN.pattern,
    says="a condition such as TemperatureSensor == 1 or a quantity such as ModbusSlots = 4",
)
_DESCRIPTOR = Table(
    keys={
        "id": _ID,
        "kind": Text(pattern="[a-z0-9][a-z0-9_-]{0,63}", says="small letters, digits, - and _"),
        "name": Text(
            default="", length_max=128, description="What people call it; {device} is filled in."
        ),
        "description": Text(default="", length_max=2000),
        "provides": Listing(item=_PROVIDES, maximum=16, description="The resources that it gives."),
        "liveness_s": Number(
            default=60,
            minimum=0.1,
            maximum=7 * 86400,
            unit="s",
            description="Without a sound message for so long it counts as gone.",
        ),
        "mqtt": Table(
            keys={
                "readings": Listing(item=_READING, minimum=1, maximum=16),
                "availability": _AVAILABILITY,
            }
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a message: where it stands in it, and what it may be."""

    name: str
    field: tuple[str, ...]
    type: Literal["number", "integer", "boolean", "text"]
    unit: str
    minimum: float | None
    maximum: float | None
    required: bool


@dataclass(frozen=True, slots=True)
class Readings:
    """A channel on which readings arrive; empty ``boot`` and ``seq``: repeats are not known."""

    topic: Topic
    format: Literal["json", "plain"]
    boot: tuple[str, ...]
    seq: tuple[str, ...]
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Availability:
    """The channel on which a device, or its last will, says whether it is there."""

    topic: Topic
    online: str
    offline: str


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A kind of device."""

    id: str
    kind: str
    name: str
    description: str
    provides: tuple[Resource, ...]
    liveness_s: float
    readings: tuple[Readings, ...]
    availability: Availability | None

    @property
    def topics(self) -> tuple[Topic, ...]:
        """Every topic that its devices speak on."""
        said = () if self.availability is None else (self.availability.topic,)
        return (*(readings.topic for readings in self.readings), *said)


def file_schema() -> Schema:
    """JSON Schema of a device descriptor."""
    return {"$schema": DIALECT, "title": "Device descriptor", **_DESCRIPTOR.schema()}


def check_descriptor(file: StrictFile) -> tuple[Descriptor | None, list[Problem]]:
    """The descriptor in a file, or everything that is wrong with it."""
    problems: list[Problem] = []
    content = _DESCRIPTOR.read(file.content, (), problems)
    if not problems:
        problems = [*_value_problems(content), *_topic_problems(content)]
    return (None if problems else _make(content)), problems


def load_descriptor(path: Path) -> Descriptor:
    """The descriptor in a file.

    Raises:
        ConfigError: for the first problem found; it names file, line and key.
    """
    file = read_strict_file(path)
    descriptor, problems = check_descriptor(file)
    if descriptor is None:
        raise file.error(problems[0])
    return descriptor


def _value_problems(content: Mapping[str, Any]) -> list[Problem]:
    problems: list[Problem] = []
    for index, reading in enumerate(content["mqtt"]["readings"]):
        path = ("mqtt", "readings", index)
        if bool(reading["boot"]) != bool(reading["seq"]):
            missing = "seq" if reading["boot"] else "boot"
            problems.append(Problem(path, f"boot and seq stand together, {missing} is missing"))
        if reading["format"] == "plain":
            if len(reading["values"]) != 1:
                problems.append(Problem((*path, "values"), "plain text holds exactly one value"))
            if reading["boot"] or any(one["field"] for one in reading["values"].values()):
                problems.append(Problem((*path, "format"), "plain text has no fields"))
        for name, one in reading["values"].items():
            low, high = one["minimum"], one["maximum"]
            if low is not None and high is not None and low > high:
                what = f"is above the maximum {shown(high)}"
                problems.append(Problem((*path, "values", name, "minimum"), what))
            if one["type"] in ("boolean", "text") and (low, high) != (None, None):
                what = f"a {one['type']} has no minimum or maximum"
                problems.append(Problem((*path, "values", name), what))
    return problems


def _topic_problems(content: Mapping[str, Any]) -> list[Problem]:
    topics = [Topic(reading["topic"]) for reading in content["mqtt"]["readings"]]
    if content["mqtt"]["availability"]:
        topics.append(Topic(content["mqtt"]["availability"]["topic"]))
    pair = first_overlap(topics)
    if pair is None:
        return []
    what = f"a message could be heard as {pair[0].text} and as {pair[1].text}"
    return [Problem(("mqtt",), what, "give each a level of its own")]


def _make(content: Mapping[str, Any]) -> Descriptor:
    said = content["mqtt"]["availability"]
    return Descriptor(
        id=content["id"],
        kind=content["kind"],
        name=content["name"] or "{device}",
        description=content["description"],
        provides=tuple(_resource(text) for text in content["provides"]),
        liveness_s=float(content["liveness_s"]),
        readings=tuple(_readings(one) for one in content["mqtt"]["readings"]),
        availability=said and Availability(Topic(said["topic"]), said["online"], said["offline"]),
    )


def _readings(content: Mapping[str, Any]) -> Readings:
    values = tuple(
        Value(name, **{**one, "field": tuple((one["field"] or name).split("."))})
        for name, one in content["values"].items()
    )
    boot, seq = (tuple(content[key].split(".")) if content[key] else () for key in ("boot", "seq"))
    return Readings(Topic(content["topic"]), content["format"], boot, seq, values)


def _resource(text: str) -> Resource:
    match = _GIVEN.fullmatch(text)
    if match is None:
        message = f"{text!r} passed the check of its declaration and does not match it"
        raise ValueError(message)
    name, operator, number, flag, word = match.groups()
    amount: float | bool | str = word
    if number is not None:
        amount = float(number) if "." in number else int(number)
    elif flag is not None:
        amount = flag == "true"
    return Resource(name, "condition" if operator == "==" else "quantity", amount)
