"""Metrics that code makes: in memory that another process reads."""

from __future__ import annotations

import logging
import os
import struct
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError
from cantor.metering.layout import (
    AMOUNT,
    ENTRIES_AT,
    GAUGE,
    HISTOGRAM,
    REGION_BYTES,
    SLOTS,
    entry_at,
)
from cantor.metering.names import VALUE_BYTES_MAX
from cantor.metering.process import (
    VARIABLE,
    Counter,
    Gauge,
    Histogram,
    LockedCounter,
    LockedHistogram,
    Process,
)
from cantor.metering.region import create_region

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    descriptor = create_region()
    monkeypatch.setenv(VARIABLE, str(descriptor))
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def process(memory: int) -> Process:
    return Process(lambda _: pytest.fail(f"{memory} was handed over"))


def slot(memory: int, number: int, form: str = "d") -> float:
    found: float
    (found,) = struct.unpack(form, os.pread(memory, 8, 64 + 8 * number))
    return found


def test_what_is_counted_is_seen_by_who_holds_the_memory(process: Process, memory: int) -> None:
    process.get(Counter, "frames", {"camera": "door", "a": 1}).add(3)
    process.get(Counter, "frames", {"a": "1", "camera": "door"}).add()
    queue = process.get(Gauge, "queue", None)
    queue.set(2.5)
    queue.add(-1)
    spread = process.get(Histogram, "seconds", {}, (0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 3.0, float("nan")):
        spread.observe(value)

    raw = os.pread(memory, 4096, ENTRIES_AT)
    first = entry_at(raw, 0)
    assert first is not None
    entry, at = first
    assert (entry.kind, entry.name, entry.labels) == (
        AMOUNT, "frames", (("a", "1"), ("camera", "door")),
    )  # fmt: skip
    assert slot(memory, entry.slot) == 4.0
    second = entry_at(raw, at)
    assert second is not None
    assert (second[0].kind, slot(memory, second[0].slot)) == (GAUGE, 1.5)
    third = entry_at(raw, second[1])
    assert third is not None
    assert (third[0].kind, third[0].bounds) == (HISTOGRAM, (0.1, 1.0))
    buckets = [slot(memory, third[0].slot + number, "Q") for number in range(3)]
    assert buckets == [2, 1, 1]
    assert slot(memory, third[0].slot + 3) == pytest.approx(3.65)


def test_a_gauge_counts_from_nothing_where_it_was_not_set(process: Process) -> None:
    gauge = process.get(Gauge, "queue", None)
    gauge.add(2)
    gauge.add(2)

    assert gauge._reals[gauge._slot] == 4


def test_a_counter_does_not_go_back(process: Process) -> None:
    with pytest.raises(ValueError, match="only grows"):
        process.get(Counter, "frames", None).add(-1)


@pytest.mark.parametrize(
    ("name", "labels", "why"),
    [
        ("", {}, "a name has"),
        ("9lives", {}, "a name has"),
        ("a" * 101, {}, "a name has"),
        ("häuser", {}, "a name has"),
        ("cantor_cpu", {}, "the node's own"),
        ("frames", {"source": "x"}, "the node's to set"),
        ("frames", {"le": "x"}, "the node's to set"),
        ("frames", {"__x": "x"}, "a label's name"),
        ("frames", {"x y": "x"}, "a label's name"),
        ("frames", {"x": "a\nb"}, "can be printed"),
        ("frames", {"x": "ü" * (VALUE_BYTES_MAX // 2 + 1)}, "at most"),
        ("frames", {f"l{number}": "x" for number in range(9)}, "at most 8 labels"),
    ],
)
def test_names_that_nobody_could_read_are_refused(
    process: Process, name: str, labels: dict[str, object], why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        process.get(Counter, name, labels)


@pytest.mark.parametrize("bounds", [(), (1.0, 1.0), (2.0, 1.0), (float("inf"),), range(31)])
def test_bounds_that_are_none_are_refused(process: Process, bounds: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="bounds"):
        process.get(Histogram, "seconds", None, bounds)


def test_one_name_is_one_kind(process: Process) -> None:
    process.get(Counter, "frames", None)
    process.get(Histogram, "seconds", None, (1.0,))

    with pytest.raises(ConfigError, match="something else"):
        process.get(Gauge, "frames", None)
    with pytest.raises(ConfigError, match="other bounds"):
        process.get(Histogram, "seconds", None, (2.0,))


def test_too_many_series_are_counted_and_told_once_and_stop_nobody(
    process: Process, memory: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        made = [process.get(Counter, "frames", {"n": number}) for number in range(SLOTS + 5)]
    for one in made:
        one.add()

    dropped = struct.unpack("Q", os.pread(memory, 8, 16))[0]
    assert dropped >= 5
    assert [one.message for one in caplog.records] == ["metrics are left out"]
    assert sum(slot(memory, number) for number in range(SLOTS)) == SLOTS + 5 - dropped


@pytest.mark.parametrize(
    ("counter", "histogram"), [(Counter, Histogram), (LockedCounter, LockedHistogram)]
)
def test_no_count_of_threads_is_lost(
    process: Process, counter: type[Counter], histogram: type[Histogram]
) -> None:
    made, spread = process.get(counter, "a", None), process.get(histogram, "b", None, (1.0,))
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def count() -> None:
        for _ in range(20_000):
            made.add()
            spread.observe(0.5)

    threads = [threading.Thread(target=count) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)

    assert made._reals[made._slot] == 80_000
    assert spread._counts[spread._slot] == 80_000


def test_a_fork_counts_in_slots_of_its_own(process: Process, memory: int) -> None:
    counter = process.get(Counter, "frames", None)
    counter.add(1)
    child = os.fork()
    if child == 0:
        process.forked()
        counter.add(10)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    counter.add(1)

    assert [slot(memory, number) for number in range(2)] == [2.0, 10.0]


def test_memory_that_was_not_handed_on_is_made_and_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[int] = []
    for odd in ("", "9999", "1", "x"):
        monkeypatch.setenv(VARIABLE, odd)
        Process(told.append).get(Counter, "frames", None).add()

    assert len(told) == 4
    assert [os.fstat(one).st_size for one in told] == [REGION_BYTES] * 4
    assert [slot(one, 0) for one in told] == [1.0] * 4
    for one in told:
        os.close(one)


def test_a_system_without_such_memory_counts_nowhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delattr(os, "memfd_create")
    with caplog.at_level(logging.WARNING):
        Process(lambda _: None).get(Counter, "frames", None).add()

    assert "no memory without a name" in str(caplog.records[0].__dict__["reason"])
