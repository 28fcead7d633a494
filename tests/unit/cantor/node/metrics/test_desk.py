"""What processes count, as the agent reads it."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError
from cantor.metering.layout import COUNT, ENTRIES_AT, HEADER, MAGIC, Entry
from cantor.metering.names import Series
from cantor.metering.process import VARIABLE, Counter, Gauge, Histogram, Process
from cantor.node.metrics import desk as desk_module
from cantor.node.metrics.desk import TORN_MAX, MetricsDesk, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.metering.handing import Handed

TASK = ("source", "task")
DROPPED = Series("cantor_metrics_dropped", (TASK,), "counter")


@pytest.fixture
def desk() -> Iterator[MetricsDesk]:
    made = MetricsDesk()
    yield made
    made.close()


def process_with(handed: Handed, monkeypatch: pytest.MonkeyPatch) -> Process:
    monkeypatch.setenv(VARIABLE, handed.environment[VARIABLE])
    return Process(lambda _: pytest.fail("the memory was not found"))


def test_what_processes_of_one_source_count_is_added_up(
    desk: MetricsDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = desk.hand_out("task"), desk.hand_out("task")
    for handed, queue in ((one, 3.0), (two, 4.0)):
        process = process_with(handed, monkeypatch)
        process.get(Counter, "frames", {"camera": "door"}).add(5)
        process.get(Gauge, "queue", None).set(queue)
        process.get(Gauge, "unset", None)
        process.get(Histogram, "seconds", None, (0.1, 1.0)).observe(0.5)

    assert desk.read() == {
        Series("frames", (("camera", "door"), TASK), "counter"): 10.0,
        Series("queue", (TASK,)): 4.0,
        Series("seconds_bucket", (("le", "0.1"), TASK), "histogram"): 0.0,
        Series("seconds_bucket", (("le", "1.0"), TASK), "histogram"): 2.0,
        Series("seconds_bucket", (("le", "+Inf"), TASK), "histogram"): 2.0,
        Series("seconds_count", (TASK,), "histogram"): 2.0,
        Series("seconds_sum", (TASK,), "histogram"): 1.0,
    }


def test_what_a_process_counted_stays_when_it_has_ended(
    desk: MetricsDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = Series("frames", (TASK,), "counter")
    for _ in range(3):
        handed = desk.hand_out("task")
        process = process_with(handed, monkeypatch)
        process.get(Counter, "frames", None).add(2)
        process.get(Gauge, "queue", None).set(1)
        handed.close()
        handed.close()

    assert desk.read() == {frames: 6.0}


def test_sources_are_apart(desk: MetricsDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in ("task", "service/cam"):
        process_with(desk.hand_out(source), monkeypatch).get(Counter, "a", None).add()

    assert [series.text for series in desk.read()] == [
        'a{source="task"}',
        'a{source="service/cam"}',
    ]


def test_whole_numbers_of_native_code_are_read(desk: MetricsDesk) -> None:
    (memory,) = desk.hand_out("task").descriptors
    os.pwrite(memory, Entry(COUNT, "a", (), 0).packed(), ENTRIES_AT)
    os.pwrite(memory, struct.pack("Q", 2**52 + 1), 64)
    os.pwrite(memory, HEADER.pack(MAGIC, 1, len(Entry(COUNT, "a", (), 0).packed()), 0), 0)

    assert desk.read() == {Series("a", (TASK,), "counter"): float(2**52 + 1)}


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff" * 128 * 1024,
        bytes(128 * 1024),
        HEADER.pack(MAGIC, 2**31, 2**32 - 1, 2**64 - 1) + b"\x01" * 2000,
        HEADER.pack(MAGIC, 9, 64, 0),
    ],
)
def test_memory_that_makes_no_sense_is_counted_and_harms_nobody(
    desk: MetricsDesk, raw: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    process_with(desk.hand_out("task"), monkeypatch).get(Counter, "good", None).add()
    (memory,) = desk.hand_out("task").descriptors
    os.pwrite(memory, raw, 0)
    for _ in range(TORN_MAX):
        desk.read()
    found = desk.read()

    assert found.pop(DROPPED) >= 1
    assert found == {Series("good", (TASK,), "counter"): 1.0}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_a_counter_that_is_no_number_is_left_out(
    desk: MetricsDesk, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    handed = desk.hand_out("task")
    counter = process_with(handed, monkeypatch).get(Counter, "frames", None)
    os.pwrite(handed.descriptors[0], struct.pack("d", value), 64)

    assert counter.kind == 2
    assert desk.read() == {}


def test_a_source_has_a_bound_and_what_is_over_it_is_counted(
    desk: MetricsDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "SOURCE_SERIES_MAX", 3)
    process = process_with(desk.hand_out("task"), monkeypatch)
    for number in range(8):
        process.get(Counter, "frames", {"n": number}).add()

    found = desk.read()
    assert found.pop(DROPPED) == 5
    assert len(found) == 3


def test_too_many_processes_get_none(desk: MetricsDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "REGIONS_MAX", 1)
    first = desk.hand_out("task")
    second = desk.hand_out("task")

    assert (second.descriptors, second.environment) == ((), {})
    assert desk.read() == {DROPPED: 1.0}
    first.close()
    assert desk.hand_out("task").descriptors


def test_memory_of_another_process_is_opened_and_nothing_else(tmp_path: str) -> None:
    code = (
        "import os, sys; from cantor.metering.region import create_region;"
        " print(create_region(), os.open('/dev/zero', os.O_RDONLY), flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        memory, other = map(int, child.stdout.readline().split())
        found = opened(child.pid, memory)
        assert os.pread(found, 8, 0) == MAGIC
        os.close(found)
        for odd in (other, 999, 0):
            with pytest.raises(ConfigError, match="no memory for metrics"):
                opened(child.pid, odd)
        child.communicate("")
