"""Lines of a service on their way into the node's logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.node.push.logs import Log
from cantor.services.orders import Key

if TYPE_CHECKING:
    from collections.abc import Iterable

SOURCE = "service/counter"


class Kept(list[tuple[str, str]]):
    """What was put, line by line."""

    def put(self, source: str, texts: Iterable[str]) -> None:
        self.extend((source, text) for text in texts)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def log(kept: Kept) -> Log:
    return Log(Key("plant", "counter"), kept.put)


def test_lines_and_notes_are_kept_under_the_service_s_name(log: Log, kept: Kept) -> None:
    log.feed(b"one\ntwo\n")
    log.note("revision 2 is started")

    assert kept == [(SOURCE, "one"), (SOURCE, "two"), (SOURCE, "--- revision 2 is started")]


def test_a_line_that_comes_in_pieces_is_one(log: Log, kept: Kept) -> None:
    assert log.feed("caf\u00e9".encode()[:4]) == []
    assert log.feed("caf\u00e9".encode()[4:] + b" au lait\nx") == ["caf\u00e9 au lait"]
    log.end()
    log.end()

    assert kept == [(SOURCE, "caf\u00e9 au lait"), (SOURCE, "x")]


def test_a_line_without_end_is_broken(log: Log) -> None:
    lines = log.feed(b"x" * 20_000)

    assert [len(line) for line in lines] == [8192, 8192]
