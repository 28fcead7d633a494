from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import pytest

import cantor
from cantor.base import program

if TYPE_CHECKING:
    from pathlib import Path

POINTS = [
    EntryPoint("there", "cantor.cli.agent:register", "some.group"),
    EntryPoint("broken", "cantor.no_such_module:register", "some.group"),
    EntryPoint("absent", "no_such_package.cli:register", "some.group"),
]


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
