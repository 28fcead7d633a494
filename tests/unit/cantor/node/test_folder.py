"""Which node answers on a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.node.folder import asked_folder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("running", "asked"),
    [((), "."), (("hub/node",), "hub/node"), ((".",), "."), ((".", "hub/node"), ".")],
)
def test_a_hub_answers_where_no_agent_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, running: tuple[str, ...], asked: str
) -> None:
    monkeypatch.setenv("CANTOR_HOME", str(tmp_path))
    for folder in running:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "control.sock").touch()

    assert asked_folder() == tmp_path / asked
