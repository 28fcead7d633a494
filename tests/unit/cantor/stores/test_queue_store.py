"""Queues on a disk: what was told to be written is there, also when the disk misbehaves."""

from __future__ import annotations

import queue
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.bed.bad_disk import BadDisk

from cantor.base.errors import ConfigError
from cantor.stores import groups
from cantor.stores.errors import StoreError
from cantor.stores.queue_records import (
    DROP,
    FILE_NAME,
    MAKE,
    MOVE,
    PUT,
    REMOVE,
    TRIED,
    Move,
    Part,
    Put,
    QueueTerms,
    Remove,
    Stored,
    terms_from,
)
from cantor.stores.queue_store import QueueStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_S = 30.0
WAL_HEADER, WAL_FRAME = 32, 24
TERMS = QueueTerms(visible_s=3.0, dead_letters="dead")


class Desk:
    """A store whose answers come one by one, with its queue ``q``."""

    def __init__(self, folder: Path, **options: Any) -> None:  # noqa: ANN401 (the store's)
        self.answers: queue.Queue[Any] = queue.Queue()
        self.store = QueueStore(folder, lambda do: do(), **options)
        self.kept = {one.name: one for one in self.store.kept()}
        there = self.kept.get("q")
        self.queue = there.number if there else self.write(MAKE, ("q", TERMS))

    def write(self, kind: int, content: object) -> Any:  # noqa: ANN401 (by the kind)
        self.store.write(Part(kind, content, self.answers.put))
        return self.answers.get(timeout=WAIT_S)

    def put(self, *bodies: bytes, until: float = 0.0) -> list[int]:
        messages = [Stored(self.store.number(), 7.5, body) for body in bodies]
        outcome = self.write(PUT, Put(self.queue, messages, until))
        if isinstance(outcome, Exception):
            raise outcome
        return [one.n for one in messages]

    def bodies(self, number: int = 0) -> list[bytes]:
        number = number or self.queue
        rows = self.store.after(number, 0, 1 << 62, 10_000)
        found = self.store.messages(number, [n for n, _ in rows])
        return [found[n].body for n, _ in rows]


@pytest.fixture
def bad_disk() -> Iterator[type[BadDisk]]:
    BadDisk.reset()
    yield BadDisk
    BadDisk.reset()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def test_messages_come_back_in_their_order_until_they_are_removed(desk: Desk) -> None:
    first, second, third = desk.put(b"1", b"22", b"333")
    assert desk.store.after(desk.queue, 0, third, 10) == [(first, 1), (second, 2), (third, 3)]
    assert desk.store.after(desk.queue, first, second, 10) == [(second, 2)]
    assert desk.store.messages(desk.queue, [second]) == {second: Stored(second, 7.5, b"22")}
    assert desk.store.messages(desk.queue + 1, [second]) == {}
    desk.write(REMOVE, Remove(desk.queue, [second]))
    assert desk.bodies() == [b"1", b"333"]


