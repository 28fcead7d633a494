"""Files of logs: written in turn, bounded, and read in pages from both ends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantor.node.logs import journal as journal_module
from cantor.node.logs import reading
from cantor.node.logs.journal import Journal, segments_in
from cantor.node.logs.lines import Line, line_of
from cantor.node.logs.query import Query
from cantor.node.logs.reading import Page, Place, backward, forward, newest

if TYPE_CHECKING:
    from pathlib import Path

ALL = Query()


def packed(number: int, text: str = "line") -> bytes:
    return Line(float(number), "info", "agent", f"{text} {number}").packed()


def times(page: Page) -> list[int]:
    return [int(line.at) for raw in page.lines if (line := line_of(raw)) is not None]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments and chunks of a few lines."""
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES_MIN", 100)
    monkeypatch.setattr(reading, "CHUNK_BYTES", 64)


def test_pages_go_on_where_the_last_one_ended(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 1 << 20)
    journal.write([packed(number) for number in range(10)])

    first = forward(tmp_path, ALL, None, 4)
    second = forward(tmp_path, ALL, first.place, 4)
    third = forward(tmp_path, ALL, second.place, 4)
    assert [times(first), times(second), times(third)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [first.is_end, second.is_end, third.is_end] == [False, False, True]
    assert (first.reached, third.place) == (3.0, newest(tmp_path))

    journal.write([packed(10)])
    assert times(forward(tmp_path, ALL, third.place, 4)) == [10]
    journal.close()


def test_the_last_lines_are_read_from_the_end(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 1 << 20)
    journal.write([packed(number) for number in range(10)])
    journal.close()

    first = backward(tmp_path, ALL, None, 4)
    second = backward(tmp_path, ALL, first.place, 4)
    third = backward(tmp_path, ALL, second.place, 4)
    assert [times(first), times(second), times(third)] == [[6, 7, 8, 9], [2, 3, 4, 5], [0, 1]]
    assert [first.is_end, second.is_end, third.is_end] == [False, False, True]


@settings(max_examples=40, deadline=None)
@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=8),
    page=st.integers(1, 7),
    chunk=st.integers(40, 200),
    text=st.sampled_from(("line", "other", "")),
)
def test_both_ways_give_the_same_lines(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], page: int, chunk: int, text: str
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    query = Query((text,)) if text else ALL
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_module, "SEGMENT_BYTES_MIN", 90)
        patch.setattr(reading, "CHUNK_BYTES", chunk)
        patch.setattr(reading, "LOOK_BYTES_MAX", 300)
        journal, number, wanted = Journal(folder, 1440), 0, []
        for count in counts:
            words = [("line", "other")[(number + one) % 3 == 0] for one in range(count)]
            journal.write([packed(number + one, word) for one, word in enumerate(words)])
            wanted += [number + one for one, word in enumerate(words) if text in ("", word)]
            number += count
        journal.close()
        assert len(segments_in(folder)) == 1 or number > 5

        there: list[int] = []
        place: Place | None = None
        is_end = False
        while not is_end:
            found = forward(folder, query, place, page)
            there, place, is_end = there + times(found), found.place, found.is_end
        back: list[int] = []
        place, is_end = None, False
        while not is_end:
            found = backward(folder, query, place, page)
            back, place, is_end = times(found) + back, found.place, found.is_end
    kept = [one for one in wanted if one >= (there[0] if there else number)]
    assert there == back == kept


@pytest.mark.usefixtures("small")
def test_the_oldest_go_when_there_is_no_room_and_a_reader_is_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 1600)
    journal.write([packed(0)])
    begun = forward(tmp_path, ALL, None, 1)
    for number in range(1, 400):
        journal.write([packed(number)])
    journal.close()

    assert sum(one.path.stat().st_size for one in segments_in(tmp_path)) <= 1600
    page = forward(tmp_path, ALL, begun.place, 1000)
    assert page.has_missed
    assert times(page)[-1] == 399
    assert not forward(tmp_path, ALL, page.place, 1000).has_missed


@pytest.mark.usefixtures("small")
def test_a_time_is_looked_for_in_no_segment_before_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 6400)
    for number in range(100):
        journal.write([packed(number)])
    journal.close()
    first, *_ = segments_in(tmp_path)
    first.path.write_bytes(b"\xff" * 400)

    page = forward(tmp_path, Query(since=90.0, until=95.0), None, 1000)
    assert (times(page), page.is_end) == ([90, 91, 92, 93, 94], True)
    assert page.looked_bytes < 1200
    assert times(backward(tmp_path, Query(since=97.0), None, 1000)) == [97, 98, 99]


def test_half_a_line_of_a_power_cut_spoils_no_other(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 1 << 20)
    journal.write([packed(1)])
    journal.close()
    (segment,) = segments_in(tmp_path)
    with segment.path.open("ab") as file:
        file.write(b"2.000 i age")
    assert times(forward(tmp_path, ALL, None, 9)) == [1]

    journal.write([packed(3)])
    journal.close()
    assert times(forward(tmp_path, ALL, None, 9)) == [1, 3]
    assert times(backward(tmp_path, ALL, None, 9)) == [1, 3]


def test_a_disk_that_takes_half_of_it_spoils_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, write = Journal(tmp_path, 1 << 20), os.write
    refused: list[memoryview] = []

    def full(file: int, data: memoryview) -> int:
        if refused:
            raise OSError(28, "No space left on device")
        refused.append(data)
        return write(file, data[:7])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        journal.write([packed(1)])
    monkeypatch.setattr(os, "write", write)
    journal.write([packed(2)])
    journal.close()

    assert times(forward(tmp_path, ALL, None, 9)) == [2]


def test_garbage_without_an_end_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHUNK_BYTES", 64)
    journal = Journal(tmp_path, 1 << 20)
    journal.write([packed(1), b"x" * 1000, packed(2)])
    journal.close()

    assert times(forward(tmp_path, ALL, None, 9)) == [1, 2]
    assert times(backward(tmp_path, ALL, None, 9)) == [1, 2]


def test_an_empty_folder_has_an_end(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"

    assert forward(nowhere, ALL, None, 9).is_end
    assert backward(nowhere, ALL, None, 9).is_end
    assert newest(nowhere) == Place()
    assert forward(nowhere, ALL, Place(), 9).has_missed is False
