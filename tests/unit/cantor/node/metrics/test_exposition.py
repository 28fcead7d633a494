"""Metrics as Prometheus and OpenMetrics write them."""

from __future__ import annotations

import math
import re

from hypothesis import given
from hypothesis import strategies as st

from cantor.metering.names import Series
from cantor.node.metrics.exposition import exposition

TASK = ("source", "task")
VALUES = {
    Series("frames", (("camera", 'a"b\\c'), TASK), "counter"): 5.0,
    Series("queue", (TASK,)): 2.5,
    Series("s_bucket", (("le", "0.1"), TASK), "histogram"): 1.0,
    Series("s_bucket", (("le", "+Inf"), TASK), "histogram"): 3.0,
    Series("s_count", (TASK,), "histogram"): 3.0,
    Series("s_sum", (TASK,), "histogram"): 0.75,
}
LINE = re.compile(r'[a-zA-Z_]\w*(\{(\w+="(?:[^"\\\n]|\\["\\n])*",?)+\})? (\S+)', re.ASCII)


def test_the_plain_format_of_one_node() -> None:
    assert exposition([("ash", VALUES)], is_open=False).splitlines() == [
        "# TYPE frames_total counter",
        r'frames_total{camera="a\"b\\c",node="ash",source="task"} 5',
        "# TYPE queue gauge",
        'queue{node="ash",source="task"} 2.5',
        "# TYPE s histogram",
        's_bucket{le="0.1",node="ash",source="task"} 1',
        's_bucket{le="+Inf",node="ash",source="task"} 3',
        's_count{node="ash",source="task"} 3',
        's_sum{node="ash",source="task"} 0.75',
    ]


def test_the_open_format_names_a_counter_without_its_end() -> None:
    lines = exposition([("ash", VALUES), ("birch", VALUES)], is_open=True).splitlines()

    assert lines[:3] == [
        "# TYPE frames counter",
        r'frames_total{camera="a\"b\\c",node="ash",source="task"} 5',
        r'frames_total{camera="a\"b\\c",node="birch",source="task"} 5',
    ]
    assert lines[-1] == "# EOF"
    assert len([line for line in lines if line.startswith("# TYPE")]) == 3


def test_a_name_of_two_kinds_is_two_names() -> None:
    values = {
        Series("a", (TASK,), "counter"): 1.0,
        Series("a", (("source", "script"),)): 2.0,
        Series("b_total", (), "counter"): 3.0,
    }

    assert exposition([("ash", values)], is_open=False).splitlines() == [
        "# TYPE a_total counter",
        'a_total{node="ash",source="task"} 1',
        "# TYPE a_gauge gauge",
        'a_gauge{node="ash",source="script"} 2',
        "# TYPE b_total counter",
        'b_total{node="ash"} 3',
    ]


@given(st.floats(allow_nan=False))
def test_a_number_is_written_as_it_is(value: float) -> None:
    (line,) = exposition([("ash", {Series("a"): value})], is_open=False).splitlines()[1:]
    found = LINE.fullmatch(line)

    assert found is not None
    assert float(found[3]) == value or math.isinf(value)


@given(st.text(max_size=20).filter(str.isprintable))
def test_every_line_can_be_read(label: str) -> None:
    values = {Series("a", (("x", label),), "counter"): 1.0}

    for line in exposition([(label, values)], is_open=True).splitlines():
        assert line.startswith("#") or LINE.fullmatch(line), line
