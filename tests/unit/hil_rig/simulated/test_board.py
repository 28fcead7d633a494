from __future__ import annotations

import pytest

from hil_rig.rig_file import SimulatedSpec
from hil_rig.simulated.board import HOLD_UP_S, SimulatedBoard


def make(*defects: str, seed: int = 3) -> SimulatedBoard:
    return SimulatedBoard(
        SimulatedSpec(
            version="1.2.0", boot_s=0.4, write_s=0.08, watchdog_s=0.8, baud=115200, defects=defects
        ),
        seed,
    )


def started(*defects: str) -> SimulatedBoard:
    board = make(*defects)
    board.set_power(on=True)
    board.advance(1.0)
    return board


def said_after(board: SimulatedBoard, line: str, seconds: float = 0.5) -> str:
    board.receive(line.encode() + b"\n")
    return board.advance(board.now_s + seconds).decode()


def test_without_power_nothing_ever_happens() -> None:
    board = make()

    assert board.next_event_s() is None
    assert board.advance(100.0) == b""


def test_the_boot_log_ends_in_the_prompt() -> None:
    board = make()
    board.set_power(on=True)

    said = board.advance(1.0).decode()

    assert "boot cantor-sim reset=power-on" in said
    assert said.endswith("sim> ")


def test_the_same_seed_boots_at_the_same_moments_and_another_does_not() -> None:
    logs = []
    for seed in (1, 1, 2):
        board = make(seed=seed)
        board.set_power(on=True)
        logs.append(board.advance(1.0))

    assert logs[0] == logs[1] != logs[2]


def test_a_line_takes_the_time_of_its_baud_rate() -> None:
    board = started()
    board.receive(b"help\n")

    early = board.advance(board.now_s + 0.001)
    late = board.advance(board.now_s + 0.1)

    assert early == b"help\r\n"
    assert late.decode().endswith("sim> ")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("version", "version 1.2.0"),
        ("led on", "led on"),
        ("temp", "temp 2"),
        ("sing", "unknown command 'sing'"),
        ("set broken", "error: say set KEY=VALUE"),
        ("set a=" + "x" * 110, "ok"),
    ],
)
def test_the_shell_answers(line: str, answer: str) -> None:
    assert answer in said_after(started(), line)


def test_a_board_that_hangs_is_silent_until_its_watchdog_resets_it() -> None:
    board = started()

    assert "boot" not in said_after(board, "hang", 0.7)
    assert "reset=watchdog" in board.advance(board.now_s + 0.5).decode()


@pytest.mark.parametrize(
    ("seconds", "reason"), [(0.05, "brown-out"), (0.5, "power-on"), (HOLD_UP_S, "")]
)
def test_a_dip_resets_by_its_length(seconds: float, reason: str) -> None:
    board = started()

    board.brown_out(seconds)

    said = board.advance(board.now_s + 1).decode()
    assert (f"reset={reason}" in said) == bool(reason)


def test_a_boot_loop_never_comes_to_its_prompt() -> None:
    board = make("boot-loop")
    board.set_power(on=True)

    said = board.advance(5.0).decode()

    assert said.count("reset=crash") > 5
    assert "sim> " not in said


def test_what_was_not_written_is_lost_with_the_power() -> None:
    board = started()
    said_after(board, "set a=1")
    said_after(board, "set a=2", 0.02)

    board.set_power(on=False)
    board.set_power(on=True)
    board.advance(board.now_s + 1)

    assert board.settings == {"a": "1"}
