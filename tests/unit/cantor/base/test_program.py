from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import cantor
from cantor.base import program
from cantor.base.program import Part
from cantor.cli.agent import register

if TYPE_CHECKING:
    from pathlib import Path

POINTS = [
    Part("there", "cantor.cli.agent:register"),
    Part("broken", "cantor.no_such_module:register"),
    Part("absent", "no_such_package.cli:register"),
]


FROZEN = """\
[console_scripts]
cantor = cantor.cli.main:main

[some.group]
agent = cantor.cli.agent:register
looms= no_such_package.cli:register

[other.group]
agent = cantor.cli.doctor:register
"""
real_entry_points = program.entry_points


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "entry_points", lambda *, group: POINTS if group else [])


def test_the_program_starts_itself_again() -> None:
    done = subprocess.run(
        [*program.own_command(), "--version"], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["cantor", cantor.__version__]


def test_a_frozen_program_is_its_own_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert program.own_command() == [sys.executable]


def test_only_a_part_whose_package_is_absent_is_left_out(tmp_path: Path) -> None:
    assert [point.name for point in program.parts("some.group")] == ["broken", "there"]
    assert program.left_out("some.group", tmp_path) == {"absent": ""}


def test_the_build_file_names_the_verbs_and_the_build_that_has_them(tmp_path: Path) -> None:
    (tmp_path / program.BUILD_FILE).write_text(json.dumps({"left_out": {"pipeline": "vision"}}))

    assert program.left_out("some.group", tmp_path) == {"absent": "", "pipeline": "vision"}


def test_a_frozen_program_reads_its_entry_points_from_the_file_that_it_carries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cantor_edge-1.dist-info").mkdir()
    (tmp_path / "cantor_edge-1.dist-info" / "entry_points.txt").write_text(FROZEN)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    monkeypatch.setattr(program, "entry_points", real_entry_points)

    (agent,) = program.parts("some.group")

    assert (agent.module, agent.attr) == ("cantor.cli.agent", "register")
    assert agent.load() is register
    assert program.left_out("some.group", tmp_path) == {"looms": ""}


def test_the_entry_points_of_an_installation_are_those_of_its_metadata() -> None:
    named = {part.name: part.value for part in real_entry_points(group="cantor.inventory")}

    assert named["this-machine"] == "edge_devices.registry:Inventory"
