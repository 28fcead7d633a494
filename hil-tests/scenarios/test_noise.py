"""A board finds back into step after noise on its line, and keeps its watchdog's promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil_rig.errors import BoardSilentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil_rig.board import Board
    from hil_rig.console import Console
    from hil_rig.faults import Fault, Faults
    from hil_rig.rig import Rig

FRAMES = 100
AGAIN_WITHIN_S = 1.0

NOISES: dict[str, Callable[[Faults], Fault]] = {
    "byte-loss": lambda faults: faults.byte_loss(0.02),
    "bit-flip": lambda faults: faults.bit_flip(0.02),
    "stuck-line": lambda faults: faults.stuck_line(1.5),
}


@pytest.fixture
def framed(board: Board) -> Board:
    if not board.spec.frames:
        pytest.skip("the rig file says that this board speaks no frames")
    return board


@pytest.mark.parametrize("noise", NOISES)
def test_framing_recovers_after_line_noise(
    rig: Rig, framed: Board, console: Console, faults: Faults, noise: str
) -> None:
    answered = 0
    with NOISES[noise](faults):
        for _ in range(FRAMES):
            payload = rig.random.randbytes(24)
            try:
                assert framed.ping(payload, within_s=0.1) == payload, "a damaged frame was believed"
            except BoardSilentError:
                rig.timeline.sample("answered", 0)
            else:
                answered += 1
                rig.timeline.sample("answered", 1)

    begin_s = rig.timeline.now_s
    again_s = first_answer_s(rig, framed, begin_s + AGAIN_WITHIN_S) - begin_s

    rig.measure("end of noise to first answer", again_s, "s", limit=AGAIN_WITHIN_S)
    rig.measure("answered under noise", answered, f"of {FRAMES}")
    rig.measure("damaged frames refused by the driver", console.damaged_frames, "frames")
    console.command("")
    assert framed.version()


def first_answer_s(rig: Rig, board: Board, deadline_s: float) -> float:
    while True:
        try:
            board.ping(b"again", within_s=0.1)
        except BoardSilentError:
            if rig.timeline.now_s >= deadline_s:
                raise
        else:
            return rig.timeline.now_s


def test_temperature_frames_are_plausible_and_in_time(rig: Rig, framed: Board) -> None:
    slowest_s = 0.0
    for _ in range(50):
        begin_s = rig.timeline.now_s
        degrees = framed.temperature()
        slowest_s = max(slowest_s, rig.timeline.now_s - begin_s)
        rig.timeline.sample("temperature", degrees, "°C")
        rig.console.listen(0.05)

        assert -40 <= degrees <= 125
    rig.measure("slowest answer", slowest_s, "s", limit=framed.spec.answer_within_s)


def test_the_watchdog_ends_a_hang(rig: Rig, board: Board, console: Console) -> None:
    begin_s = rig.timeline.now_s
    console.send("hang")

    console.expect(board.spec.banner, board.spec.watchdog_s + board.spec.boot_within_s)
    console.expect_prompt(board.spec.boot_within_s)

    limit_s = board.spec.watchdog_s + board.spec.boot_within_s
    rig.measure("hang to prompt", rig.timeline.now_s - begin_s, "s", limit=limit_s)
    assert board.version()
