"""``bridge.yaml``: the broker, the files that it names, and mistakes with their lines."""

from __future__ import annotations

from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from cantor.base.errors import ConfigError
from firmware_bridge.settings import file_schema, find_problems, load_settings

EXAMPLE = Path(__file__).resolve().parents[3] / "configs" / "bridge" / "bridge.yaml"
BRIDGE = "broker: {host: localhost}\ndevices: [thermometer]\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "bridge.yaml"
    path.write_text(BRIDGE)
    return path


def test_shipped_descriptors_are_found_by_name(path: Path) -> None:
    settings = load_settings(path)

    assert settings.broker.address == "localhost:1883"
    assert [one.id for one in settings.descriptors] == ["thermometer"]
    assert settings.limits.devices == 256


def test_the_example_can_be_used_and_fits_its_schema() -> None:
    assert find_problems(EXAMPLE) == []
    jsonschema_rs.validate(file_schema(), yaml.safe_load(EXAMPLE.read_text()))


def test_descriptors_lie_beside_the_file_or_in_a_folder(path: Path, thermometer: str) -> None:
    (path.parent / "kinds").mkdir()
    (path.parent / "kinds" / "one.yaml").write_text(thermometer.replace("id: ther", "id: my-ther"))
    (path.parent / "two.yaml").write_text(thermometer.replace("plant/", "shop/"))
    path.write_text(BRIDGE.replace("thermometer", "kinds, two.yaml"))

    settings = load_settings(path)

    assert [one.id for one in settings.descriptors] == ["my-thermometer", "thermometer"]


def test_a_mistake_in_a_descriptor_names_both_files(path: Path) -> None:
    (path.parent / "bad.yaml").write_text("id: bad\n")
    path.write_text(BRIDGE.replace("thermometer", "bad.yaml"))

    (error,) = find_problems(path)

    assert error.where == f"{path}:2"
    assert error.what.startswith(f"devices[0]: {path.parent / 'bad.yaml'}:1: kind: is missing")


def test_two_descriptors_that_hear_the_same_are_refused(path: Path, thermometer: str) -> None:
    (path.parent / "other.yaml").write_text(
        thermometer.replace("id: thermometer", "id: other").replace("plant/", "cantor/")
    )
    path.write_text(BRIDGE.replace("thermometer", "thermometer, other.yaml"))

    with pytest.raises(ConfigError, match="a message could be heard as"):
        load_settings(path)


def test_the_same_descriptor_twice_is_refused(path: Path) -> None:
    path.write_text(BRIDGE.replace("thermometer", "thermometer, thermometer"))

    with pytest.raises(ConfigError, match="two descriptors have the id thermometer"):
        load_settings(path)


def test_a_password_comes_from_its_file_and_is_not_shown(path: Path) -> None:
    (path.parent / "secret").write_text("hush\n")
    path.write_text(BRIDGE.replace("}", ", user: me, password_file: secret}"))

    broker = load_settings(path).broker

    assert broker.password == "hush"
    assert "hush" not in repr(broker)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("host: localhost", "host: 'a b'", "broker.host: must be a host name"),
        ("host: localhost", "host: a, port: 0", "broker.port: must lie between 1 and 65535"),
        ("host: localhost", "host: a, password: b", "broker.user: is missing"),
        ("host: localhost", "host: a, ca: x.pem", "broker.ca: is only used with tls"),
        ("host: localhost", "host: a, tls: true, ca: x.pem", "broker.ca: there is no file"),
        ("host: localhost", "host: a, user: b, password_file: c", "cannot be read: No such file"),
        ("[thermometer]", "[]", "devices: must hold 1 to 256 entries"),
        ("[thermometer]", "[barometer]", r"devices\[0\]: .*barometer: cannot be read"),
        ("[thermometer]", "[.]", "bridge.yaml:1: broker: unknown key"),
        ("[thermometer]", "[thermometer]\nlimits: {devices: 9999}", "limits.devices: must lie"),
    ],
)
def test_a_mistake_is_named(path: Path, old: str, new: str, error: str) -> None:
    path.write_text(BRIDGE.replace(old, new))

    with pytest.raises(ConfigError, match=error):
        load_settings(path)
