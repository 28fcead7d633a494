from __future__ import annotations

from cantor.cli.table import format_table


def test_columns_line_up_by_display_width() -> None:
    table = format_table(("NAME", "STATE"), [("box", "online"), ("北京", "stale")])

    assert table.splitlines() == ["NAME  STATE", "box   online", "北京  stale"]


def test_a_table_without_rows_is_its_header() -> None:
    assert format_table(("NAME",), []) == "NAME"


def test_no_terminal_obeys_what_another_node_calls_itself() -> None:
    assert format_table(("NAME",), [("\x1b[2Jbox\n",)]).splitlines() == ["NAME", "?[2Jbox?"]
