"""What ``cantor top`` shows, without a terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from cantor.base.text import width_of
from cantor.cli.metric_text import bar, graph, value_text
from cantor.cli.top import keys_in
from cantor.cli.top_view import Figures, Top, figures, node_line, plain_table
from cantor.metering.names import Series

if TYPE_CHECKING:
    from collections.abc import Mapping

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def told(cpu: float, received: float = 0.0, **more: float) -> Mapping[Series, float]:
    return {
        Series("cantor_cpu_used_ratio"): cpu,
        Series("cantor_memory_used_bytes"): 3e9,
        Series("cantor_memory_total_bytes"): 4e9,
        Series("cantor_network_received_bytes", (("interface", "a"),), "counter"): received,
        Series("cantor_network_received_bytes", (("interface", "b"),), "counter"): received,
        Series("cantor_network_sent_bytes", (("interface", "a"),), "counter"): received / 2,
        Series("cantor_temperature_celsius", (("sensor", "a"),)): 40.0,
        Series("cantor_temperature_celsius", (("sensor", "b"),)): 55.0,
        **{Series(name): value for name, value in more.items()},
    }


def rows(top: Top, width: int = 120, height: int = 24) -> list[str]:
    return [ESCAPE.sub("", line) for line in top.shown(width, height)]


@pytest.fixture
def top() -> Top:
    made = Top()
    made.take(1.0, [("a", "ash", "", told(0.25)), ("b", "birch", "", told(0.75))])
    made.take(2.0, [("a", "ash", "", told(0.5, 4096.0)), ("b", "birch", "", told(0.1, 100.0)),
                    ("c", "cedar", "no answer", {})])  # fmt: skip
    return made


def test_nodes_are_shown_with_what_they_do(top: Top) -> None:
    shown = rows(top)

    assert shown[0] == "3 nodes, 1 silent, CPU 30 % on average, 0 tasks run; by name"
    assert "50%" in shown[2]
    assert "75%" in shown[2]
    assert "8.0KiB/s" in shown[2]
    assert "55 °C" in shown[2]
    assert shown[2].rstrip().endswith("▂▄")
    assert "no answer" in shown[4]
    assert top.lines["a"].now.network == 2.5 * 4096


@pytest.mark.parametrize(
    ("key", "order"), [("c", "abc"), ("n", "abc"), ("a", "abc"), ("m", "abc"), ("t", "abc")]
)
def test_they_are_sorted_by_a_key_and_the_silent_come_last(top: Top, key: str, order: str) -> None:
    assert top.press(key)
    assert top.ordered() == list(order)
    top.lines["b"].now = Figures(0.9, 0.9, 1.0, 1e6, 1e6, 90.0)
    assert top.ordered() == list(order if key == "a" else "bac")


def test_keys_choose_and_open_and_end(top: Top) -> None:
    for key in keys_in("\x1b[B\x1b[B\x1b[B\x1bOA\x1bx9\r"):
        assert top.press(key)
    assert top.chosen == "b"
    assert top.has_more
    shown = rows(top)
    assert any(line.startswith("CPU   ") for line in shown)
    for key in ("q", "\x03"):
        assert not top.press(key)


def test_the_code_on_a_node_is_shown_below_it(top: Top) -> None:
    top.has_more = True
    values = {**told(0.5), Series("frames", (("camera", "dö\x1b[2J"),), "counter"): 7.0}
    top.take(3.0, [("a", "ash", "", values)])

    (line,) = [line for line in rows(top) if line.startswith("frames")]
    assert line.split()[-1] == "7"
    assert "\x1b[2J" not in "".join(top.shown(120, 24))


@pytest.mark.parametrize("width", [1, 10, 40, 79, 80, 200])
@pytest.mark.parametrize("height", [1, 2, 5, 24, 60])
def test_any_size_is_filled_and_never_exceeded(top: Top, width: int, height: int) -> None:
    top.take(
        3.0, [(str(n), f"节点-{n}", "" if n % 7 else "away", told(n / 100)) for n in range(90)]
    )
    top.has_more = True
    for key in ["down"] * 50:
        top.press(key)
    shown = rows(top, width, height)

    assert len(shown) <= max(height, 3)
    if height > 3 and width > 60:
        assert any("节点-" in line for line in shown)
    for line in shown[1:-1]:
        assert width_of(line) <= max(width, 17), line


def test_without_a_terminal_it_is_a_table(top: Top) -> None:
    head, first, *_, last = plain_table(top)

    assert head[:3] == ("NODE", "CPU", "MEMORY")
    assert first == ("ash", "50%", "75%", "8.0KiB/s", "2.0KiB/s", "55 °C", "-", "-")
    assert last == ("cedar", "-", "-", "-", "-", "-", "-", "-")


def test_figures_of_a_node_that_says_nothing() -> None:
    assert figures({}, {}, 1.0) == Figures()
    assert figures(told(0.5, 5.0), told(0.5, 9.0), 1.0).received is None, "it began anew"


def test_tasks_that_wait_are_told_beside_those_that_run(top: Top) -> None:
    values = told(0.5, cantor_tasks_running=2.0, cantor_tasks_waiting=3.0)
    top.take(3.0, [("a", "ash", "", values)])

    assert "2+3" in node_line(top.lines["a"], 120)


def test_numbers_have_the_unit_that_their_name_says() -> None:
    assert value_text("cantor_memory_used_bytes", 2048) == "2.0 KiB"
    assert value_text("cpu_ratio", 0.123) == "12.3 %"
    assert value_text("x_celsius", 40) == "40.0 °C"
    assert value_text("x_seconds", 0.012) == "0.012 s"
    assert value_text("frames", 123456789) == "123456789"


def test_small_pictures() -> None:
    assert bar(0.5, 4) == "██··"
    assert bar(7, 4) == "████"
    assert graph([None, 0.0, 0.5, 1.0, float("nan")], 1.0, 7) == "   ▁▄█ "
    assert graph([5.0] * 9, 0.0, 3) == "▁▁▁"
