"""``cantor bridge``: what it prints, and its exit codes."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import CantorError, ConfigError, DeviceError, UnavailableError
from cantor.base.ids import NodeId
from cantor.node.control import ControlServer
from cantor.node.fake import FakeMesh
from firmware_bridge.cli import register
from firmware_bridge.service import BridgeService

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.firmware_bridge.conftest import Bench

    from cantor.wire.frame import Value


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    options = parser.parse_args(["bridge", *arguments])
    return int(options.run(options))


async def run_beside(folder: Path, about: dict[str, Value], *arguments: str) -> int:
    """Run a command line while an agent answers ``about``."""
    control = ControlServer(folder, {"bridge": lambda _arguments: about})
    await control.start()
    try:
        return await asyncio.to_thread(run, *arguments, "--data", str(folder))
    finally:
        await control.close()


@pytest.fixture
def about(make_bench: Callable[..., Bench]) -> dict[str, Value]:
    bench = make_bench()
    bench.reading(5, boot=3)
    bench.say("plain/hall", "warm")
    bench.say("plant/t2/availability", "offline")
    return {
        "state": "connected",
        "reason": "",
        "settings": "bridge.yaml",
        "broker": "localhost:1883",
        "devices": [record.as_value() for record in bench.session.records],
        "problems": [problem.as_value() for problem in bench.session.problems],
        "counts": dict(bench.session.counts),
    }


async def test_the_list_shows_readings_and_problems(
    tmp_path: Path, about: dict[str, Value], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run_beside(tmp_path, about, "list") == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Broker localhost:1883 connected"
    assert lines[1].split() == ["STATE", "KIND", "ID", "READINGS", "GIVES", "HEARD"]
    assert "here" in lines[2]
    assert "temperature 20.05 °C" in lines[2]
    assert "TemperatureSensor == 1" in lines[2]
    assert lines[3].startswith("gone")
    assert lines[-1].split()[:2] == ["1", "mqtt/plain/hall"]


async def test_the_list_as_json_is_what_the_agent_said(
    tmp_path: Path, about: dict[str, Value], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run_beside(tmp_path, about, "list", "--json") == 0

    assert json.loads(capsys.readouterr().out) == about


async def test_one_device_is_shown_by_name_or_beginning(
    tmp_path: Path, about: dict[str, Value], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run_beside(tmp_path, about, "show", "t1") == 0
    shown = capsys.readouterr().out
    assert await run_beside(tmp_path, about, "show", "mqtt/thermometer/t1", "--json") == 0
    content = json.loads(capsys.readouterr().out)

    assert "20.05 °C" in shown
    assert "5 s of silence" in shown
    assert (content["boot"], content["readings"]["temperature"]["value"]) == (3, 20.05)


@pytest.mark.parametrize(("wanted", "says"), [("mqtt/", "several"), ("x", "no such device")])
async def test_what_names_no_single_device_is_refused(
    tmp_path: Path, about: dict[str, Value], wanted: str, says: str
) -> None:
    with pytest.raises(DeviceError, match=says):
        await run_beside(tmp_path, about, "show", wanted)


async def test_a_node_without_a_bridge_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = BridgeService(FakeMesh().add(NodeId("a" * 64), tmp_path), None)

    assert await run_beside(tmp_path, service.as_value(), "list") == 0
    assert "no bridge.yaml" in capsys.readouterr().out


async def test_a_bridge_that_does_not_run_is_an_error(
    tmp_path: Path, about: dict[str, Value], capsys: pytest.CaptureFixture[str]
) -> None:
    failed = about | {"state": "failed", "reason": "bridge.yaml:1: is wrong"}

    with pytest.raises(ConfigError, match="is wrong"):
        await run_beside(tmp_path, failed, "list")
    assert await run_beside(tmp_path, failed, "list", "--json") == 2
    assert json.loads(capsys.readouterr().out)["state"] == "failed"


def test_without_an_agent_it_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cantor agent"):
        run("list", "--data", str(tmp_path))


def test_a_sound_file_is_said_to_be_so(
    tmp_path: Path, thermometer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(thermometer)

    assert run("validate", str(path)) == 0
    assert "it can be used" in capsys.readouterr().out
    assert run("validate", str(path), "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"valid": True, "problems": []}


@pytest.mark.parametrize("text", ["id: a\n", "broker: {}\n"])
def test_every_mistake_of_a_file_is_printed(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)

    assert run("validate", str(path)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith(f"{path}:1: ") for line in lines)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CantorError, match="No such file"):
        run("validate", str(tmp_path / "a.yaml"))


@pytest.mark.parametrize(("kind", "title"), [("device", "Device descriptor"), ("bridge", "bridge")])
def test_the_schemas_are_json(kind: str, title: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("schema", kind) == 0

    assert title in json.loads(capsys.readouterr().out)["title"]
