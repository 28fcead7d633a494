from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING

from cantor.workers import output
from cantor.workers.output import Divided, told_stream

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


class Bench:
    """What was told of a stream whose lines are kept apart."""

    def __init__(self) -> None:
        self.told: list[str] = []
        others = told_stream(1, lambda _, text: self.told.append(f"others: {text}"))
        self.stream = Divided(1, lambda _, text: self.told.append(text), others)

    def unit(self) -> Callable[[str], None]:
        """Writes as one unit."""
        context = copy_context()
        context.run(self.stream.begin)
        return lambda text: context.run(lambda: print(text, end="", file=self.stream))


def test_lines_of_units_that_write_in_turns_are_told_whole() -> None:
    bench = Bench()
    one, other = bench.unit(), bench.unit()
    for write, text in ((one, "one "), (other, "two "), (one, "ends\n"), (other, "ends\n")):
        write(text)

    assert bench.told == ["one ends\n", "two ends\n"]


def test_what_is_written_outside_of_units_is_not_theirs() -> None:
    bench = Bench()
    write = bench.unit()
    write("half ")
    print("a line", file=bench.stream)
    write("whole\n")

    assert bench.told == ["others: a line\n", "half whole\n"]


def test_a_part_of_a_line_is_told_when_it_is_flushed() -> None:
    bench = Bench()
    context = copy_context()
    context.run(bench.stream.begin)
    context.run(bench.stream.write, "no end")
    context.run(bench.stream.writelines, [" yet", "!"])
    assert bench.told == []

    context.run(bench.stream.flush)

    assert bench.told == ["no end yet!"]


def test_it_is_a_stream_as_others_expect_it() -> None:
    stream = Bench().stream

    assert stream.writable()
    assert stream.fileno() == 1
    assert stream.encoding == "utf-8"
    stream.buffer.write(b"bytes\n")


def test_what_is_written_at_once_is_told_in_parts_that_a_pool_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output, "WRITE_BYTES_MAX", 10_001)
    text = "ä" * 50_000 + "\n"
    told: list[str] = []
    stream = told_stream(1, lambda _, part: told.append(part))

    assert stream.write(text) == len(text)
    stream.flush()

    assert "".join(told) == text
    assert max(len(part.encode()) for part in told) <= 10_002


def test_its_end_is_silent_though_the_others_are_closed() -> None:
    bench = Bench()
    bench.stream._others.close()

    bench.stream.close()

    assert bench.stream.closed
