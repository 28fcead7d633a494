"""The recipe where PyTorch is missing, and what it refuses."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import UnavailableError
from edge_hub.training.__main__ import main
from edge_hub.training.detector import Recipe, train

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)


def test_without_torch_it_says_what_to_install() -> None:
    with pytest.raises(UnavailableError, match="pip install torch"):
        train(Recipe(), lambda _: None)


def test_the_command_fails_with_the_exit_code_of_the_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "model.onnx"
    assert main(["--out", str(target)]) == UnavailableError.exit_code
    assert "PyTorch is not installed" in capsys.readouterr().err
    assert not target.exists()


@pytest.mark.parametrize("options", [{"width": 300}, {"height": 250}])
def test_an_input_size_that_the_strides_do_not_divide_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        Recipe(**options)
