"""The process that opens the classes of a push."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from galaxy import opening
from galaxy.described import types_in

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
from galaxy import FRAME, BaseFilter, Pin

class Good(BaseFilter):
    inputs = {"frame": Pin(FRAME)}
    modules = ("json",)
    def process(self, frame, ctx): return None

class Bare(Good):
    inputs = {}

class Idle(BaseFilter):
    inputs = {"frame": Pin(FRAME)}

class Wants(Good):
    modules = ("no_such_module",)

class Long(Good):
    description = "x" * 501

text = "no class"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the process begins: in the folder of the push."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "exits.py").write_text("raise SystemExit(0)\n")
    (tmp_path / "torn.py").write_text("def f(:\n")
    (tmp_path / "deep.py").write_text("import inner\n")
    (tmp_path / "inner.py").write_text("\n\nnot_there.x\n")
    yield_names = ("good", "exits", "torn", "deep", "inner")
    for name in yield_names:
        sys.modules.pop(name, None)
    return tmp_path


def run(folder: Path, *classes: str) -> tuple[int, Any]:
    code = opening.main([str(folder / "told"), *classes])
    return code, json.loads((folder / "told").read_bytes())


def test_what_the_classes_tell_is_written(folder: Path) -> None:
    code, told = run(folder, "good:Good")

    assert code == 0
    assert [one["type"] for one in told["filters"]] == ["Good"]
    assert list(types_in((folder / "told").read_bytes())) == ["Good"]


@pytest.mark.parametrize(
    ("one", "why"),
    [
        ("good:Bare", "it has no pins"),
        ("good:Idle", "good:Idle does not define process"),
        ("good:Wants", "needs no_such_module: name it in requirements"),
        ("good:Long", "no text of at most 500"),
        ("good:text", "good:text is no BaseFilter"),
        ("good:Gone", "good has no class Gone"),
        ("gone:Gone", "ModuleNotFoundError: No module named 'gone'"),
        ("exits:Any", "SystemExit: 0 (exits.py, line 1)"),
        ("torn:Any", "SyntaxError"),
        ("deep:Any", "name 'not_there' is not defined (inner.py, line 3)"),
    ],
)
def test_why_a_class_cannot_be_opened_is_written(
    folder: Path, capfd: pytest.CaptureFixture[str], one: str, why: str
) -> None:
    code, told = run(folder, "good:Good", one)

    assert code == 1
    assert why in told["error"]
    assert "Traceback" in capfd.readouterr().err
