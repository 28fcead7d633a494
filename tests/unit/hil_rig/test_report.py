from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError
from hil_rig.plots import measure_bar, series_plot, timeline_plot
from hil_rig.report import page, write_page
from hil_rig.timeline import EVENTS_MAX, Event, Measure, Record, Timeline

if TYPE_CHECKING:
    from pathlib import Path

    from hil_rig.rig import Rig


def test_what_a_board_says_cannot_become_part_of_the_page(rig: Rig) -> None:
    record = Record("test_<b>", 1, [Event(0.5, "console", "<script>alert(1)</script>\x1b[31m\x00")])
    record.reason = "<img src=x onerror=alert(1)>"

    text = page(rig.spec, [record], "pytest <x>")

    assert "<script" not in text
    assert "<img" not in text
    assert "\x1b" not in text
    assert "&lt;script&gt;" in text


def test_a_run_without_tests_has_a_page_too(rig: Rig) -> None:
    assert "no test had a board" in page(rig.spec, [], "pytest")


def test_a_page_that_cannot_be_written_names_its_path(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match=r"file.report.html: cannot be written"):
        write_page(tmp_path / "file" / "report.html", rig.spec, [], "pytest")


@pytest.mark.parametrize(
    ("value", "better", "color"), [(1, "lower", "good"), (3, "lower", "bad"), (3, "higher", "good")]
)
def test_a_bar_shows_whether_its_limit_holds(value: float, better: str, color: str) -> None:
    bar = measure_bar(Measure("boot", value, "s", 2.0, better))  # type: ignore[arg-type] # a word

    assert f"var(--{color})" in bar


def test_numbers_that_are_none_leave_a_plot_out() -> None:
    assert series_plot("x", [(0.0, float("nan"))], "") == ""
    assert timeline_plot(Record("test", 1)) == ""
    assert measure_bar(Measure("x", float("inf"), "s", 1.0, "lower")) == ""


def test_a_timeline_has_a_bound_and_counts_what_it_leaves_out() -> None:
    timeline = Timeline(Record("test", 1), lambda: 0.0)

    for _ in range(EVENTS_MAX + 3):
        timeline.add("note", "again")

    assert len(timeline.record.events) == EVENTS_MAX
    assert timeline.record.events_left_out == 3
