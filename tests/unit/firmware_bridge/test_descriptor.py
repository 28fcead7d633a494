"""Descriptors are read strictly: each mistake has its line, and the schema agrees."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema_rs
import pytest
import yaml

from cantor.base.errors import ConfigError
from cantor.base.resources import Resource
from firmware_bridge.descriptor import check_descriptor, file_schema, load_descriptor
from firmware_bridge.strict_file import StrictFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from firmware_bridge.descriptor import Descriptor

SHIPPED = Path(__file__).resolve().parents[3] / "configs" / "devices"


def test_a_descriptor_says_what_its_devices_say_and_give(
    descriptor: Callable[[str], Descriptor], thermometer: str
) -> None:
    found = descriptor(thermometer)

    assert found.provides == (Resource("TemperatureSensor", "condition", 1),)
    (readings,) = found.readings
    assert [value.field for value in readings.values] == [("temperature",), ("power", "volts")]
    assert (readings.boot, readings.seq) == (("boot",), ("seq",))
    assert found.availability is not None
    assert (found.availability.online, found.availability.offline) == ("online", "offline")


@pytest.mark.parametrize(
    ("text", "resource"),
    [
        ("Slots = 4", Resource("Slots", "quantity", 4)),
        ("Rate == 2.5", Resource("Rate", "condition", 2.5)),
        ("Valve==true", Resource("Valve", "condition", True)),
        ('Maker == "Acme"', Resource("Maker", "condition", "Acme")),
    ],
)
def test_resources_are_written_as_in_needs(
    descriptor: Callable[[str], Descriptor], thermometer: str, text: str, resource: Resource
) -> None:
    found = descriptor(thermometer.replace("TemperatureSensor == 1", repr(text)))

    assert found.provides == (resource,)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("id: thermometer", "id: My Thermometer", "x.yaml:1: id: must be small letters"),
        ("kind: thermometer\n", "", "x.yaml:1: kind: is missing"),
        ("liveness_s: 5", "liveness_s: soon", "x.yaml:5: liveness_s: must be a number"),
        ("liveness_s: 5", "liveness_s: 0", "must lie between 0.1 and 604800 s"),
        ("liveness_s: 5", "liveness: 5", "x.yaml:5: liveness: unknown key"),
        ("== 1", "> 1", r"x.yaml:4: provides\[0\]: must be a condition"),
        ("{device}/readings", "+/readings", r"x.yaml:8: mqtt.readings\[0\].topic: must be a topic"),
        ("      boot: boot\n", "", "boot and seq stand together, boot is missing"),
        ("boot: boot", "boot: a..b", "boot: must be names joined by dots"),
        ("boot: boot", "format: plain\n      boot: boot", "plain text holds exactly one value"),
        ("minimum: -55", "minimum: 200", "values.temperature.minimum: is above the maximum 125"),
        ("minimum: -55", "type: text", "a text has no minimum or maximum"),
        ("minimum: -55", "typ: text", "values.temperature.typ: unknown key — known keys: field"),
        ("/availability", "/readings", "x.yaml:6: mqtt: a message could be heard as"),
        ("temperature:", "tempera ture:", "must be a name of letters and digits"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_key(
    thermometer: str, old: str, new: str, error: str
) -> None:
    assert old in thermometer
    file = StrictFile(thermometer.replace(old, new), "x.yaml")

    found, problems = check_descriptor(file)

    assert found is None
    assert any(re.search(error, str(file.error(problem))) for problem in problems)


def test_all_mistakes_are_found_at_once() -> None:
    _, problems = check_descriptor(StrictFile("id: 1\nmqtt: {readings: 2}\n", "x.yaml"))

    assert [problem.key for problem in problems] == [
        "id",
        "kind",
        "provides",
        "mqtt.readings",
    ]


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_is_shipped_has_no_mistake_and_fits_its_schema(path: Path) -> None:
    assert load_descriptor(path).id == path.stem
    jsonschema_rs.validate(file_schema(), yaml.safe_load(path.read_text()))


def test_the_schema_refuses_what_the_check_refuses(thermometer: str) -> None:
    validator = jsonschema_rs.validator_for(file_schema())
    content = yaml.safe_load(thermometer)
    assert validator.is_valid(content)

    changes: list[dict[str, object]] = [
        {"liveness_s": 0},
        {"more": 1},
        {"provides": ["x > 1"]},
        {"mqtt": {}},
    ]
    for change in changes:
        assert not validator.is_valid(content | change)


def test_a_file_with_a_mistake_cannot_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("id: a")

    with pytest.raises(ConfigError, match=r"bad.yaml:1: kind: is missing"):
        load_descriptor(path)
