"""``cantor mesh init`` can be broken off anywhere: the same command goes on where it was."""

from __future__ import annotations

import itertools
import json
import os
from typing import TYPE_CHECKING

import pytest

from cantor.cli.main import main
from cantor.identity.authority_folder import load_authority
from cantor.identity.store import IdentityFolder
from cantor.node.memory import NodeMemory

if TYPE_CHECKING:
    from pathlib import Path

WORDS = ("mesh", "init", "--mesh", "plant", "--name", "first", "--json")
INTERRUPTED = 130


class BreakingDisk:
    """Breaks off before, or just after, so many files were put in place."""

    def __init__(self, steps: int, *, is_after: bool) -> None:
        self._steps = steps
        self._is_after = is_after
        self._replace = os.replace

    def replace(self, source: Path, target: Path) -> None:
        self._steps -= 1
        if self._steps or self._is_after:
            self._replace(source, target)
        if not self._steps:
            raise KeyboardInterrupt


def init(folder: Path, *more: str) -> int:
    return main([*WORDS, "--data", str(folder), *more])


@pytest.mark.parametrize("is_after", [False, True])
def test_whatever_step_it_breaks_off_at_the_same_command_goes_on(
    is_after: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = step = 0
    for step in itertools.count(1):
        folder = tmp_path / str(step)
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", BreakingDisk(step, is_after=is_after).replace)
            code = init(folder)
        if code != INTERRUPTED:
            break
        assert init(folder) == 0
        told = json.loads(capsys.readouterr().out)
        identity = IdentityFolder(folder).identity
        assert (told["id"], identity.mesh) == (identity.node_id, "plant")
        assert load_authority(folder / "authority").root_pin == told["root_pin"]
        assert NodeMemory(folder).name() == "first"
    assert code == 0
    assert step > 8  # files


def test_a_mesh_that_is_made_is_told_again_and_stays_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path) == 0
    told = capsys.readouterr().out
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    assert init(tmp_path, "--name", "second") == 0

    assert capsys.readouterr().out == told
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("other", [("--mesh", "works"), ("--tenant", "guests")])
def test_a_folder_of_another_mesh_is_left_alone(
    other: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path) == 0
    assert init(tmp_path, *other) == 2
    (tmp_path / "identity.pem").unlink()
    assert init(tmp_path, *other) == 2
    assert "belongs to a mesh already" in capsys.readouterr().err


def test_the_folder_of_a_hub_becomes_no_node(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path) == 0
    (tmp_path / "identity.pem").unlink()
    (tmp_path / "node").mkdir()

    assert init(tmp_path) == 2
    assert "belongs to a mesh already" in capsys.readouterr().err


def test_what_is_left_of_an_authority_is_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "authority" / "root.key.pem"
    key.parent.mkdir()
    key.write_text("precious")

    assert init(tmp_path) == 2
    assert "if nobody was enrolled by it, remove it" in capsys.readouterr().err
    assert key.read_text() == "precious"


@pytest.mark.parametrize("bad", [("--mesh", "Bad Name"), ("--tenant", "a.b")])
def test_a_name_that_no_mesh_can_have_is_wrong_use(
    bad: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path / "box", *bad) == 2
    assert "use lower-case letters" in capsys.readouterr().err
    assert list((tmp_path / "box").iterdir()) == []