def test_a_new_life_goes_on_with_greater_numbers_and_with_what_was_tried(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    first, second, third = *desk.put(b"1", b"22"), *desk.put(b"333", until=9.0)
    desk.write(TRIED, [(2, 77, 4.0, second)])
    desk.write(REMOVE, Remove(desk.queue, [first], dropped=1))
    desk.store.close()
    again = Desk(tmp_path)
    with closing(again.store):
        kept = again.kept["q"]
        assert (kept.terms, kept.dropped) == (TERMS, 1)
        assert (kept.count, kept.bytes, kept.last) == (2, 5, third)
        assert kept.tried == [(second, 2, 2, 77, 4.0), (third, 3, 0, 0, 9.0)]
        assert again.store.id == desk.store.id
        assert again.put(b"4")[0] > third


def test_time_goes_on_where_it_was_whatever_the_clock_says(tmp_path: Path) -> None:
    clock = [5000.0]
    desk = Desk(tmp_path, monotonic=lambda: clock[0])
    before = desk.store.now
    clock[0] += 40.0
    desk.put(b"1")
    clock[0] += 2.0
    assert desk.store.now == before + 42.0
    desk.store.close()
    clock[0] = 3.0
    again = Desk(tmp_path, monotonic=lambda: clock[0])
    with closing(again.store):
        assert again.store.now == before + 40.0, "what was written last is known"
        clock[0] += 1.0
        assert again.store.now == before + 41.0


def test_a_dead_letter_is_in_one_queue_whatever_happens(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    dead = desk.write(MAKE, ("dead", QueueTerms(tries_max=0)))
    (n, other) = desk.put(b"poison", b"damaged")
    new, newer = desk.store.number(), desk.store.number()
    assert desk.write(MOVE, Move(desk.queue, n, dead, new, "q", "tried in vain"))
    assert desk.write(MOVE, Move(desk.queue, other, dead, newer, "q", "why", b"put right")) is True
    assert desk.write(MOVE, Move(desk.queue, n, dead, desk.store.number(), "q", "")) is False
    assert desk.bodies() == []
    assert desk.store.messages(dead, [new, newer]) == {
        new: Stored(new, 7.5, b"poison", "q", "tried in vain"),
        newer: Stored(newer, 7.5, b"put right", "q", "why"),
    }
    desk.write(DROP, desk.queue)
    desk.store.close()
    again = QueueStore(tmp_path, lambda do: do())
    with closing(again):
        assert [(one.name, one.count) for one in again.kept()] == [("dead", 2)]


def test_many_parts_are_one_commit(tmp_path: Path) -> None:
    commits: list[str] = []

    def connect(path: Path) -> sqlite3.Connection:
        database = groups.connect(path)
        database.set_trace_callback(lambda text: commits.append(text) if "COMMIT" in text else None)
        return database

    desk = Desk(tmp_path, connect=connect)
    before = len(commits)
    numbers = [desk.store.number() for _ in range(1000)]
    for n in numbers:
        put = Put(desk.queue, [Stored(n, 1.0, b"x")])
        desk.store.write(Part(PUT, put, desk.answers.put))
    assert [desk.answers.get(timeout=WAIT_S) for _ in numbers] == [None] * 1000
    assert len(commits) - before < 500
    assert len(desk.bodies()) == 1000
    desk.store.close()


@pytest.mark.parametrize("words", ["disk I/O error", "database or disk is full"])
def test_a_disk_that_refuses_is_told_and_nothing_of_it_counts(
    tmp_path: Path, bad_disk: type[BadDisk], words: str
) -> None:
    desk = Desk(tmp_path, connect=bad_disk.open)
    (kept,) = desk.put(b"kept")
    bad_disk.words, bad_disk.refuse = words, 2
    with pytest.raises(StoreError, match=words):
        desk.put(b"lost")
    assert isinstance(desk.write(REMOVE, Remove(desk.queue, [kept])), StoreError)
    assert bad_disk.refused == 2
    assert desk.bodies() == [b"kept"]
    desk.put(b"later")
    desk.store.close()
    again = Desk(tmp_path)
    with closing(again.store):
        assert again.bodies() == [b"kept", b"later"]
        assert again.kept["q"].count == 2


def test_all_prefixes_of_the_log_hold_what_was_acknowledged_before(tmp_path: Path) -> None:
    """A power cut leaves some first part of the write-ahead log: whatever was synced is in it."""
    whole = tmp_path / "whole"
    whole.mkdir()
    desk = Desk(whole)
    log = whole / f"{FILE_NAME}-wal"
    states: list[tuple[int, list[bytes]]] = [(log.stat().st_size, [])]
    held: list[tuple[int, bytes]] = []
    for number in range(12):
        if number % 3 == 2:
            n, _ = held.pop(0)
            desk.write(REMOVE, Remove(desk.queue, [n]))
        else:
            body = bytes([number]) * 900
            held += [(n, body) for n in desk.put(body)]
        states.append((log.stat().st_size, [body for _, body in held]))
    data, base = log.read_bytes(), (whole / FILE_NAME).read_bytes()
    frames = range(states[0][0], len(data), 4096 + WAL_FRAME)
    cuts = sorted({*frames, *range(states[0][0], len(data) + 1, 1999), len(data)})
    assert len(cuts) > 30
    for cut in cuts:
        folder = tmp_path / f"cut{cut}"
        folder.mkdir()
        (folder / FILE_NAME).write_bytes(base)
        (folder / f"{FILE_NAME}-wal").write_bytes(data[:cut])
        again = Desk(folder)
        with closing(again.store):
            # What a group began and did not end is left out whole.
            wanted = [bodies for size, bodies in states if size <= cut][-1]
            assert again.bodies() == wanted, cut
            assert again.kept["q"].count == len(wanted)
        shutil.rmtree(folder)
    desk.store.close()


@settings(max_examples=20)  # each opens two databases
@given(st.data())
def test_no_flipped_bit_of_a_message_goes_unnoticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("flip")
    desk = Desk(folder)
    body = b"the body: " + data.draw(st.binary(min_size=40, max_size=200))
    bad, good = desk.put(body, b"good")
    desk.store.close()
    path = folder / FILE_NAME
    held = bytearray(path.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(body) - 1))
    held[held.index(body) + bit // 8] ^= 1 << bit % 8
    path.write_bytes(held)
    again = Desk(folder)
    with closing(again.store):
        found = again.store.messages(again.queue, [bad, good])
        assert found[bad].is_damaged
        assert found[good] == Stored(good, 7.5, b"good")


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not a database" * 300)
    with pytest.raises(StoreError, match="not a database"):
        Desk(tmp_path)


def test_terms_that_were_damaged_are_told(tmp_path: Path) -> None:
    Desk(tmp_path).store.close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database, database:
        database.execute("UPDATE queues SET terms = '{\"tries_max\": -1}'")
    with pytest.raises(StoreError, match="terms of queue q are damaged"):
        Desk(tmp_path)


@pytest.mark.parametrize(
    "told",
    [
        {"messages_max": 0},
        {"messages_max": True},
        {"bytes_max": 1 << 40},
        {"visible_s": 0.0},
        {"visible_s": float("nan")},
        {"tries_max": 5000},
        {"dead_letters": "q"},
        {"durable": 1},
    ],
)
def test_a_queue_cannot_be_so(told: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        terms_from(told, "q")


def test_terms_of_a_newer_version_are_read() -> None:
    assert terms_from({"tries_max": 2, "colour": "red"}, "q") == QueueTerms(tries_max=2)
