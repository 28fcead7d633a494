"""``make soak`` in small: it runs, judges, and says so by its exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.soak import run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration


def test_a_short_soak_breaks_heals_and_judges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "CHURN_S", 2.0)
    report = tmp_path / "build" / "soak.json"

    code = run.main(["--nodes", "5", "--minutes", "0", "--seed", "3", "--report", str(report)])

    rows = {row["measure"]: row for row in json.loads(report.read_text())}
    assert code == (0 if all(row["met"] for row in rows.values()) else 1)
    assert rows["dropped frames in all"]["ours"] > 0
    assert rows["ledgers equal after a heal, worst"]["ours"] < run.HEAL_MAX_S
    assert "5 nodes on 6 lines" in capsys.readouterr().out


def test_what_grew_or_came_late_is_missed() -> None:
    assert not run._row("files", "", 5, 4, "lower")["met"]
    assert run._row("files", "", 4, 4, "lower")["met"]
    assert not run._row("kills", "", 0, 1, "higher")["met"]
