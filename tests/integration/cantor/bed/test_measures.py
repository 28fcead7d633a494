"""What the benchmark of the mesh makes of what it has seen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from tests.benchmarks.mesh import flow, table
from tests.benchmarks.mesh.growth import flooded, size_of
from tests.benchmarks.mesh.growth_plot import drawing
from tests.simulation.scale import flood, grow

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_flow_tells_its_longest_gap_and_what_was_lost_or_came_twice() -> None:
    taken = [(0, 0.0, 0.1), (1, 0.2, 0.3), (3, 0.6, 1.0), (3, 0.6, 1.1), (4, 0.8, 1.2)]

    found = flow.outage(6, taken)

    assert (round(found.gap_s, 3), found.lost, found.duplicated) == (0.7, 2, 1)
    assert flow.worst([found, flow.Outage(0.9, 1, 0)]) == flow.Outage(0.9, 3, 1)


def test_flooding_needs_as_many_messages_as_its_own_run() -> None:
    ran = flood(20)
    assert ran.messages == flooded(ran.nodes, ran.links)


def test_the_drawing_of_growth_is_sound_xml_with_a_line_for_each_figure() -> None:
    sizes = [size_of(grow(nodes), 1.0) for nodes in (10, 20)]
    page = ElementTree.fromstring(drawing(sizes))  # noqa: S314 -- made here
    assert len(page.findall("{http://www.w3.org/2000/svg}polyline")) == 4


def test_rows_of_other_parts_stay_and_what_is_lacking_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table, "RESULT", tmp_path / "bench" / "mesh.json")

    def lacks() -> list[table.Row]:
        raise table.LackingError("the test bed needs iproute2")

    first, again = table.Row("a", "s", 2.0, 1.0), table.Row("a", "s", 0.5, 1.0)
    assert table.run({"one": lambda: [first, table.Row("b", "", 1, 2, "higher")]}) == 0
    assert table.run({"one": lambda: [again], "two": lacks}) == 0

    rows = json.loads(table.RESULT.read_text())
    assert [(row["measure"], row["ours"], row["met"]) for row in rows] == [
        ("a", 0.5, True),
        ("b", 1, False),
    ]
    assert "two is left out: the test bed needs iproute2" in capsys.readouterr().out
