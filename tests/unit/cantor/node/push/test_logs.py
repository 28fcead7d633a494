"""Logs of bounded size, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.node.push import logs
from cantor.node.push.logs import Log

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path, lambda: 1700000000.25)


def test_lines_have_a_time_and_the_last_ones_are_told(log: Log) -> None:
    log.feed(b"one\ntwo\n")
    log.note("revision 2 is started")

    assert log.tail(2) == [
        "2023-11-14T22:13:20.250+00:00 two",
        "2023-11-14T22:13:20.250+00:00 --- revision 2 is started",
    ]
    assert len(log.tail(100)) == 3


def test_a_line_that_comes_in_pieces_is_one(log: Log) -> None:
    assert log.feed("caf\u00e9".encode()[:4]) == []
    assert log.feed("caf\u00e9".encode()[4:] + b" au lait\nx") == ["caf\u00e9 au lait"]
    assert log.end() == ["x"]
    assert log.end() == []


def test_a_line_without_end_is_broken(log: Log) -> None:
    lines = log.feed(b"x" * 20_000)

    assert [len(line) for line in lines] == [8192, 8192]


def test_two_files_of_bounded_size_are_kept(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES_MAX", 200)
    for number in range(100):
        log.feed(f"line {number}\n".encode())

    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2 * 240
    assert log.tail(1)[0].endswith(" line 99")
    assert [line.split()[-1] for line in log.tail(6)] == [str(n) for n in range(94, 100)]


def test_what_is_told_is_bounded(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "TAIL_BYTES_MAX", 100)
    for number in range(50):
        log.feed(f"line {number}\n".encode())

    assert 0 < len(log.tail(5000)) <= 3


def test_a_disk_that_refuses_costs_lines_and_nothing_else(tmp_path: Path) -> None:
    log = Log(tmp_path / "nowhere", lambda: 0.0)

    assert log.feed(b"one\n") == ["one"]
    assert log.tail(10) == []
