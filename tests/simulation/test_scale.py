from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.simulation.report import write_report
from tests.simulation.scale import flood, grow

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.simulation


def test_news_cost_half_of_flooding_and_a_mesh_forms_with_a_quarter_of_its_frames() -> None:
    ours, flooded = grow(60), flood(60)
    assert ours.change_messages == 2 * (ours.nodes - 1)
    assert 2 * ours.change_messages < flooded.change_messages
    assert 4 * ours.frames < flooded.frames
    assert ours.bytes_per_node < flooded.bytes_per_node


def test_the_report_is_one_page_with_every_drawing(tmp_path: Path) -> None:
    grown = [grow(12), grow(30)]
    write_report(tmp_path / "page.html", grown, {"crash": 3}, "all held")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count('class="node"') == page.count('class="bar"') == 30
    assert page.count('class="tree"') == 29
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
