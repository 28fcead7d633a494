from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cantor.base.errors import ConfigError
from hil_rig.cli import register

ROOT = Path(__file__).resolve().parents[3]
SIMULATED = ROOT / "configs" / "rigs" / "simulated.yaml"


def call(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    options = parser.parse_args(["rig", *map(str, arguments)])
    return int(options.run(options))


def test_a_good_file_is_said_to_be_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("validate", SIMULATED) == 0
    assert "rig simulated board with a simulated board" in capsys.readouterr().out


def test_every_problem_of_a_file_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rig.yaml"
    path.write_text("name: a\nbackend: simulated\nbord: {}\nseed: x\n")

    assert call("validate", path) == 2
    assert capsys.readouterr().err.count("rig.yaml:") == 2
    assert call("validate", path, "--json") == 2
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 2


def test_the_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("schema") == 0
    assert json.loads(capsys.readouterr().out)["additionalProperties"] is False


def test_scenarios_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such scenarios"):
        call("run", SIMULATED, tmp_path / "none")


def test_only_a_simulated_board_can_be_served(tmp_path: Path) -> None:
    path = ROOT / "configs" / "rigs" / "serial.yaml"

    with pytest.raises(ConfigError, match="has no simulated board"):
        call("simulate", path, "--link", tmp_path / "a", "--control", tmp_path / "b")


@pytest.mark.parametrize(("promise", "code"), [(True, 0), (False, 1)])
def test_run_ends_with_the_scenarios_verdict(tmp_path: Path, promise: bool, code: int) -> None:
    test = tmp_path / "test_own.py"
    test.write_text(f"def test_own(board):\n    assert bool(board.version()) == {promise}\n")
    program = (
        "import argparse, sys; from hil_rig.cli import register; p = argparse.ArgumentParser(); "
        "register(p.add_subparsers()); o = p.parse_args(sys.argv[1:]); sys.exit(o.run(o))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, "rig", "run", SIMULATED, test, "--report", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == code, done.stdout
    assert (tmp_path / "report.html").exists()
    assert (tmp_path / "junit.xml").exists()
