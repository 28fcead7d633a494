"""Lines on their way to the disk: nobody waits, and what is lost is counted."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import pytest

from cantor.node.logs import feed as feed_module
from cantor.node.logs.feed import Feed, FeedHandler
from cantor.node.logs.lines import line_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class FakeJournal:
    """Keeps lines in memory; ``is_full`` refuses them, and ``gate`` holds the disk up."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.is_full = False
        self.refused = 0
        self.gate = threading.Event()
        self.gate.set()

    def write(self, lines: Sequence[bytes]) -> None:
        self.gate.wait()
        if self.is_full:
            self.refused += 1
            raise OSError(28, "No space left on device")
        self.lines += lines

    def close(self) -> None:
        """Nothing is open."""

    def texts(self) -> list[tuple[str, str, str]]:
        found = [line_of(raw) for raw in self.lines]
        return [(one.source, one.level, one.text) for one in found if one]


@pytest.fixture
def journal() -> FakeJournal:
    return FakeJournal()


@pytest.fixture
def feed(journal: FakeJournal) -> Iterator[Feed]:
    made = Feed(journal, lambda: None, wall=lambda: 5.0, monotonic=lambda: 0.0)  # type: ignore[arg-type]
    yield made
    journal.gate.set()
    made.close()


def test_lines_are_written_in_order(feed: Feed, journal: FakeJournal) -> None:
    feed.put("agent", "info", ["one", "two"])
    feed.put("service/cam", "warning", ["three"])
    feed.written()

    assert journal.texts() == [
        ("agent", "info", "one"), ("agent", "info", "two"), ("service/cam", "warning", "three"),
    ]  # fmt: skip


def test_one_that_talks_without_end_is_cut_and_the_others_are_not(
    journal: FakeJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "LINES_AT_ONCE", 3)
    now = [0.0]
    feed = Feed(journal, lambda: None, wall=lambda: 5.0, monotonic=lambda: now[0])  # type: ignore[arg-type]
    feed.put("service/loud", "info", [str(number) for number in range(10)])
    feed.put("agent", "info", ["quiet"])
    now[0] = 1.0
    feed.put("service/loud", "info", ["again"])
    feed.close()

    assert [text for _, _, text in journal.texts()] == [
        "0", "1", "2", "quiet", "7 lines are left out here: too many at once", "again",
    ]  # fmt: skip


def test_a_disk_that_is_slow_holds_nobody_up(
    feed: Feed, journal: FakeJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "WAITING_MAX", 5)
    monkeypatch.setattr(feed_module, "WRITTEN_S", 0.01)
    journal.gate.clear()
    for number in range(50):
        feed.put("agent", "info", [str(number)])
    feed.written()
    assert journal.lines == []
    journal.gate.set()
    monkeypatch.setattr(feed_module, "WRITTEN_S", 60.0)
    feed.written()

    count = len(journal.lines)
    assert count < 50
    feed.put("agent", "info", ["last"])
    feed.written()
    (told,) = [text for _, _, text in journal.texts() if "left out" in text]
    assert told.startswith(f"{50 - count} lines")


def test_a_full_disk_costs_lines_that_are_counted(feed: Feed, journal: FakeJournal) -> None:
    journal.is_full = True
    feed.put("agent", "info", ["lost", "lost as well"])
    feed.written()
    assert journal.refused == 1
    journal.is_full = False
    feed.put("agent", "info", ["kept"])
    feed.written()

    assert journal.texts() == [
        ("agent", "warning", "2 lines could not be written here: No space left on device"),
        ("agent", "info", "kept"),
    ]


def test_what_the_program_says_goes_in(feed: Feed, journal: FakeJournal) -> None:
    log = logging.getLogger("cantor.test of logs")
    log.propagate = False
    log.setLevel(logging.INFO)
    log.addHandler(FeedHandler(feed))
    log.info("link up", extra={"peer": "ash"})
    log.debug("too much")
    try:
        raise ValueError("odd")
    except ValueError:
        log.exception("it failed")
    log.warning("%d", "no number")
    feed.written()

    (up, failed) = journal.texts()
    assert up == ("agent", "info", "cantor.test of logs: link up peer=ash")
    assert failed[1] == "error"
    assert failed[2].startswith("cantor.test of logs: it failed\nTraceback")
    assert failed[2].endswith("ValueError: odd")
