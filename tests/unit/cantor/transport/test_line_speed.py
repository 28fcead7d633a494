from __future__ import annotations

from cantor.transport.tcp import LineSpeed, TcpFigures


def figures(
    acknowledged: float, busy_s: float, *, moment: float = 1e9, is_idle: bool = False
) -> TcpFigures:
    return TcpFigures(0.0, 0.0, 0, 0, 0, int(moment), is_idle, int(acknowledged), busy_s)


def test_a_line_is_as_fast_as_what_it_carries_while_it_is_full() -> None:
    line = LineSpeed()
    for step in range(1, 10):  # 40 Mbit/s, in bursts at the speed of the machine
        line.note(figures(step * 0.5e6, step * 0.1))
    assert line.bytes_per_s == 5e6


def test_what_leaves_room_says_nothing_of_the_line() -> None:
    line = LineSpeed()
    for step in range(1, 100):
        line.note(figures(step * 100, step * 0.1, is_idle=step % 3 == 0))
    assert line.bytes_per_s == 0
